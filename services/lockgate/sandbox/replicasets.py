"""The ReplicaSet controller's core: `(replica set, its pods, now) -> how many to make, which to delete, status`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.sandbox.objects import (
    Json,
    condition,
    controller_reference,
    epoch,
    is_deleting,
    is_ready,
    name_of,
)


@dataclass(frozen=True, slots=True)
class Scaling:
    create: int
    delete: tuple[str, ...]
    status: Json
    due: float | None  # when a ready pod becomes available


def reconcile(replica_set: Json, pods: Sequence[Json], now: float) -> Scaling:
    """What the ReplicaSet needs; `pods` are those that it owns."""
    active = [pod for pod in pods if not is_deleting(pod) and pod.get("status", {}).get("phase") != "Failed"]
    wanted = 0 if is_deleting(replica_set) else int(replica_set["spec"]["replicas"])
    surplus = sorted(active, key=_dispensable)[: max(0, len(active) - wanted)]
    ending = sum(1 for pod in pods if is_deleting(pod))
    status, due = _status(replica_set, active, ending, now)
    return Scaling(max(0, wanted - len(active)), tuple(name_of(pod) for pod in surplus), status, due)


def _dispensable(pod: Json) -> tuple[bool, int, float, str]:
    """Deleted first: not ready, then restarted often, then young."""
    restarts = sum(each["restartCount"] for each in pod.get("status", {}).get("containerStatuses") or ())
    return is_ready(pod), -restarts, -epoch(pod["metadata"]["creationTimestamp"]), name_of(pod)


def _status(replica_set: Json, active: Sequence[Json], ending: int, now: float) -> tuple[Json, float | None]:
    wait = replica_set["spec"].get("minReadySeconds", 0)
    ready = [pod for pod in active if is_ready(pod)]
    since = [epoch(entry["lastTransitionTime"]) + wait for pod in ready if (entry := condition(pod, "Ready"))]
    available = sum(1 for moment in since if moment <= now) if wait else len(ready)
    counts = {
        "fullyLabeledReplicas": len(active),
        "readyReplicas": len(ready),
        "availableReplicas": available,
        "observedGeneration": replica_set["metadata"]["generation"],
    }
    status = {
        "replicas": len(active),
        "terminatingReplicas": ending,
        **{key: value for key, value in counts.items() if value},
    }
    return status, min((moment for moment in since if wait and moment > now), default=None)


def new_pod(replica_set: Json, suffix: str) -> Json:
    """The pod that this ReplicaSet makes from its template."""
    template = replica_set["spec"]["template"]
    metadata = {
        key: template["metadata"][key] for key in ("labels", "annotations") if key in template["metadata"]
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **metadata,
            "name": f"{name_of(replica_set)}-{suffix}",
            "generateName": f"{name_of(replica_set)}-",
            "namespace": replica_set["metadata"]["namespace"],
            "ownerReferences": [controller_reference(replica_set)],
        },
        "spec": template["spec"],
    }
