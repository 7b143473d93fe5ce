"""JSON read strictly: no key twice in an object, no NaN, no number or depth beyond what the reader allows. Pure.

Whoever reads says what is too much and what is raised then, so that each speaks of its own thing: a record
(`checks`), a line of evidence.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
_MANY_DIGITS = b"0" * 19
"""The shortest whole numbers that do not fit into 64 bits have as many."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """What is raised. `doubled` and `constant` are given the name that is wrong, the last two what a parser said."""

    too_deep: Callable[[], ValueError]
    doubled: Callable[[str], ValueError]
    constant: Callable[[str], ValueError]
    no_utf8: Callable[[UnicodeDecodeError], ValueError]
    no_json: Callable[[json.JSONDecodeError], ValueError]


class StrictJson:
    """A reader, made once: making one costs more than reading a small event with it.

    `whole` and `fraction` make numbers from their text, or raise; a whole number of 18 digits is always read as it is,
    and so is a fraction that is finite.
    """

    def __init__(
        self,
        refusals: Refusals,
        *,
        depth: int,
        whole: Callable[[str], int | float],
        fraction: Callable[[str], float] = float,
    ) -> None:
        self._refusals = refusals
        self._depth = depth
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._once, parse_int=whole, parse_float=fraction, parse_constant=self._constant
        )

    def read(self, value: bytes) -> Any:
        """What the value says; otherwise what the refusals, `whole` or `fraction` raise."""
        if _is_deeper(value, self._depth):
            raise self._refusals.too_deep()
        try:
            found = orjson.loads(value)
            if orjson.dumps(found) == value and _MANY_DIGITS not in value.translate(_ZEROS):
                return found  # a key that is there twice, or a rounded number, would not have come out again
        except ValueError:
            pass  # what is wrong is said below
        return self._strictly(value)

    def _strictly(self, value: bytes) -> Any:
        try:
            return self._decoder.decode(value.decode())
        except UnicodeDecodeError as error:
            raise self._refusals.no_utf8(error) from None
        except json.JSONDecodeError as error:
            raise self._refusals.no_json(error) from None

    def _once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            for name, _ in pairs:
                if name in seen:
                    raise self._refusals.doubled(name)
                seen.add(name)
        return found

    def _constant(self, name: str) -> Any:
        raise self._refusals.constant(name)


def _is_deeper(value: bytes, most: int) -> bool:
    """Whether the brackets outside of strings are nested deeper; of what is no JSON, an upper bound."""
    if value.count(b"{") + value.count(b"[") <= most:
        return False
    depth = 0
    for found in _BRACKETS.finditer(value):
        if found[0] in {b"{", b"["}:
            depth += 1
            if depth > most:
                return True
        elif found[0] in {b"}", b"]"}:
            depth -= 1
    return False
