"""The pilot: a clone of the Deployment runs the new version beside production, with a share of the traffic. Pure."""

from lockgate.deployer.objects import Json, baseline_prefix, name_of, replicas_of
from lockgate.deployer.reports import Failed, Fenced, Piloted
from lockgate.deployer.rollout import RolledOut, Rolling, TimedOut, rollout_status
from lockgate.deployer.strategies import production
from lockgate.deployer.strategies.clones import (
    clone_deployment,
    clone_fence,
    clone_service,
    farewell,
    uncloneable,
)
from lockgate.deployer.strategies.given import Next, Region, Stuck, Target, Wait
from lockgate.deployer.strategies.production import Production
from lockgate.deployer.traffic import Traffic, traffic_of


def pilot(target: Target, live: Region) -> Next:
    """The next thing to do. Piloted once the clone is ready and has its share."""
    seen, traffic = production.deployable(target, live), traffic_of(target.workload)
    if isinstance(seen, Fenced):
        return _withdrawn(target, live, traffic) or seen
    if isinstance(seen, Failed):
        return seen
    missing = traffic.missing(target, live) or uncloneable(target, live, in_service=not traffic.by_route)
    if missing is not None:
        return Failed(reason=missing)
    return (
        _claimed(target, live, seen, traffic)
        or farewell(target, live, traffic, keep=target.fence)
        or _cloned(target, live, seen, traffic)
        or _shared(target, live, seen, traffic)
    )


def no_share(target: Target, live: Region) -> Next | None:
    """What takes a failed pilot out of the traffic, until that is done: nobody is sent to it while others decide.

    None as well where a newer step has been: then the share is that one's affair.
    """
    if production.fenced_out(target, live) is not None:
        return None
    seen, traffic = production.production(target, live), traffic_of(target.workload)
    if not isinstance(seen, Production) or seen.fence != target.fence:
        return None
    taken = traffic.take(target, live)
    return taken if traffic.by_route else farewell(target, live, traffic)


def _withdrawn(target: Target, live: Region, traffic: Traffic) -> Next | None:
    """A newer step came while this one worked, and may not have seen the clone that was made since: it goes here.

    The route is the newer step's by now, which has taken whatever share there was.
    """
    clones, services = (
        tuple(each for each in objects if clone_fence(each) == target.fence)
        for objects in (live.clones, live.clone_services)
    )
    return farewell(target, Region(None, clones=clones, clone_services=services), traffic)


def _claimed(target: Target, live: Region, seen: Production, traffic: Traffic) -> Next | None:
    """Until Deployment and route carry the target's fence; then None."""
    if seen.fence is None:
        return production.adopt(target, seen)
    if seen.fence != target.fence:
        return production.claim(target, seen, [])
    return traffic.claim(target, live)


def _cloned(target: Target, live: Region, seen: Production, traffic: Traffic) -> Next | None:
    """Until the clone is ready; then None."""
    clone, service = _named(live.clones, target.clone), _named(live.clone_services, target.clone_service)
    production_service = live.service or {}
    if clone is None:
        replicas = traffic.replicas(target.share, replicas_of(seen.deployment))
        in_service = not traffic.by_route
        return clone_deployment(target, seen, production_service, replicas, in_service=in_service)
    if service is None and traffic.by_route:
        return clone_service(target, production_service)
    match rollout_status(clone):
        case Rolling(updated=updated, wanted=wanted, reason=reason):
            return Wait(updated, wanted, reason, clone)
        case TimedOut():
            where = f"{target.clone} in {target.region}"
            return Stuck(f"The pilot's clone {where} did not become ready (ProgressDeadlineExceeded).", clone)
        case RolledOut():
            return None


def _shared(target: Target, live: Region, seen: Production, traffic: Traffic) -> Next:
    if (patch := traffic.give(target, live)) is not None:
        return patch
    return Piloted(
        share=traffic.share(target, live),
        pilot_pods=f"{target.clone}-",
        baseline_pods=baseline_prefix(seen.deployment, live.replicasets),
    )


def _named(objects: tuple[Json, ...], name: str) -> Json | None:
    return next((each for each in objects if name_of(each) == name), None)
