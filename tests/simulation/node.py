"""One service at its desk, by the rules of the runtime: its rows, counters, marks, parked events, timers, work, outbox.

It holds what PostgreSQL would hold; whether its process runs and reads is the world's affair. Decisions are made
by `runtime.decider`, events wait by `runtime.parking`: the same code that runs in production.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from lockgate.messages.decision import (
    CancelTimer,
    Core,
    Input,
    NotLoaded,
    RowKey,
    ServiceStarted,
    SetTimer,
    StartWork,
    TimerDue,
    WorkReported,
)
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.topics import TOPICS
from lockgate.messages.values import EVERY, Cause
from lockgate.runtime.batch import ParkedRow, TimerRow, WorkRow
from lockgate.runtime.checks import Record
from lockgate.runtime.decider import ABSENT, Case, Decision, Loaded, causes_of, decide
from lockgate.runtime.inlet_id import inlet_id
from lockgate.runtime.parking import Hold, hold

Place = tuple[str, str]
"""A topic and one of its partitions. Here each key is a partition of its own."""

_SERVICES = {topic.writer for topic in TOPICS.values()}


@cache
def _writers(topics: tuple[str, ...]) -> frozenset[str]:
    return frozenset(TOPICS[topic].writer for topic in topics)


@dataclass(frozen=True, slots=True)
class Who:
    """`writer` is the service's name, for a deployer its own; `skew` is how far its clock is off, in seconds."""

    writer: str
    reads: tuple[str, ...]
    writes: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    skew: float = 0.0


@dataclass(frozen=True, slots=True)
class Made:
    """A decision as it was committed, for whoever watches."""

    key: str
    given: Input
    decision: Decision


@dataclass(eq=False)
class Node:
    who: Who
    core: Core
    rows: dict[RowKey, Loaded] = field(default_factory=dict)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    marks: dict[tuple[str, str], int] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)
    parked: defaultdict[tuple[str, str], deque[ParkedRow]] = field(default_factory=lambda: defaultdict(deque))
    offsets: dict[Place, int] = field(default_factory=dict)
    outbox: dict[str, deque[Message[Payload]]] = field(default_factory=dict)
    timers: dict[tuple[str, str], TimerRow] = field(default_factory=dict)
    work: dict[tuple[str, str], WorkRow] = field(default_factory=dict)
    heard: Callable[[Message[Payload]], None] = lambda _message: None
    """Told of each event that is decided."""
    _waiting: dict[tuple[str, str, int], Message[Payload]] = field(default_factory=dict)

    # --- inputs -------------------------------------------------------------------------------------------------

    def take(self, place: Place, offset: int, message: Message[Payload], now: datetime) -> list[Made]:
        """The next event of a topic: decided, passed over, or parked; and what waited for it."""
        self.offsets[place] = offset + 1
        if message.number is None:
            return self._take_inlet(message, now)
        why = hold(message, self.marks, self.parked, self.reads_writer)
        if why is Hold.SEEN:
            return []
        if why is not None:
            self._park(place, offset, message, why)
            return []
        return self._decided(message, now) + self._released(now)

    def fire(self, timer: TimerRow, now: datetime) -> list[Made]:
        del self.timers[timer.key, timer.name]
        given = TimerDue(timer.name, timer.body, timer.due)
        return self._alone(timer.key, given, timer.causes, max(now, timer.due))

    def report(self, row: WorkRow, report: Mapping[str, Any], now: datetime, *, final: bool) -> list[Made]:
        if final:
            del self.work[row.key, row.name]
        given = WorkReported(row.name, row.kind, row.body, dict(report), final)
        return self._alone(row.key, given, row.causes, now)

    def start(self, now: datetime) -> list[Made]:
        if getattr(self.core, "started", None) is None:
            return []
        return self._alone(EVERY, ServiceStarted(dict(self.who.settings)), (), now)

    def waits(self, key: str) -> bool:
        """Whether an event of the key waits to be handled."""
        return any(of == key and queue for (_, of), queue in self.parked.items())

    # --- decisions ----------------------------------------------------------------------------------------------

    def _take_inlet(self, message: Message[Payload], now: datetime) -> list[Made]:
        if (name := inlet_id(message)) in self.seen:
            return []
        self.seen.add(name)
        return self._decided(message, now)

    def _decided(self, message: Message[Payload], now: datetime) -> list[Made]:
        if message.writer is not None and message.number is not None:
            mark = (message.writer, message.key)
            self.marks[mark] = max(message.number, self.marks.get(mark, 0))
        self.heard(message)
        return self._decisions(message, self.core.keys(message), causes_of(message), (message.id,), now)

    def _alone(self, key: str, given: Input, causes: tuple[Cause, ...], now: datetime) -> list[Made]:
        return self._decisions(given, (key,), causes, (), now)

    def _decisions(
        self,
        given: Input,
        keys: tuple[str, ...],
        causes: tuple[Cause, ...],
        links: tuple[str, ...],
        now: datetime,
    ) -> list[Made]:
        made: list[Made] = []
        queue = deque(keys)
        while queue:
            key = queue.popleft()
            decisions, events = self.counts.get(key, (0, 0))
            case = Case(self.who.writer, key, given, {}, causes, links, now, decisions, events)
            decision = self._decide(case)
            self._apply(key, decision, causes)
            made.append(Made(key, given, decision))
            queue.extend(decision.step.forward)
        return made

    def _decide(self, case: Case) -> Decision:
        wanted = set(self.core.touches(case.key, case.given))
        while True:
            try:
                return decide(self.core, "simulated", case, {k: self.rows.get(k, ABSENT) for k in wanted})
            except NotLoaded as more:
                wanted |= set(more.keys)

    def _apply(self, key: str, decision: Decision, causes: tuple[Cause, ...]) -> None:
        _, events = self.counts.get(key, (0, 0))
        self.counts[key] = (decision.number, events + len(decision.messages))
        for row_key, (row, _) in decision.rows.items():
            if row is None:
                self.rows.pop(row_key, None)
            else:
                self.rows[row_key] = Loaded(decision.number, row)
        for timer in decision.step.timers:
            match timer:
                case SetTimer(name=name, due=due, grace=grace, body=body):
                    whole = due.replace(microsecond=due.microsecond // 1000 * 1000)
                    self.timers[key, name] = TimerRow(
                        key, name, 0, whole, grace.total_seconds(), body, causes, decision.number
                    )
                case CancelTimer(name=name):
                    self.timers.pop((key, name), None)
        for work in decision.step.work:
            if isinstance(work, StartWork):
                self.work[key, work.name] = WorkRow(
                    key, work.name, 0, work.kind, work.body, causes, decision.number
                )
            else:
                self.work.pop((key, work.name), None)
        if decision.messages:
            self.outbox.setdefault(key, deque()).extend(decision.messages)

    # --- what waits ---------------------------------------------------------------------------------------------

    def reads_writer(self, writer: str) -> bool:
        names = _writers(self.who.reads)
        return writer in names or ("deployer" in names and writer not in _SERVICES)

    def _park(self, place: Place, offset: int, message: Message[Payload], why: Hold) -> None:
        record = Record(place[0], 0, offset, place[1].encode(), (), None)
        writer, number = message.writer or "", message.number
        self._waiting[*place, offset] = message
        self.parked[writer, message.key].append(ParkedRow(record, writer, message.key, number, why, ""))

    def _released(self, now: datetime) -> list[Made]:
        made: list[Made] = []
        progress = True
        while progress:
            progress = False
            for queue in self.parked.values():
                while queue and (more := self._release(queue, now)) is not None:
                    made += more
                    progress = True
        return made

    def _release(self, queue: deque[ParkedRow], now: datetime) -> list[Made] | None:
        """What is decided from the first of a queue, if it waits no longer."""
        record = queue[0].record
        at = (record.topic, (record.key or b"").decode(), record.offset)
        why = hold(self._waiting[at], self.marks, {}, self.reads_writer)
        if why not in {None, Hold.SEEN}:
            return None
        queue.popleft()
        message = self._waiting.pop(at)
        return self._decided(message, now) if why is None else []
