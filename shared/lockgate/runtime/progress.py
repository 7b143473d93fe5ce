"""Whether this service has read what was written: the ends of its topics, its lag, and gaps in its own reading.

An outage of our own must never look like a dead region, so timers and work ask here before they act.
Talks to the reader.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog

from lockgate.runtime.clock import Clock
from lockgate.runtime.engine import Engine
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.reader import KAFKA_ERRORS, Reader

log = structlog.get_logger()

LOOK_SECONDS = 1.0
GAP_SECONDS = 5.0  # so long without a look at the ends is a gap: broker away, process stopped, no partitions
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

Ends = dict[tuple[str, int], int]


class StalledError(Exception):
    """The consumer stopped advancing while there is lag."""


class Progress:
    def __init__(self, reader: Reader, engine: Engine, clock: Clock, stall_seconds: float) -> None:
        self._reader = reader
        self._engine = engine
        self._clock = clock
        self._stall = stall_seconds
        self._looked: float | None = None
        self._advanced = 0.0
        self._seen: Ends = {}
        self.resumed_at = LONG_AGO
        self.stalled = False

    def caught_up(self, ends: Ends) -> bool:
        """Whether everything up to these ends is handled and committed. Only meaningful under the engine's lock."""
        return not self._reader.stale and all(
            self._engine.next.get(place, 0) >= end for place, end in ends.items()
        )

    async def read_up_to(self, ends: Ends, seconds: float) -> bool:
        """Waits until everything up to these ends is handled, for a bounded time."""
        try:
            async with asyncio.timeout(seconds):
                while not self.caught_up(ends):  # noqa: ASYNC110  # offsets advance in one place; polling them is simpler than events
                    await asyncio.sleep(0.01)
        except TimeoutError:
            return False
        return True

    def had_gap_within(self, grace: timedelta) -> bool:
        """Whether our own reading resumed so lately that others have not had `grace` to be heard since."""
        return self._looked is None or self._clock.now() < self.resumed_at + grace

    async def run(self) -> None:
        """Looks at the ends again and again. Raises once the consumer stopped advancing: a restart mends it."""
        while not self.stalled:
            await self._look()
            await asyncio.sleep(LOOK_SECONDS)
        raise StalledError(f"no record was handled for {self._stall:.0f} s while there is lag")

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        parts = set(self._engine.owned)
        if not parts or self._reader.stale:
            self._advanced = now
            return
        try:
            ends = await self._reader.ends(parts)
        except KAFKA_ERRORS as error:
            log.warning("the ends of the topics cannot be read", error=repr(error))
            self._advanced = now
            return
        now = asyncio.get_running_loop().time()
        if self._looked is None or now - self._looked > GAP_SECONDS:
            self.resumed_at = self._clock.now()
        self._looked = now
        self._measure(ends, now)

    def _measure(self, ends: Ends, now: float) -> None:
        lag: dict[str, int] = {}
        for (topic, part), end in ends.items():
            lag[topic] = lag.get(topic, 0) + max(0, end - self._engine.next.get((topic, part), 0))
        for topic, records in lag.items():
            METRICS.lag.labels(topic).set(records)
        if not any(lag.values()) or self._engine.next != self._seen:
            self._advanced = now
        self._seen = dict(self._engine.next)
        self.stalled = now - self._advanced > self._stall
