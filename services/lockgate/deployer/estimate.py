"""How long a Deployment's roll-out will take, before it begins, and the maxSurge with which it fits its time. Pure.

A roll-out goes in waves: as many pods at once as the Deployment may have too many and too few together; the next wave begins
where pods of this one are available, each as long as pods took to get ready. What is said leaves out how long Kubernetes itself
takes, seconds for hundreds of pods. What pods may be missing is never chosen: it stays as the Deployment has it.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from lockgate.deployer.objects import Json, max_surge, may_add, may_miss, recreates, replicas_of, with_surge

_SPARE = 1.2
"""An estimate is right within a fifth, so that much time is to be left over."""


@dataclass(frozen=True, slots=True)
class Estimate:
    seconds: float | None
    """None: nobody knows."""
    text: str
    surge: int | None = None
    """The maxSurge that makes it fit; None: the Deployment's own does, or none would."""


_FORBIDDEN: Final = "The Deployment's own is 0: its owner lets no pod run beside its own."
UNKNOWN: Final = Estimate(
    None, "How long it will take is not known: no pod that is ready says how long it took to start."
)


@dataclass(frozen=True, slots=True)
class RollOut:
    """What is to be done: so many pods of the Deployment, as its owner has it, each ready after `one` seconds."""

    deployment: Json
    pods: int
    one: float
    whose: str = "running"
    """Pods that took so long."""

    @classmethod
    def of(cls, deployment: Json, start: float, pods: int | None = None, whose: str = "running") -> "RollOut":
        """Of all of its pods, if it is not said of how many."""
        one = start + float(deployment["spec"].get("minReadySeconds", 0))
        return cls(deployment, replicas_of(deployment) if pods is None else pods, one, whose)

    @property
    def at_once(self) -> int:
        if recreates(self.deployment):
            return self.pods
        return min(self.pods, may_add(self.deployment) + may_miss(self.deployment))

    @property
    def waves(self) -> int:
        return math.ceil(self.pods / self.at_once)

    @property
    def seconds(self) -> float:
        return self.waves * self.one

    def surging(self, surge: int) -> "RollOut":
        return replace(self, deployment=with_surge(self.deployment, surge))

    def fitting(self, left: float) -> int | None:
        """The smallest maxSurge with which it takes no longer; None if one pod does already."""
        waves = int(left / self.one)
        missing = may_miss(with_surge(self.deployment, 1))
        return max(1, math.ceil(self.pods / waves) - missing) if waves else None


def start_of(pods: Sequence[Json]) -> float | None:
    """Seconds from a pod's creation until it was ready, the median of those that are; None if none can tell.

    A pod whose container was started again got ready once more since, which says nothing of its start.
    """
    took = [seconds for pod in pods if (seconds := _start(pod)) is not None]
    return statistics.median(took) if took else None


def _start(pod: Json) -> float | None:
    status = pod.get("status") or {}
    if any(each.get("restartCount") for each in status.get("containerStatuses") or ()):
        return None
    for each in status.get("conditions") or ():
        if (each["type"], each["status"]) == ("Ready", "True") and each.get("lastTransitionTime"):
            made, ready = pod["metadata"]["creationTimestamp"], each["lastTransitionTime"]
            took = (datetime.fromisoformat(ready) - datetime.fromisoformat(made)).total_seconds()
            return took if took >= 0 else None  # the node's clock is behind the API server's
    return None


def estimate(own: RollOut, left: float, most: float = 1.0, hindered: str | None = None) -> Estimate:
    """What the roll-out will take, and the maxSurge for it, where the Deployment's own would make it too long.

    `most`: of its pods, what maxSurge may be raised to. `hindered`: why it cannot be raised, and what to do.
    """
    left = max(0.0, left)
    hindered = hindered or (_FORBIDDEN if may_add(own.deployment) == 0 else None)
    highest = math.floor(round(most * replicas_of(own.deployment), 6)) if hindered is None else 0
    surge = _chosen(own, left, highest)
    chosen = own if surge is None else own.surging(surge)
    text = (
        f"{_counted(chosen.pods, 'pod')} in {_counted(chosen.waves, 'wave')} of {chosen.at_once}, of which each takes "
        f"about {own.one:.0f} s as {own.whose} pods took: about {chosen.seconds:.0f} s of the {left:.0f} s that there are."
    )
    why = (
        hindered or f"The settings of the region's deployer have it raised to {most:.0%} of the pods at most."
    )
    return Estimate(chosen.seconds, f"{text}{_remark(own, surge, left, why)}", surge)


def _chosen(own: RollOut, left: float, highest: int) -> int | None:
    """The smallest maxSurge that leaves some time over, or else the smallest that fits at all."""
    if own.seconds <= left:
        return None
    for time in (left / _SPARE, left):
        surge = own.fitting(time)
        if surge is not None and surge <= highest and own.surging(surge).waves < own.waves:
            return surge
    return None


def _remark(own: RollOut, surge: int | None, left: float, why: str) -> str:
    """What is done so that it fits, or what others have to do; empty if it fits as it is."""
    if surge is not None:
        return (
            f" With the Deployment's own maxSurge, {max_surge(own.deployment)}, it would be about {own.seconds:.0f} s: "
            f"maxSurge is {surge} until the roll-out is over."
        )
    if own.seconds <= left:
        return ""
    needed = own.fitting(left)
    if needed is None:
        return f" That is too long for one pod: give the stage a budget of more than {own.one:.0f} s."
    return f" That does not fit: set maxSurge of the Deployment to {needed}, or let it be raised. {why}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
