"""The hash of a record as it lies on a topic: no byte of its key, its headers or its value changes it unnoticed. Pure.

    field(x) = 8 bytes, the length of x, big-endian, then x; a null is 8 bytes of 0xFF and nothing more
    headers  = field(name) field(value) for each header, in the order of the record
    hash     = sha256(field(key) field(headers) field(value)), as 64 hexadecimal digits

Every header is hashed, those that others put on for traces too. The broker's timestamp is not: who publishes does
not know it. The journal names its inputs and what was emitted by this hash; `replay` makes it again.
"""

import hashlib
import struct
from collections.abc import Sequence
from typing import TypeVar

from lockgate.messages.message import USUAL_HEADERS

T = TypeVar("T")

NULL = b"\xff" * 8
_length = struct.Struct(">Q").pack


def record_hash(key: bytes | None, headers: Sequence[tuple[str, bytes | None]], value: bytes | None) -> str:
    """Names are hashed as `printable` gives them, which the services' reader and the replay's both call.

    Escapes cannot make another record look the same: only names of plain ASCII without a backslash are decided on
    (`checks.checked_headers`) or emitted.
    """
    joined = _usual(headers)
    if joined is None:
        joined = b"".join([part for name, raw in headers for part in (field(name.encode()), field(raw))])
    hashed = _SHA256.copy()
    hashed.update(field(key) + field(joined) + field(value))
    return hashed.hexdigest()


def _usual(headers: Sequence[tuple[str, bytes | None]]) -> bytes | None:
    """The fields of headers as our own events have them, which is nearly all, made at once; None if they are others."""
    try:
        (n1, a), (n2, b), (n3, c), (n4, d), (n5, e), (n6, f), (n7, g) = headers
        if (n1, n2, n3, n4, n5, n6, n7) != USUAL_HEADERS:
            return None
        values = (len(a), a, len(b), b, len(c), c, len(d), d, len(e), e, len(f), f, len(g), g)  # type: ignore[arg-type]  # caught
        return _USUAL % values
    except (ValueError, TypeError, OverflowError):
        return None  # fewer or more, a null, or one of 256 bytes or more


def printable(name: str) -> str:
    """A header's name; bytes that are not UTF-8, which come as surrogates, are written as escapes."""
    return (
        name
        if name.isascii()
        else name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    )


def printable_headers(headers: Sequence[tuple[str, T]]) -> tuple[tuple[str, T], ...]:
    """Headers with the names that `printable` gives, as read from a topic; mostly as they are."""
    if "".join([name for name, _ in headers]).isascii():
        return tuple(headers)
    return tuple([(printable(name), value) for name, value in headers])


def field(value: bytes | None) -> bytes:
    return NULL if value is None else _length(len(value)) + value


_SHA256 = hashlib.sha256()  # copied, which is cheaper than to look the algorithm up each time
_USUAL = b"".join(field(name.encode()) + bytes(7) + b"%c%b" for name in USUAL_HEADERS)
"""Their names, and a length of one byte and as many bytes for the value of each. There is no % in a name."""
