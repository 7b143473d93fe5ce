"""What becomes of one record: it is decided, passed over, parked, or a dead letter; and what waited, once it may go on.

Nothing here writes: what is to be written is put into the batch. Talks to the state (and through it to the store).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from lockgate.messages.decision import Core, Input
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.topics import DEAD_LETTERS, TOPICS, Kind
from lockgate.messages.values import Cause
from lockgate.runtime.batch import Batch, Out, ParkedRow, Redriven
from lockgate.runtime.checks import Record
from lockgate.runtime.deadletter import dead_letter
from lockgate.runtime.deciding import Deciding, Identity, Origin, origin_of
from lockgate.runtime.faults import Point, reach
from lockgate.runtime.inlet_id import inlet_id
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.parking import STUCK, Hold, awaited, hold
from lockgate.runtime.preloading import marked
from lockgate.runtime.reading import Item, Readable, Rejected, read
from lockgate.runtime.state import State
from lockgate.runtime.store import RETRYABLE
from lockgate.runtime.waiting import Name

log = structlog.get_logger()

LOOKED_UP = 64
"""Of the keys whose marks other replicas move, how many are looked up with each batch, in turn."""


class Handling:
    def __init__(self, who: Identity, core: Core, state: State, deciding: Deciding) -> None:
        self._who = who
        self._core = core
        self._state = state
        self._deciding = deciding
        names = {topic.writer for topic in who.reads if topic.kind is Kind.INTERNAL}
        self._writers_read = names
        self._deployers_read = "deployer" in names
        self._services = {topic.writer for topic in TOPICS.values()}

    async def take(self, batch: Batch, item: Item, now: datetime) -> None:
        match item:
            case Rejected(writer=str() as writer, key=str() as key):
                self._park(
                    batch,
                    ParkedRow(item.record, writer, key, item.number, Hold.UNDECODABLE, item.detail[:1000]),
                )
            case Rejected():
                self._bury(batch, item)
            case Readable(message=message) if message.number is None:
                await self._take_inlet(batch, item.record, message, now)
            case Readable(message=message):
                await self._take_internal(batch, item.record, message, now)

    async def alone(
        self, batch: Batch, key: str, given: Input, causes: tuple[Cause, ...], now: datetime
    ) -> None:
        """A timer, a report or the start: nothing waits behind it, so what the core raises is the caller's."""
        decisions = await self._deciding.decisions(given, (key,), Origin({}, causes), now)
        self._deciding.record(batch, decisions, causes)

    def set_aside(self, batch: Batch, record: Record, error: str) -> None:
        """Parks a record whose outcome cannot be written, without deciding it."""
        match read(record):
            case Rejected() as item:
                self._bury(batch, item)
            case Readable(message=message):
                if message.number is None:
                    batch.seen[inlet_id(message)] = None
                self._park(batch, _stuck(record, message, error))

    async def _take_inlet(
        self, batch: Batch, record: Record, message: Message[Payload], now: datetime
    ) -> None:
        id_ = inlet_id(message)
        if id_ in self._state.seen or id_ in batch.seen:
            METRICS.duplicates.labels(record.topic).inc()
            return
        batch.seen[id_] = None
        await self._decide_or_park(batch, record, message, now)

    async def _take_internal(
        self, batch: Batch, record: Record, message: Message[Payload], now: datetime
    ) -> None:
        why = hold(message, self._state.marks, self._state.parked.queues, self.reads_writer)
        if why is None:
            await self._decide_or_park(batch, record, message, now)
        elif why is Hold.SEEN:
            METRICS.duplicates.labels(record.topic).inc()
        else:
            writer = message.writer or ""
            self._park(batch, ParkedRow(record, writer, message.key, message.number, why, _causes(message)))

    async def _decide_or_park(
        self, batch: Batch, record: Record, message: Message[Payload], now: datetime
    ) -> None:
        if error := await self._decide(batch, record, message, now):
            self._park(batch, _stuck(record, message, error))

    async def _decide(
        self, batch: Batch, record: Record, message: Message[Payload], now: datetime
    ) -> str | None:
        """Decides under each key that the event is for. If the core raises, what it raised: the event must wait."""
        origin = origin_of(record, message)
        try:
            decisions = await self._deciding.decisions(message, self._core.keys(message), origin, now)
        except RETRYABLE:
            raise
        except Exception as error:  # a bug of the core: it must not take the events of other keys with it
            log.exception(
                "decide raised; the key waits", key=message.key, type=message.body.type, topic=record.topic
            )
            return repr(error)
        if message.writer is not None and message.number is not None:
            mark = (message.writer, message.key)
            self._state.mark(mark, message.number)
            batch.marks[mark] = message.number
        self._deciding.record(batch, decisions, origin.causes)
        reach(Point.DECIDED)
        return None

    # --- what waits -----------------------------------------------------------------------------------------

    async def release(
        self, batch: Batch, now: datetime, *, only: Name | None = None, first: bool = False
    ) -> list[Record]:
        """Takes back, in order, what waited for a cause that has come. Returns the records that wait no longer.

        `only` what waits under this name; of that the `first` alone.
        """
        released: list[Record] = []
        parked = self._state.parked
        if only is not None:
            parked.wake(only)
        else:
            await self._look_elsewhere()
        while not (first and released) and (due := parked.take_due(only)):
            names = [name for name in due if self._may_go(parked.queues[name][0])]
            items = [read(parked.queues[name][0].record) for name in names]
            await self._state.need_marks(
                marked([item.message for item in items if isinstance(item, Readable)])
            )
            for name, item in zip(names, items, strict=True):
                record = parked.queues[name][0].record
                if await self._release_head(batch, name, item, now):
                    released.append(record)
        return released

    async def _look_elsewhere(self) -> None:
        keys = self._state.parked.elsewhere(LOOKED_UP)
        await self._state.need_marks(keys)
        for mark in [mark for key in keys for mark in self._state.parked.awaited_of(key)]:
            self._state.parked.told(mark, self._state.marks.get(mark, 0))

    async def _release_head(self, batch: Batch, name: Name, item: Item, now: datetime) -> bool:
        row = self._state.parked.queues[name][0]
        if not isinstance(item, Readable):
            self._keep(batch, name, Hold.UNDECODABLE, item.detail)
            return False
        why = hold(item.message, self._state.marks, {}, self.reads_writer)
        if why not in {None, Hold.SEEN}:
            if why is not None and row.reason in STUCK:  # it can be read now, and waits like others
                self._keep(batch, name, why, _causes(item.message))
            for mark, number in awaited(item.message, self._state.marks, self.reads_writer):
                self._state.parked.until(name, mark, number)
            return False
        if why is None and (error := await self._decide(batch, row.record, item.message, now)):
            self._keep(batch, name, Hold.DECIDE, error)
            return False
        self._state.parked.drop_first(name)
        self._state.again.discard(row.place)
        if batch.park.pop(row.place, None) is None:
            batch.unpark[row.place] = None
        return True

    def _may_go(self, row: ParkedRow) -> bool:
        return row.reason not in STUCK or row.place in self._state.again

    def _keep(self, batch: Batch, name: Name, reason: Hold, detail: str) -> None:
        """What was tried stays the first of those that wait."""
        before = self._state.parked.queues[name][0]
        row = replace(before, reason=reason, detail=detail[:1000])
        self._state.parked.replace_first(name, row)
        self._state.tried(row)
        if row != before:
            (batch.park if row.place in batch.park else batch.repark)[row.place] = row
            log.warning(
                "still parked",
                writer=row.writer,
                key=row.key,
                number=row.number,
                reason=reason,
                detail=detail,
            )

    # --- what is asked for by hand, or cannot be written ----------------------------------------------------

    def names(self) -> list[Name]:
        return list(self._state.parked.queues)

    def try_again(self, name: Name) -> None:
        """What is stuck under this name may go, if it can, with the next release."""
        self._state.again.update(row.place for row in self._waiting(name) if row.reason in STUCK)
        self._state.parked.wake(name)

    def keep_first(self, batch: Batch, name: Name, error: str) -> None:
        """The first under this name is stuck, though its core does not raise."""
        self._keep(batch, name, Hold.DECIDE, error)

    def count(self, name: Name, part: int) -> int:
        return sum(row.record.partition == part for row in self._waiting(name))

    def redriven(self, name: Name, part: int, before: int) -> Redriven:
        """What became of those that waited under this name in a partition: `before` of them."""
        left = [row for row in self._waiting(name) if row.record.partition == part]
        if not left:
            return Redriven(before, 0)
        return Redriven(before - len(left), len(left), left[0].number, left[0].reason, left[0].detail)

    def _waiting(self, name: Name) -> Sequence[ParkedRow]:
        return self._state.parked.queues.get(name, deque())

    def _park(self, batch: Batch, row: ParkedRow) -> None:
        log.warning(
            "parked", writer=row.writer, key=row.key, number=row.number, reason=row.reason, detail=row.detail
        )
        batch.park[row.place] = row
        self._state.parked.add(row)
        self._state.tried(row)

    def _bury(self, batch: Batch, item: Rejected) -> None:
        record = item.record
        METRICS.dead.labels(item.reason).inc()
        topic = DEAD_LETTERS[self._who.service].name
        batch.out.append(
            Out(record.partition, topic, record.key, *dead_letter(record, item.reason, item.detail))
        )

    def reads_writer(self, writer: str) -> bool:
        """Whether this service reads what a writer writes; deployers carry their own names."""
        return writer in self._writers_read or (self._deployers_read and writer not in self._services)

    def count_parked(self) -> None:
        for reason in Hold:
            METRICS.parked.labels(reason).set(self._state.parked.count(reason))


def _stuck(record: Record, message: Message[Payload], error: str) -> ParkedRow:
    writer = message.writer or f"inlet:{record.topic}"
    return ParkedRow(record, writer, message.key, message.number, Hold.DECIDE, error[:1000])


def _causes(message: Message[Payload]) -> str:
    after = [str(tuple(cause)) for cause in message.after]
    return f"event {message.number} of {message.writer} follows from {after}"[:1000]
