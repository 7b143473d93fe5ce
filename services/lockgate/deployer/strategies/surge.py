"""Production's maxSurge, raised for the time of one roll-out that would not fit its time otherwise. Pure.

It is raised by the write that changes the image, and put back by whoever finds the roll-out over: its own step, its order to
go back, or the next step that writes here. Never before: a Deployment that has more pods than its maxSurge allows loses ready
ones as soon as somebody scales it. What it was is kept in an annotation, so that it comes back exactly; what somebody else wrote
since stays. Every such write is void if the strategy or the note is not what was read.
"""

import re
from dataclasses import replace
from typing import Final

from lockgate.deployer.fencing import OWN, Operation, fenced, pointer
from lockgate.deployer.objects import (
    Json,
    annotations_of,
    max_surge,
    may_add,
    name_of,
    recreates,
    with_surge,
)
from lockgate.deployer.rollout import RolledOut, rollout_status
from lockgate.deployer.strategies import production
from lockgate.deployer.strategies.given import Kind, Patch, Region, Target

_STRATEGY: Final = "/spec/strategy"
_NOTE: Final = pointer("metadata", "annotations", OWN.surge)
_VALUE: Final = re.compile(r"[0-9]{1,9}%?")
_NOTHING: Final = (0, "0%")


def as_owned(deployment: Json) -> Json:
    """The Deployment with its owner's own maxSurge."""
    before = _before(deployment)
    return deployment if before is None else with_surge(deployment, before)


def is_raised(deployment: Json) -> bool:
    """Whether somebody has still to put it back."""
    return bool(annotations_of(deployment).get(OWN.surge))


def hindrance(deployment: Json) -> str | None:
    """Why it is not raised by a step that begins now; None if nothing stands in the way."""
    if is_raised(deployment) and not isinstance(rollout_status(deployment), RolledOut):
        return "It was raised for an attempt that did not end, and stays as it is until a roll-out is over."
    if any(
        (each["type"], each.get("status")) == ("ReplicaFailure", "True")
        for each in (deployment.get("status") or {}).get("conditions") or ()
    ):
        return "Kubernetes refuses the Deployment pods already, as by a quota: more of them would be refused too."
    return None


def settled(live: Region) -> Region:
    """The region as if maxSurge was put back: to judge whether all else is done."""
    if live.deployment is None or not is_raised(live.deployment):
        return live
    owned = as_owned(live.deployment)
    marks = {**annotations_of(owned), OWN.surge: ""}
    return replace(live, deployment={**owned, "metadata": {**owned["metadata"], "annotations": marks}})


def raised(target: Target, deployment: Json) -> list[Operation]:
    """What the write that begins the roll-out does to maxSurge: as it was chosen, else as its owner has it."""
    owned = as_owned(deployment)
    if target.surge is None or may_add(owned) == 0 or may_add(owned) >= target.surge:
        return put_back(deployment)
    if may_add(deployment) >= target.surge and is_raised(deployment):
        return []
    return _written(deployment, target.surge, f"{max_surge(owned)} {target.surge}")


def put_back(deployment: Json) -> list[Operation]:
    """The owner's own maxSurge again; nothing where it was not raised, or the roll-out is not over."""
    if not is_raised(deployment) or not isinstance(rollout_status(deployment), RolledOut):
        return []
    return _written(deployment, _before(deployment), "")


def released(target: Target, deployment: Json) -> Patch | None:
    """Until maxSurge is its owner's own, on a Deployment that carries the target's fence; then None."""
    changes = put_back(deployment)
    if not changes:
        return None
    return Patch(Kind.DEPLOYMENT, name_of(deployment), fenced(deployment, OWN, target.fence, {}, changes))


def not_raised(target: Target, live: Region) -> Patch | None:
    """What puts it back once a step has ended, if its roll-out is over; None as well where a newer step has been: then it is that one's affair."""
    if production.fenced_out(target, live) is not None:
        return None
    seen = production.production(target, live)
    if not isinstance(seen, production.Production) or seen.fence != target.fence:
        return None
    return released(target, seen.deployment)


def _before(deployment: Json) -> int | str | None:
    """From before it was raised; None if it was not, or if somebody else has written the strategy since."""
    before, _, noted = annotations_of(deployment).get(OWN.surge, "").partition(" ")
    if recreates(deployment) or noted != str(max_surge(deployment)) or not _VALUE.fullmatch(before):
        return None
    value = before if before.endswith("%") else int(before)
    missing = (deployment["spec"].get("strategy") or {}).get("rollingUpdate", {}).get("maxUnavailable")
    return None if value in _NOTHING and missing in _NOTHING else value  # Kubernetes refuses both


def _written(deployment: Json, surge: int | str | None, noted: str) -> list[Operation]:
    """This maxSurge, or the one that is there; and this note."""
    seen, strategy = annotations_of(deployment).get(OWN.surge), deployment["spec"].get("strategy")
    operations: list[Operation] = []
    if seen is not None:
        operations.append({"op": "test", "path": _NOTE, "value": seen})
    operations.append({"op": "add", "path": _NOTE, "value": noted})
    if strategy is not None:
        operations.append({"op": "test", "path": _STRATEGY, "value": strategy})
    if surge is not None and surge != max_surge(deployment):
        changed = with_surge(deployment, surge)["spec"]["strategy"]
        operations.append({"op": "add", "path": _STRATEGY, "value": changed})
    return operations
