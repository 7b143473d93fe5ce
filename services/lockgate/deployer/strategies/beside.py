"""A clone beside production: what the pilot, each step of a canary and the green side have in common. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lockgate.deployer.fencing import OWN, Operation, clone_fence, fenced
from lockgate.deployer.objects import (
    CLONE_LABEL,
    Json,
    baseline_prefix,
    container_at,
    digest_of,
    image_at,
    is_going,
    labels_of,
    may_miss,
    name_of,
    replicas_of,
    selects,
)
from lockgate.deployer.reports import Failed, Fenced, Piloted
from lockgate.deployer.rollout import RolledOut, Rolling, TimedOut, rollout_status
from lockgate.deployer.strategies import autoscaling, drift, production, surge
from lockgate.deployer.strategies.clones import (
    clone_deployment,
    clone_service,
    farewell,
    is_earlier,
    labels_of_pods,
    met,
    taken_over,
    uncloneable,
)
from lockgate.deployer.strategies.given import Kind, Next, Patch, Region, Stuck, Target, Wait
from lockgate.deployer.strategies.handover import is_short
from lockgate.deployer.strategies.names import Role
from lockgate.deployer.strategies.production import Production
from lockgate.deployer.traffic import Traffic, traffic_of


@dataclass(frozen=True, slots=True)
class Manner:
    """How a step wants its clone."""

    what: str
    """What people call it."""
    role: Role
    """What it is called by, if this step makes it."""
    goes_on: bool = True
    """With the clone of the release's step before this one, if it is sound; else with a new one."""
    apart: bool = False
    """As many pods as production, never among those of production's Service; else what the share needs."""
    dark: bool = False
    """Without any traffic."""


Finish = Callable[[Target, Region, Traffic], Next]
"""What follows once the clone is ready."""


def beside(target: Target, live: Region, manner: Manner, finish: Finish) -> Next:
    """The next thing to do until the clone is as it is wanted; then what `finish` says."""
    target = met(replace(target, role=manner.role), live)
    seen, traffic = production.deployable(target, live), traffic_of(target.workload)
    if isinstance(seen, Fenced):
        return _withdrawn(target, live, traffic) or seen
    if isinstance(seen, Failed):
        return seen
    home = replace(live, service=traffic.home(target, live))
    missing = (
        traffic.missing(target, live)
        or traffic.owned(target, live, apart=manner.apart)
        or (autoscaling.unkept(target, live, replicas_of(seen.deployment)) if manner.goes_on else None)
        or uncloneable(target, home, in_service=_in_service(manner, traffic))
    )
    if missing is not None:
        return Failed(reason=missing)
    return (
        _drifted(target, live, seen, traffic, manner)
        or _gone_on_with(target, home, traffic, manner)
        or _claimed(target, live, seen, traffic)
        or _resized(target, home, seen, traffic, manner)
        or _others_gone(target, home, live, traffic, manner)
        or _lowered(target, live, traffic, manner)
        or (None if manner.dark else autoscaling.kept(target, live, replicas_of(seen.deployment)))
        or _cloned(target, home, seen, traffic, manner)
        or finish(target, live, traffic)
    )


def _drifted(
    target: Target, live: Region, seen: Production, traffic: Traffic, manner: Manner
) -> Patch | Failed | None:
    """What somebody changed since the step before this one: once, for the next attempt begins anew."""
    if (what := drift.of_production(target, seen)) is not None:
        return Failed(reason=what)
    clone = _named(live.clones, target.clone)
    if not manner.goes_on or clone is None or not is_earlier(target, clone) or seen.fence is None:
        return None
    what = drift.of_clone(target, clone) or drift.of_share(traffic.changed(target, live))
    if what is None or drift.said(target, seen, clone):
        return None
    return drift.saying(target, seen) or Failed(reason=what)


def shared(target: Target, live: Region, traffic: Traffic) -> Next:
    """The target's share for the clone."""
    if (patch := traffic.give(target, live)) is not None:
        return patch
    return piloted(target, live, traffic.share(target, live))


def piloted(target: Target, live: Region, share: float) -> Piloted:
    baseline = baseline_prefix(live.deployment or {}, live.replicasets)
    return Piloted(share=share, pilot_pods=f"{target.clone}-", baseline_pods=baseline)


def no_share(target: Target, live: Region) -> Next | None:
    """What takes a failed step's clone out of the traffic, until that is done: nobody is sent to it while others decide.

    None as well where a newer step has been: then the share is that one's affair.
    """
    if production.fenced_out(target, live) is not None:
        return None
    target = met(target, live)
    seen, traffic = production.production(target, live), traffic_of(target.workload)
    if not isinstance(seen, Production) or seen.fence != target.fence:
        return None
    if is_short(target, live, traffic):
        return None  # the order that follows gives production its pods first
    taken = traffic.take(target, live)
    return taken if traffic.by_route else farewell(target, live, traffic)


def _withdrawn(target: Target, live: Region, traffic: Traffic) -> Next | None:
    """A newer step came while this one worked, and may not have seen the clone that was made since: it goes here.

    Not one that has traffic: the newer step has seen that, and says what becomes of it.
    """
    clones, services = (
        tuple(
            each
            for each in objects
            if clone_fence(each) == target.fence
            and not traffic.reaches(target, live, labels_of(each)[CLONE_LABEL])
        )
        for objects in (live.clones, live.clone_services)
    )
    return farewell(target, Region(None, clones=clones, clone_services=services), traffic)


def _claimed(target: Target, live: Region, seen: Production, traffic: Traffic) -> Next | None:
    """Until Deployment, route and autoscaler carry the target's fence; then None."""
    if seen.fence is None:
        return production.adopt(target, seen)
    if seen.fence != target.fence:
        return production.claim(target, seen, surge.put_back(seen.deployment))
    return traffic.claim(target, live) or autoscaling.claimed(target, live)


def _gone_on_with(target: Target, live: Region, traffic: Traffic, manner: Manner) -> Patch | None:
    """Until the clone of the step before this one is this step's; None if there is nothing to go on with."""
    clone = _named(live.clones, target.clone)
    if not manner.goes_on or clone is None:
        return None
    sound = _is_sound(target, live, clone, in_service=_in_service(manner, traffic))
    return taken_over(target, live) if sound else None


def _resized(
    target: Target, live: Region, seen: Production, traffic: Traffic, manner: Manner
) -> Patch | None:
    """Until the clone that was taken over has this step's size; None if there is none."""
    clone = _named(live.clones, target.clone)
    if not manner.goes_on or clone is None or clone_fence(clone) != target.fence:
        return None
    size = _size(target, seen, traffic, manner)
    if traffic.by_route or manner.apart:
        size = max(size, replicas_of(clone))  # its pods may serve more than this step's share still
    if size == replicas_of(clone):
        return None
    resized: Operation = {"op": "replace", "path": "/spec/replicas", "value": size}
    return Patch(Kind.DEPLOYMENT, name_of(clone), fenced(clone, OWN, target.fence, {}, [resized]))


def _others_gone(target: Target, home: Region, live: Region, traffic: Traffic, manner: Manner) -> Next | None:
    """Until there is no clone but this step's own. A share is kept only on one that may serve: never on no pods at all."""
    clone = _named(live.clones, target.clone)
    own = (
        clone is not None
        and clone_fence(clone) == target.fence
        and _is_sound(target, home, clone, in_service=_in_service(manner, traffic))
    )
    keep = target.fence if own or clone is None else None
    return farewell(target, live, traffic, keep=keep, dark=manner.dark or not own)


def _lowered(target: Target, live: Region, traffic: Traffic, manner: Manner) -> Patch | None:
    """A share above this step's, as an attempt that failed leaves it, falls before anything is waited for."""
    return None if manner.dark or manner.apart else traffic.lower(target, live)


def _is_sound(target: Target, live: Region, clone: Json, *, in_service: bool) -> bool:
    """Whether a clone may serve this step: of this release and digest, wanted where its pods are, and not given up."""
    served = {"matchLabels": (live.service or {})["spec"]["selector"]}
    index = container_at(clone, target.workload.container)
    return (
        clone_fence(clone).number == target.fence.number
        and index is not None
        and digest_of(image_at(clone, index)) == target.digest
        and selects(served, labels_of_pods(clone)) == in_service
        and not is_going(clone)
        and not (is_earlier(target, clone) and isinstance(rollout_status(clone), TimedOut))
    )


def _in_service(manner: Manner, traffic: Traffic) -> bool:
    """Whether the clone's pods are among those of production's Service."""
    return not traffic.by_route and not manner.apart


def _size(target: Target, seen: Production, traffic: Traffic, manner: Manner) -> int:
    """How many pods the clone gets. A canary's with a route makes up for what production's roll-out will take away."""
    pods = replicas_of(seen.deployment)
    if manner.apart:
        return pods
    needed = traffic.replicas(target.share, pods)
    return max(needed, may_miss(seen.deployment)) if manner.goes_on and traffic.by_route else needed


def _cloned(target: Target, live: Region, seen: Production, traffic: Traffic, manner: Manner) -> Next | None:
    """Until the clone is ready; then None."""
    clone, service = _named(live.clones, target.clone), _named(live.clone_services, target.clone_service)
    production_service = live.service or {}
    if clone is None:
        size, in_service = _size(target, seen, traffic, manner), _in_service(manner, traffic)
        return clone_deployment(target, seen, production_service, size, in_service=in_service)
    if service is None and not _in_service(manner, traffic):
        return clone_service(target, production_service)
    match rollout_status(clone):
        case Rolling(updated=updated, wanted=wanted, reason=reason):
            return Wait(updated, wanted, reason, clone)
        case TimedOut():
            where = f"{target.clone} in {target.region}"
            return Stuck(f"The {manner.what} {where} did not become ready (ProgressDeadlineExceeded).", clone)
        case RolledOut():
            return None


def _named(objects: tuple[Json, ...], name: str) -> Json | None:
    return next((each for each in objects if name_of(each) == name), None)
