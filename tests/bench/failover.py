"""From the death of a deployer in mid-canary to the next write, made by the replica beside it.

Canaries of ten steps go on in a few regions of the sandbox. The replica that has the application is killed (SIGKILL) while they
do; the other one learns of it as the settings of production let it, takes over, and goes on. The writes are seen by watches on
the regions' API servers. What the dead one had sent already is not counted: nothing that is seen at once is.
"""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvloop

from lockgate.cli.local.child import Child
from lockgate.messages.releases import ReleaseCompleted
from lockgate.runtime.service import partition_of
from lockgate.runtime.settings import ProcessSettings
from tests.bench.figures import Figure
from tests.support.eventually import eventually
from tests.support.many import DEPLOYER, clusters, many, names
from tests.support.plans import watch, wave
from tests.support.seen_writes import DEPLOYMENTS, ROUTES, Written, seen_writes
from tests.support.story import Story
from tests.support.whole import STARTED, Whole, opened

REGIONS = 5
ROUNDS = 10
PODS = 4
STEPS = [step / 10 for step in range(1, 11)]
MIDDLE = 0.3
PATIENCE = 180.0
ON_ITS_WAY = 0.5
"""Seconds in which a write of the dead one may still arrive, and in which nobody misses it yet."""


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields the figures; there is nothing more to print with `profile`."""
    del profile
    times = uvloop.run(_measured())
    yield Figure("failover-to-next-write-p50", statistics.median(times), "s")
    yield Figure(f"failover-to-next-write-longest-of-{len(times)}", max(times), "s")


async def _measured() -> list[float]:
    regions = names(REGIONS)
    async with opened(None, shape=many(REGIONS)) as whole, clusters(whole.local.sandbox) as reader:
        story = whole.story("carried-on")
        await reader.runs(story, "v1", PODS, regions)
        rest = {"strategy": {"canary": STEPS, "wait": "0s"}, "max-parallel": REGIONS, "budget": "5m"}
        await story.plans(wave("all", *regions, **rest), watch("1s"))
        kinds = (ROUTES, DEPLOYMENTS)
        async with (
            _beside(whole),
            seen_writes(whole.local.sandbox, story.application, regions, *kinds) as written,
        ):
            return [await _round(whole, story, f"v{number + 2}", written) for number in range(ROUNDS)]


async def _round(whole: Whole, story: Story, version: str, written: Written) -> float:
    """Seconds from the kill to the next write. The release ends as any other, and the dead one comes back."""
    owner = await _owner(whole, story.application)
    release = await story.announces(version)
    await written.holds(lambda: max(written.shares.values(), default=0) >= MIDDLE, PATIENCE)
    killed = time.perf_counter()
    await whole.kill(owner.name)
    await written.holds(lambda: written.writes[-1] > killed + ON_ITS_WAY, PATIENCE)
    took = min(at for at in written.writes if at > killed + ON_ITS_WAY) - killed
    await story.hears(ReleaseCompleted, release=release, within=PATIENCE)
    await whole.restart(owner.name)
    return took


@asynccontextmanager
async def _beside(whole: Whole) -> AsyncIterator[None]:
    """A second replica of the deployer."""
    child = whole.local.child(DEPLOYER, "-beside")
    child.start()
    try:
        await asyncio.to_thread(child.wait_ready, STARTED)
        yield
    finally:
        await asyncio.to_thread(child.stop)


async def _owner(whole: Whole, application: str) -> Child:
    """The replica that has the application, once both have partitions."""
    part = partition_of(application, ProcessSettings(kafka=whole.local.servers.kafka).partitions)
    replicas = [child for name, child in whole.local.children.items() if name.startswith(DEPLOYER)]

    def shared() -> Child:
        assigned = {child.name: _assigned(child) for child in replicas}
        assert all(assigned.values()), f"not both have partitions: {assigned}"
        (owner,) = (child for child in replicas if part in assigned[child.name])
        return owner

    owner: Child = await eventually(shared, within=PATIENCE)
    return owner


def _assigned(child: Child) -> list[int]:
    """The partitions that it was given last, as its log says."""
    lines = (json.loads(line) for line in child.log.read_text().splitlines() if line.startswith("{"))
    given: list[list[int]] = [line["partitions"] for line in lines if line["event"] == "partitions assigned"]
    return given[-1] if given else []
