"""Files of evidence, one JSON object a line: read strictly, so that nothing is judged that was not meant."""

import json
import math
from collections.abc import Iterator
from typing import Any

_LONGEST = 200


def lines(data: bytes) -> Iterator[tuple[int, Any | ValueError]]:
    """Each line's number and what it says, or why it says nothing."""
    rows = data.split(b"\n")
    for number, row in enumerate(rows[:-1] if not rows[-1] else rows, 1):
        try:
            yield number, _read(row)
        except ValueError as error:
            yield number, error


def _read(row: bytes) -> Any:
    """ValueError says what is wrong with the line as a whole."""
    try:
        return json.loads(
            row.decode(), object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_whole
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"the line: expected UTF-8, got something else at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"the line: expected one JSON object, got no JSON at column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise ValueError("the line: expected evidence, got brackets in brackets without end") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        doubled = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # None
        raise ValueError(f"{doubled[:_LONGEST]}: expected once in an object, got it twice")
    return found


def _whole(text: str) -> int | float:
    """A number that is out of every range is infinite, so that it is refused where its field is known."""
    return int(text) if len(text) <= _LONGEST else math.copysign(math.inf, -1 if text[0] == "-" else 1)


def _no_constant(name: str) -> Any:
    raise ValueError(f"the line: expected JSON, got {name}, which is no number of JSON")
