"""The heart of a service: inputs become decisions, decisions become one transaction.

One batch at a time per replica, under a lock: records, due timers, reports of work, and the start itself all
come through here. Whatever goes wrong, the caches are dropped and the batch is read again from the offsets in
PostgreSQL, so nothing is lost and nothing is done twice. Talks to the store; hands what is committed on.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from lockgate.messages.decision import Core, Input, ServiceStarted, TimerDue, WorkReported
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.topics import DEAD_LETTERS, TOPICS, Kind
from lockgate.messages.values import EVERY, Cause
from lockgate.runtime import canonical
from lockgate.runtime.batch import Batch, Out, ParkedRow, TimerRow, WorkRow
from lockgate.runtime.checks import Record
from lockgate.runtime.clock import Clock
from lockgate.runtime.deadletter import dead_letter
from lockgate.runtime.decider import causes_of
from lockgate.runtime.deciding import Deciding, Identity, Origin
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.parking import Hold, hold
from lockgate.runtime.reading import Item, Readable, Rejected, inlet_id, read
from lockgate.runtime.state import State
from lockgate.runtime.store import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Committed:
    """What a batch changed that others must know of: the relay, the timers, the workers."""

    bases: Mapping[int, int]
    out: Sequence[Out]
    timers: Mapping[tuple[str, str], TimerRow | None]
    work: Mapping[tuple[str, str], WorkRow | None]


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the engine stands on. `part_of` gives a key's partition; `committed` is told of each transaction."""

    store: Store
    clock: Clock
    part_of: Callable[[str], int]
    committed: Callable[[Committed], None]


class Engine:
    """Callers hold `lock` while they call; after any exception they call `restore` before the next batch."""

    def __init__(self, who: Identity, core: Core, wiring: Wiring) -> None:
        self.owned: set[int] = set()
        self.next: dict[tuple[str, int], int] = {}
        self.lock = asyncio.Lock()
        self._who = who
        self._core = core
        self._wiring = wiring
        self._store = wiring.store
        self._state = State(wiring.store, core, lambda key: wiring.part_of(key) in self.owned)
        self._deciding = Deciding(who, core, self._state, wiring.part_of)

    # --- what comes in ----------------------------------------------------------------------------------

    async def take_records(self, records: Sequence[Record]) -> None:
        """Handles records of owned partitions, in order; those that were handled are passed over."""
        items = [read(record) for record in records if self._is_due(record)]
        with METRICS.batch_seconds.time():
            await self._preload([item.message for item in items if isinstance(item, Readable)])
            batch = Batch()
            now = self._wiring.clock.now()
            for item in items:
                await self._take(batch, item, now)
            await self._release_parked(batch, now)
            await self._commit(batch)
        for item in items:
            METRICS.consumed.labels(item.record.topic).inc()

    async def take_timers(self, timers: Sequence[TimerRow]) -> None:
        """Fires timers; those that an earlier one of the same batch cancelled or moved are passed over."""
        batch = Batch()
        now = self._wiring.clock.now()
        for timer in timers:
            name = (timer.key, timer.name)
            if name in batch.timers or self._waits(timer):
                continue
            batch.fired[name] = timer.set_by
            await self._decide_alone(
                batch, timer.key, TimerDue(timer.name, timer.body, timer.due), timer.causes, now
            )
        await self._commit(batch)

    async def take_report(self, work: WorkRow, report: Mapping[str, Any], *, final: bool) -> None:
        """Handles what a piece of work reports. ConflictError if it was replaced meanwhile."""
        batch = Batch()
        batch.reported[work.key, work.name] = work.set_by
        if final:
            batch.work[work.key, work.name] = None
        given = WorkReported(work.name, work.kind, work.body, dict(report), final)
        await self._decide_alone(batch, work.key, given, work.causes, self._wiring.clock.now())
        await self._commit(batch)

    async def take_start(self, settings: Mapping[str, Any]) -> None:
        """Tells the core that the service starts, or takes over the key `*`."""
        batch = Batch()
        await self._decide_alone(batch, EVERY, ServiceStarted(dict(settings)), (), self._wiring.clock.now())
        await self._commit(batch)

    async def restore(self, parts: set[int]) -> dict[tuple[str, int], int]:
        """Takes over partitions, or starts over: the offsets from the database, nothing cached. Returns them."""
        self._state.forget()
        self.owned = set()
        stored = await self._store.load_offsets(sorted(parts))
        places = [(topic.name, part) for topic in self._who.reads for part in sorted(parts)]
        if new := [place for place in places if place not in stored]:
            await self._store.begin_offsets((*place, 0) for place in new)
        await self._state.need_parked(parts)
        self.next = {place: stored.get(place, 0) for place in places}
        self.owned = set(parts)
        self._count_parked()
        return self.next

    # --- one input --------------------------------------------------------------------------------------

    def _is_due(self, record: Record) -> bool:
        return record.partition in self.owned and record.offset >= self.next[record.topic, record.partition]

    async def _preload(self, messages: Sequence[Message[Payload]]) -> None:
        """Loads at once what the batch certainly needs, so that deciding seldom waits."""
        keys = {key for message in messages for key in self._core.keys(message)}
        rows = {row for m in messages for key in self._core.keys(m) for row in self._core.touches(key, m)}
        marked = {m.key for m in messages if m.number is not None} | {
            c.key for m in messages for c in m.after
        }
        await self._state.need_keys(keys)
        await self._state.need_marks(marked)
        await self._state.need_rows(rows)
        await self._state.need_seen(inlet_id(m) for m in messages if m.number is None)

    async def _take(self, batch: Batch, item: Item, now: datetime) -> None:
        record = item.record
        place = (record.topic, record.partition)
        batch.consume(record, self.next[place])
        self.next[place] = record.offset + 1
        match item:
            case Rejected(writer=str() as writer, key=str() as key):
                self._park(batch, ParkedRow(record, writer, key, item.number, Hold.UNDECODABLE, item.detail))
            case Rejected():
                METRICS.dead.labels(item.reason).inc()
                topic = DEAD_LETTERS[self._who.service].name
                batch.out.append(
                    Out(record.partition, topic, record.key, *dead_letter(record, item.reason, item.detail))
                )
            case Readable(message=message) if message.number is None:
                await self._take_inlet(batch, record, message, now)
            case Readable(message=message):
                await self._take_internal(batch, record, message, now)

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
        why = hold(message, self._state.marks, self._state.parked, self._reads_writer)
        if why is None:
            await self._decide_or_park(batch, record, message, now)
        elif why is Hold.SEEN:
            METRICS.duplicates.labels(record.topic).inc()
        else:
            detail = (
                f"event {message.number} of {message.writer} follows from {[str(c) for c in message.after]}"
            )
            self._park(
                batch, ParkedRow(record, message.writer or "", message.key, message.number, why, detail)
            )

    async def _decide_or_park(
        self, batch: Batch, record: Record, message: Message[Payload], now: datetime
    ) -> bool:
        """Decides under each key that the event is for. If the core raises, the event and what follows it wait."""
        origin = Origin(_place(record), causes_of(message), (message.id,))
        try:
            decisions = await self._deciding.decisions(message, self._core.keys(message), origin, now)
        except self._store.errors:
            raise
        except Exception as error:  # a bug of the core: it must not take the events of other keys with it
            log.exception(
                "decide raised; the key waits", key=message.key, type=message.body.type, topic=record.topic
            )
            writer = message.writer or f"inlet:{record.topic}"
            self._park(
                batch, ParkedRow(record, writer, message.key, message.number, Hold.DECIDE, repr(error)[:1000])
            )
            return False
        if message.writer is not None and message.number is not None:
            mark = (message.writer, message.key)
            self._state.marks[mark] = batch.marks[mark] = message.number
        self._deciding.record(batch, decisions, origin.causes)
        return True

    async def _decide_alone(
        self, batch: Batch, key: str, given: Input, causes: tuple[Cause, ...], now: datetime
    ) -> None:
        """A timer, a report or the start: nothing waits behind it, so what the core raises is the caller's."""
        decisions = await self._deciding.decisions(given, (key,), Origin({}, causes), now)
        self._deciding.record(batch, decisions, causes)

    # --- what waits, and what is written ------------------------------------------------------------------

    def _park(self, batch: Batch, row: ParkedRow) -> None:
        log.warning(
            "parked", writer=row.writer, key=row.key, number=row.number, reason=row.reason, detail=row.detail
        )
        batch.park[row.record.topic, row.record.partition, row.record.offset] = row
        self._state.parked[row.writer, row.key].append(row)

    async def _release_parked(self, batch: Batch, now: datetime) -> None:
        """Takes back, in order, what waited for a cause that has come."""
        progress = bool(self._state.parked)
        while progress:
            progress = False
            for waiting in [queue for queue in self._state.parked.values() if queue]:
                progress |= await self._release_head(batch, waiting, now)
        for name in [name for name, queue in self._state.parked.items() if not queue]:
            del self._state.parked[name]

    async def _release_head(self, batch: Batch, waiting: deque[ParkedRow], now: datetime) -> bool:
        row = waiting[0]
        if row.reason in {Hold.DECIDE, Hold.UNDECODABLE}:
            return False
        item = read(row.record)
        if not isinstance(item, Readable):
            waiting[0] = replace(row, reason=Hold.UNDECODABLE)
            return False
        await self._preload([item.message])
        why = hold(item.message, self._state.marks, {}, self._reads_writer)
        if why not in {None, Hold.SEEN}:
            return False
        waiting.popleft()
        place = (row.record.topic, row.record.partition, row.record.offset)
        if batch.park.pop(place, None) is None:
            batch.unpark[place] = None
        if why is None and not await self._decide_or_park(batch, row.record, item.message, now):
            waiting.rotate(1)  # it was parked again, for another reason: it stays the first
            batch.unpark.pop(place, None)
            return False
        return True

    async def _commit(self, batch: Batch) -> None:
        if batch.empty:
            return
        at, bases = await self._store.apply(batch)
        self._wiring.clock.learn(at)
        METRICS.decided.inc(batch.decisions)
        self._wiring.committed(Committed(bases, batch.out, batch.timers, batch.work))
        self._state.forget_foreign()
        if batch.park or batch.unpark:
            self._count_parked()

    def _waits(self, timer: TimerRow) -> bool:
        """A deadline set on another service does not fire while an event of its key waits to be handled."""
        return timer.grace > 0 and any(
            key == timer.key and queue for (_, key), queue in self._state.parked.items()
        )

    def _reads_writer(self, writer: str) -> bool:
        names = {topic.writer for topic in self._who.reads if topic.kind is Kind.INTERNAL}
        known = {topic.writer for topic in TOPICS.values()}
        return writer in names or ("deployer" in names and writer not in known)

    def _count_parked(self) -> None:
        for reason in Hold:
            count = sum(row.reason == reason for queue in self._state.parked.values() for row in queue)
            METRICS.parked.labels(reason).set(count)


def _place(record: Record) -> dict[str, Any]:
    sha256 = canonical.sha256(record.value or b"")
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset, "sha256": sha256}
