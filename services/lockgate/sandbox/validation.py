"""What the API server refuses with 422: the checks that a deployer can run into. Pure."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from lockgate.sandbox.kinds import DEPLOYMENTS, HTTPROUTES, SERVICES, Kind
from lockgate.sandbox.leaving import finalizer_causes
from lockgate.sandbox.names import (
    Cause,
    annotations_causes,
    is_host,
    label_name_problems,
    labels_causes,
    name_problems,
)
from lockgate.sandbox.objects import Json, name_of
from lockgate.sandbox.selectors import matches_label_selector
from lockgate.sandbox.status import bad_request, invalid

_PERCENT = re.compile(r"^[0-9]+%$")
_IMMUTABLE = "field is immutable"
_MAX_WEIGHT = 1_000_000
_MAX_REFERENCES = 16
_HIGHEST_PORT = 65535


def check_shape(kind: Kind, obj: Any) -> None:
    """Whether a body is an object of this kind at all. Raises `ApiError` 400."""
    if not isinstance(obj, dict):
        raise bad_request("the body is not an object")
    if obj.get("apiVersion", kind.api_version) != kind.api_version or obj.get("kind", kind.name) != kind.name:
        found = f"{obj.get('apiVersion')}, Kind={obj.get('kind')}"
        raise bad_request(
            f"the object provided is unrecognized: want {kind.api_version}, Kind={kind.name}, got {found}"
        )
    if not isinstance(obj.get("metadata", {}), dict) or not isinstance(obj.get("spec", {}), dict):
        raise bad_request(f"json: cannot unmarshal metadata or spec into Go struct field {kind.name}")


def check(kind: Kind, old: Json | None, new: Json) -> None:
    """Raises `ApiError` 422 with every reason why `new` cannot be stored over `old` (None: create)."""
    causes = [*_metadata(kind, old, new), *_kind_causes(kind, old, new)]
    if causes:
        raise invalid(kind, name_of(new), causes)


def _kind_causes(kind: Kind, old: Json | None, new: Json) -> Iterator[Cause]:
    checks = _BY_KIND.get(kind)
    if checks is None:
        return
    try:
        yield from checks(old, new)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # The real server fails to decode such a body; what matters is that it is refused by name.
        yield "spec", f"Invalid value: a field is missing or of the wrong type ({error})"


def _metadata(kind: Kind, old: Json | None, new: Json) -> Iterator[Cause]:
    metadata = new["metadata"]
    for problem in name_problems(kind, metadata["name"]):
        yield "metadata.name", f'Invalid value: "{metadata["name"]}": {problem}'
    yield from labels_causes("metadata.labels", metadata.get("labels") or {})
    yield from annotations_causes("metadata.annotations", metadata.get("annotations") or {})
    if old is not None:
        yield from finalizer_causes(old, new)
        for field in ("uid", "name", "namespace"):
            if metadata.get(field) != old["metadata"].get(field):
                yield f"metadata.{field}", f'Invalid value: "{metadata.get(field)}": {_IMMUTABLE}'


def _deployment(old: Json | None, new: Json) -> Iterator[Cause]:
    spec = new.get("spec") or {}
    selector = spec.get("selector")
    labels = spec["template"]["metadata"].get("labels") or {} if "template" in spec else {}
    if not selector:
        yield "spec.selector", "Required value"
    elif not matches_label_selector(selector, labels):
        yield "spec.template.metadata.labels", "Invalid value: `selector` does not match template `labels`"
    if old is not None and selector != old["spec"]["selector"]:
        yield "spec.selector", f"Invalid value: {_IMMUTABLE}"
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        number = spec.get(field, 0)
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            yield f"spec.{field}", f"Invalid value: {number}: must be greater than or equal to 0"
    yield from labels_causes("spec.template.labels", labels)
    yield from _strategy(spec.get("strategy") or {})
    if spec.get("strategy", {}).get("type") == "Recreate" and "rollingUpdate" in spec["strategy"]:
        yield (
            "spec.strategy.rollingUpdate",
            "Forbidden: may not be specified when strategy `type` is 'Recreate'",
        )
    if spec.get("minReadySeconds", 0) >= spec.get("progressDeadlineSeconds", 600):
        yield "spec.progressDeadlineSeconds", "Invalid value: must be greater than minReadySeconds"
    pod = (spec.get("template") or {}).get("spec") or {}
    if pod.get("restartPolicy", "Always") != "Always":
        said = f'Unsupported value: "{pod["restartPolicy"]}": supported values: "Always"'
        yield "spec.template.spec.restartPolicy", said
    yield from _containers(pod)


def _strategy(strategy: Json) -> Iterator[Cause]:
    if strategy.get("type") not in ("RollingUpdate", "Recreate"):
        said = f'Unsupported value: "{strategy.get("type")}": supported values: "Recreate", "RollingUpdate"'
        yield "spec.strategy", said
    bounds = strategy.get("rollingUpdate") or {}
    if bounds and all(bounds.get(field) in (0, "0%") for field in ("maxSurge", "maxUnavailable")):
        yield (
            "spec.strategy.rollingUpdate.maxUnavailable",
            "Invalid value: 0: may not be 0 when `maxSurge` is 0",
        )
    for field, bound in bounds.items():
        number = isinstance(bound, int) and bound >= 0
        if not number and not (isinstance(bound, str) and _PERCENT.match(bound)):
            yield (
                f"spec.strategy.rollingUpdate.{field}",
                f"Invalid value: {bound}: must be an integer or a percentage",
            )


def _containers(pod_spec: Json) -> Iterator[Cause]:
    containers = pod_spec.get("containers") or []
    if not containers:
        yield "spec.template.spec.containers", "Required value"
    for at, container in enumerate(containers):
        for field in ("name", "image"):
            if not container.get(field):
                yield f"spec.template.spec.containers[{at}].{field}", "Required value"
        name = container.get("name") or ""
        path = f"spec.template.spec.containers[{at}].name"
        for problem in label_name_problems(name) if name else ():
            yield path, f'Invalid value: "{name}": {problem}'
        if name and any(other.get("name") == name for other in containers[:at]):
            yield path, f'Duplicate value: "{name}"'


def _service(old: Json | None, new: Json) -> Iterator[Cause]:
    spec = new.get("spec") or {}
    if not spec.get("ports") and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None":
        yield "spec.ports", "Required value"
    for at, port in enumerate(spec.get("ports") or ()):
        if not isinstance(port.get("port"), int) or not 0 < port["port"] < 65536:
            yield (
                f"spec.ports[{at}].port",
                f"Invalid value: {port.get('port')}: must be between 1 and 65535, inclusive",
            )
    if old is not None and spec.get("clusterIP") != old["spec"].get("clusterIP"):
        yield "spec.clusterIP", f"Invalid value: {_IMMUTABLE}"


def _route(_old: Json | None, new: Json) -> Iterator[Cause]:
    if not isinstance(new.get("spec"), dict):
        yield "spec", "Required value"
        return
    for at, host in enumerate(new["spec"].get("hostnames") or ()):
        if not isinstance(host, str) or not is_host(host):
            yield (
                f"spec.hostnames[{at}]",
                f'Invalid value: "{host}": spec.hostnames[{at}] in body should match a host',
            )
    for at, rule in enumerate((new.get("spec") or {}).get("rules") or ()):
        references = rule.get("backendRefs") or ()
        if len(references) > _MAX_REFERENCES:
            said = f"Too many: {len(references)}: must have at most {_MAX_REFERENCES} items"
            yield f"spec.rules[{at}].backendRefs", said
        for place, reference in enumerate(references):
            yield from _reference(f"spec.rules[{at}].backendRefs[{place}]", reference)


def _reference(field: str, reference: Json) -> Iterator[Cause]:
    weight, port = reference.get("weight", 1), reference.get("port")
    if not reference.get("name"):
        yield f"{field}.name", "Required value"
    if type(weight) is not int:
        said = f"{field}.weight in body must be of type integer"
        yield f"{field}.weight", f'Invalid value: "{type(weight).__name__}": {said}'
    elif weight < 0:
        said = f"{field}.weight in body should be greater than or equal to 0"
        yield f"{field}.weight", f"Invalid value: {weight}: {said}"
    elif weight > _MAX_WEIGHT:
        said = f"{field}.weight in body should be less than or equal to {_MAX_WEIGHT}"
        yield f"{field}.weight", f"Invalid value: {weight}: {said}"
    if port is not None and (type(port) is not int or not 0 < port <= _HIGHEST_PORT):
        yield (
            f"{field}.port",
            f"Invalid value: {port}: {field}.port in body should be from 1 to {_HIGHEST_PORT}",
        )
    if port is None and not reference.get("group") and reference.get("kind", "Service") == "Service":
        yield field, "Invalid value: Must have port for Service reference"


_BY_KIND: dict[Kind, Callable[[Json | None, Json], Iterator[Cause]]] = {
    DEPLOYMENTS: _deployment,
    SERVICES: _service,
    HTTPROUTES: _route,
}
