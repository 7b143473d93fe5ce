"""Two JSON values, told apart field by field: which paths differ, with both values, in a few words. Pure."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from lockgate.runtime import canonical
from lockgate.runtime.checks import Record

SHOWN = 5
_LONGEST = 60


def differing(there: Any, expected: Any) -> str:
    """The first paths that differ, as `path: is X, expected Y`. Empty if the values are equal."""
    found = list(islice(_differences("", there, expected), SHOWN + 1))
    more = " …" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


def differing_records(
    there: Record, key: bytes, headers: Sequence[tuple[str, bytes]], value: bytes, name: str
) -> str:
    """What of an event's record is not as it was emitted: its key, its headers, its value."""
    found = []
    if there.key != key:
        found.append(f"key: is {there.key!r}, expected {key!r}")
    if there.headers != tuple(headers):
        text = differing(_texts(there.headers), _texts(headers))
        found.append(text or "the headers differ in their order, their number, or in bytes that are no text")
    if there.value != value:
        found.append(_differing_values(there.value, value))
    return f"{name}: " + "; ".join(found)


def _differing_values(there: bytes | None, expected: bytes) -> str:
    try:
        text = differing(canonical.loads(there or b""), canonical.loads(expected))
    except ValueError:
        return "the value is no JSON any more"
    return (
        text or f"the value has the same content, but other bytes (at {_first_byte(there or b'', expected)})"
    )


def _first_byte(there: bytes, expected: bytes) -> int:
    pairs = enumerate(zip(there, expected, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(there), len(expected)))


def _texts(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, Any]:
    return {"headers": {name: None if raw is None else raw.decode(errors="replace") for name, raw in headers}}


def _differences(path: str, there: Any, expected: Any) -> Iterator[str]:
    match there, expected:
        case dict(), dict():
            for name in sorted(there.keys() | expected.keys()):
                inner = f"{path}.{name}" if path else str(name)
                if name not in there:
                    yield f"{inner}: is missing, expected {_short(expected[name])}"
                elif name not in expected:
                    yield f"{inner}: is {_short(there[name])}, expected nothing"
                else:
                    yield from _differences(inner, there[name], expected[name])
        case list(), list():
            for i, (a, b) in enumerate(zip(there, expected, strict=False)):
                yield from _differences(f"{path}[{i}]", a, b)
            if len(there) != len(expected):
                yield f"{path}: has {len(there)} items, expected {len(expected)}"
        case _:
            if type(there) is not type(expected) or there != expected:
                yield f"{path}: is {_short(there)}, expected {_short(expected)}"


def _short(value: Any) -> str:
    text = canonical.dumps(value).decode()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
