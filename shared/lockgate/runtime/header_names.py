"""Lets a consumer read records whose header names are not UTF-8, which Kafka allows and aiokafka 0.14 cannot read.

There, one such record raises UnicodeDecodeError for ever, and nothing of its partition (nor of what was fetched with
it) is delivered: whoever may write to one topic could stop all who read it. Here such names come with surrogates
(`surrogateescape`), so that their bytes are kept. Only a batch that fails is read by the slower reader.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


def install() -> None:
    """For every consumer of this process; doing it again changes nothing."""
    fetcher.MemoryRecords = _Records


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

    def __init__(self, batch: Any, raw: Any) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            return iter(_Lenient(self._raw))


class _Records(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka has no types
    def next_batch(self) -> Any:
        raw = self._next_slice
        batch = super().next_batch()
        return None if batch is None else _Batch(batch, raw)
