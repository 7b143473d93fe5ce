"""Files of evidence, one JSON object a line: read strictly, so that nothing is judged that was not meant."""

import math
from collections.abc import Iterator
from typing import Any

from lockgate.runtime.strict_json import Refusals, StrictJson

_LONGEST = 200
_DEEPEST = 32


def lines(data: bytes) -> Iterator[tuple[int, Any | ValueError]]:
    """Each line's number and what it says, or why it says nothing."""
    rows = data.split(b"\n")
    for number, row in enumerate(rows[:-1] if not rows[-1] else rows, 1):
        try:
            yield number, _JSON.read(row)
        except ValueError as error:
            yield number, error


def _whole(text: str) -> int | float:
    """A number that is out of every range is infinite, so that it is refused where its field is known."""
    return int(text) if len(text) <= _LONGEST else math.copysign(math.inf, -1 if text[0] == "-" else 1)


_JSON = StrictJson(
    Refusals(
        too_deep=lambda: ValueError(
            f"the line: expected evidence, got brackets in brackets, more than {_DEEPEST} deep"
        ),
        doubled=lambda name: ValueError(f"{name[:_LONGEST]}: expected once in an object, got it twice"),
        constant=lambda name: ValueError(f"the line: expected JSON, got {name}, which is no number of JSON"),
        no_utf8=lambda error: ValueError(
            f"the line: expected UTF-8, got something else at byte {error.start + 1}"
        ),
        no_json=lambda error: ValueError(
            f"the line: expected one JSON object, got no JSON at column {error.colno}: {error.msg}"
        ),
    ),
    depth=_DEEPEST,
    whole=_whole,
)
