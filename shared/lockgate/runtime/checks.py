"""What is checked of a raw record before it is parsed: size, UTF-8, NUL, depth, duplicate keys, headers.

Pure. Everything that fails here, or that is no event we know, goes to the dead letters with its original bytes.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from lockgate.messages.message import USUAL_HEADERS, UnreadableError
from lockgate.runtime.strict_json import Refusals, StrictJson

MAX_VALUE_BYTES = 256 * 1024  # the largest event is `started`, which carries a whole plan
MAX_DEPTH = 32
MAX_HEADERS = 64
MAX_HEADER_BYTES = 16 * 1024
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
"""After an even number of backslashes: else it is text about a NUL, and none."""
MAX_INTEGER = 2**63  # beyond it neither the database nor a consumer in another language reads the same number


class Unread(bytes):
    """A whole batch as it lies on a topic, in place of the value of a record in it that cannot be had."""

    why: str

    @classmethod
    def because(cls, why: str, batch: bytes) -> Self:
        unread = cls(batch)
        unread.why = why
        return unread


class Record(NamedTuple):
    """A record as it lies on a topic. `topic` is the name without prefix."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes | None


def checked_headers(headers: Sequence[tuple[str, bytes | None]]) -> Mapping[str, bytes]:
    """The headers by lower-case name. UnreadableError for too many, too large, doubled or malformed ones."""
    if (usual := _usual_headers(headers)) is not None:
        return usual
    if len(headers) > MAX_HEADERS:
        raise UnreadableError("headers", f"{len(headers)} headers; at most {MAX_HEADERS} are read")
    size = 0
    found: dict[str, bytes] = {}
    for name, value in headers:
        size += len(name) + (len(value) if value else 0)
        if size > MAX_HEADER_BYTES:
            raise UnreadableError("headers", f"the headers are larger than {MAX_HEADER_BYTES} bytes")
        lower = _lower(name)
        if lower in found:
            raise UnreadableError("headers", f"the header {lower[:100]!r} is there twice")
        if value is None or not _is_text(value):
            raise UnreadableError("headers", f"the header {lower[:100]!r} is null or not UTF-8 text")
        found[lower] = value
    return found


def _usual_headers(headers: Sequence[tuple[str, bytes | None]]) -> Mapping[str, bytes] | None:
    """Those of our own events, which are nearly all that is read, checked at once; None if they are others."""
    names, values = zip(*headers, strict=True) if headers else ((), ())
    if names != USUAL_HEADERS or None in values:
        return None
    joined = b"".join(values)
    if len(joined) > MAX_HEADER_BYTES // 2 or not joined.isascii() or b"\0" in joined:
        return None
    return dict(headers)  # type: ignore[arg-type]  # there is no None among them


def _lower(name: str) -> str:
    if "\\" in name or not (name.isascii() and name.isprintable()):
        raise UnreadableError("headers", f"the header name {name[:100]!r} is not plain ASCII")
    return name.lower()


def checked_key(key: bytes | None) -> str | None:
    """The key as text. UnreadableError if it is not UTF-8."""
    if key is None:
        return None
    try:
        if len(key) <= 512 and b"\0" not in key:
            return key.decode()
    except UnicodeDecodeError:
        pass
    raise UnreadableError("key", "the key is longer than 512 bytes, has a NUL, or is not UTF-8")


def checked_value(value: bytes | None) -> tuple[bytes, Any]:
    """The value, and what it says: JSON of sane size and depth without duplicate keys. UnreadableError otherwise."""
    if isinstance(value, Unread):
        raise UnreadableError("batch", value.why)
    if not value:
        raise UnreadableError("empty", "the record has no value")
    if len(value) > MAX_VALUE_BYTES:
        raise UnreadableError("too-large", f"{len(value)} bytes; at most {MAX_VALUE_BYTES} are read")
    if b"\0" in value or (b"\\" in value and b"\\u0000" in value and _ESCAPED_NUL.search(value)):
        raise UnreadableError("nul", "the value contains a NUL character, which no database text can hold")
    return value, _JSON.read(value)


def _is_text(raw: bytes) -> bool:
    if b"\0" in raw:
        return False
    try:
        return raw.isascii() or bool(raw.decode())
    except UnicodeDecodeError:
        return False


def _bounded_int(text: str) -> int:
    if len(text) > 20 or not -MAX_INTEGER <= (number := int(text)) < MAX_INTEGER:
        raise UnreadableError("invalid", f"a whole number of {len(text)} digits; at most 64 bits are read")
    return number


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise UnreadableError("invalid", f"the number {text[:40]} is too large to be read")
    return number


def _not_json(error: ValueError) -> UnreadableError:
    return UnreadableError("not-json", f"the value is not JSON in UTF-8: {error}")


_JSON = StrictJson(
    Refusals(
        too_deep=lambda: UnreadableError("too-deep", f"JSON nested deeper than {MAX_DEPTH}"),
        doubled=lambda name: UnreadableError(
            "duplicate-key", f"the key {name[:100]!r} is there twice in one object"
        ),
        constant=lambda name: UnreadableError("invalid", f"{name} is not JSON"),
        no_utf8=_not_json,
        no_json=_not_json,
    ),
    depth=MAX_DEPTH,
    whole=_bounded_int,
    fraction=_finite,
)
