"""The rolling strategy: the region's Deployment rolls to the digest, and takes over what a pilot left. Pure."""

from lockgate.deployer.fencing import OWN, Operation, clone_fence, fenced
from lockgate.deployer.objects import image_at, name_of, replicas_of
from lockgate.deployer.reports import Deployed, Failed
from lockgate.deployer.rollout import RolledOut, Rolling, TimedOut, rollout_status
from lockgate.deployer.strategies import autoscaling, drift, production, surge
from lockgate.deployer.strategies.clones import farewell, met, taken_over
from lockgate.deployer.strategies.given import Kind, Next, Patch, Region, Stuck, Target, Wait
from lockgate.deployer.strategies.handover import grown
from lockgate.deployer.strategies.production import Production
from lockgate.deployer.traffic import Traffic, traffic_of


def rolling(target: Target, live: Region) -> Next:
    """The next thing to do. Deployed once production runs the digest and no clone is left."""
    target = met(target, live)
    seen = production.deployable(target, live)
    if not isinstance(seen, Production):
        return seen
    traffic = traffic_of(target.workload)
    if seen.fence != target.fence:
        return (
            _drifted(target, live, seen, traffic)
            or taken_over(target, live)
            or _clone_grown(target, live, seen, traffic)
            or _begin(target, seen)
        )
    if seen.digest != target.digest:
        return _overwritten(target, seen)
    return (
        traffic.claim(target, live)
        or autoscaling.claimed(target, live)
        or observed(target, seen)
        or surge.released(target, seen.deployment)
        or grown(target, live, seen, traffic)
        or farewell(target, live, traffic)
        or autoscaling.released(target, live)
        or Deployed()
    )


def _drifted(target: Target, live: Region, seen: Production, traffic: Traffic) -> Failed | None:
    """Whatever was changed since the step before: nobody is to be surprised, neither users nor who changed it."""
    if seen.digest == target.digest:
        return None
    what = drift.of_production(target, seen) or drift.of_share(traffic.changed(target, live))
    return Failed(reason=f"{what} The Deployment was not rolled.") if what is not None else None


def _clone_grown(target: Target, live: Region, seen: Production, traffic: Traffic) -> Patch | None:
    """Until the clone is as large as what it carries asks for: production may have grown since it got that."""
    clone, part = (
        next((each for each in live.clones if name_of(each) == target.clone), None),
        traffic.part(target, live),
    )
    if clone is None or part <= 0 or clone_fence(clone) != target.fence:
        return None
    size = traffic.replicas(part, replicas_of(seen.deployment))
    if replicas_of(clone) >= size:
        return None
    resized: Operation = {"op": "replace", "path": "/spec/replicas", "value": size}
    return Patch(Kind.DEPLOYMENT, target.clone, fenced(clone, OWN, target.fence, {}, [resized]))


def _begin(target: Target, seen: Production) -> Next:
    if seen.fence is None:
        return production.adopt(target, seen)
    changes = surge.raised(target, seen.deployment)
    if seen.digest != target.digest:
        changes = [*production.to_digest(target, seen, str(target.digest)), *changes]
    elif isinstance(rollout_status(seen.deployment), TimedOut):
        changes = [*production.restarted(target, seen), *changes]
    return production.claim(target, seen, changes)


def to_replace(target: Target, seen: Production) -> int:
    """How many pods the step's write will have replaced; what an attempt before has replaced is left."""
    wanted = replicas_of(seen.deployment)
    if seen.digest != target.digest:
        return wanted
    if seen.fence == target.fence:
        return 0
    match rollout_status(seen.deployment):
        case RolledOut():
            return 0
        case TimedOut():
            return wanted
        case Rolling(updated=updated):
            return wanted - updated


def observed(target: Target, seen: Production) -> Wait | Stuck | None:
    """Where production's roll-out stands; None once it is over."""
    match rollout_status(seen.deployment):
        case Rolling(updated=updated, wanted=wanted, reason=reason):
            return Wait(updated, wanted, reason, seen.deployment)
        case TimedOut(updated=updated, wanted=wanted):
            limit = seen.deployment["spec"].get("progressDeadlineSeconds", 600)
            where = f"{target.workload.deployment} in {target.region}"
            return Stuck(
                f"The roll-out of {where} made no progress for {limit} s (ProgressDeadlineExceeded); {updated} of "
                f"{wanted} pods are of the new version.",
                seen.deployment,
            )
        case RolledOut():
            return None


def _overwritten(target: Target, seen: Production) -> Failed:
    """The fence is ours and the image is not: both were written at once, so somebody else wrote after us."""
    return Failed(
        reason=f"Somebody set the image of {target.workload.deployment} in {target.region} to "
        f"{image_at(seen.deployment, seen.index)[:300]} after Lockgate had set {target.digest}: find out who owns "
        f"the image (kubectl get deployment --show-managed-fields) and let only one of them write it."
    )
