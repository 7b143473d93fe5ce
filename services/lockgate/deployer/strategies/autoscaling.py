"""Production's autoscaler keeps production's pods while a clone has traffic: by its own floor, `minReplicas`. Pure.

With less load an autoscaler takes pods away that the way back needs at once, and where pods are the share it would make a
clone's larger. Lockgate never writes the replicas of a Deployment that one scales: the two would write them by turns. What
the floor was before is kept in an annotation, so that it comes back exactly.
"""

from lockgate.deployer.fencing import OWN, Operation, adoption, fence_of, fenced
from lockgate.deployer.objects import Json, annotations_of, name_of, replicas_of
from lockgate.deployer.strategies.given import Kind, Patch, Region, Target
from lockgate.deployer.strategies.owners import FLOOR, to_hand_over

_PATH = "/spec/minReplicas"


def scales(live: Region) -> bool:
    """Whether an autoscaler decides on production's pods: none does for a Deployment that was scaled to 0."""
    return live.autoscaler is not None and live.deployment is not None and replicas_of(live.deployment) > 0


def unkept(target: Target, live: Region, pods: int) -> str | None:
    """Why the floor cannot be raised to so many pods though it must be, and what to do; None if it can, or need not."""
    scaler = live.autoscaler
    return _owned(target, scaler) if scaler is not None and _is_below(live, pods) else None


def kept(target: Target, live: Region, pods: int) -> Patch | None:
    """Until the floor is at so many pods; then None. Also where somebody else owns the floor and would undo that."""
    scaler = live.autoscaler
    if scaler is None or not _is_below(live, pods) or _owned(target, scaler) is not None:
        return None
    if fence_of(scaler) is None:
        values = {OWN.application: target.application}
        return Patch(Kind.AUTOSCALER, name_of(scaler), adoption(scaler, OWN, values))
    before, wanted = _before(scaler), _most(scaler, pods)
    first = _floor(scaler) if before is None else before
    return _written(target, scaler, wanted, f"{first} {wanted}")


def released(target: Target, live: Region) -> Patch | None:
    """Until the floor is what it was before it was raised; then None. One that somebody else wrote since stays."""
    scaler = live.autoscaler
    if scaler is None or not annotations_of(scaler).get(OWN.floor):
        return None
    before = _before(scaler)
    return _written(target, scaler, _floor(scaler) if before is None else before, "")


def claimed(target: Target, live: Region) -> Patch | None:
    """Until an autoscaler that was ever written to carries the target's fence; then None."""
    scaler = live.autoscaler
    seen = fence_of(scaler) if scaler is not None else None
    if scaler is None or seen is None or seen.order >= target.fence.order:
        return None
    return Patch(Kind.AUTOSCALER, name_of(scaler), fenced(scaler, OWN, target.fence, {}, []))


def _written(target: Target, scaler: Json, floor: int, noted: str) -> Patch:
    """Void unless the floor still is what was read: people write it as well."""
    changes: list[Operation] = []
    if floor != _floor(scaler):
        if "minReplicas" in scaler["spec"]:
            changes.append({"op": "test", "path": _PATH, "value": scaler["spec"]["minReplicas"]})
        changes.append({"op": "add", "path": _PATH, "value": floor})
    values = {OWN.release: target.release, OWN.floor: noted}
    return Patch(Kind.AUTOSCALER, name_of(scaler), fenced(scaler, OWN, target.fence, values, changes))


def _before(scaler: Json) -> int | None:
    """The floor from before it was raised; None if it was not, or if somebody else wrote another since."""
    match annotations_of(scaler).get(OWN.floor, "").split(" "):
        case [before, raised] if before.isdecimal() and raised == str(_floor(scaler)):
            return int(before)
        case _:
            return None


def _is_below(live: Region, pods: int) -> bool:
    return live.autoscaler is not None and _floor(live.autoscaler) < _most(live.autoscaler, pods)


def _floor(scaler: Json) -> int:
    return int(scaler["spec"].get("minReplicas", 1))


def _most(scaler: Json, pods: int) -> int:
    return min(pods, int(scaler["spec"]["maxReplicas"]))


def _owned(target: Target, scaler: Json) -> str | None:
    """Who would undo a raised floor, and what to do about it."""
    maker = next(
        (each for each in scaler["metadata"].get("ownerReferences") or () if each.get("controller")), None
    )
    if maker is None:
        return to_hand_over(scaler, FLOOR, target.region)
    return (
        f"The {maker['kind']} {maker['name']} makes the {Kind.AUTOSCALER} {name_of(scaler)} in {target.region}, and would "
        f"undo what keeps production's pods while a clone serves: give it a floor of as many pods as run (KEDA: "
        f"minReplicaCount) until the release is over."
    )
