"""A share by the weights of a route, whatever its kind. Pure.

Weights are whole numbers in proportion to each other, and no percentages. To make room, all weights of a rule are
multiplied by a scale, which an annotation remembers, so that they can be restored exactly. A rule has a scale of its own:
what other rules weigh takes no room from it.
"""

import math
from dataclasses import dataclass
from typing import Any

from lockgate.deployer.fencing import Operation, fence_of, fenced, pointer
from lockgate.deployer.objects import Json, annotations_of, name_of
from lockgate.deployer.strategies import owners
from lockgate.deployer.strategies.given import Patch, Target
from lockgate.deployer.strategies.names import service_of_clone
from lockgate.deployer.traffic.forms import Form, form_of

MOST = 1_000_000
"""The largest weight that a Gateway takes."""
_SCALE = 1000
_FINER = (_SCALE, 10_000, 100_000, MOST)
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of one route, as far as they concern the target's Service and its clones.

    `clone_services`: those that carry the application's labels. What is only called as they are is somebody's own.
    """

    target: Target
    route: Json
    clone_services: tuple[Json, ...] = ()

    @property
    def form(self) -> Form:
        return form_of(self.route)

    @property
    def called(self) -> str:
        return f"{self.form.kind} {name_of(self.route)}"

    @property
    def is_adopted(self) -> bool:
        return fence_of(self.route, self.target.route_marks) is not None

    @property
    def has_room(self) -> bool:
        """Whether each rule that sends traffic to production can be given some of the target's share, and no more."""
        return self.target.share == 0 or all(part > 0 for part in self._parts())

    def homes(self) -> list[int]:
        """For each rule that sends traffic to production, by how many references it does."""
        counted = (len(self._production(rule)) for rule in self._restored(None))
        return [count for count in counted if count]

    def share(self) -> float:
        """The nearest share that can be set and is not above the target's; the most, where rules differ."""
        return max(self._parts(), default=0.0)

    def names(self, service: str) -> bool:
        return any(self._service(ref) == service for rule in self._rules() for ref in self._refs(rule))

    def part(self) -> float:
        """Of production's traffic, what the target's clone has; the most, where rules differ."""
        both = [self._shares(rule) for rule in self._rules()]
        return max((clone / (home + clone) for home, clone in both if clone > 0), default=0.0)

    def is_above(self) -> bool:
        """Whether the clone has more of what production and it get together than the target's share."""
        both = [self._shares(rule) for rule in self._rules()]
        return any(clone > 0 and clone > _part(home + clone, self.target.share) for home, clone in both)

    def is_given(self) -> bool:
        """Whether the target's clone has the share that was noted, to the last weight; also where none was noted."""
        try:
            share = float(annotations_of(self.route).get(self.target.route_marks.share, ""))
        except ValueError:
            return True  # given by a version that noted none
        both = [self._shares(rule) for rule in self._rules()]
        return all(clone == _part(home + clone, share) for home, clone in both if home + clone > 0)

    def owned(self) -> str | None:
        """Which engine owns the weights of the rules that send traffic to production, and how it hands them over."""
        pointers = tuple(
            pointer("spec", self.form.rules, i, self.form.refs)
            for i, rule in enumerate(self._restored(None))
            if self._production(rule)
        )
        field = owners.weights(self.route, self.form.kind, self.form.rules, pointers)
        return owners.to_hand_over(self.route, field, self.target.region)

    def given(self) -> Patch | None:
        """Sets the target's share for its clone; None if it is set."""
        marks, before = self.target.route_marks, self._restored(None)
        bare = [
            f"{i}:{home[0].get('weight', '')}"
            for i, rule in enumerate(before)
            if (home := self._production(rule)) and home[0].get("weight") != self._weight(home[0], rule)
        ]
        noted = {
            marks.scale: _noted(
                {i: self._scale(rule) for i, rule in enumerate(before) if self._production(rule)}
            ),
            marks.given: self.target.clone,
            marks.share: repr(self.target.share),
        }
        if bare or marks.bare in annotations_of(self.route):
            noted[marks.bare] = ",".join(bare)
        return self._patch([self._shared(rule) for rule in before], noted, drains=False)

    def taken(self, keep: str | None) -> Patch | None:
        """All that clones have back to production, but for the one that is kept; None if there is none."""
        noted = {self.target.route_marks.given: self.target.clone if keep is not None else ""}
        return self._patch(self._restored(keep), noted, drains=True)

    def _rules(self) -> list[Json]:
        return list((self.route.get("spec") or {}).get(self.form.rules) or ())

    def _refs(self, rule: Json) -> list[Json]:
        return list(rule.get(self.form.refs) or ())

    def _service(self, ref: Json) -> str | None:
        return self.form.service(ref, str(self.route["metadata"].get("namespace")))

    def _weight(self, ref: Json, rule: Json) -> int:
        return self.form.weight(ref, self._refs(rule))

    def _production(self, rule: Json) -> list[Json]:
        """The references to production's Service that get traffic."""
        service = self.target.workload.service
        return [
            ref for ref in self._refs(rule) if self._service(ref) == service and self._weight(ref, rule) > 0
        ]

    def _is_clone(self, ref: Json) -> bool:
        """By what it leads to, or because the route itself notes that it was given to."""
        given = annotations_of(self.route).get(self.target.route_marks.given)
        noted = {service_of_clone(self.target.workload.service, given)} if given else set()
        return self._service(ref) in noted | {name_of(each) for each in self.clone_services}

    def _restored(self, keep: str | None) -> list[Json]:
        """The rules without clones, but for the one that is kept, at the weights from before."""
        noted, marks = annotations_of(self.route), self.target.route_marks
        scale, bare = noted.get(marks.scale, ""), noted.get(marks.bare, "").split(",")
        said = dict(each.split(":", 1) for each in bare if ":" in each)
        return [
            self._without_clones(rule, _scale_of(scale, i), keep, said.get(str(i)))
            for i, rule in enumerate(self._rules())
        ]

    def _without_clones(self, rule: Json, scale: int, keep: str | None, said: str | None) -> Json:
        """`said`: what an only reference had said of its weight, if that was another than the one it meant."""
        clones = [ref for ref in self._refs(rule) if self._is_clone(ref)]
        if not clones or all(self._service(ref) == keep for ref in clones):
            return rule
        moved = sum(self._weight(ref, rule) for ref in clones)
        kept = [ref for ref in self._refs(rule) if not self._is_clone(ref)]
        home = next((ref for ref in kept if self._service(ref) == self.target.workload.service), None)
        if home is None:
            return self._homeward(rule, clones)
        weights = [self._weight(ref, rule) + (moved if ref is home else 0) for ref in kept]
        before = [max(1, round(weight / scale)) if weight else 0 for weight in weights]
        if said is not None and before == [1]:
            only = {field: value for field, value in kept[0].items() if field != "weight"}
            return {**rule, self.form.refs: [{**only, "weight": int(said)} if said.isdecimal() else only]}
        both = zip(kept, before, strict=True)
        return {**rule, self.form.refs: [self._at(ref, rule, weight) for ref, weight in both]}

    def _homeward(self, rule: Json, clones: list[Json]) -> Json:
        """A rule that somebody wrote, for it names clones without production: which takes their place. None is left empty."""
        moved, service = sum(self._weight(ref, rule) for ref in clones), self.target.workload.service
        home = self.form.to(clones[0], service)
        if len(clones) > 1:
            home = {**home, "weight": moved}
        refs = [home if ref is clones[0] else ref for ref in self._refs(rule)]
        return {**rule, self.form.refs: [ref for ref in refs if all(ref is not each for each in clones[1:])]}

    def _parts(self) -> list[float]:
        """For each rule that sends traffic to production, what the clone can be given of it."""
        homes = [
            self._weight(refs[0], rule) * self._scale(rule)
            for rule in self._restored(None)
            if (refs := self._production(rule))
        ]
        return [_part(total, self.target.share) / total for total in homes]

    def _scale(self, rule: Json) -> int:
        """By how much the rule's weights are multiplied: by more where the share is too small for that, if there is room."""
        home = self._weight(self._production(rule)[0], rule)
        room = max(1, MOST // max(self._weight(ref, rule) for ref in self._refs(rule)))
        enough = (each for each in _FINER if each <= room and _part(home * each, self.target.share) > 0)
        return next(enough, min(_SCALE, room))

    def _shared(self, rule: Json) -> Json:
        """The rule with the clone beside production, which gives it its share."""
        home = next(iter(self._production(rule)), None)
        if home is None:
            return rule
        scale = self._scale(rule)
        total = self._weight(home, rule) * scale
        part = _part(total, self.target.share)
        refs: list[Json] = []
        for ref in self._refs(rule):
            if ref is home:
                clone = self.form.to(ref, self.target.clone_service)
                refs += [{**ref, "weight": total - part}, {**clone, "weight": part}]
            else:
                refs.append(self._at(ref, rule, self._weight(ref, rule) * scale))
        return {**rule, self.form.refs: refs}

    def _at(self, ref: Json, rule: Json, weight: int) -> Json:
        """A reference of the rule at a weight; one that gets nothing because it says nothing goes on saying nothing."""
        silent = weight == 0 and "weight" not in ref and self._weight(ref, rule) == 0
        return ref if silent else {**ref, "weight": weight}

    def _shares(self, rule: Json) -> tuple[int, int]:
        """The weights of production's Service and of the clone's."""
        production, clone = (
            sum(self._weight(ref, rule) for ref in self._refs(rule) if self._service(ref) == name)
            for name in (self.target.workload.service, self.target.clone_service)
        )
        return production, clone

    def _patch(self, wanted: list[Json], values: dict[str, str], *, drains: bool) -> Patch | None:
        """Only the rules that change, each void unless it still is what was read: others write to routes as well."""
        changes: list[Operation] = []
        for index, (old, new) in enumerate(zip(self._rules(), wanted, strict=True)):
            if self._compared(old) != self._compared(new):
                path = pointer("spec", self.form.rules, index, self.form.refs)
                changes.append({"op": "test", "path": path, "value": old[self.form.refs]})
                changes.append({"op": "replace", "path": path, "value": new[self.form.refs]})
        if not changes:
            return None
        marks = self.target.route_marks
        noted = {marks.release: self.target.release, **values}
        operations = fenced(self.route, marks, self.target.fence, noted, changes)
        return Patch(self.form.kind, name_of(self.route), operations, drains)

    def _compared(self, rule: Json) -> list[Any]:
        return [{**ref, "weight": self._weight(ref, rule)} for ref in self._refs(rule)]


def _part(total: int, share: float) -> int:
    """Never above the share."""
    return min(total, math.floor(total * share + _ROUNDING))


def _noted(scales: dict[int, int]) -> str:
    """By how much each rule is multiplied: 1000 for all, or 1000 in the first and 11 in the third is 0:1000,2:11."""
    alike = set(scales.values())
    return str(alike.pop()) if len(alike) == 1 else ",".join(f"{i}:{each}" for i, each in scales.items())


def _scale_of(noted: str, index: int) -> int:
    """What is noted for a rule; 1 if nothing that can be read."""
    each = dict(pair.split(":", 1) for pair in noted.split(",") if ":" in pair)
    text = each.get(str(index), "") if each else noted
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else 1
