"""How many pods each ReplicaSet of a deployment may have now: the arithmetic of a rollout. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lockgate.sandbox.objects import Json, annotations_of, canonical, name_of, safe_name

REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
HASH = "pod-template-hash"


@dataclass(frozen=True, slots=True)
class Rollout:
    """A deployment and its ReplicaSets, sorted by revision; `new` runs the current template."""

    deployment: Json
    new: Json | None
    old: tuple[Json, ...]

    @property
    def sets(self) -> tuple[Json, ...]:
        return (*self.old, self.new) if self.new is not None else self.old

    @property
    def wanted(self) -> int:
        return int(self.deployment["spec"]["replicas"])

    @property
    def rolling(self) -> bool:
        return bool(self.deployment["spec"]["strategy"]["type"] == "RollingUpdate")

    def limits(self) -> tuple[int, int]:
        """The maxSurge rounded up and maxUnavailable rounded down; never both 0 in a rolling update."""
        if not self.rolling:
            return 0, 0
        bounds = self.deployment["spec"]["strategy"]["rollingUpdate"]
        surge = _resolved(bounds["maxSurge"], self.wanted, up=True)
        unavailable = _resolved(bounds["maxUnavailable"], self.wanted, up=False)
        if surge == unavailable == 0:
            unavailable = 1
        return surge, min(unavailable, self.wanted)


def revision(obj: Json) -> int:
    return int(annotations_of(obj).get(REVISION, "0"))


def template_hash(deployment: Json) -> str:
    """The pod-template-hash of a deployment's current template."""
    return safe_name(canonical(deployment["spec"]["template"]), 10)


def replicas(replica_set: Json) -> int:
    return int(replica_set["spec"]["replicas"])


def _available(replica_set: Json) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def _resolved(bound: Any, total: int, *, up: bool) -> int:
    if isinstance(bound, str) and bound.endswith("%"):
        exact = int(bound[:-1]) * total / 100
        return math.ceil(exact) if up else math.floor(exact)
    return int(bound)


def scaled(replica_set: Json, count: int) -> Json:
    return {**replica_set, "spec": {**replica_set["spec"], "replicas": count}}


def new_count(rollout: Rollout, current: int) -> int:
    """How many pods the new ReplicaSet may have now: never more than maxSurge above the wanted number."""
    if not rollout.rolling or current >= rollout.wanted:
        return rollout.wanted
    surge, _ = rollout.limits()
    room = rollout.wanted + surge - sum(replicas(each) for each in rollout.sets)
    return current + max(0, min(room, rollout.wanted - current))


def old_counts(rollout: Rollout) -> dict[str, int]:
    """How far old ReplicaSets may shrink: unhealthy pods first, then down to the least that must serve."""
    new = rollout.new
    if new is None or not any(replicas(each) for each in rollout.old):
        return {}
    least = rollout.wanted - rollout.limits()[1]
    spare = sum(replicas(each) for each in rollout.sets) - least - (replicas(new) - _available(new))
    counts = {name_of(each): replicas(each) for each in rollout.old}
    for each in rollout.old:
        dropped = max(0, min(spare, replicas(each) - _available(each)))
        counts[name_of(each)] -= dropped
        spare -= dropped
    spare = min(spare, sum(_available(each) for each in rollout.sets) - least)
    for each in rollout.old:
        dropped = max(0, min(spare, counts[name_of(each)]))
        counts[name_of(each)] -= dropped
        spare -= dropped
    return counts


# A changed number of replicas in the middle of a rollout


def was_rescaled(rollout: Rollout) -> bool:
    asked = (annotations_of(each).get(DESIRED) for each in rollout.sets if replicas(each))
    return any(number is not None and int(number) != rollout.wanted for number in asked)


def rescaled(rollout: Rollout) -> dict[str, int]:
    active = [each for each in rollout.sets if replicas(each)]
    if len(active) <= 1:
        only = active[0] if active else rollout.new
        return {name_of(only): rollout.wanted} if only is not None else {}
    new = rollout.new
    if new is not None and replicas(new) == rollout.wanted == _available(new):
        return {name_of(each): 0 for each in rollout.old}
    if not rollout.rolling:
        return {}
    return _proportional(rollout, active)


def _proportional(rollout: Rollout, active: Sequence[Json]) -> dict[str, int]:
    """Each ReplicaSet keeps its share of the new size; the largest takes what rounding leaves over."""
    allowed = rollout.wanted + rollout.limits()[0] if rollout.wanted else 0
    missing = allowed - sum(replicas(each) for each in active)
    by_size = sorted(active, key=lambda each: (-replicas(each), -revision(each)))
    counts, added = {}, 0
    for each in by_size:
        before = int(annotations_of(each).get(MAXIMUM, rollout.wanted)) or 1
        fraction = round(replicas(each) * allowed / before) - replicas(each)
        left = missing - added
        share = max(0, min(fraction, left)) if missing > 0 else min(0, max(fraction, left))
        counts[name_of(each)] = replicas(each) + share
        added += share
    counts[name_of(by_size[0])] = max(0, counts[name_of(by_size[0])] + missing - added)
    return counts
