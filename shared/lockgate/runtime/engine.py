"""The heart of a service: inputs become decisions, decisions become one transaction.

One batch at a time per replica is decided, under a lock: records, due timers, reports of work, and the start itself
all come through here. Whatever goes wrong, the caches are dropped and the batch is read again from the offsets in
PostgreSQL, so nothing is lost and nothing is done twice. Talks to the store, and through `committing` writes to it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from lockgate.messages.decision import Core, ServiceStarted, TimerDue, WorkReported
from lockgate.messages.topics import Kind
from lockgate.messages.values import EVERY
from lockgate.runtime.batch import Batch, Redrive, Redriven, TimerRow, WorkName, WorkRow
from lockgate.runtime.checks import Record
from lockgate.runtime.clock import Clock
from lockgate.runtime.committing import Committed, Committing
from lockgate.runtime.deciding import Deciding, Identity
from lockgate.runtime.faults import Point, reach
from lockgate.runtime.handling import Handling
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.preloading import Preloading
from lockgate.runtime.reading import Item, Readable
from lockgate.runtime.state import State
from lockgate.runtime.store import STARTING_OVER, ConflictError, Store
from lockgate.runtime.waiting import Name

log = structlog.get_logger()

Reported = tuple[WorkRow, Mapping[str, Any], bool]
"""A piece of work, what it reports, and whether it is over with that."""

AT_ONCE = 100  # of a batch are read, or decided; then what is committed and sent meanwhile gets its turn


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the engine stands on. `part_of` gives a key's partition; `committed` is told of each transaction."""

    store: Store
    clock: Clock
    part_of: Callable[[str], int]
    committed: Callable[[Committed], None]


class Engine:
    """Callers are `alone` while they call; after any exception they call `restore` before the next batch.

    The reader may hold the `lock` of `committing` instead, to take records `ahead` of what is not written yet.
    """

    def __init__(self, who: Identity, core: Core, wiring: Wiring) -> None:
        self.owned: set[int] = set()
        self.next: dict[tuple[str, int], int] = {}
        self.committing = Committing(wiring.store, wiring.clock, wiring.committed)
        self._who = who
        self._wiring = wiring
        self._store = wiring.store
        self._has_inlets = any(topic.kind is Kind.INLET for topic in who.reads)
        self._state = State(wiring.store, core, self._owns)
        deciding = Deciding(who, core, self._state, wiring.part_of)
        self._preloading = Preloading(core, self._state)
        self._handling = Handling(who, core, self._state, deciding)

    # --- what comes in ----------------------------------------------------------------------------------

    def alone(self) -> AbstractAsyncContextManager[None]:
        """For one caller at a time, with nothing under way. Whoever waited looks whether the reader is stale."""
        return self.committing.alone()

    async def take_records(self, items: Sequence[Item], *, release: bool = True, ahead: bool = False) -> None:
        """Handles what was read from owned partitions, in order; what was handled is passed over.

        Then takes back what was parked and may go on, unless `release` is False; also if there are no items.
        `ahead` may return before it is written: whether it was, `committing` tells.
        """
        due = [item for item in items if self._is_due(item.record)]
        with METRICS.batch_seconds.time():
            batch = Batch()
            now = self._wiring.clock.now()
            for start in range(0, len(due), AT_ONCE):
                await self._take_some(batch, due[start : start + AT_ONCE], now)
            if release:
                await self._release(batch)
            await self._commit(batch, ahead=ahead)
        for topic, count in Counter(item.record.topic for item in due).items():
            METRICS.consumed.labels(topic).inc(count)

    async def set_aside(self, record: Record, error: str) -> None:
        """Parks a record without deciding it: what is decided from it cannot be written."""
        if self._is_due(record):
            batch = Batch()
            self._consume(batch, record)
            self._handling.set_aside(batch, record, error)
            await self._commit(batch)

    async def pass_over(self, places: Mapping[tuple[str, int], int]) -> None:
        """Moves offsets over what is no record: markers of transactions, and what retention removed."""
        batch = Batch()
        for place, offset in places.items():
            batch.offsets[place] = (self.next[place], offset)
            self.next[place] = offset
        await self._commit(batch)

    async def take_timers(self, timers: Sequence[TimerRow]) -> None:
        """Fires timers; those that an earlier one of the same batch cancelled or moved are passed over."""
        batch = Batch()
        for timer in timers:
            name = (timer.key, timer.name)
            if name in batch.timers or self.waits(timer):
                continue
            batch.fired[name] = timer.set_by
            given = TimerDue(timer.name, timer.body, timer.due)
            now = max(self._wiring.clock.now(), timer.due)  # our idea of the database's clock lags a little
            await self._handling.alone(batch, timer.key, given, timer.causes, now)
            reach(Point.TIMER_FIRED)
        await self._commit(batch)

    async def take_reports(self, reports: Sequence[Reported]) -> set[WorkName]:
        """Handles what different pieces of work report, and names those whose report was taken; ConflictError if one was
        replaced meanwhile. One whose work an earlier one of the same batch set or cancelled is passed over.
        """
        batch = Batch()
        for work, report, final in reports:
            name = (work.key, work.name)
            if name in batch.work:
                continue
            batch.reported[name] = work.set_by
            if final:
                batch.work[name] = None
            given = WorkReported(work.name, work.kind, work.body, dict(report), final)
            await self._handling.alone(batch, work.key, given, work.causes, self._wiring.clock.now())
        await self._commit(batch)
        return set(batch.reported)

    async def take_start(self, settings: Mapping[str, Any]) -> None:
        """Tells the core that the service starts, or takes over the key `*`."""
        batch = Batch()
        given = ServiceStarted(dict(settings))
        await self._handling.alone(batch, EVERY, given, (), self._wiring.clock.now())
        await self._commit(batch)

    async def redrive(self, asked: Redrive) -> Redriven:
        """Tries again what is stuck of a writer and key, then takes back what waited behind it, in order.

        What became of it is written in the last of its transactions. ConflictError if another replica was first.
        """
        name = (asked.writer, asked.key)
        before = self._handling.count(name, asked.part)
        self._handling.try_again(name)
        await self._release_first(name)
        batch = Batch()
        await self._release(batch, only=name)
        answer = batch.redriven[asked.id] = self._handling.redriven(name, asked.part, before)
        await self._commit(batch)
        return answer

    async def release_one_by_one(self) -> None:
        """Takes back what waited, so that what is decided from one event and cannot be written keeps back no other."""
        for name in self._handling.names():
            while await self._release_first(name):
                pass

    async def restore(self, parts: set[int]) -> dict[tuple[str, int], int]:
        """Takes over partitions, or starts over: the offsets from the database, nothing cached. Returns them."""
        await self.committing.start_over()
        self._state.forget()
        self.owned = set()
        stored = await self._store.load_offsets(sorted(parts))
        self.committing.find_lost(stored, parts)
        places = [(topic.name, part) for topic in self._who.reads for part in sorted(parts)]
        if new := [place for place in places if place not in stored]:
            await self._store.begin_offsets((*place, 0) for place in new)
        await self._state.need_parked(parts)
        self.next = {place: stored.get(place, 0) for place in places}
        self.committing.offsets.update(self.next)
        self.owned = set(parts)
        self._handling.count_parked()
        return self.next

    # --- what others ask ------------------------------------------------------------------------------------

    @property
    def has_parked(self) -> bool:
        return bool(self._state.parked.queues)

    def waits(self, timer: TimerRow) -> bool:
        """A deadline set on another service does not fire while an event of its key waits to be handled."""
        return timer.grace > 0 and self._state.parked.has_key(timer.key)

    # --- one batch ------------------------------------------------------------------------------------------

    def _owns(self, key: str) -> bool:
        """Whether no other replica decides for a key. Inlets are read by all, and all decide them under `*`."""
        return self._wiring.part_of(key) in self.owned and not (key == EVERY and self._has_inlets)

    def _is_due(self, record: Record) -> bool:
        return record.partition in self.owned and record.offset >= self.next[record.topic, record.partition]

    async def _take_some(self, batch: Batch, items: Sequence[Item], now: datetime) -> None:
        await self._preloading.load([item.message for item in items if isinstance(item, Readable)], now)
        for item in items:
            self._consume(batch, item.record)
            await self._handling.take(batch, item, now)
        await asyncio.sleep(0)

    def _consume(self, batch: Batch, record: Record) -> None:
        place = (record.topic, record.partition)
        batch.consume(record, self.next[place])
        self.next[place] = record.offset + 1

    async def _release_first(self, name: Name) -> bool:
        """Takes back the first under a name, in a transaction of its own; if that cannot be written, it is stuck."""
        batch, before = Batch(), dict(self.next)
        await self._release(batch, only=name, first=True)
        try:
            await self._commit(batch)
        except STARTING_OVER:
            raise
        except Exception as error:
            log.exception("what waited cannot be written", writer=name[0], key=name[1])
            if await self.restore(set(self.owned)) != before:
                raise ConflictError("another replica has read on") from error
            batch = Batch()
            self._handling.keep_first(batch, name, f"cannot be written: {error!r}")
            await self._commit(batch)
            return False
        return bool(batch.unpark)

    async def _release(self, batch: Batch, *, only: Name | None = None, first: bool = False) -> None:
        now = self._wiring.clock.now()
        for record in await self._handling.release(batch, now, only=only, first=first):
            place = (record.topic, record.partition)
            if place in self.next:
                batch.guard(place, self.next[place])

    async def _commit(self, batch: Batch, *, ahead: bool = False) -> None:
        """`ahead` only if nothing has to be forgotten that the next batch could not read from the database yet."""
        if not batch.empty:
            if ahead and not batch.seen and not self._state.forgets:
                await self.committing.begin(batch)
            else:
                await self.committing.write(batch)
        elif self._state.forgets:
            await self.committing.settled()
        if self.committing.idle:
            self._state.forget_foreign()
        if batch.park or batch.unpark or batch.repark:
            self._handling.count_parked()
