"""Grants, halts and orders for tests of the deployer, and Kubernetes objects as a cluster would show them."""

import copy
from typing import Any

from lockgate.deployer.strategies.given import Target
from lockgate.messages.flags import Flag
from lockgate.messages.plan_parts import Request
from lockgate.messages.rollbacks import FlagsOrdered, ReleaseHalted, RollbackOrdered
from lockgate.messages.values import Artifact, Fence, Workload
from lockgate.messages.verdicts import Action, Granted

OLD = "sha256:" + "1" * 64
NEW = "sha256:" + "2" * 64
OTHER = "sha256:" + "3" * 64
CLUSTER = "kube-system-uid"
WORKLOAD = Workload(deployment="payments", container="app", service="payments", route="payments")
MESHED = Workload(deployment="payments", container="app", service="payments", route="virtualservice/payments")
ROUTELESS = Workload(deployment="payments", container="app", service="payments")


def fence(text: str) -> Fence:
    return Fence.parse(text)


def artifact(digest: str = NEW) -> Artifact:
    return Artifact(purl=f"pkg:oci/payments@{digest.replace(':', '%3A')}", digest=digest)


def grant(at: str = "7.0.1", action: Action = Action.DEPLOY, **changes: Any) -> Granted:
    given: dict[str, Any] = {
        "application": "payments",
        "release": "release-7",
        "stage": "first",
        "region": "eu-west",
        "deployer": "west",
        "namespace": "shop",
        "cluster": CLUSTER,
        "action": action,
        "fence": fence(at),
        "artifact": artifact(),
        "workload": WORKLOAD,
        "share": 0.1 if action is Action.PILOT else None,
        "requests": (Request(get="/healthz"),) if action is Action.PROBE else (),
        "attempt": 1,
        "valid_for": 60,
        "deadline": 600,
    }
    return Granted(**{**given, **changes})


def halt(number: int = 7, turn: int = 1, regions: tuple[str, ...] = ("eu-west",)) -> ReleaseHalted:
    return ReleaseHalted(
        application="payments",
        release=f"release-{number}",
        number=number,
        turn=turn,
        regions=regions,
        reason="it failed",
    )


def order(at: str = "7.2.1", **changes: Any) -> RollbackOrdered:
    given: dict[str, Any] = {
        "application": "payments",
        "release": "release-7",
        "region": "eu-west",
        "deployer": "west",
        "namespace": "shop",
        "cluster": CLUSTER,
        "fence": fence(at),
        "workload": WORKLOAD,
        "digest": OLD,
        "bad": NEW,
        "deadline": 600,
        "reason": "it failed",
    }
    return RollbackOrdered(**{**given, **changes})


def flags_order(*flags: Flag, at: str = "7.2.1", **changes: Any) -> FlagsOrdered:
    given: dict[str, Any] = {
        "application": "payments",
        "release": "release-7",
        "region": "eu-west",
        "deployer": "west",
        "namespace": "shop",
        "cluster": CLUSTER,
        "fence": fence(at),
        "flags": flags,
        "deadline": 600,
        "reason": "it failed",
    }
    return FlagsOrdered(**{**given, **changes})


def target(at: str = "7.0.1", **changes: Any) -> Target:
    """A step of release 7 to the new digest."""
    given: dict[str, Any] = {
        "application": "payments",
        "release": "release-7",
        "region": "eu-west",
        "workload": WORKLOAD,
        "fence": fence(at),
        "digest": NEW,
    }
    return Target(**{**given, **changes})


def deployment(
    image: str = f"registry.example/payments@{OLD}",
    *,
    marks: dict[str, str] | None = None,
    replicas: int = 4,
    **spec: Any,
) -> dict[str, Any]:
    """A Deployment at rest, as a cluster shows it; `marks` are its annotations."""
    labels = {"app": "payments", "tier": "backend"}
    container = {"name": "app", "image": image}
    metadata = {
        "name": "payments",
        "namespace": "shop",
        "uid": "d-1",
        "resourceVersion": "41",
        "generation": 3,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata, **({"annotations": marks} if marks is not None else {})},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "payments", "tier": "backend"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "log", "image": "log:1"}, container]},
            },
            "progressDeadlineSeconds": 300,
            **spec,
        },
        "status": {
            "observedGeneration": 3,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "availableReplicas": replicas,
        },
    }


def marks(at: str, release: str | None = "release-7", **more: str) -> dict[str, str]:
    """The annotations of an adopted Deployment."""
    named = {"lockgate.dev/release": release} if release is not None else {}
    return {
        "lockgate.dev/fence": at,
        "lockgate.dev/application": "payments",
        "lockgate.dev/container": "app",
        "lockgate.dev/found": OLD,
        **named,
        **{f"lockgate.dev/{key}": value for key, value in more.items()},
    }


def service() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "payments", "namespace": "shop", "uid": "s-1", "resourceVersion": "5"},
        "spec": {
            "selector": {"app": "payments"},
            "clusterIP": "10.0.0.7",
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080}],
        },
    }


def route(*weighed: tuple[str, int], marks: dict[str, str] | None = None) -> dict[str, Any]:
    """An HTTPRoute with one rule; the weights of its backends."""
    refs = [
        {"group": "", "kind": "Service", "name": name, "port": 80, "weight": weight}
        for name, weight in weighed
    ]
    metadata = {"name": "payments", "namespace": "shop", "uid": "r-1", "resourceVersion": "9"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {**metadata, **({"annotations": marks} if marks is not None else {})},
        "spec": {"rules": [{"backendRefs": refs}]},
    }


def virtual_service(*rules: dict[str, Any], marks: dict[str, str] | None = None) -> dict[str, Any]:
    """A VirtualService with these rules."""
    metadata = {"name": "payments", "namespace": "shop", "uid": "v-1", "resourceVersion": "9"}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {**metadata, **({"annotations": marks} if marks is not None else {})},
        "spec": {"hosts": ["payments"], "http": list(rules)},
    }


def destination(host: str, weight: int | None = None, **more: Any) -> dict[str, Any]:
    """One destination of a VirtualService's rule."""
    return {"destination": {"host": host, **more}, **({"weight": weight} if weight is not None else {})}


def route_marks(at: str, **more: str) -> dict[str, str]:
    """The annotations of an adopted route."""
    return {
        "payments.lockgate.dev/fence": at,
        "payments.lockgate.dev/application": "payments",
        **{f"payments.lockgate.dev/{key}": value for key, value in more.items()},
    }


def patched(obj: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """What a JSON Patch (test, add, replace, remove) makes of an object. AssertionError where a test does not hold."""
    result = copy.deepcopy(obj)
    for operation in operations:
        *path, last = [p.replace("~1", "/").replace("~0", "~") for p in operation["path"].split("/")[1:]]
        place: Any = result
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        at: Any = int(last) if isinstance(place, list) else last
        match operation["op"]:
            case "test":
                assert place[at] == operation["value"], operation
            case "replace":
                assert place[at] is not None
                place[at] = operation["value"]
            case "add":
                place[at] = operation["value"]
            case "remove":
                del place[at]
            case other:
                raise AssertionError(other)
    return result
