"""Fires what is due, by the database's clock, once everything written before has been read.

A timer fires only after its partition has been read up to where it ended when the timer was seen due; while the
ends cannot be read none fires. A deadline set on another service waits its grace after a gap in our own reading.
Talks to the store, the reader (through progress) and the engine.
"""

import asyncio
from datetime import timedelta

import structlog

from lockgate.runtime.batch import TimerRow
from lockgate.runtime.clock import Clock
from lockgate.runtime.engine import Engine
from lockgate.runtime.progress import Progress
from lockgate.runtime.reader import KAFKA_ERRORS, Reader
from lockgate.runtime.store import RETRYABLE, STARTING_OVER, ConflictError, Store

log = structlog.get_logger()

POLL_SECONDS = 0.25
AT_ONCE = 200
READ_SECONDS = 10.0
BROKEN_SECONDS = 30.0


class Timers:
    def __init__(
        self, store: Store, reader: Reader, engine: Engine, progress: Progress, clock: Clock
    ) -> None:
        self._store = store
        self._reader = reader
        self._engine = engine
        self._progress = progress
        self._clock = clock
        self._broken: dict[tuple[str, str, int], float] = {}

    async def run(self) -> None:
        """Fires until it is cancelled. A timer whose decision raises is tried again later, alone."""
        while True:
            try:
                fired = await self._round()
            except ConflictError:
                self._reader.mark_stale()
                fired = False
            except (*KAFKA_ERRORS, *RETRYABLE) as error:
                log.warning("timers will be tried again", error=repr(error))
                self._reader.mark_stale()
                fired = False
            if not fired:
                await self._sleep()

    async def _sleep(self) -> None:
        delay = POLL_SECONDS
        try:
            due = await self._store.next_due(sorted(self._engine.owned))
        except RETRYABLE:
            due = None
        if due is not None and (left := (due - self._clock.now()).total_seconds()) > 0:
            delay = min(delay, left)
        await asyncio.sleep(delay)

    async def _round(self) -> bool:
        parts = set(self._engine.owned)
        seen = await self._wanted(parts) if parts and not self._reader.stale else []
        if not seen:
            return False
        ends = await self._reader.ends({timer.part for timer in seen})
        if not await self._progress.read_up_to(ends, READ_SECONDS):
            return False
        names = {_name(timer) for timer in seen}
        async with self._engine.lock:
            if not self._progress.caught_up(ends):
                return False
            due = [timer for timer in await self._wanted(parts) if _name(timer) in names]
            return await self._fire(due)

    async def _wanted(self, parts: set[int]) -> list[TimerRow]:
        now = asyncio.get_running_loop().time()
        due = await self._store.due_timers(sorted(parts), AT_ONCE)
        return [t for t in due if not self._is_graced(t) and self._broken.get(_name(t), 0.0) <= now]

    def _is_graced(self, timer: TimerRow) -> bool:
        return timer.grace > 0 and self._progress.had_gap_within(timedelta(seconds=timer.grace))

    async def _fire(self, timers: list[TimerRow]) -> bool:
        """All at once; if a decision raises, the first alone, so that the broken one is known."""
        try:
            await self._engine.take_timers(timers)
        except STARTING_OVER:
            raise
        except Exception:  # a bug of the core
            self._reader.mark_stale()
            if len(timers) > 1:
                return await self._retry_one(timers)
            later = asyncio.get_running_loop().time() + BROKEN_SECONDS
            self._broken[_name(timers[0])] = later
            log.exception(
                "a timer's decision raised; it is tried again", key=timers[0].key, timer=timers[0].name
            )
        return bool(timers)

    async def _retry_one(self, timers: list[TimerRow]) -> bool:
        """Sets all but the first aside for a moment: they fire one by one in the next rounds."""
        soon = asyncio.get_running_loop().time() + POLL_SECONDS
        for offset, timer in enumerate(timers[1:], start=1):
            self._broken[_name(timer)] = soon + offset * POLL_SECONDS
        return False


def _name(timer: TimerRow) -> tuple[str, str, int]:
    return (timer.key, timer.name, timer.set_by)
