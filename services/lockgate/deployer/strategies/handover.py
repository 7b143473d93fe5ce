"""Whether production can carry what a clone carries, before the clone's traffic goes back to it. Pure.

A person may have taken production's pods away while all traffic is a clone's, and a roll-out that is under way has replaced
them. A clone keeps its traffic until there are enough of them again. An autoscaler is asked for them by its floor.
"""

from lockgate.deployer.objects import Json, available_of, may_miss, name_of, recreates, replicas_of, selects
from lockgate.deployer.strategies import autoscaling, production
from lockgate.deployer.strategies.clones import labels_of_pods
from lockgate.deployer.strategies.given import Patch, Region, Target, Wait
from lockgate.deployer.strategies.production import Production
from lockgate.deployer.traffic import Traffic


def is_short(target: Target, live: Region, traffic: Traffic) -> bool:
    """Whether production has fewer pods than the clone that serves, beyond what its own roll-outs may take away."""
    return _available(live) < _needed(live, _serving(target, live, traffic))


def grown(target: Target, live: Region, seen: Production, traffic: Traffic) -> Patch | Wait | None:
    """Until production has enough pods to take the traffic back; then None."""
    serving = _serving(target, live, traffic)
    if _available(live) >= _needed(live, serving):
        return None
    size = _size(serving)
    if autoscaling.scales(live):
        if (patch := autoscaling.kept(target, live, size)) is not None:
            return patch
    elif replicas_of(seen.deployment) < size:
        return production.resized(target, seen, size)
    ready = f"{_available(live)} of {size} pods of {target.workload.deployment} are available."
    hindered = autoscaling.unkept(target, live, size)
    reason = (f"{ready} {hindered}" if hindered else ready) + meanwhile(target, live, traffic)
    return Wait(_available(live), size, reason, seen.deployment)


def meanwhile(target: Target, live: Region, traffic: Traffic) -> str:
    """What follows a sentence on why traffic cannot go back yet; empty if no clone has any."""
    names = ", ".join(name_of(each) for each in _serving(target, live, traffic))
    return f" Until then {names} keeps the traffic that it has." if names else ""


def _serving(target: Target, live: Region, traffic: Traffic) -> list[Json]:
    """The clones that get traffic, by a route, by a switch, or as pods among production's."""
    selector = {"matchLabels": ((live.service or {}).get("spec") or {}).get("selector") or {}}
    return [
        each
        for each in live.clones
        if traffic.reaches(target, live, name_of(each))
        or (not traffic.by_route and live.service is not None and selects(selector, labels_of_pods(each)))
    ]


def _needed(live: Region, serving: list[Json]) -> int:
    most = max((available_of(each) for each in serving), default=0)
    if most == 0 or live.deployment is None:
        return 0
    whole = {**live.deployment, "spec": {**live.deployment["spec"], "replicas": _size(serving)}}
    return max(1, most - (0 if recreates(whole) else may_miss(whole)))


def _size(serving: list[Json]) -> int:
    return max((replicas_of(each) for each in serving), default=0)


def _available(live: Region) -> int:
    return available_of(live.deployment) if live.deployment is not None else 0
