"""One release over a thousand regions of ten pods, and over a tenth and a hundredth of them; one region that fails alone.

The whole system, with a sandbox in one process and one deployer for all regions. Judged by the regions' API servers: each
runs the version with all of its pods, and its Deployment was changed as often as any other one's. The region that fails has
an API server that is down until the others are done; after it is back, nothing of theirs may be touched any more.
"""

import asyncio
import itertools
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from lockgate.messages.deployments import RegionDeployed
from lockgate.messages.verdicts import Granted, RegionFailed
from tests.qualify.progress import say
from tests.support.many import (
    DEPLOYER,
    Clusters,
    Seen,
    clusters,
    everywhere,
    many,
    names,
    processor_seconds,
    used,
)
from tests.support.plans import watch, wave
from tests.support.processes import peak_mib
from tests.support.story import Story
from tests.support.whole import Whole, opened

MOST_SECONDS = 60.0
"""For one release over all regions."""

MOST_STEEPER = 1.5
"""So many times as long as a tenth of the regions it may take for each region: linear, with room for a busy machine."""

MOST_MIB = 300.0
ADOPTED = 2
"""Changes of a Deployment in the first release: its first fence, then its image."""

MANY = 0.2
"""Events of a kind for each region, below which it is no matter of the regions."""

SHOWN = 5
"""Regions with which the same is wrong."""

PATIENCE = 900.0
WAITED = "1s"
"""Of the watch; it is part of what a release takes."""


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    return asyncio.run(qualify(numbers["regions"], numbers["pods"], numbers["budget"]))


@dataclass
class Run:
    """One system at work, and what was found wrong."""

    whole: Whole
    clusters: Clusters
    pods: int
    budget: int
    violations: list[str] = field(default_factory=list)

    async def story(self, regions: tuple[str, ...]) -> Story:
        """An application that runs in these regions, with its plan."""
        story = self.whole.story(f"in-{len(regions)}")
        await self.clusters.runs(story, "v1", self.pods, regions)
        rest = wave("all", *regions, **{"max-parallel": 1000, "budget": f"{self.budget}s", "retry": 2})
        await story.plans(rest, watch(WAITED))
        return story

    async def release(self, story: Story, version: str, changes: int = 1) -> float:
        """Seconds from the announcement to the end of a release. Judges what the regions run then, and what it took."""
        before = await self.clusters.seen(story.application, story.regions)
        began = time.monotonic()
        await story.completes(await story.announces(version), within=PATIENCE)
        took = time.monotonic() - began
        after = await self.clusters.seen(story.application, story.regions)
        self.judge(story, version, before, after, changes)
        return took

    def judge(
        self, story: Story, version: str, before: dict[str, Seen], after: dict[str, Seen], changes: int = 1
    ) -> None:
        wrong = []
        for region, now in after.items():
            if now.digest != story.digest(version) or not now.rolled_out:
                wrong.append(f"{region} does not run {version} with all pods: {now}")
            if (found := now.generation - before[region].generation) != changes:
                wrong.append(f"{region} was changed {found} times for {version}, and not {changes}")
        self.violations += wrong[:SHOWN]


async def qualify(count: int, pods: int, budget: int) -> dict[str, Any]:
    load = os.getloadavg()[0]
    async with _begun(count, pods, budget) as run:
        seconds: dict[str, list[float]] = {}
        costs: dict[str, dict[str, float]] = {}
        events: dict[str, dict[str, float]] = {}
        for size in sorted({max(1, count // 100), max(1, count // 10), count}):
            story = await run.story(names(count)[:size])
            costs[str(size)], seconds[str(size)] = await _released(run, story)
            events[str(size)] = _events(story)
            say(f"{size} regions: {seconds[str(size)]} s, processor {costs[str(size)]}, {events[str(size)]}")
        alone = await _fails_alone(run, story)
        memory = _peak(run.whole)
    return {
        "load_before": round(load, 1),
        "pods_in_each_region": pods,
        "seconds_first_release_and_second": seconds,
        "processor_seconds_of_the_second": costs,
        "events_in_each_region": events,
        "one_fails": alone,
        "deployer_peak_rss_mib": memory,
        "violations": run.violations + _missed(seconds, memory),
    }


@asynccontextmanager
async def _begun(count: int, pods: int, budget: int) -> AsyncIterator[Run]:
    async with opened(None, shape=many(count)) as whole, clusters(whole.local.sandbox) as reader:
        say(f"{count} regions are up; the deployer has {_peak(whole)} MiB")
        yield Run(whole, reader, pods, budget)


async def _released(run: Run, story: Story) -> tuple[dict[str, float], list[float]]:
    """The first release meets every object for the first time, the second one is any later one; its costs."""
    first = await run.release(story, "v2", ADOPTED)
    before = processor_seconds()
    second = await run.release(story, "v3")
    return used(before, processor_seconds()), [round(first, 1), round(second, 1)]


def _events(story: Story) -> dict[str, float]:
    """How many of each kind the services said of a region in each release so far, by the average."""
    found = Counter(type(told.body).__name__ for told in story.telling.of(story.application))
    releases = len(story.regions) * found["ReleaseCompleted"]
    each = {name: round(count / releases, 1) for name, count in found.most_common()}
    return {name: count for name, count in each.items() if count >= MANY}


async def _fails_alone(run: Run, story: Story) -> dict[str, Any]:
    """The last region's API server is down until all others are done, and its first attempt has failed."""
    *others, broken = story.regions
    before = await run.clusters.seen(story.application, story.regions)
    await asyncio.to_thread(story.sandbox.put, f"faults/kubernetes/{broken}", {"mode": "down"})
    release = await story.announces("v4")
    await story.hears(RegionFailed, region=broken, release=release, within=PATIENCE)
    await everywhere(story, RegionDeployed, release, others, PATIENCE)
    done = await run.clusters.seen(story.application, others)
    await asyncio.to_thread(story.sandbox.delete, f"faults/kubernetes/{broken}")
    await story.completes(release, within=PATIENCE)
    after = await run.clusters.seen(story.application, story.regions)
    run.judge(story, "v4", before, after)
    touched = [
        f"{region} was touched after it was done: {done[region]}, then {after[region]}"
        for region in others
        if after[region] != done[region]
    ]
    run.violations += touched[:SHOWN]
    grants = [granted.region for granted in story.heard(Granted, release=release)]
    if twice := sorted(region for region in others if grants.count(region) != 1):
        run.violations.append(f"not granted to once: {twice[:5]}")
    if grants.count(broken) < 2:
        run.violations.append(
            f"{broken} was granted to {grants.count(broken)} times: nothing was tried again"
        )
    return {"attempts": grants.count(broken), "others_untouched": len(others)}


def _peak(whole: Whole) -> float:
    """MiB that the deployer's process had in memory at most, as the kernel counted."""
    return peak_mib(whole.service(DEPLOYER).pid)


def _missed(seconds: dict[str, list[float]], memory: float) -> list[str]:
    sizes = [int(size) for size in seconds]
    wrong = []
    if (longest := max(seconds[str(sizes[-1])])) > MOST_SECONDS:
        wrong.append(f"{sizes[-1]} regions took {longest} s; at most {MOST_SECONDS:.0f} are allowed")
    for few, more in itertools.pairwise(sizes[1:]):
        small, large = seconds[str(few)][1] / few, seconds[str(more)][1] / more
        if large > MOST_STEEPER * small:
            wrong.append(
                f"a region takes {large:.3f} s among {more} and {small:.3f} s among {few}: not linear"
            )
    if memory > MOST_MIB:
        wrong.append(f"the deployer had {memory} MiB; at most {MOST_MIB:.0f} are allowed")
    return wrong
