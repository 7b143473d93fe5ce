"""How long a Deployment's roll-out will take, before it begins: from how long its pods took to get ready. Pure.

A roll-out goes in waves: as many pods at once as the Deployment may have too many and too few together; the next wave begins
where pods of this one are available. What is said leaves out how long Kubernetes itself takes, seconds for hundreds of pods.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lockgate.deployer.objects import Json, may_add, may_miss, recreates, replicas_of


@dataclass(frozen=True, slots=True)
class Estimate:
    seconds: float
    text: str


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


def estimate(deployment: Json, start: float, budget: float) -> Estimate:
    """What the roll-out will take with the Deployment's own strategy, and what to change if that is more than there is."""
    pods, one = replicas_of(deployment), start + float(deployment["spec"].get("minReadySeconds", 0))
    budget = max(0.0, budget)
    at_once = pods if recreates(deployment) else min(pods, may_add(deployment) + may_miss(deployment))
    waves = math.ceil(pods / at_once)
    seconds = waves * one
    text = (
        f"{_counted(pods, 'pod')} in {_counted(waves, 'wave')} of {at_once}, of which each takes about {one:.0f} s as "
        f"running pods took: about {seconds:.0f} s of the {budget:.0f} s that there are."
    )
    return Estimate(seconds, f"{text}{_remedy(deployment, at_once, one, budget)}")


def _remedy(deployment: Json, at_once: int, one: float, budget: float) -> str:
    """What makes it fit; empty if it does."""
    pods = replicas_of(deployment)
    if math.ceil(pods / at_once) * one <= budget:
        return ""
    waves = int(budget // one)
    if waves == 0:
        return f" That is too long for one pod: give the stage a budget of more than {one:.0f} s."
    more = math.ceil(pods / waves) - may_miss(deployment)
    return f" That does not fit: set maxSurge of the Deployment to {more}, or give the stage a longer budget."


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
