"""Compressed batches made plain within a bound, before a client inflates them. Pure.

A broker bounds what a batch weighs compressed; 1 MiB of it can inflate to 1 GiB (gzip) or 30 GiB (zstd), and
aiokafka inflates all of it at once. It also gives up on streams that a broker takes, such as gzip with something
behind it, and then nothing behind them on the partition would ever be read.
"""

import struct
import zlib
from collections.abc import Callable, Iterator

import cramjam

MAX_INFLATED_BYTES = 16 << 20
MAX_RECORDS = 150_000
"""As many as fit into 1 MiB without compression."""

_HEADER_BYTES = 61
_ATTRIBUTES_LOW = 22
_CODEC = 0x07
_RECORDS_AT = 57
_CHUNK = 1 << 20
_XERIAL = b"\x82SNAPPY\0"
_XERIAL_HEADER_BYTES = 16


class InflateError(Exception):
    """A batch cannot be made plain: it would be too large, or is none. The message says which."""


def is_compressed(batch: bytes) -> bool:
    """Whether a batch (record format 2) is compressed."""
    return len(batch) > _HEADER_BYTES and bool(batch[_ATTRIBUTES_LOW] & _CODEC)


def inflated(batch: bytes) -> bytes:
    """The same batch without compression; its length and checksum are still those of the compressed one.

    InflateError if it has more than MAX_RECORDS records, inflates to more than MAX_INFLATED_BYTES, or does not at all.
    """
    (count,) = struct.unpack_from(">i", batch, _RECORDS_AT)
    if count > MAX_RECORDS:
        raise InflateError(f"a compressed batch of {count} records; at most {MAX_RECORDS} are read")
    header = bytearray(batch[:_HEADER_BYTES])
    codec = header[_ATTRIBUTES_LOW] & _CODEC
    header[_ATTRIBUTES_LOW] &= ~_CODEC
    if codec not in _INFLATE:
        raise InflateError(f"a batch that is compressed by the unknown codec {codec}")
    name, inflate = _INFLATE[codec]
    try:
        return bytes(header) + inflate(batch[_HEADER_BYTES:])
    except (zlib.error, cramjam.DecompressionError, struct.error, ValueError) as error:
        raise InflateError(f"a batch that is no {name} stream: {error}") from None


def _too_large() -> InflateError:
    return InflateError(f"a compressed batch that inflates to more than {MAX_INFLATED_BYTES} bytes")


def _gunzip(data: bytes) -> bytes:
    """All members; what follows them and is none is left out, as brokers do it."""
    found = bytearray()
    while data.startswith(b"\x1f\x8b"):
        member = zlib.decompressobj(31)
        while data and not member.eof:
            found += member.decompress(data, _CHUNK)
            if len(found) > MAX_INFLATED_BYTES:
                raise _too_large()
            data = member.unconsumed_tail
        if not member.eof:
            raise ValueError("it ends too early")
        data = member.unused_data
    return bytes(found)


def _unsnap(data: bytes) -> bytes:
    found = bytearray()
    for block in _snappy_blocks(data):
        if len(found) + cramjam.snappy.decompress_raw_len(block) > MAX_INFLATED_BYTES:
            raise _too_large()
        found += bytes(cramjam.snappy.decompress_raw(block))
    return bytes(found)


def _snappy_blocks(data: bytes) -> Iterator[bytes]:
    if not data.startswith(_XERIAL):
        yield data
        return
    at = _XERIAL_HEADER_BYTES
    while at < len(data):
        (size,) = struct.unpack_from(">i", data, at)
        if size < 0:
            raise ValueError("a block of negative size")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def _into(decompress: Callable[[bytes, bytearray], int]) -> Callable[[bytes], bytes]:
    """By a codec that says how large its stream is only by failing: into room that is doubled up to the bound."""

    def inflate(data: bytes) -> bytes:
        room = max(1 << 16, 4 * len(data))
        while True:
            found = bytearray(min(room, MAX_INFLATED_BYTES))
            try:
                return bytes(found[: decompress(data, found)])
            except cramjam.DecompressionError as error:
                if "write whole buffer" not in str(error):
                    raise
            if room >= MAX_INFLATED_BYTES:
                raise _too_large()
            room *= 4

    return inflate


_INFLATE: dict[int, tuple[str, Callable[[bytes], bytes]]] = {
    1: ("gzip", _gunzip),
    2: ("snappy", _unsnap),
    3: ("lz4", _into(cramjam.lz4.decompress_into)),
    4: ("zstd", _into(cramjam.zstd.decompress_into)),
}
