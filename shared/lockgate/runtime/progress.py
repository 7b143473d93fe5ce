"""Whether this service has read what was written: the ends of its topics, its lag, and gaps in its own reading.

An outage of our own must never look like a dead region, so timers and work ask here before they act.
Talks to the reader.
"""

import asyncio
import contextlib
from datetime import timedelta

import structlog

from lockgate.runtime.engine import Engine
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.reader import Reader
from lockgate.runtime.subscription import KAFKA_ERRORS

log = structlog.get_logger()

LOOK_SECONDS = 1.0
GAP_SECONDS = 5.0  # so long without a look at the ends is a gap: broker away, process stopped, no partitions

Ends = dict[tuple[str, int], int]


class StalledError(Exception):
    """The consumer stopped advancing while there is lag."""


class Progress:
    """`gaps` counts the times that reading began, or began again: after a start, an assignment, an outage."""

    def __init__(self, reader: Reader, engine: Engine, stall_seconds: float) -> None:
        self._reader = reader
        self._engine = engine
        self._stall = stall_seconds
        self._looked: float | None = None
        self._resumed = 0.0
        self._advanced = 0.0
        self._owned: set[int] = set()
        self._seen: Ends = {}
        self._wake = asyncio.Event()
        self.gaps = 0
        self.stalled = False

    @property
    def continuous(self) -> bool:
        """Whether reading has gone on without a gap until now."""
        return not self._reader.stale and self._looked is not None and _now() - self._looked <= GAP_SECONDS

    def own(self, parts: set[int]) -> None:
        """Partitions that this replica did not have may have been read by nobody for a while."""
        if parts - self._owned:
            self._gap()
        self._owned = set(parts)
        self._wake.set()  # work and deadlines wait for the first look

    def caught_up(self, ends: Ends) -> bool:
        """Whether everything up to these ends is handled and committed. Only meaningful for whoever is `alone`."""
        return not self._reader.stale and all(
            place in self._engine.next and self._engine.next[place] >= end for place, end in ends.items()
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

    def interrupted(self) -> None:
        """Our database was away: what others have to report may wait for the same one, so their grace begins anew."""
        self._resumed = _now()

    def had_gap_within(self, grace: timedelta) -> bool:
        """Whether our own reading resumed so lately that others have not had `grace` to be heard since."""
        return not self.continuous or _now() < self._resumed + grace.total_seconds()

    async def run(self) -> None:
        """Looks at the ends again and again. Raises once the consumer stopped advancing: a restart mends it."""
        self._advanced = _now()
        while not self.stalled:
            self._wake.clear()
            await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
        raise StalledError(f"no record was handled for {self._stall:.0f} s while there is lag")

    async def _look(self) -> None:
        """The lag counts as soon as the broker answers, also while the reader fails to read from it."""
        parts = set(self._engine.owned)
        if not parts or (self._reader.stale and not self._reader.failing):
            self._advanced = _now()
            return
        try:
            ends = await self._reader.ends(parts)
        except KAFKA_ERRORS as error:
            log.warning("the ends of the topics cannot be read", error=repr(error))
            self._advanced = _now()
            return
        if not self._reader.stale:
            if self._looked is None or _now() - self._looked > GAP_SECONDS:
                self._gap()
            self._looked = _now()
        self._measure(ends)

    def _gap(self) -> None:
        self.gaps += 1
        self._resumed = _now()

    def _measure(self, ends: Ends) -> None:
        lag: dict[str, int] = {}
        for (topic, part), end in ends.items():
            lag[topic] = lag.get(topic, 0) + max(0, end - self._engine.next.get((topic, part), 0))
        for topic, records in lag.items():
            METRICS.lag.labels(topic).set(records)
        if not any(lag.values()) or self._engine.next != self._seen:
            self._advanced = _now()
        self._seen = dict(self._engine.next)
        self.stalled = _now() - self._advanced > self._stall


def _now() -> float:
    return asyncio.get_running_loop().time()
