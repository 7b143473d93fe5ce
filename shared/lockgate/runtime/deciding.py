"""Decides one input under all keys that it is for, loading the rows that the core asks for; and records the
decisions in the batch. Between the two nothing has changed, so a core that raises leaves no trace.

Talks to the state (and through it to the store); the decision itself is `decider.decide`, which is pure.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from lockgate.messages.decision import CancelTimer, Core, Input, NotLoaded, RowKey, SetTimer, StartWork, Step
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.topics import JOURNALS, Topic
from lockgate.messages.values import Cause
from lockgate.runtime.batch import Batch, Out, TimerRow, WorkRow
from lockgate.runtime.checks import MAX_VALUE_BYTES, Record
from lockgate.runtime.decider import ABSENT, Case, Decision, Loaded, causes_of, decide
from lockgate.runtime.record_hash import record_hash
from lockgate.runtime.state import State


@dataclass(frozen=True, slots=True)
class Identity:
    """Who decides: the service, its writer's name, the topics that it reads, and the one that it writes."""

    service: str
    writer: str
    version: str
    reads: tuple[Topic, ...]
    writes: Topic


class Origin(NamedTuple):
    """What a decision's input came from, for the journal and for what is emitted."""

    place: Mapping[str, Any]
    causes: tuple[Cause, ...]
    links: tuple[str, ...] = ()


class Made(NamedTuple):
    """One decision and the key that it is for."""

    key: str
    decision: Decision


MAX_JOURNAL_BYTES = 3 << 20  # the journal topics take 4 MiB; the relay sends it in one piece


class TooLargeError(ValueError):
    """A decision that no topic could hold: a bug of the core, found before anything is written."""


class _Overlay(dict[RowKey, Loaded]):
    """The rows as one input's decisions see them: what they changed, over what is cached."""

    def view(self, wanted: set[RowKey], cached: Mapping[RowKey, Loaded]) -> dict[RowKey, Loaded]:
        return {key: self[key] if key in self else cached[key] for key in wanted}


class Deciding:
    def __init__(self, who: Identity, core: Core, state: State, part_of: Callable[[str], int]) -> None:
        self._who = who
        self._core = core
        self._state = state
        self._part_of = part_of

    async def decisions(
        self,
        given: Input,
        keys: Sequence[str],
        origin: Origin,
        now: datetime,
        *,
        done: Collection[str] = (),
    ) -> list[Made]:
        """One decision per key; those of forwarded keys follow, but for those that are `done`.

        Whatever the core raises comes out.
        """
        overlay = _Overlay()
        counts: dict[str, tuple[int, int]] = {}
        made: list[Made] = []
        queue = deque(keys)
        while queue:
            key = queue.popleft()
            if key not in self._state.keys:
                await self._state.need_keys((key,))
            decisions, events = counts.get(key, self._state.keys[key])
            case = Case(
                writer=self._who.writer,
                key=key,
                given=given,
                place=origin.place,
                causes=origin.causes,
                links=origin.links,
                now=now,
                decisions=decisions,
                events=events,
            )
            decision = await self._decide(case, overlay)
            counts[key] = (decision.number, events + len(decision.messages))
            for row_key, (row, _) in decision.rows.items():
                overlay[row_key] = ABSENT if row is None else Loaded(decision.number, row)
            made.append(_made(key, decision))
            queue.extend(key for key in decision.step.forward if key not in done)
        return made

    async def _decide(self, case: Case, overlay: _Overlay) -> Decision:
        wanted = set(self._core.touches(case.key, case.given))
        if not wanted <= self._state.rows.keys():
            await self._state.need_rows(wanted)
        while True:
            try:
                return decide(self._core, self._who.version, case, overlay.view(wanted, self._state.rows))
            except NotLoaded as more:
                wanted |= set(more.keys)
                await self._state.need_rows(more.keys)

    def record(self, batch: Batch, decisions: Sequence[Made], causes: tuple[Cause, ...]) -> None:
        """Puts decisions into the batch, and into what is cached. Nothing in here raises."""
        for made in decisions:
            key, decision = made.key, made.decision
            before, events = self._state.keys[key]
            counts = (decision.number, events + len(decision.messages))
            self._state.keys[key] = counts
            batch.keys[key] = (batch.keys[key][0] if key in batch.keys else before, *counts)
            for row_key, (row, body) in decision.rows.items():
                loaded = ABSENT if row is None else Loaded(decision.number, row)
                self._state.remember(row_key, loaded, len(body or b""))
                batch.rows[row_key] = (decision.number, body)
            self._publish(batch, made)
            self._schedule(batch, key, decision.number, decision.step, causes)
            batch.decisions += 1

    def _publish(self, batch: Batch, made: Made) -> None:
        part, raw = self._part_of(made.key), made.key.encode()
        batch.out.append(Out(part, JOURNALS[self._who.service].name, raw, (), made.decision.journal))
        batch.out.extend(Out(part, self._who.writes.name, raw, *event) for event in made.decision.events)

    def _schedule(self, batch: Batch, key: str, number: int, step: Step, causes: tuple[Cause, ...]) -> None:
        part = self._part_of(key)
        for timer in step.timers:
            match timer:
                case SetTimer(name=name):
                    due = timer.due.replace(microsecond=timer.due.microsecond // 1000 * 1000)
                    grace = timer.grace.total_seconds()
                    batch.timers[key, name] = TimerRow(
                        key, name, part, due, grace, timer.body, causes, number
                    )
                case CancelTimer(name=name):
                    batch.timers[key, name] = None
        for work in step.work:
            row = (
                WorkRow(key, work.name, part, work.kind, work.body, causes, number)
                if isinstance(work, StartWork)
                else None
            )
            batch.work[key, work.name] = row


def _made(key: str, decision: Decision) -> Made:
    if len(decision.journal) > MAX_JOURNAL_BYTES:
        raise TooLargeError(f"the journal record of {key!r} has {len(decision.journal)} bytes")
    for message, (_, value) in zip(decision.messages, decision.events, strict=True):
        if len(value) > MAX_VALUE_BYTES:
            raise TooLargeError(f"{message.body.type} has {len(value)} bytes; {MAX_VALUE_BYTES} are read")
    return Made(key, decision)


def origin_of(record: Record, message: Message[Payload]) -> Origin:
    """What the journal names as the source of what is decided on an event."""
    return Origin(_place(record), causes_of(message), (message.id,))


def _place(record: Record) -> dict[str, Any]:
    sha256 = record_hash(record.key, record.headers, record.value)
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset, "sha256": sha256}
