"""The objects in which flags are defined: what is written to one of them, under which fence. Pure.

A ConfigMap has flagd documents as text, a FeatureFlag of the OpenFeature operator has one as an object. Both may be shared
between applications, so each has marks of its own: its fence, and what its flags were before they were switched off.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter

from lockgate.deployer.fencing import Marks, Operation, adoption, fence_of, fenced, pointer, shared_marks
from lockgate.deployer.flags.definitions import FlagError, located, switched_off
from lockgate.deployer.objects import Json, annotations_of
from lockgate.messages.flags import Flag
from lockgate.messages.values import Fence

MOST_KEPT: Final = 240_000
"""Bytes of an object's annotations with what flags were before; Kubernetes takes 256 KiB of them together."""


@dataclass(frozen=True, slots=True)
class Newer:
    """The object carries a newer fence."""

    fence: Fence


class Was(NamedTuple):
    """A definition before it was switched off, and the number of the release for which it was."""

    number: int
    text: str


Change = Callable[[Json, Was | None], tuple[Json, Was | None]]
"""An object, and what is kept of a flag -> the object with the flag changed, and what is kept then."""


def configmap_of(flag: Flag, application: str) -> str:
    return flag.configmap or f"{application}-flags"


def off(flag: Flag, number: int) -> Change:
    """Off, and what it was is kept. What was off already was not switched off for this release."""

    def change(obj: Json, was: Was | None) -> tuple[Json, Was | None]:
        place = _definition(obj, flag.flag)
        wanted = switched_off(place.text, flag.off, flag.flag)
        return (obj, was) if place.is_as(wanted) else (place.with_text(obj, wanted), Was(number, place.text))

    return change


def restored(flag: Flag, number: int) -> Change:
    """As it was before this release's remediation. What was never switched for it, or what somebody wrote or removed
    since then, stays as it is: so it matters nothing whether such a flag can be found.
    """

    def change(obj: Json, was: Was | None) -> tuple[Json, Was | None]:
        if was is None or was.number != number:
            return obj, was
        if (place := _found(obj, flag.flag)) is None:
            return obj, None
        same = place.is_as(switched_off(was.text, flag.off, flag.flag))
        return (place.with_text(obj, was.text) if same else obj), None

    return change


def switched_for(obj: Json, application: str, number: int) -> tuple[str, ...]:
    """The flags that were on, and were switched off for the release of this number."""
    kept = _kept(obj, shared_marks(application))
    return tuple(flag for flag, was in kept.items() if was.number == number)


def written(
    obj: Json, application: str, fence: Fence, flags: Sequence[tuple[Flag, Change]]
) -> list[Operation] | Newer:
    """The next write to an object; empty if there is nothing to do. FlagError if it cannot be done."""
    marks = shared_marks(application)
    seen = fence_of(obj, marks)
    if seen is None:
        return adoption(obj, marks, {})
    if seen.order > fence.order:
        return Newer(seen)
    kept, now = _kept(obj, marks), obj
    before = dict(kept)
    for flag, change in flags:
        now, was = change(now, kept.pop(flag.flag, None))
        if was is not None:
            kept[flag.flag] = was
    changes = _changes(obj, now)
    if not changes and kept == before and seen == fence:
        return []  # the fence is written in any case: what an older order may still send is void then
    text = json.dumps(kept, ensure_ascii=False, sort_keys=True)
    _bounded(annotations_of(obj) | {_flags_mark(marks): text})
    return fenced(obj, marks, fence, {_flags_mark(marks): text}, changes)


def _changes(before: Json, after: Json) -> list[Operation]:
    """One test and one replacement of each document, however many of its flags change."""
    changes: list[Operation] = []
    parent = _parent(before)
    for name, old in _at(before, parent).items() if before is not after else ():
        if (new := _at(after, parent)[name]) != old:
            path = pointer(*parent, name)
            changes += [
                {"op": "test", "path": path, "value": old},
                {"op": "replace", "path": path, "value": new},
            ]
    return changes


def _bounded(annotations: dict[str, str]) -> None:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in annotations.items())
    if size > MOST_KEPT:
        raise FlagError(
            f"With what the flags were before, its annotations have {size} bytes, and {MOST_KEPT} are the most: "
            f"define the flags in an object of their own."
        )


def _flags_mark(marks: Marks) -> str:
    return f"{marks.prefix}/flags"


_KEPT: Final = TypeAdapter(dict[str, Was])


def _kept(obj: Json, marks: Marks) -> dict[str, Was]:
    """Flag -> what it was. Empty if the annotation is damaged: nothing can be put back then."""
    try:
        return _KEPT.validate_json(annotations_of(obj).get(_flags_mark(marks), "{}"))
    except ValueError:  # pydantic's
        return {}


Path = tuple[str, ...]


def _parent(obj: Json) -> Path:
    """Where an object has its documents: texts in a ConfigMap, a definition each in a FeatureFlag."""
    return ("spec", "flagSpec", "flags") if obj["kind"] == "FeatureFlag" else ("data",)


class Place(NamedTuple):
    """Where a flag is defined: the place in the object, the definition there, and how another one gets there."""

    path: Path
    text: str
    is_as: Callable[[str], bool]
    """Whether a definition is the one that is there. An object of the API server has its fields in another order."""
    put: Callable[[str], Any]

    def with_text(self, obj: Json, text: str) -> Json:
        return _with(obj, self.path, self.put(text))


def _definition(obj: Json, flag: str) -> Place:
    if (place := _found(obj, flag)) is None:
        raise FlagError(_undefined(obj, flag))
    return place


def _found(obj: Json, flag: str) -> Place | None:
    """None if it defines no such flag. FlagError if it defines it twice."""
    if obj["kind"] == "FeatureFlag":
        flags = ((obj.get("spec") or {}).get("flagSpec") or {}).get("flags") or {}
        here = flags.get(flag)
        if not isinstance(here, dict):
            return None
        return Place(
            (*_parent(obj), flag), _text(here), lambda text: bool(json.loads(text) == here), json.loads
        )
    found = [
        (key, document, span)
        for key, document in sorted((obj.get("data") or {}).items())
        if (span := located(document, flag)) is not None
    ]
    if not found:
        return None
    if len(found) > 1:
        keys = " and ".join(key for key, _, _ in found[:2])
        raise FlagError(
            f"The ConfigMap {obj['metadata']['name']} defines the flag {flag} in {keys}: keep one of them."
        )
    key, document, span = found[0]
    there = span.of(document)
    return Place((*_parent(obj), key), there, there.__eq__, lambda new: span.replaced(document, new))


def _undefined(obj: Json, flag: str) -> str:
    where = f"{obj['kind']} {obj['metadata']['name']}"
    return (
        f"The {where} defines no flag {flag}: it needs a flagd document in JSON, "
        f'{{"flags": {{"{flag}": {{…}}}}}}, or name where the flag is in the plan.'
    )


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _at(obj: Json, path: Path) -> Any:
    value: Any = obj
    for part in path:
        value = value[part]
    return value


def _with(obj: Json, path: Path, value: Any) -> Json:
    head, *rest = path
    return {**obj, head: _with(obj[head], tuple(rest), value) if rest else value}
