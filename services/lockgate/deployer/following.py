"""What a region looks like after each change of the one object that a step waits for, or has just written.

In between nobody reads the rest of the region: one look tells all of it, then a watch of one Deployment says when to look
again. Why pods do not come up is asked of a page of the newest ones, and only when nothing moves.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from lockgate.deployer.cluster import DEPLOYMENTS, PODS, REPLICASETS, Cluster, ClusterError, Trouble
from lockgate.deployer.estimate import UNKNOWN, Estimate, RollOut, estimate, start_of
from lockgate.deployer.fencing import is_adoption
from lockgate.deployer.look import selector_of
from lockgate.deployer.objects import CLONE_LABEL, Json, labels_of, name_of, newest, pods_of, uid_of
from lockgate.deployer.reports import Piloted
from lockgate.deployer.strategies.given import Kind, Patch, Region, Target
from lockgate.deployer.strategies.owners import MAX_SURGE, to_hand_over
from lockgate.deployer.strategies.production import Production
from lockgate.deployer.strategies.rolling import to_replace
from lockgate.deployer.strategies.surge import as_owned, hindrance, put_back

_HASH = "pod-template-hash"
_SHORTEST = 0.1  # seconds of a watch
_UNREADABLE = (ArithmeticError, LookupError, TypeError, ValueError)
_ENOUGH = 50
"""So many pods tell how long one takes to start."""


async def states(
    cluster: Cluster, live: Region, watched: Json, seconds: float
) -> AsyncGenerator[Region | None]:
    """The region after each change of one of its Deployments, None once that is gone; for so many seconds.

    Where its version is forgotten, and so as long as nobody changes it, this begins with what there is now. ClusterError as of
    `Cluster.changes`.
    """
    end = asyncio.get_running_loop().time() + seconds
    for since in (watched, _without_version(watched)):
        left = end - asyncio.get_running_loop().time()
        try:
            async with aclosing(cluster.changes(DEPLOYMENTS, since, max(_SHORTEST, left))) as changes:
                async for obj in changes:
                    same = obj is not None and uid_of(obj) == uid_of(watched)
                    yield with_deployment(live, obj) if obj is not None and same else None
        except ClusterError as error:
            if error.trouble is not Trouble.GONE or since is not watched:
                raise
        else:
            return


def _without_version(obj: Json) -> Json:
    metadata = {field: value for field, value in obj["metadata"].items() if field != "resourceVersion"}
    return {**obj, "metadata": metadata}


def with_deployment(live: Region, obj: Json) -> Region:
    """The region with this state of one of its Deployments."""
    if live.deployment is not None and uid_of(live.deployment) == uid_of(obj):
        return replace(live, deployment=obj)
    return replace(live, clones=_with(live.clones, obj))


def written(live: Region, write: Patch, obj: Json) -> Region:
    """The region with what a write was answered with."""
    match write.kind:
        case Kind.DEPLOYMENT:
            return with_deployment(live, obj)
        case Kind.ROUTE | Kind.VIRTUAL_SERVICE:
            was_former = live.former is not None and uid_of(live.former) == uid_of(obj)
            return replace(live, former=obj) if was_former else replace(live, route=obj)
        case Kind.AUTOSCALER:
            return replace(live, autoscaler=obj)
        case Kind.NETWORK_POLICY:
            return replace(live, policies=_with(live.policies, obj))
        case Kind.SERVICE if live.service is not None and uid_of(live.service) == uid_of(obj):
            return replace(live, service=obj)
        case Kind.SERVICE:
            return replace(live, clone_services=_with(live.clone_services, obj))


def is_fenced(write: Patch) -> bool:
    """Whether it, or else the next write, is void where something newer has been; if not, that is looked for in between.

    A clone is made, and a route or a Service met for the first time, without a condition that is about the Deployment's
    fence, and the newer one may have met neither.
    """
    return write.kind is Kind.DEPLOYMENT or not is_adoption(write.operations)


def _with(objects: tuple[Json, ...], obj: Json) -> tuple[Json, ...]:
    others = tuple(each for each in objects if name_of(each) != name_of(obj))
    return (*others, obj)


async def newest_pods(cluster: Cluster, deployment: Json) -> list[Json]:
    """A page of the pods of a Deployment's current template: enough to hear why they do not come up."""
    selector = selector_of(deployment)
    made = newest(deployment, await cluster.some(REPLICASETS, selector))
    mark = labels_of(made).get(_HASH) if made is not None else None
    return await cluster.some(PODS, f"{selector},{_HASH}={mark}" if mark else selector)


async def timed(cluster: Cluster, answer: Piloted) -> Piloted:
    """With how long the clone's pods took to get ready, where they tell; that is for other regions, so nothing fails by it."""
    clone = f"{CLONE_LABEL}={answer.pilot_pods.removesuffix('-')}"
    try:
        return answer.model_copy(update={"start": start_of(await cluster.some(PODS, clone, _ENOUGH))})
    except (ClusterError, *_UNREADABLE):
        return answer


async def estimated(
    cluster: Cluster, live: Region, target: Target, seen: Production, left: float
) -> Estimate | None:
    """How long the Deployment's roll-out will take. None if it does not roll, or nothing can be read or understood:

    a roll-out neither waits for this nor fails by it.
    """
    try:
        pods = to_replace(target, seen)
        start, whose = await _start(cluster, live, target, seen) if pods else (None, "")
        if start is None:
            return UNKNOWN if pods else None
        hindered = hindrance(seen.deployment) or to_hand_over(seen.deployment, MAX_SURGE, target.region)
        kept = put_back(seen.deployment) == []  # what was raised and not put back is what it rolls with
        rolls = RollOut.of(seen.deployment if kept else as_owned(seen.deployment), start, pods, whose)
        return estimate(rolls, left, cluster.settings.surge, hindered)
    except (ClusterError, *_UNREADABLE):
        return None


async def _start(
    cluster: Cluster, live: Region, target: Target, seen: Production
) -> tuple[float | None, str]:
    """Seconds, and whose: of the release's clone beside production, or elsewhere, as the grant says; else production's own."""
    for clone in live.clones:
        if (start := await _start_in(cluster, clone)) is not None:
            return start, "its clone's"
    if target.start is not None:
        return target.start, "its clones'"
    return await _start_in(cluster, seen.deployment), "running"


async def _start_in(cluster: Cluster, deployment: Json) -> float | None:
    return start_of(pods_of(deployment, await cluster.some(PODS, selector_of(deployment), _ENOUGH)))
