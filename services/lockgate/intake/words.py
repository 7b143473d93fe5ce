"""How intake's sentences show values: short, printable, and never longer than a sentence may be."""

import json
from collections.abc import Iterable
from typing import Any

_SENTENCE = 2000  # characters: the limit of `values.Sentence`


def sentence(text: str) -> str:
    """The text, cut where a Sentence ends. What it quotes came from outside and can be long."""
    return clip(text, _SENTENCE)


def clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def shown(value: Any) -> str:
    """A value as it is written in a plan, at most 80 characters of it, in quotes if it is a text."""
    match value:
        case str():
            return f"'{clip(value, 80)}'"
        case dict() | list():
            return clip(json.dumps(value, ensure_ascii=False, default=str), 80)
        case _:
            return clip(json.dumps(value, default=str), 80)


def listed(names: Iterable[str], most: int = 20, total: int = 0) -> str:
    """`a, b, c`; of a longer list the first `most` and the number of the others. `total`: if more are not given."""
    every = list(names)
    more = max(total, len(every)) - len(every[:most])
    return ", ".join(every[:most]) + (f" and {more} more" if more else "")
