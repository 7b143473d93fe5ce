"""The events of one service, as they lie on its topic, against what its decisions emit. Pure.

A writer's relay publishes, partition by partition, in the order of its journal. So an event that is missing is
lost if a later one of that partition is there; otherwise it is not published yet.
"""

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lockgate.messages.message import Headers, event_id
from lockgate.messages.values import EVERY
from lockgate.runtime.batch import Place
from lockgate.runtime.checks import Record
from lockgate.runtime.record_hash import record_hash
from lockgate.runtime.replay_compare import differing_records
from lockgate.runtime.replay_findings import (
    EventChanged,
    EventForeign,
    EventMissing,
    EventOtherwise,
    Findings,
    Where,
)
from lockgate.runtime.replay_journal import parsed
from lockgate.runtime.replay_records import Records, begins_late

Name = tuple[str, str]
"""Writer and key."""


class Sent(NamedTuple):
    """One event of a decision: its number, the record's hash in the journal, and what the decision emits when it is
    made again, with the hash of that (None: that could not be had).
    """

    number: int
    sha256: str
    again: tuple[Headers, bytes] | None
    sha256_again: str | None


@dataclass(slots=True)
class _Emitted:
    """The events of one (writer, key) on the topic: event number -> offset, all on one partition."""

    partition: int
    offsets: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Lane:
    """One partition of a writer: how far it is published, and what is not on the topic."""

    published: tuple[int, int] = (-1, -1)
    absent: list[tuple[tuple[int, int], Where, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Known:
    """Which event numbers of one (writer, key) the journal knows of."""

    first: int
    last: int


@dataclass
class Events:
    """Give it every decision with `expect`, then `finish`. `pending` counts decisions that are not published yet."""

    records: Records
    topic: str
    journal: str
    findings: Findings
    pending: dict[str, int] = field(default_factory=dict)
    equal: dict[str, int] = field(default_factory=dict)
    expired: int = 0
    repeats: Counter[str] = field(default_factory=Counter)
    _emitted: dict[Name, _Emitted] = field(default_factory=dict)
    _odd: list[tuple[Place, str, str, frozenset[str]]] = field(default_factory=list)
    _lanes: dict[tuple[str, int], _Lane] = field(default_factory=dict)
    _known: dict[Name, _Known] = field(default_factory=dict)

    def index(self, keys: Container[str] | None) -> None:
        """Reads the topic once. Events whose ids contradict one another are set aside."""
        for partition in self.records.partitions(self.topic):
            for record in self.records.scan(self.topic, partition):
                self._take(record, keys)

    def _take(self, record: Record, keys: Container[str] | None) -> None:
        place = (record.topic, record.partition, record.offset)
        body = parsed(record.value)
        origin = _origin(body)
        ids = _ids(record, body)
        own = {event_id(*origin)} if origin else set()
        if origin is None or ids != own:
            raw_key = (record.key or b"").decode(errors="replace")
            writer, key = origin[:2] if origin else ("", raw_key)
            if keys is None or key in keys or raw_key in keys:
                self._odd.append((place, writer, key, frozenset(ids | own)))
            return
        writer, key, number = origin
        if keys is not None and key not in keys:
            return
        emitted = self._emitted.get((writer, key))
        if emitted is None:
            emitted = self._emitted[writer, key] = _Emitted(record.partition)
        if emitted.partition == record.partition and number not in emitted.offsets:
            emitted.offsets[number] = record.offset
        elif self._same(emitted, number, record):
            self.repeats[key] += 1
        else:
            self._odd.append((place, writer, key, frozenset()))

    def _same(self, emitted: _Emitted, number: int, record: Record) -> bool:
        """Whether it is the first one again, sent twice by a relay."""
        if emitted.partition != record.partition:
            return False
        first = self.records.get(self.topic, emitted.partition, emitted.offsets[number])
        same = (record.key, record.headers, record.value)
        return first is not None and (first.key, first.headers, first.value) == same

    def forget(self) -> None:
        """What was expected so far is told of by another replay: all of it was of the key `*`."""
        self._lanes.clear()
        self.equal.clear()
        self.repeats.pop(EVERY, None)
        for name in [name for name in self._emitted if name[1] == EVERY]:
            del self._emitted[name]

    def known(self, name: Name, first: int, last: int) -> None:
        """The journal of this (writer, key) tells of the events from `first` to `last`."""
        self._known[name] = _Known(first, last)

    def expect(self, where: Where, journal: tuple[int, int], sent: Sent) -> None:
        """A decision emitted this event. `journal` is the partition and offset of its record."""
        partition, offset = journal
        lane = self._lanes.get((where.writer, partition))
        if lane is None:
            lane = self._lanes[where.writer, partition] = _Lane()
        record = self._find(where, sent.number)
        if record is None:
            lane.absent.append(((offset, sent.number), where, sent.number))
            if sent.sha256_again not in {None, sent.sha256}:
                would = f"its sha256 would be {sent.sha256_again}, and the journal says {sent.sha256}"
                self.findings.add(EventOtherwise(where, f"event {sent.number}: {would}"))
            return
        lane.published = max(lane.published, (offset, sent.number))
        if found := _compared(record, where, sent):
            self.findings.add(found)
        elif sent.again is not None:
            self.equal[where.writer] = self.equal.get(where.writer, 0) + 1

    def _find(self, where: Where, number: int) -> Record | None:
        emitted = self._emitted.get((where.writer, where.key))
        if emitted is not None and number in emitted.offsets:
            return self.records.get(self.topic, emitted.partition, emitted.offsets[number])
        wanted = event_id(where.writer, where.key, number)
        for at, (place, _, _, ids) in enumerate(self._odd):
            if wanted in ids:
                del self._odd[at]
                return self.records.get(*place)
        return None

    def finish(self) -> None:
        """After the last decision: what is missing, what is not published yet, and what nobody emitted."""
        for (writer, _), lane in self._lanes.items():
            waiting = set()
            for at, where, number in lane.absent:
                if self._is_expired((writer, where.key), number, at > lane.published):
                    self.expired += 1
                elif at < lane.published:
                    self.findings.add(EventMissing(where, f"event {number} of {where.key!r} on {self.topic}"))
                else:
                    waiting.add((where.key, where.number))
            self.pending[writer] = self.pending.get(writer, 0) + len(waiting)
        for name, emitted in self._emitted.items():
            for number, offset in emitted.offsets.items():
                self._judge(name, number, (self.topic, emitted.partition, offset))
        for place, writer, key, _ in self._odd:
            detail = (
                "its ids contradict one another, or another event with its number is on the topic as well"
            )
            self.findings.add(EventForeign(Where(writer or "nobody", key, None, place), detail))

    def _is_expired(self, name: Name, number: int, last: bool) -> bool:
        emitted = self._emitted.get(name)
        if emitted is not None:
            return number < min(emitted.offsets) and self._begins_late(emitted.partition)
        return not last and any(map(self._begins_late, self.records.partitions(self.topic)))

    def _judge(self, name: Name, number: int, place: Place) -> None:
        """An event that lies on the topic: does the journal know of it?"""
        known = self._known.get(name)
        if known is not None and known.first <= number <= known.last:
            return
        span = self.records.span(self.topic, place[1])
        if known is not None and number > known.last and span is not None and place[2] >= span.settled:
            return  # its journal record was written after the journals were read
        if known is None and span is not None and place[2] >= span.settled:
            return
        late = begins_late(self.records, self.journal, place[1])
        if (known is None and late) or (known is not None and number < known.first and known.first > 1):
            self.expired += 1  # where a journal that begins later is none of retention, a gap is found
            return
        range_ = f"the events {known.first} to {known.last}" if known else "no event"
        detail = f"event {number}; the journal of {name[0]} tells of {range_} of {name[1]!r}"
        self.findings.add(EventForeign(Where(*name, None, place), detail))

    def _begins_late(self, partition: int) -> bool:
        return begins_late(self.records, self.topic, partition)


def _compared(record: Record, where: Where, sent: Sent) -> EventChanged | EventOtherwise | None:
    """What lies on the topic against the journal, and against what is emitted when it is decided again."""
    lies = (record.key, record.headers, record.value)
    again = None if sent.again is None else (where.key.encode(), *sent.again)
    same = lies == again
    sha256 = sent.sha256_again if same else record_hash(*lies)
    if sha256 == sent.sha256 and (same or again is None):
        return None
    at = where._replace(place=(record.topic, record.partition, record.offset))
    name = f"event {sent.number}"
    if again is not None and sha256 == sent.sha256:
        return EventOtherwise(at, differing_records(record, *again, name))
    if again is not None and sent.sha256_again == sent.sha256:
        return EventChanged(at, differing_records(record, *again, name))
    return EventChanged(at, f"{name}: its sha256 is {sha256}, and the journal says {sent.sha256}")


def _origin(body: dict[str, Any] | None) -> tuple[str, str, int] | None:
    try:
        origin = (body or {})["customData"]["lockgate"]
        writer, key, number = origin["writer"], origin["key"], origin["number"]
    except (KeyError, TypeError, IndexError):
        return None
    if isinstance(writer, str) and isinstance(key, str) and isinstance(number, int):
        return writer, key, number
    return None


def _ids(record: Record, body: dict[str, Any] | None) -> set[str]:
    """The ids that an event names: in its header, and in its context."""
    found = {value.decode(errors="replace") for name, value in record.headers if name == "ce_id" and value}
    context = (body or {}).get("context")
    id_ = context.get("id") if isinstance(context, dict) else None
    if isinstance(id_, str):
        found.add(id_)
    return found
