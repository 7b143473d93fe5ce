"""A share by the weights of a Gateway API HTTPRoute. Pure.

Weights are whole numbers from 0 to 1,000,000 in proportion to each other, and no percentages. To make room, all
weights of a rule are multiplied by a scale, which an annotation remembers, so that they can be restored exactly.
"""

import math
import re
from dataclasses import replace
from typing import Any

from lockgate.deployer.fencing import Operation, adoption, fence_of, fenced, pointer
from lockgate.deployer.objects import Json, annotations_of, name_of
from lockgate.deployer.strategies.given import Kind, Patch, Region, Target
from lockgate.deployer.traffic import selector

_MOST = 1_000_000
_SCALE = 1000


class Back:
    """The way back, the same however a share is given: a plan may have gained or lost its route since the last release."""

    def take(self, target: Target, live: Region, keep: str | None = None) -> Patch | None:
        return _taken(target, live, keep) or selector.switched_back(target, live, keep)

    def reaches(self, target: Target, live: Region, clone: str) -> bool:
        service = f"{target.workload.service}-pilot-{clone.rpartition('-')[2]}"
        refs = [ref for rule in _rules(live.route or {}) for ref in _refs(rule) if _is_service(ref)]
        named = any(ref["name"] == service for ref in refs)
        return named or (live.service is not None and selector.is_switched_to(clone, live.service))

    def part(self, target: Target, live: Region) -> float:
        if live.service is not None and selector.is_switched_to(target.clone, live.service):
            return 1.0
        both = [_weights(rule, target) for rule in _rules(live.route or {})]
        return max((clone / (home + clone) for home, clone in both if clone > 0), default=0.0)

    def taken_by_others(self, target: Target, live: Region) -> str | None:
        marked = [
            f"{kind} {name_of(obj)}"
            for kind, obj in ((Kind.ROUTE, live.route), (Kind.SERVICE, live.service))
            if obj is not None and annotations_of(obj).get(target.route_marks.given) == target.clone
        ]
        return marked[0] if marked and not self.reaches(target, live, target.clone) else None

    def home(self, target: Target, live: Region) -> Json | None:
        return selector.home(live.service, target.route_marks) if live.service is not None else None

    def claim(self, target: Target, live: Region) -> Patch | None:
        return _claimed(target, live) or selector.claimed(target, live)


class HttpRoute(Back):
    """A `traffic.Traffic`."""

    by_route = True

    def missing(self, target: Target, live: Region) -> str | None:
        workload = target.workload
        if live.route is None:
            return f"There is no HTTPRoute {workload.route} in {target.region}: create it, or take it from the plan."
        if not any(_production(rule, workload.service) for rule in _restored(live.route, target, None)):
            return (
                f"The HTTPRoute {workload.route} in {target.region} sends nothing to the Service "
                f"{workload.service}: add it to the backendRefs of a rule, or correct the plan's workload."
            )
        if _scale_for(live.route, target) < 2:
            return (
                f"The weights of the HTTPRoute {workload.route} in {target.region} leave no room for a share: "
                f"make them smaller in the same proportion (the largest there may be is {_MOST})."
            )
        return None

    def replicas(self, share: float, production: int) -> int:
        return max(1, min(production, math.ceil(share * production)))

    def share(self, target: Target, live: Region) -> float:
        scale = _scale_for(live.route or {}, target)
        weights = [
            ref.get("weight", 1)
            for rule in _restored(live.route or {}, target, None)
            if (ref := _production(rule, target.workload.service)) is not None
        ]
        total = max(weights, default=1) * scale
        return _part(total, target.share) / total

    def give(self, target: Target, live: Region) -> Patch | None:
        route, scale = _present(live), _scale_for(_present(live), target)
        noted = {target.route_marks.scale: str(scale), target.route_marks.given: target.clone}
        wanted = [_shared(rule, target, scale) for rule in _restored(route, target, None)]
        return _patch(target, route, wanted, noted, drains=False)

    def lower(self, target: Target, live: Region) -> Patch | None:
        above = any(_is_above(rule, target) for rule in _rules(live.route or {}))
        return self.give(target, live) if above else None

    def switch(self, target: Target, live: Region) -> Patch | None:
        return self.give(replace(target, share=1.0), live)


def _taken(target: Target, live: Region, keep: str | None) -> Patch | None:
    if live.route is None or fence_of(live.route, target.route_marks) is None:
        return None  # nothing was ever given by it
    noted = {target.route_marks.given: target.clone if keep is not None else ""}
    return _patch(target, live.route, _restored(live.route, target, keep), noted, drains=True)


def _claimed(target: Target, live: Region) -> Patch | None:
    route, marks = live.route, target.route_marks
    if route is None:
        return None
    match fence_of(route, marks):
        case None if target.workload.route is None:
            return None  # of no use to this plan, and no earlier one has written to it
        case None:
            operations = adoption(route, marks, {marks.application: target.application})
        case seen if seen.order < target.fence.order:
            operations = fenced(route, marks, target.fence, {}, [])
        case _:
            return None
    return Patch(Kind.ROUTE, name_of(route), operations)


def _present(live: Region) -> Json:
    if live.route is None:
        raise LookupError("a share was asked for without a route: `missing` was not asked first")
    return live.route


def _rules(route: Json) -> list[Json]:
    return list((route.get("spec") or {}).get("rules") or ())


def _refs(rule: Json) -> list[Json]:
    return list(rule.get("backendRefs") or ())


def _is_service(ref: Json) -> bool:
    return (ref.get("kind") or "Service") == "Service" and not ref.get("group")


def _production(rule: Json, service: str) -> Json | None:
    """The first reference to the Service that gets traffic."""
    own = [
        ref for ref in _refs(rule) if _is_service(ref) and ref["name"] == service and ref.get("weight", 1) > 0
    ]
    return own[0] if own else None


def _is_clone(ref: Json, service: str) -> bool:
    return _is_service(ref) and re.fullmatch(re.escape(service) + r"-pilot-[0-9]+", ref["name"]) is not None


def _restored(route: Json, target: Target, keep: str | None) -> list[Json]:
    """The rules without clones, but for the one that is kept, at the weights from before."""
    scale = annotations_of(route).get(target.route_marks.scale, "1") if "metadata" in route else "1"
    factor = int(scale) if scale.isascii() and scale.isdigit() and int(scale) > 0 else 1
    return [_without_clones(rule, target.workload.service, factor, keep) for rule in _rules(route)]


def _without_clones(rule: Json, service: str, scale: int, keep: str | None) -> Json:
    refs = _refs(rule)
    clones = [ref for ref in refs if _is_clone(ref, service)]
    if not clones or all(ref["name"] == keep for ref in clones):
        return rule
    moved, kept = sum(ref.get("weight", 1) for ref in clones), [r for r in refs if not _is_clone(r, service)]
    home = next((ref for ref in kept if _is_service(ref) and ref["name"] == service), None)
    return {**rule, "backendRefs": [_unscaled(ref, moved if ref is home else 0, scale) for ref in kept]}


def _unscaled(ref: Json, moved: int, scale: int) -> Json:
    weight = ref.get("weight", 1) + moved
    return {**ref, "weight": max(1, round(weight / scale)) if weight else 0}


def _scale_for(route: Json, target: Target) -> int:
    rules = _restored(route, target, None)
    largest = max((int(ref.get("weight", 1)) for rule in rules for ref in _refs(rule)), default=1)
    return min(_SCALE, _MOST // max(1, largest))


def _part(total: int, share: float) -> int:
    return min(total, max(1, round(total * share)))


def _shared(rule: Json, target: Target, scale: int) -> Json:
    """The rule with the clone beside production, which gives it its share."""
    home = _production(rule, target.workload.service)
    if home is None:
        return rule
    total = home.get("weight", 1) * scale
    part = _part(total, target.share)
    refs: list[Json] = []
    for ref in _refs(rule):
        if ref is home:
            refs += [{**ref, "weight": total - part}, {**ref, "name": target.clone_service, "weight": part}]
        else:
            refs.append({**ref, "weight": ref.get("weight", 1) * scale})
    return {**rule, "backendRefs": refs}


def _is_above(rule: Json, target: Target) -> bool:
    """Whether the clone has more of what production and it get together than the target's share."""
    production, clone = _weights(rule, target)
    return clone > 0 and clone > _part(production + clone, target.share)


def _weights(rule: Json, target: Target) -> tuple[int, int]:
    """Of production's Service and of the clone's."""
    refs = [ref for ref in _refs(rule) if _is_service(ref)]
    production, clone = (
        sum(int(ref.get("weight", 1)) for ref in refs if ref["name"] == name)
        for name in (target.workload.service, target.clone_service)
    )
    return production, clone


def _patch(
    target: Target, route: Json, wanted: list[Json], values: dict[str, str], *, drains: bool
) -> Patch | None:
    """Only the rules that change, each void unless it still is what was read: others write to routes as well."""
    changes: list[Operation] = []
    for index, (old, new) in enumerate(zip(_rules(route), wanted, strict=True)):
        if _weighed(old) != _weighed(new):
            path = pointer("spec", "rules", index, "backendRefs")
            changes.append({"op": "test", "path": path, "value": old["backendRefs"]})
            changes.append({"op": "replace", "path": path, "value": new["backendRefs"]})
    if not changes:
        return None
    marks = target.route_marks
    noted = {marks.release: target.release, **values}
    return Patch(Kind.ROUTE, name_of(route), fenced(route, marks, target.fence, noted, changes), drains)


def _weighed(rule: Json) -> list[Any]:
    """What two rules are compared by: a missing weight is 1."""
    return [{**ref, "weight": ref.get("weight", 1)} for ref in _refs(rule)]
