"""Batches of records that no honest client writes: bombs, broken streams, names of headers that are no text.

They are made byte by byte and sent as they are, by a client of our own.
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cramjam
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c, encode_varint

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4

Header = tuple[bytes, bytes | None]


class Rec(NamedTuple):
    """One record; the names of its headers are bytes."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[Header, ...] = ()


def gzipped(data: bytes) -> bytes:
    member = zlib.compressobj(9, zlib.DEFLATED, 31)
    return member.compress(data) + member.flush()


def _lz4(data: bytes) -> bytes:
    """Brokers take no linked blocks."""
    stream = cramjam.lz4.Compressor(level=9, content_checksum=False, block_linked=False)
    stream.compress(data)
    return bytes(stream.finish())


CODECS: dict[int, Callable[[bytes], bytes]] = {
    GZIP: gzipped,
    SNAPPY: lambda data: bytes(cramjam.snappy.compress_raw(data)),
    LZ4: _lz4,
    ZSTD: lambda data: bytes(cramjam.zstd.compress(data)),
}


def batch(records: Sequence[Rec], codec: int = 0, stream: bytes | None = None) -> bytes:
    """A batch of these records; `stream` in place of what the codec makes of them."""
    return framed(compressed(codec, records) if stream is None else stream, len(records), codec)


def compressed(codec: int, records: Sequence[Rec]) -> bytes:
    """These records as they lie in a batch."""
    plain = b"".join(_record(offset, record) for offset, record in enumerate(records))
    return CODECS[codec](plain) if codec else plain


def framed(stream: bytes, count: int, codec: int) -> bytes:
    """A batch (record format 2) around the bytes of its records, with a right checksum."""
    checked = struct.pack(">hiqqqhii", codec, count - 1, 1, 1, -1, -1, -1, count) + stream
    return struct.pack(">qiibI", 0, 9 + len(checked), -1, 2, calc_crc32c(checked)) + checked


def bomb(codec: int, size: int) -> bytes:
    """A batch of one record whose value has `size` blanks, made without ever holding them."""
    head = b"\x00" + _varint(0) + _varint(0) + _varint(-1) + _varint(size)
    length = _varint(len(head) + size + 1)
    parts = [length + head, *[b" " * (1 << 20)] * (size >> 20), _varint(0)]
    if codec == GZIP:
        member = zlib.compressobj(9, zlib.DEFLATED, 31)
        return framed(b"".join(map(member.compress, parts)) + member.flush(), 1, codec)
    stream = cramjam.zstd.Compressor()
    for part in parts:
        stream.compress(part)
    return framed(bytes(stream.finish()), 1, ZSTD)


async def send_batch(producer: AIOKafkaProducer, topic: str, partition: int, raw: bytes) -> int:
    """Sends it as it is; returns the offset of its first record."""
    sent = await producer.send_batch(_Raw(raw), topic, partition=partition)
    return int((await sent).offset)


class _Raw(BatchBuilder):  # type: ignore[misc]  # aiokafka has no types
    """What aiokafka takes for a batch, and is one already."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(len(raw), 0)
        self._buffer = raw
        self._relative_offset = struct.unpack_from(">i", raw, 57)[0]
        self._closed = True

    def _set_producer_state(self, *_: Any) -> None:
        raise TypeError("a batch as it is cannot be sent by an idempotent producer")


def _record(offset: int, record: Rec) -> bytes:
    body = b"\x00" + _varint(0) + _varint(offset) + _bytes(record.key) + _bytes(record.value)
    body += _varint(len(record.headers))
    body += b"".join(_bytes(name) + _bytes(value) for name, value in record.headers)
    return _varint(len(body)) + body


def _bytes(data: bytes | None) -> bytes:
    return _varint(-1) if data is None else _varint(len(data)) + data


def _varint(number: int) -> bytes:
    found = bytearray()
    encode_varint(number, found.append)
    return bytes(found)
