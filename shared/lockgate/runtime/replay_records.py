"""Where a replay finds records by their place. `Spool` keeps them on disk, so that memory holds only their places.

Each topic is read once from Kafka into the spool (`replay_topics`); the replay then jumps about in it, as it goes
through the keys one after another. Talks to a temporary file only.
"""

import marshal
import mmap
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Protocol, Self

from lockgate.runtime.checks import Record


@dataclass(frozen=True, slots=True)
class Span:
    """The offsets of a partition: `begin` is the log's start; all below `end` were read.

    Whatever lies below `settled` was there before the journals' ends were looked up. So its journal record has
    been read, because a journal record is published before its events; above `settled` it may not have been.
    """

    begin: int
    settled: int
    end: int


class Records(Protocol):
    """The records of all topics, by place. Topics are named without prefix."""

    def partitions(self, topic: str) -> Sequence[int]: ...

    def span(self, topic: str, partition: int) -> Span | None:
        """None if there is no such partition."""
        ...

    def get(self, topic: str, partition: int, offset: int) -> Record | None: ...

    def scan(self, topic: str, partition: int) -> Iterator[Record]:
        """The records of a partition in the order of their offsets."""
        ...


def begins_late(records: Records, topic: str, partition: int) -> bool:
    """Whether retention has removed the beginning of a partition."""
    span = records.span(topic, partition)
    return span is not None and span.begin > 0


_Kept = tuple[bytes | None, tuple[tuple[str, bytes | None], ...], bytes | None]
"""A record without its place: key, headers, value."""


@dataclass(slots=True)
class _Places:
    """Where the records of one partition lie in the file: three numbers a record."""

    span: Span
    offsets: "array[int]" = field(default_factory=lambda: array("q"))
    positions: "array[int]" = field(default_factory=lambda: array("Q"))
    sizes: "array[int]" = field(default_factory=lambda: array("I"))

    def index(self, offset: int) -> int | None:
        """Which record has this offset. Mostly none is missing before it."""
        offsets = self.offsets
        likely = offset - self.span.begin
        if 0 <= likely < len(offsets) and offsets[likely] == offset:
            return likely
        index = bisect_left(offsets, offset)
        return index if index < len(offsets) and offsets[index] == offset else None


class Spool:
    """Records in a temporary file, which is gone with `close`. OSError if the disk is full."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="lockgate-replay-", buffering=1 << 20)  # noqa: SIM115  # closed by close()
        self._parts: dict[tuple[str, int], _Places] = {}
        self._end = 0
        self._map: mmap.mmap | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._unmap()
        self._file.close()

    def open_partition(self, topic: str, partition: int, span: Span) -> None:
        self._parts[topic, partition] = _Places(span)

    def begin_later(self, topic: str, partition: int, begin: int) -> None:
        """The log starts here now. What was read below stays; what was not is gone by retention."""
        places = self._parts[topic, partition]
        if not places.offsets or places.offsets[0] > places.span.begin:
            places.span = replace(places.span, begin=max(begin, places.span.begin))

    def add(self, record: Record) -> None:
        """Keeps a record of an opened partition; the offsets of a partition rise."""
        places = self._parts[record.topic, record.partition]
        data = marshal.dumps((record.key, record.headers, record.value))
        self._file.write(data)
        places.offsets.append(record.offset)
        places.positions.append(self._end)
        places.sizes.append(len(data))
        self._end += len(data)
        self._unmap()

    def _unmap(self) -> None:
        if self._map is not None:
            self._map.close()
            self._map = None

    def partitions(self, topic: str) -> Sequence[int]:
        return sorted(part for name, part in self._parts if name == topic)

    def span(self, topic: str, partition: int) -> Span | None:
        places = self._parts.get((topic, partition))
        return places.span if places else None

    def get(self, topic: str, partition: int, offset: int) -> Record | None:
        places = self._parts.get((topic, partition))
        if places is None:
            return None
        index = places.index(offset)
        return None if index is None else Record(topic, partition, offset, *self._read(places, index))

    def scan(self, topic: str, partition: int) -> Iterator[Record]:
        if places := self._parts.get((topic, partition)):
            for index, offset in enumerate(places.offsets):
                yield Record(topic, partition, offset, *self._read(places, index))

    def _read(self, places: _Places, index: int) -> _Kept:
        if self._map is None:
            self._file.flush()
            self._map = mmap.mmap(self._file.fileno(), self._end, access=mmap.ACCESS_READ)
        begin = places.positions[index]
        kept: _Kept = marshal.loads(self._map[begin : begin + places.sizes[index]])  # noqa: S302  # written above
        return kept
