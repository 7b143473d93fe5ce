"""Fires what is due, by the database's clock, once everything written before has been read.

A timer fires only after its partition has been read up to where it ended when the timer was seen due; while the
ends cannot be read none fires. A deadline set on another service waits its grace after a gap in our own reading,
and after our database was away or took no writes.
Talks to the store, the reader (through progress) and the engine.
"""

import asyncio
import traceback
from dataclasses import dataclass
from datetime import timedelta

import structlog

from lockgate.runtime.batch import TimerRow
from lockgate.runtime.clock import Clock
from lockgate.runtime.engine import Engine
from lockgate.runtime.faults import Point, reach
from lockgate.runtime.progress import Ends, Progress
from lockgate.runtime.reader import Reader
from lockgate.runtime.store import RETRYABLE, STARTING_OVER, ConflictError, Store
from lockgate.runtime.subscription import KAFKA_ERRORS

log = structlog.get_logger()

POLL_SECONDS = 0.25
AT_ONCE = 200
LOOK_AT = 5_000  # those that may not fire yet must not hide the others
READ_SECONDS = 1.0
BROKEN_SECONDS = 30.0
SILENT_SECONDS = 3.0  # an answer of the database that took so long counts as if it had been away

Name = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Where a partition ended when these timers were seen due: they fire once it has been read up to there."""

    names: frozenset[Name]
    ends: Ends


class Timers:
    def __init__(
        self, store: Store, reader: Reader, engine: Engine, progress: Progress, clock: Clock
    ) -> None:
        self._store = store
        self._reader = reader
        self._engine = engine
        self._progress = progress
        self._clock = clock
        self._broken: dict[Name, float] = {}
        self._asked: dict[int, _Asked] = {}
        self._refused: str | None = None  # the key of timers that could not be written when they fired last

    async def run(self) -> None:
        """Fires until it is cancelled. A timer whose decision raises is tried again later, alone."""
        while True:
            try:
                fired = await self._round()
            except ConflictError as conflict:
                log.info("another replica was first; timers will be tried again", conflict=str(conflict))
                fired = False
            except (*KAFKA_ERRORS, *RETRYABLE) as error:
                log.warning("timers will be tried again", error=repr(error))
                self._progress.interrupted()
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
        if self._refused is not None:
            await self._store.try_to_write(self._refused)
            self._refused = None
            self._progress.interrupted()  # only from now on can others be heard that write to the same database
        parts = set(self._engine.owned)
        self._asked = {part: asked for part, asked in self._asked.items() if part in parts}
        due = await self._due(parts) if parts and not self._reader.stale else []
        if not due:
            return False
        reach(Point.TIMER_DUE)
        await self._ask({timer.part for timer in due} - self._asked.keys(), due)
        ends = {place: end for asked in self._asked.values() for place, end in asked.ends.items()}
        await self._progress.read_up_to(ends, READ_SECONDS)
        async with self._engine.alone():
            read = {
                part
                for part, asked in self._asked.items()
                if part in self._engine.owned and self._progress.caught_up(asked.ends)
            }
            names = frozenset[Name]().union(*(self._asked.pop(part).names for part in read))
            due = [timer for timer in await self._due(read) if _name(timer) in names] if read else []
            return await self._fire(due[:AT_ONCE])

    async def _ask(self, parts: set[int], due: list[TimerRow]) -> None:
        """A partition that lags keeps the ends that it was asked for, so that a steady stream cannot defer them."""
        if parts:
            ends = await self._reader.ends(parts)
            for part in parts:
                names = frozenset(_name(timer) for timer in due if timer.part == part)
                self._asked[part] = _Asked(names, {p: end for p, end in ends.items() if p[1] == part})

    async def _due(self, parts: set[int]) -> list[TimerRow]:
        now = asyncio.get_running_loop().time()
        due = await self._store.due_timers(sorted(parts), LOOK_AT)
        if asyncio.get_running_loop().time() - now > SILENT_SECONDS:
            self._progress.interrupted()
        self._broken = {name: until for name, until in self._broken.items() if until > now}
        return [
            timer
            for timer in due
            if _name(timer) not in self._broken
            and not self._is_graced(timer)
            and not self._engine.waits(timer)
        ]

    def _is_graced(self, timer: TimerRow) -> bool:
        return timer.grace > 0 and self._progress.had_gap_within(timedelta(seconds=timer.grace))

    async def _fire(self, timers: list[TimerRow]) -> bool:
        """All at once; if a decision raises, the first alone, so that the broken one is known."""
        if not timers:
            return False
        try:
            await self._engine.take_timers(timers)
        except STARTING_OVER as error:
            self._reader.mark_stale()
            self._refused = timers[0].key if isinstance(error, RETRYABLE) else None
            raise
        except Exception:  # noqa: BLE001  # a bug of the core; logged once it is known which timer's
            self._reader.mark_stale()
            self._set_aside(timers, traceback.format_exc())
            return False
        except BaseException:
            self._reader.mark_stale()
            raise
        return True

    def _set_aside(self, timers: list[TimerRow], error: str) -> None:
        """All but the first for a moment: they fire one by one in the next rounds. One alone is the broken one."""
        now = asyncio.get_running_loop().time()
        for i, timer in enumerate(timers[1:], start=1):
            self._broken[_name(timer)] = now + (i + 1) * POLL_SECONDS
        if len(timers) == 1:
            broken = timers[0]
            self._broken[_name(broken)] = now + BROKEN_SECONDS
            log.error(
                "a timer's decision raised; it is tried again",
                key=broken.key,
                timer=broken.name,
                exception=error,
            )


def _name(timer: TimerRow) -> Name:
    return (timer.key, timer.name, timer.set_by)
