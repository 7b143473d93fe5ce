"""A core at a desk: inputs are handed to it one by one, its rows, timers and work are kept in plain dicts."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from lockgate.messages.decision import (
    CancelTimer,
    CancelWork,
    Core,
    Input,
    NotLoaded,
    Row,
    RowKey,
    Rows,
    ServiceStarted,
    SetTimer,
    StartWork,
    Step,
    TimerDue,
    WorkReported,
)
from lockgate.messages.message import Message, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.values import EVERY

R = TypeVar("R", bound=Row)

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class Desk:
    """Drives one pure core without asyncio. `now` moves only when a test says so."""

    core: Core
    now: datetime = NOON
    rows: dict[RowKey, Row] = field(default_factory=dict)
    timers: dict[tuple[str, str], SetTimer] = field(default_factory=dict)
    work: dict[tuple[str, str], StartWork] = field(default_factory=dict)
    events: list[Payload] = field(default_factory=list)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def give(
        self, body: Payload, *, key: str | None = None, writer: str = "somebody", id_: str | None = None
    ) -> list[Payload]:
        """Hands over an event; returns what was emitted, forwarded inputs included. `id_` as somebody outside chose it."""
        key = key if key is not None else getattr(body, "application", EVERY)
        number = self.numbers[writer, key] = self.numbers.get((writer, key), 0) + 1
        message = Message(
            body=body,
            id=id_ or event_id(writer, key, number),
            source=f"/{writer}",
            key=key,
            at=self.now.isoformat(timespec="milliseconds"),
            writer=writer,
            number=number,
        )
        before = len(self.events)
        for first in self.core.keys(message):
            for forwarded in self._decide(first, message).forward:
                self._decide(forwarded, message)
        return self.events[before:]

    def fire(self, key: str, name: str) -> list[Payload]:
        """Lets a set timer fall due, now or at its time, whichever is later."""
        timer = self.timers.pop((key, name))
        self.now = max(self.now, timer.due)
        before = len(self.events)
        self._decide(key, TimerDue(name, timer.body, timer.due))
        return self.events[before:]

    def report(self, key: str, name: str, report: dict[str, Any], *, final: bool = True) -> list[Payload]:
        """Lets a piece of work report."""
        work = self.work.pop((key, name)) if final else self.work[key, name]
        before = len(self.events)
        self._decide(key, WorkReported(name, work.kind, work.body, report, final))
        return self.events[before:]

    def start(self, settings: dict[str, Any]) -> list[Payload]:
        before = len(self.events)
        self._decide(EVERY, ServiceStarted(settings))
        return self.events[before:]

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def row(self, row: type[R], key: str, id_: str = "") -> R:
        found = self.rows[RowKey(key, row.kind, id_)]
        assert isinstance(found, row)
        return found

    def _decide(self, key: str, given: Input) -> Step:
        wanted = set(self.core.touches(key, given))
        while True:
            try:
                step = self.core.decide(Rows(key, {k: self.rows.get(k) for k in wanted}), given, self.now)
                break
            except NotLoaded as more:
                wanted |= set(more.keys)
        self._apply(key, step)
        return step

    def _apply(self, key: str, step: Step) -> None:
        for change in step.rows:
            row_key = RowKey(key, change.kind, change.id)
            if change.row is None:
                self.rows.pop(row_key, None)
            else:
                assert (
                    self.core.rows[change.kind].model_validate_json(change.row.model_dump_json())
                    == change.row
                )
                self.rows[row_key] = change.row
        for timer in step.timers:
            match timer:
                case SetTimer():
                    self.timers[key, timer.name] = timer
                case CancelTimer():
                    self.timers.pop((key, timer.name), None)
        for work in step.work:
            match work:
                case StartWork():
                    self.work[key, work.name] = work
                case CancelWork():
                    self.work.pop((key, work.name), None)
        assert not step.forward or key == EVERY
        self.events.extend(step.events)
