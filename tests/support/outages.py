"""Two releases that an outage meets in the middle, and the judge of what became of them.

One is good, and two regions have just begun to deploy it; the other is being taken back. Whatever was away: both end
within a minute of its return, nothing is lost or done twice, and no region is blamed.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

import psutil  # type: ignore[import-untyped]  # psutil ships no types

from lockgate.embedded import Kafka, Postgres
from lockgate.messages.deployments import DeploymentStarted
from lockgate.messages.releases import ReleaseClosed, ReleaseCompleted, ReleaseOutcome
from lockgate.messages.rollbacks import ReleaseHalted, RollbackOrdered
from lockgate.messages.verdicts import RegionFailed, WatchStarted
from tests.support.audit import Expected, audit
from tests.support.eventually import eventually
from tests.support.plans import REST, Stage, watch, wave
from tests.support.servers import unavailable
from tests.support.story import Story, holds
from tests.support.whole import Whole

Server = TypeVar("Server", Kafka, Postgres)

SETTLED = 60.0
"""Seconds from the return of what was away until every release has ended."""

BUDGET = 15.0
"""Seconds that a region may take, and so the deadline of grants and of orders; pods take 4 of them to start."""


def stages(budget: float = BUDGET, watched: str = "1s") -> tuple[Stage, ...]:
    return wave("rest", *REST, budget=f"{budget:g}s", **{"max-parallel": 2}), watch(watched)


@dataclass
class Underway:
    """The two stories with the ids of their releases."""

    whole: Whole
    good: Story
    release: str
    bad: Story

    @classmethod
    async def begun(cls, whole: Whole, name: str, budget: float = BUDGET) -> Self:
        good, bad = whole.story(f"good-{name}"), whole.story(f"bad-{name}")
        good.image("v2", start_seconds=4.0)
        bad.image("v1", start_seconds=4.0)
        await bad.begins(*stages(budget, watched="600s"))
        await good.begins(*stages(budget))
        await bad.announces("v2")
        await bad.hears(WatchStarted)
        await bad.alarms("too slow", REST[0])
        made = cls(whole, good, await good.announces("v2"), bad)
        for region in REST:
            await bad.hears(RollbackOrdered, region=region)
            await good.hears(DeploymentStarted, region=region)
        return made

    def ended(self) -> list[ReleaseCompleted | ReleaseClosed]:
        return [*self.good.heard(ReleaseCompleted), *self.bad.heard(ReleaseClosed)]

    async def settles(self, since: float) -> float:
        """Waits until both have ended; how many seconds `since` that took. AssertionError if it is too long."""
        closed = await self.bad.hears(ReleaseClosed, within=_left(since))
        await self.good.completes(self.release, within=_left(since))
        assert closed.outcome is ReleaseOutcome.ROLLED_BACK, closed
        return time.monotonic() - since

    async def wrong(self) -> list[str]:
        """Everything that is wrong with them."""
        expected = (Expected(self.good, 1, "v2"), Expected(self.bad, 2, "v1"))
        return [*blamed(self.good), *blamed(self.bad, taken_back=True), *await audit(self.whole, *expected)]


def blamed(story: Story, *, taken_back: bool = False) -> Iterator[str]:
    """Regions that were given up; and that a good release was halted."""
    yield from (
        f"{failed.region} of {story.application}: {failed.reason}" for failed in story.heard(RegionFailed)
    )
    if not taken_back and (halts := [*story.heard(ReleaseHalted), *story.heard(RollbackOrdered)]):
        yield f"{story.application} was good, and this was said of it: {halts}"


def _left(since: float) -> float:
    return SETTLED - (time.monotonic() - since)


# --- what goes away -----------------------------------------------------------------------------------------------


def broker(whole: Whole) -> Kafka:
    if whole.kafka.server is None:
        unavailable("An outside broker cannot be stopped.", "leave out LOCKGATE_KAFKA and --containers.")
    return whole.kafka.server


def database(whole: Whole) -> Postgres:
    if whole.postgres.server is None:
        unavailable("An outside database cannot be stopped.", "leave out LOCKGATE_POSTGRES and --containers.")
    return whole.postgres.server


def immediate(server: Postgres) -> None:
    """Stopped with `immediate`: as a crash."""
    process = server._alive()
    process.send("QUIT")
    process.wait(10.0)


async def lasts(seconds: float) -> None:
    """The time of the outage itself, which is what its tests are about."""
    until = time.monotonic() + seconds
    await holds(lambda: time.monotonic() > until, within=seconds + 60.0)


async def away(server: Server, stop: Callable[[Server], None], seconds: float) -> float:
    """The server is gone for so long. When it is back: seconds of the machine's monotonic clock."""
    await asyncio.to_thread(stop, server)
    assert not server.running
    await lasts(seconds)
    assert not server.running
    await asyncio.to_thread(server.start)
    return time.monotonic()


async def is_stopped(pid: int) -> None:
    """Waits until a process that was paused really is."""
    await eventually(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
