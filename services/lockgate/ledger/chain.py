"""The hash chain over all records, defined so that anybody can recompute it. Pure.

    field(x)   = 8 bytes, the length of x, big-endian, then x; a null is 8 bytes of 0xFF and nothing more
    integers   = 8 bytes, two's complement, big-endian; text is UTF-8
    headers    = field(name) field(value) for each header, in the order of the record
    fields     = field(topic) field(partition) field(offset) field(time) field(key) field(headers) field(value)
    leaf_n     = sha256(0x00 || fields_n)
    chain_0    = 32 zero bytes
    chain_n    = sha256(0x00 || fields_n || chain_{n-1})

`topic` is the name without the installation's prefix, `time` the broker's timestamp in milliseconds. n counts
from 1 without a gap. A signed head says that chain_n has a certain value.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lockgate.runtime.record_hash import NULL, field

GENESIS: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it lies on a topic. `headers` is the encoding of `encode_headers`; `time` in milliseconds."""

    topic: str
    part: int
    offset: int
    time: int
    key: bytes | None
    headers: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Link:
    """A record in the chain: its number, and the two hashes as they are stored."""

    seq: int
    record: Record
    leaf: bytes
    chain: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain. `seq` 0 with `GENESIS`: nothing was appended yet."""

    seq: int = 0
    chain: bytes = GENESIS


def encode_headers(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """Names that are not UTF-8 are given, and come back, with `surrogateescape`; what is hashed is their bytes."""
    return b"".join(field(name.encode("utf-8", "surrogateescape")) + field(value) for name, value in headers)


def decode_headers(encoded: bytes) -> tuple[tuple[str, bytes | None], ...]:
    """The inverse of `encode_headers`. ValueError if the bytes are no such encoding."""
    values: list[bytes | None] = []
    at = 0
    while at < len(encoded):
        length, at = encoded[at : at + 8], at + 8
        size = 0 if length == NULL else int.from_bytes(length, "big")
        if len(length) < 8 or at + size > len(encoded):
            raise ValueError(f"the encoded headers end inside a field, at byte {at}")
        values.append(None if length == NULL else encoded[at : at + size])
        at += size
    names = values[::2]
    if len(values) % 2 or any(name is None for name in names):
        raise ValueError("the encoded headers are no list of names with values")
    return tuple(
        ((name or b"").decode("utf-8", "surrogateescape"), value)
        for name, value in zip(names, values[1::2], strict=True)
    )


_THREE_INTEGERS = struct.Struct(">QqQqQq").pack


def fields(record: Record) -> bytes:
    return b"".join(
        (
            field(record.topic.encode()),
            _THREE_INTEGERS(8, record.part, 8, record.offset, 8, record.time),
            field(record.key),
            field(record.headers),
            field(record.value),
        )
    )


def hashes(record: Record, before: bytes) -> tuple[bytes, bytes]:
    """The leaf, and the chain's value after the record given its value before: most of it is hashed once for both."""
    digest = hashlib.sha256(b"\0" + fields(record))
    own = digest.digest()
    digest.update(before)
    return own, digest.digest()


def leaf(record: Record) -> bytes:
    return hashlib.sha256(b"\0" + fields(record)).digest()


def linked(record: Record, before: bytes) -> bytes:
    """The chain's value after a record, given its value before."""
    return hashes(record, before)[1]


def extend(head: Head, records: Sequence[Record]) -> tuple[Head, list[Link]]:
    """The new head, and the links of the records in their order."""
    links: list[Link] = []
    for record in records:
        own, chain = hashes(record, head.chain)
        head = Head(head.seq + 1, chain)
        links.append(Link(head.seq, record, own, chain))
    return head, links
