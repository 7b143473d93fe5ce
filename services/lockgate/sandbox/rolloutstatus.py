"""A deployment's status: counts and the conditions Available and Progressing. Pure.

`kubectl rollout status` and the deployer read nothing else, so reasons and order of change are the real ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.sandbox.objects import Json, condition, epoch, name_of, stamp

_ENDLESS = 2**31 - 1
_NEW_SET = "NewReplicaSetCreated"
_FOUND_SET = "FoundNewReplicaSet"
_UPDATED = "ReplicaSetUpdated"
_COMPLETE = "NewReplicaSetAvailable"
_TIMED_OUT = "ProgressDeadlineExceeded"


def rollout_status(
    deployment: Json,
    new: Json | None,
    sets: Sequence[Json],
    now: float,
    *,
    max_unavailable: int,
    created: str | None,
) -> tuple[Json, float | None]:
    """The status, and when the progress deadline has to be looked at again.

    `created`: the name of a ReplicaSet that this step creates for the current template.
    """
    counts = _counts(deployment, new, sets)
    wanted = int(deployment["spec"]["replicas"])
    conditions = {entry["type"]: entry for entry in (deployment.get("status") or {}).get("conditions") or ()}
    enough = counts.get("availableReplicas", 0) >= wanted - max_unavailable
    _set(conditions, now, "Available", *_availability(enough))
    due = _progress(_Seen(deployment, new, counts, now), conditions, created)
    return {**counts, "conditions": list(conditions.values())}, due


def _counts(deployment: Json, new: Json | None, sets: Sequence[Json]) -> Json:
    def total(field: str) -> int:
        return sum((each.get("status") or {}).get(field, 0) for each in sets)

    counts = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": total("replicas"),
        "updatedReplicas": ((new or {}).get("status") or {}).get("replicas", 0),
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": total("availableReplicas"),
        "unavailableReplicas": max(
            0, sum(each["spec"]["replicas"] for each in sets) - total("availableReplicas")
        ),
    }
    return {
        **{key: value for key, value in counts.items() if value},
        "terminatingReplicas": total("terminatingReplicas"),
    }


def _availability(enough: bool) -> tuple[str, str, str]:
    if enough:
        return "True", "MinimumReplicasAvailable", "Deployment has minimum availability."
    return "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."


def _set(conditions: dict[str, Json], now: float, kind: str, *said: str) -> None:
    """As SetDeploymentCondition: nothing where status and reason are the same."""
    value, reason, message = said
    old = conditions.get(kind)
    if old is not None and (old["status"], old["reason"]) == (value, reason):
        return
    moved = old is None or old["status"] != value
    conditions.pop(kind, None)
    conditions[kind] = {
        "type": kind,
        "status": value,
        "lastUpdateTime": stamp(now),
        "lastTransitionTime": stamp(now) if moved or old is None else old["lastTransitionTime"],
        "reason": reason,
        "message": message,
    }


@dataclass(frozen=True, slots=True)
class _Seen:
    deployment: Json
    new: Json | None
    counts: Json
    now: float

    @property
    def deadline(self) -> int:
        return int(self.deployment["spec"].get("progressDeadlineSeconds", _ENDLESS))

    @property
    def subject(self) -> str:
        if self.new is not None:
            return f'ReplicaSet "{name_of(self.new)}"'
        return f'Deployment "{name_of(self.deployment)}"'


def _progress(seen: _Seen, conditions: dict[str, Json], created: str | None) -> float | None:
    current = condition(seen.deployment, "Progressing")
    if seen.deadline >= _ENDLESS:
        return None
    if seen.deployment["spec"].get("paused"):
        _set(conditions, seen.now, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
        return None
    if current is not None and current["reason"] == "DeploymentPaused":
        _set(conditions, seen.now, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed")
    if created is not None:
        _set(conditions, seen.now, "Progressing", "True", _NEW_SET, f'Created new replica set "{created}"')
        return _deadline(seen, conditions)
    if current is None and seen.new is not None:
        text = f'Found new replica set "{name_of(seen.new)}"'
        _set(conditions, seen.now, "Progressing", "True", _FOUND_SET, text)
    settled = current is not None and current["reason"] == _COMPLETE
    if settled and seen.counts.get("replicas", 0) == seen.counts.get("updatedReplicas", 0):
        return None
    return _judged(seen, conditions)


def _deadline(seen: _Seen, conditions: dict[str, Json]) -> float:
    return epoch(conditions["Progressing"]["lastUpdateTime"]) + seen.deadline


def _judged(seen: _Seen, conditions: dict[str, Json]) -> float | None:
    if _is_complete(seen.deployment, seen.counts):
        text = f"{seen.subject} has successfully progressed."
        _set(conditions, seen.now, "Progressing", "True", _COMPLETE, text)
        return None
    if _has_progressed(seen.deployment.get("status") or {}, seen.counts):
        # Every sign of progress starts the deadline anew, so the update time moves even for the same reason.
        old = conditions.pop("Progressing", None)
        _set(conditions, seen.now, "Progressing", "True", _UPDATED, f"{seen.subject} is progressing.")
        if old is not None and old["status"] == "True":
            conditions["Progressing"]["lastTransitionTime"] = old["lastTransitionTime"]
        return _deadline(seen, conditions)
    current = conditions.get("Progressing")
    if current is None or current["reason"] in (_COMPLETE, _TIMED_OUT):
        return None
    due = _deadline(seen, conditions)
    if seen.now < due:
        return due
    _set(
        conditions, seen.now, "Progressing", "False", _TIMED_OUT, f"{seen.subject} has timed out progressing."
    )
    return None


def _is_complete(deployment: Json, counts: Json) -> bool:
    wanted = deployment["spec"]["replicas"]
    return all(counts.get(key, 0) == wanted for key in ("updatedReplicas", "replicas", "availableReplicas"))


def _has_progressed(old: Json, counts: Json) -> bool:
    def replaced(status: Json) -> int:
        return int(status.get("replicas", 0) - status.get("updatedReplicas", 0))

    grown = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return any(counts.get(key, 0) > old.get(key, 0) for key in grown) or replaced(counts) < replaced(old)
