"""Writes batches, one transaction at a time and in their order. The next batch may be decided while one is under way.

Two fifths of the time of a service under load went by in waiting for PostgreSQL, on another core. What is decided
meanwhile builds on what this process remembers; if the transaction under way fails, nothing that came after it is
written, and the reader starts over from the database. Talks to the store; hands what is committed on.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lockgate.runtime.batch import Batch, Out, TimerRow, WorkRow
from lockgate.runtime.clock import Clock
from lockgate.runtime.faults import Point, reach
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.store import ConflictError, Store


@dataclass(frozen=True, slots=True)
class Committed:
    """What a batch changed that others must know of: the relay, the timers, the workers."""

    bases: Mapping[int, int]
    out: Sequence[Out]
    timers: Mapping[tuple[str, str], TimerRow | None]
    work: Mapping[tuple[str, str], WorkRow | None]


class Committing:
    """`lock` is held by whoever decides. Only the reader decides ahead; all others hold it `alone`."""

    def __init__(self, store: Store, clock: Clock, committed: Callable[[Committed], None]) -> None:
        self.lock = asyncio.Lock()
        self.on_lost: Callable[[Exception], None] = lambda _: None
        """Told at once of a transaction under way that failed, with what it raised."""
        self._store = store
        self._clock = clock
        self._committed = committed
        self.offsets: dict[tuple[str, int], int] = {}
        """Up to where each partition was read, as the database had it last."""
        self._under_way: asyncio.Task[None] | None = None
        self._lost = False
        self.writes = 0
        """So many transactions were written."""

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """The lock, with nothing under way: what was decided is written, or `on_lost` was told that it is not."""
        async with self.lock:
            await self.settled()
            yield

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: what this process remembers is what the database has."""
        return self._under_way is None or self._under_way.done()

    async def write(self, batch: Batch) -> None:
        """Writes a batch after what is under way. Raises what the store raises; then nothing of it is written."""
        await self._after_others()
        await self._write(batch)

    async def begin(self, batch: Batch) -> None:
        """Writes a batch after what is under way, and lets it be under way in its turn."""
        await self._after_others()
        self._under_way = asyncio.create_task(self._try(batch), name="commit")

    async def settled(self) -> None:
        """Waits until nothing is under way; whether it was written, `on_lost` tells."""
        if self._under_way is not None:
            await asyncio.wait({self._under_way})
            self._under_way = None

    async def start_over(self) -> None:
        """Waits for what is under way. What failed before counts no more: all is read from the database again."""
        await self.settled()
        self._lost = False

    async def close(self, seconds: float) -> None:
        """Lets what is under way end. Bounded: what is cut off was written or was not, and the next start sees which."""
        if (task := self._under_way) is not None:
            await asyncio.wait({task}, timeout=seconds)
            task.cancel()
            await asyncio.wait({task}, timeout=seconds)

    def find_lost(self, stored: Mapping[tuple[str, int], int], parts: Container[int]) -> None:
        """Offsets only ever rise; a database in which one fell was restored under us, in whatever way."""
        for place, known in self.offsets.items():
            if place[1] in parts and (found := stored.get(place, 0)) < known:
                self.offsets.clear()
                raise self._store.doubt.went_back(f"the offset of {place[0]}/{place[1]}", known, found)

    async def _after_others(self) -> None:
        await self.settled()
        if self._lost:
            raise ConflictError("what was decided before could not be written")

    async def _try(self, batch: Batch) -> None:
        try:
            await self._write(batch)
        except BaseException as error:  # the reader is told, and knows what to do about each
            self._lost = True
            if isinstance(error, Exception):
                self.on_lost(error)
                return
            self.on_lost(ConflictError("a transaction was cut off: it is not known whether it was written"))
            raise

    async def _write(self, batch: Batch) -> None:
        if batch.decisions:
            reach(Point.BEFORE_COMMIT, batch.decisions)
        at, bases = await self._store.apply(batch)
        self.writes += 1
        self.offsets.update({place: end for place, (_, end) in batch.offsets.items()})
        if batch.decisions:
            reach(Point.AFTER_COMMIT, batch.decisions)
        self._clock.learn(at)
        METRICS.decided.inc(batch.decisions)
        self._committed(Committed(bases, batch.out, batch.timers, batch.work))
