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

MOST_KEPT: Final = 200_000
"""Characters of what flags were before; an object's annotations have 256 KiB together."""


@dataclass(frozen=True, slots=True)
class Newer:
    """The object carries a newer fence."""

    fence: Fence


class Was(NamedTuple):
    """A definition before it was switched off, and the number of the release for which it was."""

    number: int
    text: str


Change = Callable[[str, Was | None], tuple[str, Was | None]]
"""A definition, and what is kept of it -> the same afterwards."""


def configmap_of(flag: Flag, application: str) -> str:
    return flag.configmap or f"{application}-flags"


def off(flag: Flag, number: int) -> Change:
    """Off, and what it was is kept. What was off already was not switched off for this release."""

    def change(now: str, was: Was | None) -> tuple[str, Was | None]:
        wanted = switched_off(now, flag.off, flag.flag)
        return (now, was) if wanted == now else (wanted, Was(number, now))

    return change


def restored(flag: Flag, number: int) -> Change:
    """As it was before this release's remediation. What somebody wrote since then stays as it is."""

    def change(now: str, was: Was | None) -> tuple[str, Was | None]:
        if was is None or was.number != number:
            return now, was
        return (was.text if switched_off(was.text, flag.off, flag.flag) == now else now), None

    return change


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
    changes: list[Operation] = []
    for flag, change in flags:
        path, whole, text, put_back = _definition(now, flag.flag)
        new, was = change(text, kept.pop(flag.flag, None))
        if was is not None:
            kept[flag.flag] = was
        if new != text:
            value = put_back(new)
            changes += [
                {"op": "test", "path": pointer(*path), "value": whole},
                {"op": "replace", "path": pointer(*path), "value": value},
            ]
            now = _with(now, path, value)
    if not changes and kept == before and seen == fence:
        return []  # the fence is written in any case: what an older order may still send is void then
    text = json.dumps(kept, ensure_ascii=False, sort_keys=True)
    if len(text) > MOST_KEPT:
        raise FlagError(
            f"What the flags were before has {len(text)} characters, and {MOST_KEPT} are the most."
        )
    return fenced(obj, marks, fence, {_flags_mark(marks): text}, changes)


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


def _definition(obj: Json, flag: str) -> tuple[Path, Any, str, Callable[[str], Any]]:
    """Where a flag is defined: the place in the object, what is there, the definition in it, and how a new one gets there."""
    if obj["kind"] == "FeatureFlag":
        flags = ((obj.get("spec") or {}).get("flagSpec") or {}).get("flags") or {}
        if not isinstance(flags.get(flag), dict):
            raise FlagError(_undefined(obj, flag))
        return ("spec", "flagSpec", "flags", flag), flags[flag], _text(flags[flag]), json.loads
    found = [
        (key, document, span)
        for key, document in sorted((obj.get("data") or {}).items())
        if (span := located(document, flag)) is not None
    ]
    if not found:
        raise FlagError(_undefined(obj, flag))
    if len(found) > 1:
        keys = " and ".join(key for key, _, _ in found[:2])
        raise FlagError(
            f"The ConfigMap {obj['metadata']['name']} defines the flag {flag} in {keys}: keep one of them."
        )
    key, document, span = found[0]
    return ("data", key), document, span.of(document), lambda new: span.replaced(document, new)


def _undefined(obj: Json, flag: str) -> str:
    where = f"{obj['kind']} {obj['metadata']['name']}"
    return (
        f"The {where} defines no flag {flag}: it needs a flagd document in JSON, "
        f'{{"flags": {{"{flag}": {{…}}}}}}, or name where the flag is in the plan.'
    )


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _with(obj: Json, path: Path, value: Any) -> Json:
    head, *rest = path
    return {**obj, head: _with(obj[head], tuple(rest), value) if rest else value}
