"""Canonical JSON: sorted keys, no blanks, UTF-8. The same value has the same bytes on every machine."""

import hashlib
from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def embedded(data: bytes) -> Any:
    """What `dumps` made already, to be a part of a greater value without being made again."""
    return orjson.Fragment(data)


def loads(data: bytes) -> Any:
    return orjson.loads(data)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
