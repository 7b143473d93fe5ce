"""Lets a consumer read on behind whatever batch lies on a topic. aiokafka 0.14 alone does not.

There, one record with a header name that is not UTF-8 (which Kafka allows), or one batch that does not inflate, raises
for ever, and nothing of its partition (nor of what was fetched with it) is delivered; and 1 MiB of compressed zeros
takes as many GiB of memory as its writer likes. Whoever may write to one topic could stop all who read it. Here

- such names come with surrogates (`surrogateescape`), so that their bytes are kept;
- a compressed batch is inflated within a bound (`inflating`); what is beyond it, or cannot be read, comes as one
  record whose value is `Unread`: the batch as it lies on the topic. It becomes a dead letter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

from lockgate.runtime.checks import Unread
from lockgate.runtime.inflating import InflateError, inflated, is_compressed

MAX_RECORD_BYTES = 1 << 20
"""Of a record in a compressed batch; without compression the topics for events take no larger one."""

_MAGIC_AT = 16


def install() -> None:
    """For every consumer of this process; doing it again changes nothing."""
    fetcher.MemoryRecords = _Records


@dataclass(frozen=True, slots=True)
class _Instead:
    """In place of a record that cannot be had. The names are those of aiokafka's records."""

    offset: int
    timestamp: int
    timestamp_type: int
    value: Unread
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    checksum: int | None = None


class _Names(bytearray):
    """The buffer of a batch; aiokafka decodes nothing of it but the names of headers."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Names(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        del errors
        return super().decode(encoding, "surrogateescape")


class _Lenient(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka has no types
    def __iter__(self) -> Any:
        super().__iter__()
        self._buffer = _Names(self._buffer)  # type: ignore[has-type]  # aiokafka gives it no type
        return self


class _Batch:
    """A batch of aiokafka's own, read leniently where that fails."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        """Record by record, so that no more of them are held than are asked for."""
        next_ = self._batch.base_offset
        compressed = is_compressed(self._raw)
        try:
            plain = inflated(self._raw) if compressed else self._raw
            for record in _records(plain):
                if compressed and _size(record) > MAX_RECORD_BYTES:
                    yield self._instead(
                        record.offset, f"a record of {_size(record)} bytes in a compressed batch"
                    )
                else:
                    yield record
                next_ = record.offset + 1
        except (InflateError, CorruptRecordException) as error:
            yield self._instead(next_, f"from here to offset {self._batch.next_offset - 1}: {error}")

    def _instead(self, offset: int, why: str) -> _Instead:
        batch = self._batch
        return _Instead(offset, batch.max_timestamp, batch.timestamp_type, Unread.because(why, self._raw))


def _records(plain: bytes) -> Iterator[Any]:
    read = 0
    try:
        for record in DefaultRecordBatch(plain):
            yield record
            read += 1
    except UnicodeDecodeError:
        yield from islice(_Lenient(plain), read, None)


def _size(record: Any) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


class _Records(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka has no types
    def next_batch(self) -> Any:
        raw = self._next_slice
        batch = super().next_batch()
        if batch is None or raw[_MAGIC_AT] < 2:  # older formats, which brokers have not taken since Kafka 4
            return batch
        return _Batch(batch, bytes(raw))
