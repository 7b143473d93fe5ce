"""The way back: first the share goes to zero, then production goes back, then the clones go. Pure."""

from lockgate.deployer.fencing import OWN, clone_fence
from lockgate.deployer.objects import annotations_of
from lockgate.deployer.reports import Failed, RolledBack, Untouched
from lockgate.deployer.strategies import autoscaling, production, surge
from lockgate.deployer.strategies.clones import farewell, met
from lockgate.deployer.strategies.given import Next, Region, Stuck, Target
from lockgate.deployer.strategies.handover import grown, is_short, meanwhile
from lockgate.deployer.strategies.production import Production
from lockgate.deployer.strategies.rolling import observed
from lockgate.deployer.traffic import Traffic, traffic_of


def rollback(target: Target, live: Region) -> Next:
    """The next thing to do. The fence is raised first, so that what is judged afterwards cannot change any more."""
    target = met(target, live)
    if (refusal := production.fenced_out(target, live)) is not None:
        return refusal
    if live.deployment is None and not _written(target, live):
        return Untouched(reason=f"There is no Deployment {target.workload.deployment} in {target.region}.")
    seen, traffic = production.production(target, live), traffic_of(target.workload)
    if isinstance(seen, Failed):
        return Failed(reason=seen.reason + meanwhile(target, live, traffic))
    return (
        _raised(target, seen)
        or _at_once(target, live, traffic)
        or traffic.claim(target, live)
        or autoscaling.claimed(target, live)
        or (_taken_back(target, live, seen, traffic) if _written(target, live) else _untouched(target, seen))
    )


def _raised(target: Target, seen: Production) -> Next | None:
    """Until the Deployment carries the order's fence; then None."""
    if seen.fence is None:
        return production.adopt(target, seen)
    return production.raise_fence(target, seen) if seen.fence != target.fence else None


def _at_once(target: Target, live: Region, traffic: Traffic) -> Next | None:
    """Traffic that can go back now. It takes the order's fence with it: a write less before nobody is sent to the clone."""
    if _stays(target):
        return None
    return (
        traffic.take(target, live) if _written(target, live) and not is_short(target, live, traffic) else None
    )


def _taken_back(target: Target, live: Region, seen: Production, traffic: Traffic) -> Next:
    if (first := _filled(target, live, seen, traffic)) is not None:
        return first
    if (
        not traffic.by_route
        and not _stays(target)
        and (clones := farewell(target, live, traffic)) is not None
    ):
        return clones  # without a route the clone's pods are its share
    back = _production_back(target, seen)
    if isinstance(back, Stuck | Failed) and not _stays(target):
        return _cleared(target, live, traffic) or back  # production needs people, and clones go all the same
    return (
        back
        or surge.released(target, seen.deployment)
        or _cleared(target, live, traffic)
        or _answer(target, seen)
    )


def _stays(target: Target) -> bool:
    """Whether the release's own version is to stay: its clone serves until production runs it too."""
    return target.digest is not None and target.digest == target.bad


def _cleared(target: Target, live: Region, traffic: Traffic) -> Next | None:
    """Until no clone is left, and production's autoscaler is as it was before there was one."""
    return farewell(target, live, traffic) or autoscaling.released(target, live)


def _filled(target: Target, live: Region, seen: Production, traffic: Traffic) -> Next | None:
    """Until production can carry what a clone carries: nobody is sent to pods that are not there. Mostly None at once."""
    if not is_short(target, live, traffic):
        return None
    match _production_back(target, seen):
        case Stuck(reason=reason, watched=watched):
            return Stuck(reason + meanwhile(target, live, traffic), watched)
        case Failed(reason=reason):
            return Failed(reason=reason + meanwhile(target, live, traffic))
        case back:
            return back or grown(target, live, seen, traffic)


def _untouched(target: Target, seen: Production) -> Untouched:
    runs = seen.found or "what it ran"
    return Untouched(
        reason=f"The release {target.fence.number} had written nothing in {target.region}: it runs {runs}."
    )


def _written(target: Target, live: Region) -> bool:
    """Whether this release has written in the region: the row knows it, or the cluster's marks do."""
    marks = [annotations_of(live.deployment).get(OWN.release)] if live.deployment else []
    marks += [annotations_of(route).get(target.route_marks.release) for route in live.routes]
    clones = (*live.clones, *live.clone_services)
    return (
        target.touched
        or target.release in marks
        or any(clone_fence(each).number == target.fence.number for each in clones)
    )


def _production_back(target: Target, seen: Production) -> Next | None:
    """Until production runs the ordered digest; then None."""
    if target.digest is None:
        return None
    if seen.digest != target.digest:
        if seen.digest is None and seen.running == target.digest:
            return observed(target, seen)  # a tag that means this digest: production was never changed
        if production.is_paused(seen):
            return Failed(
                reason=f"The Deployment {target.workload.deployment} in {target.region} is paused, so it cannot go "
                f"back to {target.digest}: resume it (kubectl rollout resume) and order the rollback again."
            )
        changes = production.to_digest(target, seen, target.digest) + production.not_restarted(seen)
        return production.claim(target, seen, changes, {OWN.found: target.digest})
    return observed(target, seen)


def _answer(target: Target, seen: Production) -> Next:
    where = f"{target.workload.deployment} in {target.region}"
    if target.digest is None and seen.digest is not None and seen.digest == target.bad:
        return Failed(
            reason=f"No earlier version of {where} is known, and it runs the bad one, {seen.digest}: set the image "
            f"by hand. Its pilot's share and clones are gone."
        )
    if (back := target.digest or seen.found) is not None:
        return RolledBack(digest=back)
    return Untouched(reason=f"The image of {where} was never changed; its pilot's share and clones are gone.")
