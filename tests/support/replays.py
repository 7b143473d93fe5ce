"""A history to replay: a small core decides, and what a service would publish lies on a shelf in memory."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lockgate.messages.decision import (
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
from lockgate.messages.message import Message, encode, event_id
from lockgate.messages.rollbacks import ReleaseHalted
from lockgate.messages.values import EVERY, Cause
from lockgate.runtime import canonical
from lockgate.runtime.batch import Place
from lockgate.runtime.checks import Record
from lockgate.runtime.decider import ABSENT, Case, Decision, Loaded, causes_of, decide
from lockgate.runtime.reading import Readable, read
from lockgate.runtime.record_hash import record_hash
from lockgate.runtime.replay_records import Span
from lockgate.runtime.service import partition_of
from tests.support.replay_core import toy

PARTS = 2
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


# --- the topics ---------------------------------------------------------------------------------------------


@dataclass
class Shelf:
    """Topics in memory, as a replay reads them. `begins` and `settled` stand for what Kafka says of a partition."""

    logs: dict[tuple[str, int], dict[int, Record]] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    begins: dict[tuple[str, int], int] = field(default_factory=dict)
    settled: dict[tuple[str, int], int] = field(default_factory=dict)

    def open(self, *topics: str) -> None:
        for topic in topics:
            for part in range(PARTS):
                self.logs.setdefault((topic, part), {})
                self.ends.setdefault((topic, part), 0)

    def append(
        self, topic: str, part: int, key: bytes | None, headers: Sequence[tuple[str, bytes]], value: bytes
    ) -> Record:
        self.open(topic)
        record = Record(topic, part, self.ends[topic, part], key, tuple(headers), value)
        self.logs[topic, part][record.offset] = record
        self.ends[topic, part] += 1
        return record

    def copy(self) -> "Shelf":
        logs = {place: dict(log) for place, log in self.logs.items()}
        return Shelf(logs, dict(self.ends), dict(self.begins), dict(self.settled))

    # what somebody with access to the brokers may do; each gives a changed copy

    def changed(self, place: Place, **changes: Any) -> "Shelf":
        shelf = self.copy()
        log = shelf.logs[place[:2]]
        log[place[2]] = log[place[2]]._replace(**changes)
        return shelf

    def without(self, place: Place) -> "Shelf":
        shelf = self.copy()
        del shelf.logs[place[:2]][place[2]]
        return shelf

    def swapped(self, one: Place, other: Place) -> "Shelf":
        first, second = self.at(one), self.at(other)
        shelf = self.changed(one, key=second.key, headers=second.headers, value=second.value)
        return shelf.changed(other, key=first.key, headers=first.headers, value=first.value)

    def beginning(self, topic: str, part: int, begin: int) -> "Shelf":
        """What retention leaves."""
        shelf = self.copy()
        shelf.begins[topic, part] = begin
        shelf.logs[topic, part] = {o: r for o, r in shelf.logs[topic, part].items() if o >= begin}
        return shelf

    def at(self, place: Place) -> Record:
        return self.logs[place[:2]][place[2]]

    # what a replay asks

    def partitions(self, topic: str) -> Sequence[int]:
        return sorted(part for name, part in self.logs if name == topic)

    def span(self, topic: str, partition: int) -> Span | None:
        where = (topic, partition)
        if where not in self.logs:
            return None
        end = self.ends[where]
        return Span(self.begins.get(where, 0), self.settled.get(where, end), end)

    def get(self, topic: str, partition: int, offset: int) -> Record | None:
        return self.logs.get((topic, partition), {}).get(offset)

    def scan(self, topic: str, partition: int) -> Iterator[Record]:
        log = self.logs.get((topic, partition), {})
        return (log[offset] for offset in sorted(log))


# --- the service --------------------------------------------------------------------------------------------


@dataclass
class History:
    """One writer at work, deciding through `decider` as the runtime does, onto a shelf that others may share."""

    core: Core = field(default_factory=toy)
    shelf: Shelf = field(default_factory=Shelf)
    service: str = "intake"
    topic: str = "releases"
    writer: str = "intake"
    version: str = "v1"
    now: datetime = NOON
    rows: dict[RowKey, Loaded] = field(default_factory=dict)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    timers: dict[tuple[str, str], tuple[SetTimer, tuple[Cause, ...]]] = field(default_factory=dict)
    work: dict[tuple[str, str], tuple[StartWork, tuple[Cause, ...]]] = field(default_factory=dict)
    journal: list[Place] = field(default_factory=list)
    inputs: list[Place] = field(default_factory=list)
    events: list[Place] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shelf.open("artifacts", "rollbacks", f"{self.service}.journal", self.topic)

    def artifact(self, application: str, id_: str) -> None:
        """CI announces an artifact of this application, as somebody else's JSON."""
        context = {
            "specversion": "0.5.1",
            "id": id_,
            "source": "/ci",
            "type": "dev.cdevents.artifact.published.0.3.0",
            "timestamp": "2026-11-24T11:59:00Z",
        }
        event = {"context": context, "subject": {"id": f"pkg:oci/{application}@1", "content": {}}}
        value = json.dumps(event).encode()
        headers = [("content-type", b"application/json"), ("traceparent", b"00-0a-0b-01")]
        self._give(self.shelf.append("artifacts", 1, None, headers, value))

    def halt(self, application: str, turn: int) -> None:
        """The coordinator halts a release of this application."""
        number = self._numbers[application] = self._numbers.get(application, 0) + 1
        body = ReleaseHalted(
            application=application, release="r1", number=1, turn=turn, regions=("eu",), reason="slow"
        )
        message = Message(
            body=body,
            id=event_id("rollback", application, number),
            source="/lockgate/rollback",
            key=application,
            at="2026-11-24T12:00:00.000Z",
            writer="rollback",
            number=number,
            after=(Cause("verifier", application, number),),
        )
        part = partition_of(application, PARTS)
        self._give(self.shelf.append("rollbacks", part, application.encode(), *encode(message)))

    def fire(self, key: str, name: str = "nudge") -> None:
        timer, causes = self.timers.pop((key, name))
        self.now = max(self.now, timer.due)
        self._decide(TimerDue(name, timer.body, timer.due), (key,), {}, causes)

    def report(self, key: str, seen: str, *, final: bool = True) -> None:
        work, causes = self.work.pop((key, "look")) if final else self.work[key, "look"]
        self._decide(WorkReported("look", work.kind, work.body, {"seen": seen}, final), (key,), {}, causes)

    def start(self, settings: dict[str, Any]) -> None:
        self._decide(ServiceStarted(settings), (EVERY,), {}, ())

    def _give(self, record: Record) -> None:
        item = read(record)
        assert isinstance(item, Readable), item
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        place["sha256"] = record_hash(record.key, record.headers, record.value)
        self.inputs.append((record.topic, record.partition, record.offset))
        message = item.message
        self._decide(message, self.core.keys(message), place, causes_of(message), (message.id,))

    def _decide(
        self,
        given: Input,
        keys: Sequence[str],
        place: dict[str, Any],
        causes: tuple[Cause, ...],
        links: tuple[str, ...] = (),
    ) -> None:
        queue = deque(keys)
        while queue:
            key = queue.popleft()
            decisions, events = self.counts.get(key, (0, 0))
            case = Case(self.writer, key, given, place, causes, links, self.now, decisions, events)
            decision = self._decided(case)
            self._write(key, decision, causes)
            self.counts[key] = (decision.number, events + len(decision.messages))
            queue.extend(decision.step.forward)
        self.now += timedelta(milliseconds=7)

    def _decided(self, case: Case) -> Decision:
        wanted = set(self.core.touches(case.key, case.given))
        while True:
            loaded = {key: self.rows.get(key, ABSENT) for key in wanted}
            try:
                return decide(self.core, self.version, case, loaded)
            except NotLoaded as more:
                wanted |= set(more.keys)

    def _write(self, key: str, decision: Decision, causes: tuple[Cause, ...]) -> None:
        part, raw = partition_of(key, PARTS), key.encode()
        for name, (row, _) in decision.rows.items():
            self.rows[name] = ABSENT if row is None else Loaded(decision.number, row)
        for timer in decision.step.timers:
            if isinstance(timer, SetTimer):
                self.timers[key, timer.name] = (timer, causes)
        for work in decision.step.work:
            if isinstance(work, StartWork):
                self.work[key, work.name] = (work, causes)
        record = self.shelf.append(f"{self.service}.journal", part, raw, (), decision.journal)
        self.journal.append((record.topic, part, record.offset))
        for event in decision.events:
            record = self.shelf.append(self.topic, part, raw, *event)
            self.events.append((record.topic, part, record.offset))


def a_history(**options: Any) -> History:
    """Everything that a decision can be made from, for two applications: 14 decisions, 15 events."""
    history = History(**options)
    history.start({"deployer": "eu", "regions": {"b": "2", "a": "1"}})
    history.artifact("shop", "a1")
    history.artifact("desk", "a2")
    history.halt("shop", 1)
    history.report("shop", "half", final=False)
    history.artifact("shop", "a3")
    history.fire("shop")
    history.report("shop", "all")
    history.halt("desk", 1)
    history.fire("desk")
    history.halt("shop", 2)
    return history


def resealed(shelf: Shelf, place: Place, change: Callable[[dict[str, Any]], None]) -> Shelf:
    """A journal record changed by somebody who knows how its hash is made."""
    body = canonical.loads(shelf.at(place).value or b"")
    change(body)
    rest = {name: part for name, part in body.items() if name != "sha256"}
    sealed = canonical.dumps({**rest, "sha256": canonical.sha256(canonical.dumps(rest))})
    return shelf.changed(place, value=sealed)
