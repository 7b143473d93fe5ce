"""The input of a decision, made again from the topics: its event read anew, or the timer, report or start itself.

Pure. What cannot be had is a finding; what the topics no longer reach is one too, of no consequence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from lockgate.messages.decision import Input, ServiceStarted, TimerDue, WorkReported
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.topics import TOPICS
from lockgate.messages.values import EVERY, Cause
from lockgate.runtime.batch import Place
from lockgate.runtime.checks import Record
from lockgate.runtime.decider import causes_of
from lockgate.runtime.inlet_id import inlet_id
from lockgate.runtime.reading import Item, Readable, read
from lockgate.runtime.record_hash import record_hash
from lockgate.runtime.replay_findings import (
    Finding,
    InputChanged,
    InputExpired,
    InputForeign,
    InputLost,
    InputUnreadable,
    Where,
)
from lockgate.runtime.replay_records import Span
from lockgate.runtime.replay_rows import KeyState, Pending

CACHED = 4096


class Given(NamedTuple):
    """An input with what its decision had besides: the place for the journal, causes and links."""

    input: Input
    place: Mapping[str, Any]
    causes: tuple[Cause, ...]
    links: tuple[str, ...] = ()
    forwarded: bool = False


@dataclass(slots=True)
class Handled:
    """What one key has decided on: event numbers per (writer, key), and the ids of what came from outside."""

    marks: dict[tuple[str, str], int] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)

    def again(self, message: Message[Payload]) -> bool:
        """Whether it was decided on before; from now on it was."""
        if message.number is None:
            before = inlet_id(message) in self.seen
            self.seen.add(inlet_id(message))
            return before
        mark = (message.writer or "", message.key)
        before = message.number <= self.marks.get(mark, 0)
        if not before:
            self.marks[mark] = message.number
        return before


class Places(Protocol):
    """As much of `Records` as is needed here."""

    def get(self, topic: str, partition: int, offset: int) -> Record | None: ...

    def span(self, topic: str, partition: int) -> Span | None: ...


class Inputs:
    """Reads events of all topics; those of a key are remembered, since several services decide on the same.

    Not longer than that: what is freed soon is made anew where the processor has it near, which is measurably faster.
    """

    def __init__(self, records: Places) -> None:
        self._records = records
        self._items: dict[Place, tuple[str, Item]] = {}

    def forget(self) -> None:
        """Another key is next."""
        self._items.clear()

    def given(
        self, body: Mapping[str, Any], state: KeyState, forwarded: bool, where: Where
    ) -> Given | Finding:
        """The input of a journal record. `forwarded`: a decision under `*` passed it on to this key.

        KeyError, TypeError or ValueError if the record is none that a service writes.
        """
        named = body["input"]
        match named["kind"]:
            case "event":
                return self._event(named, forwarded, where)
            case "timer":
                due = datetime.fromisoformat(named["due"])
                timer = TimerDue(named["name"], named["body"], due)
                return _alone(timer, state.timers.get(named["name"]), body, state, where, forwarded=forwarded)
            case "work":
                report = WorkReported(
                    named["name"], named["work"], named["body"], named["report"], named["final"]
                )
                return _alone(report, state.work.get(named["name"]), body, state, where, forwarded=forwarded)
            case "started" if state.key == EVERY or forwarded:
                return Given(ServiceStarted(named["settings"]), {}, (), forwarded=forwarded)
            case other:
                return InputForeign(where, f"an input of the kind {other!r} under the key {state.key!r}")

    def _event(self, named: Mapping[str, Any], forwarded: bool, where: Where) -> Given | Finding:
        topic, partition, offset = place = (named["topic"], named["partition"], named["offset"])
        found = self._read(place)
        if found is None:
            return self._absent(where._replace(place=place), *place)
        sha256, item = found
        if sha256 != named["sha256"]:
            detail = f"its sha256 is {sha256}, and the journal says {named['sha256']}"
            return InputChanged(where._replace(place=place), detail)
        if not isinstance(item, Readable):
            return InputUnreadable(where._replace(place=place), f"{item.reason}: {item.detail}")
        message = item.message
        origin = {"topic": topic, "partition": partition, "offset": offset, "sha256": sha256}
        return Given(message, origin, causes_of(message), (message.id,), forwarded)

    def _read(self, place: Place) -> tuple[str, Item] | None:
        if place not in self._items:
            record = self._records.get(*place) if place[0] in TOPICS else None
            if record is None:
                return None
            if len(self._items) >= CACHED:
                self._items.clear()
            sha256 = record_hash(record.key, record.headers, record.value)
            self._items[place] = (sha256, read(record))
        return self._items[place]

    def _absent(self, where: Where, topic: str, partition: int, offset: int) -> Finding:
        span = self._records.span(topic, partition)
        if span is None:
            return InputLost(where, f"there is no partition {partition} of {topic}")
        if offset < span.begin:
            return InputExpired(where, f"{topic}/{partition} begins at {span.begin}, and it was at {offset}")
        if offset >= span.end:
            return InputLost(where, f"{topic}/{partition} ends at {span.end}, and it was at {offset}")
        return InputLost(where, f"{topic}/{partition} holds nothing at {offset}")


def _alone(
    given: TimerDue | WorkReported,
    pending: Pending | None,
    body: Mapping[str, Any],
    state: KeyState,
    where: Where,
    *,
    forwarded: bool,
) -> Given | Finding:
    """A timer or a report: an earlier decision of this key must have set or started it, just so."""
    what = f"the {'timer' if isinstance(given, TimerDue) else 'work'} {given.name!r}"
    causes = tuple(Cause(*cause) for cause in body["causes"])
    if forwarded or (state.unknown and pending is None):
        return Given(given, {}, causes, forwarded=forwarded)
    if pending is None:
        return InputForeign(where, f"{what}, which no earlier decision left pending")
    named = {name: body["input"][name] for name in pending.input}
    if named != pending.input:
        if state.unknown:  # a decision that nobody knows may have set it anew
            return Given(given, {}, causes)
        return InputForeign(where, f"{what} is not the one that an earlier decision made")
    return Given(given, {}, tuple(Cause(*cause) for cause in pending.causes))
