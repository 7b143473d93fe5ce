"""What the journal has and the database lost, as one batch: applied, never decided again. Pure.

A database that was restored to an earlier time lacks what was decided since. Everybody else has heard of it, and
the journal on its topic holds all of it: rows, timers, work, counters, and which inputs were decided. Offsets stay
where they were restored: what is read again is known by its marks, and what left no decision happens once more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lockgate.messages.decision import RowKey
from lockgate.messages.message import event_id
from lockgate.messages.values import EVERY, Cause
from lockgate.runtime import canonical
from lockgate.runtime.batch import Batch, Place, TimerRow, WorkRow
from lockgate.runtime.checks import Record
from lockgate.runtime.replay_journal import is_sound, parsed


class RecoveryError(Exception):
    """The journal cannot make the database whole. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal record of this writer."""

    place: Place
    value: bytes
    body: Mapping[str, Any]

    @property
    def key(self) -> str:
        return str(self.body["key"])

    @property
    def number(self) -> int:
        return int(self.body["number"])

    @property
    def input(self) -> Mapping[str, Any]:
        given: Mapping[str, Any] = self.body["input"]
        return given

    @property
    def causes(self) -> tuple[Cause, ...]:
        return tuple(Cause(*cause) for cause in self.body["causes"])

    @property
    def source(self) -> Place | None:
        """Where the event lies that was decided; None for a timer, a report or a start."""
        given = self.input
        return (given["topic"], given["partition"], given["offset"]) if given["kind"] == "event" else None

    @property
    def mark(self) -> Cause | None:
        """The event that was decided, as the writer numbered it; None if it came through an inlet, or is no event."""
        if self.source is None or "inlet" in self.input:
            return None
        return next(c for c in self.causes if event_id(c.writer, c.key, c.number) == self.input["id"])

    @property
    def is_forwarded(self) -> bool:
        """Whether a decision under `*` passed the event on to this key."""
        if self.source is None or self.key == EVERY:
            return False
        return self.mark is None or self.mark.key == EVERY


@dataclass(frozen=True, slots=True)
class There:
    """What the database has already of the events that were decided: ids of inlet events, and places of parked ones."""

    seen: frozenset[tuple[str, str]]
    parked: frozenset[Place | None]


@dataclass(slots=True)
class Unfinished:
    """An event of whose decisions the journal has some only: they were committed together, and sent on their own.

    `place` is where the event lies, `done` the keys of the decisions that are there, `forward` the keys that the one
    under `*` named (if it is there).
    """

    place: Place
    done: set[str] = field(default_factory=set)
    forward: set[str] = field(default_factory=set)

    @property
    def is_whole(self) -> bool:
        return EVERY in self.done and self.forward <= self.done


def entries(writer: str, records: Iterable[Record]) -> Iterator[Entry]:
    """The journal records of a writer, in the order of their places. What is none of its is passed over."""
    named = canonical.dumps({"writer": writer})[1:-1]
    for record in records:
        if record.value is None or named not in record.value:  # most of what hundreds of deployers write
            continue
        body = parsed(record.value) or {}
        match body:
            case {"writer": str(name), "key": str(key), "number": int()} if name == writer:
                if record.key == key.encode():
                    yield Entry((record.topic, record.partition, record.offset), record.value, body)


class Ahead:
    """Takes the journal in pieces, and keeps what the database lacks. `known` are the decisions that it has, per key."""

    def __init__(self) -> None:
        self.missing: list[Entry] = []
        self.known: dict[str, int] = {}

    def take(self, found: Iterable[Entry]) -> None:
        """In order; repeats by a relay are left out. RecoveryError if a number is missing, or a record was changed."""
        for entry in found:
            have = self.known.get(entry.key, 0)
            if entry.number <= have:
                continue
            at = "/".join(map(str, entry.place))
            if entry.number > have + 1:
                raise RecoveryError(
                    f"the database knows {have} decisions for {entry.key!r}, and the journal goes on with number"
                    f" {entry.number} ({at}): it was restored to a time that the journal does not reach back to, or"
                    " is not the database of these topics. Restore a newer backup, or name the right database"
                )
            if not is_sound(entry.value):
                raise RecoveryError(
                    f"decision {entry.number} for {entry.key!r} was changed on its topic ({at}), and the database"
                    " lacks it: restore a newer backup, and find out with `lockgate ledger verify` who changed it"
                )
            self.known[entry.key] = entry.number
            self.missing.append(entry)


def unfinished(missing: Sequence[Entry]) -> list[Unfinished]:
    """The events that were decided under `*` and passed on, of whose decisions some are missing."""
    events: dict[Place, Unfinished] = {}
    for entry in missing:
        place = entry.source
        if place is None or not (entry.key == EVERY or entry.is_forwarded):
            continue
        event = events.setdefault(place, Unfinished(place))
        event.done.add(entry.key)
        event.forward.update(entry.body["forward"])
    return [event for event in events.values() if not event.is_whole]


@dataclass(slots=True)
class Span:
    """Of one writer's events under `*`: the numbers that were decided, from `first` on, and where the newest lies."""

    first: int
    newest: Place
    decided: set[int]

    @property
    def has_holes(self) -> bool:
        return len(self.decided) < max(self.decided) - self.first + 1


def spans(missing: Iterable[Entry], marks: Mapping[tuple[str, str], int]) -> dict[str, Span]:
    """Which events of `*` the missing decisions are about, by writer. `marks` are those of the database.

    What was passed on lies on the partitions of its keys, and may have been sent before a decision under `*` that came
    earlier: in the holes may be events that nobody has decided.
    """
    found: dict[str, Span] = {}
    for entry in missing:
        mark, place = entry.mark, entry.source
        if mark is None or place is None or mark.key != EVERY:
            continue
        span = found.setdefault(mark.writer, Span(marks.get((mark.writer, EVERY), 0) + 1, place, set()))
        span.decided.add(mark.number)
        span.newest = max(span.newest, place)
    return found


def as_batch(missing: Iterable[Entry], there: There, part_of: Callable[[str], int]) -> Batch:
    """All that the missing decisions changed."""
    batch = Batch()
    for entry in missing:
        before = batch.keys[entry.key][0] if entry.key in batch.keys else entry.number - 1
        events = entry.body["first"] - 1 + len(entry.body["events"])
        batch.keys[entry.key] = (before, entry.number, events)
        for kind, id_, body in entry.body["rows"]:
            written = None if body is None else canonical.dumps(body)
            batch.rows[RowKey(entry.key, kind, id_)] = (entry.number, written)
        _note_input(batch, entry, there)
        _schedule(batch, entry, part_of(entry.key))
    return batch


def inlet_ids(missing: Iterable[Entry]) -> set[tuple[str, str]]:
    return {(entry.input["inlet"][0], entry.input["inlet"][1]) for entry in missing if "inlet" in entry.input}


def _note_input(batch: Batch, entry: Entry, there: There) -> None:
    given = entry.input
    match given["kind"]:
        case "event":
            if (place := entry.source) in there.parked and place is not None:
                batch.unpark[place] = None
            if mark := entry.mark:
                name = (mark.writer, mark.key)
                batch.marks[name] = max(mark.number, batch.marks.get(name, 0))
            elif (id_ := (given["inlet"][0], given["inlet"][1])) not in there.seen:
                batch.seen[id_] = None
        case "timer":
            batch.timers[entry.key, given["name"]] = None
        case "work" if given["final"]:
            batch.work[entry.key, given["name"]] = None


def _schedule(batch: Batch, entry: Entry, part: int) -> None:
    for timer in entry.body["timers"]:
        if name := timer.get("set"):
            due = datetime.fromisoformat(timer["due"])
            batch.timers[entry.key, name] = TimerRow(
                entry.key, name, part, due, timer["grace"], timer["body"], entry.causes, entry.number
            )
        else:
            batch.timers[entry.key, timer["cancel"]] = None
    for work in entry.body["work"]:
        if name := work.get("start"):
            batch.work[entry.key, name] = WorkRow(
                entry.key, name, part, work["kind"], work["body"], entry.causes, entry.number
            )
        else:
            batch.work[entry.key, work["cancel"]] = None
