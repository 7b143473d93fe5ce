"""What the API server fills in: defaults by kind, the fields that admission adds. Pure."""

from collections.abc import Callable
from typing import Any

from lockgate.sandbox.kinds import DEPLOYMENTS, HTTPROUTES, PODS, SERVICES, Kind
from lockgate.sandbox.objects import Json

_POD_SPEC: Json = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_CONTAINER: Json = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PROBE: Json = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_ROLLING: Json = {"maxUnavailable": "25%", "maxSurge": "25%"}


def _container(container: Json) -> Json:
    moves = container.get("image", "").rpartition("/")[2]
    always = "@" not in moves and (":" not in moves or moves.endswith(":latest"))
    filled = {**_CONTAINER, "imagePullPolicy": "Always" if always else "IfNotPresent", **container}
    if container.get("ports"):
        filled["ports"] = [{"protocol": "TCP", **port} for port in container["ports"]]
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            filled[probe] = {**_PROBE, **container[probe]}
    return filled


def _pod_spec(spec: Json) -> Json:
    filled = {**_POD_SPEC, **spec}
    for field in ("containers", "initContainers"):
        if spec.get(field):
            filled[field] = [_container(container) for container in spec[field]]
    return filled


def _deployment(obj: Json) -> Json:
    spec = obj["spec"]
    template = spec.get("template") or {}
    strategy = {"type": "RollingUpdate", **(spec.get("strategy") or {})}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {**_ROLLING, **(strategy.get("rollingUpdate") or {})}
    filled = {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
        **spec,
        "strategy": strategy,
        "template": {
            **template,
            "metadata": template.get("metadata") or {},
            "spec": _pod_spec(template.get("spec") or {}),
        },
    }
    return {**obj, "spec": filled}


def _pod(obj: Json) -> Json:
    return {**obj, "spec": _pod_spec(obj["spec"])}


def _service(obj: Json) -> Json:
    spec = {
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        **obj["spec"],
    }
    if spec.get("ports"):
        spec["ports"] = [
            {"protocol": "TCP", "targetPort": port.get("port"), **port} for port in spec["ports"]
        ]
    return {**obj, "spec": spec}


def _backend(reference: Json) -> Json:
    return {"group": "", "kind": "Service", "weight": 1, **reference}


def _rule(rule: Json) -> Json:
    filled = {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], **rule}
    if rule.get("backendRefs"):
        filled["backendRefs"] = [_backend(reference) for reference in rule["backendRefs"]]
    return filled


def _route(obj: Json) -> Json:
    spec = dict(obj["spec"])
    if spec.get("parentRefs"):
        parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
        spec["parentRefs"] = [{**parent, **reference} for reference in spec["parentRefs"]]
    if spec.get("rules"):
        spec["rules"] = [_rule(rule) for rule in spec["rules"]]
    return {**obj, "spec": spec}


_BY_KIND: dict[Kind, Callable[[Json], Json]] = {
    DEPLOYMENTS: _deployment,
    PODS: _pod,
    SERVICES: _service,
    HTTPROUTES: _route,
}


def with_defaults(kind: Kind, obj: Json) -> Json:
    """`obj` with this kind's defaults; an object without `spec` comes back as it is."""
    fill = _BY_KIND.get(kind)
    spec: Any = obj.get("spec")
    return fill(obj) if fill is not None and isinstance(spec, dict) else obj
