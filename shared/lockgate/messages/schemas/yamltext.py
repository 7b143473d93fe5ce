"""YAML text of a document of dicts, lists, texts, numbers and booleans. It only ever writes.

The messages import pydantic only, so this takes the place of a YAML library: every scalar is JSON, which YAML
1.2 contains, and only the layout is YAML's.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z$/_][A-Za-z0-9$/._-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def dump(document: dict[str, Any]) -> str:
    """The document's text, in the order of its keys."""
    return "".join(f"{line}\n" for line in _mapping(document))


def _mapping(value: dict[str, Any]) -> Iterator[str]:
    for key, part in value.items():
        yield from _entry(f"{_scalar(key)}:", part)


def _sequence(value: list[Any]) -> Iterator[str]:
    for part in value:
        lines = list(_block(part)) if _is_block(part) else [_scalar(part)]
        yield f"- {lines[0]}"
        yield from (f"  {line}" for line in lines[1:])


def _entry(head: str, part: Any) -> Iterator[str]:
    if not _is_block(part):
        yield f"{head} {_scalar(part)}"
        return
    yield head
    yield from (f"  {line}" for line in _block(part))


def _block(part: Any) -> Iterator[str]:
    return _mapping(part) if isinstance(part, dict) else _sequence(part)


def _is_block(part: Any) -> bool:
    return isinstance(part, dict | list) and bool(part)


def _scalar(value: Any) -> str:
    """A text that no reader of YAML can take for anything else stands plain; all else is JSON."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
