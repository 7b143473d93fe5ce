"""A second replica of each service comes and goes while releases are under way: each ends right, nothing happens twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from lockgate.cli.local.child import Child
from lockgate.cli.local.http import answering
from tests.support.audit import Expected, audit
from tests.support.eventually import eventually
from tests.support.outages import blamed, lasts, stages
from tests.support.story import Story
from tests.support.whole import Whole

EVERY = 5.0
"""Seconds for which the second replicas are there, and then not."""

STARTED = 120.0
"""Seconds that six processes may take to start at once on a busy machine: how soon they serve is not judged here."""

BUDGET = 60.0
VERSIONS = ("v2", "v3", "v4", "v5", "v6")
"""Of each of two applications: ten releases."""

SERVICES = ("intake", "verifier", "rollback", "ledger", "deployer-eu", "deployer-world")
GROUPS = tuple(service for service in SERVICES if service != "ledger")
"""Those whose replicas share partitions; the ledger's read all of them."""


async def releases(story: Story) -> None:
    await story.begins(*stages(BUDGET))
    for version in VERSIONS:
        story.image(version, start_seconds=4.0)
        await story.completes(await story.announces(version))


@asynccontextmanager
async def beside(whole: Whole) -> AsyncIterator[list[Child]]:
    """A second replica of each service, not started yet; in the end they are gone."""
    children = [whole.local.child(service, "-beside") for service in SERVICES]
    try:
        yield children
    finally:
        await asyncio.gather(*(asyncio.to_thread(child.stop) for child in children))
        for child in children:
            del whole.local.children[child.name]


async def come(children: list[Child]) -> None:
    for child in children:
        child.start()
    await asyncio.gather(*(eventually(partial(serves, child), within=STARTED) for child in children))


def serves(child: Child) -> bool:
    """A second ledger waits for the first one to end, and is not ready until then."""
    alive = f"http://127.0.0.1:{child.port}/healthz"
    return answering(alive) == str(child.pid) if "ledger" in child.name else child.ready()


async def leave(children: list[Child]) -> None:
    """Gracefully, all at the same time."""
    statuses = await asyncio.gather(*(asyncio.to_thread(child.stop) for child in children))
    wrong = {child.name: child.log.read_text()[-8000:] for child in children if child.exit_status}
    assert set(statuses) == {0}, f"{sorted(wrong)} ended otherwise, and said: {wrong}"


def assignments(child: Child) -> int:
    """How often it was given partitions, as its log says."""
    lines = (json.loads(line) for line in child.log.read_text().splitlines() if line.startswith("{"))
    return sum(line["event"] == "partitions assigned" and bool(line["partitions"]) for line in lines)


@pytest.mark.ci
@pytest.mark.timeout(600)
async def test_replicas_that_come_and_go_during_ten_releases_lose_nothing(whole: Whole) -> None:
    stories = [whole.story(f"shared-{number}") for number in (1, 2)]
    async with beside(whole) as children:
        told = asyncio.gather(*(releases(story) for story in stories))
        times = 0
        try:
            while not told.done():
                await come(children)
                await lasts(EVERY)
                times += 1
                await leave(children)
                await lasts(EVERY)
            await told
        finally:
            told.cancel()
            await asyncio.gather(told, return_exceptions=True)
        shared = {
            child.name: assignments(child)
            for child in children
            if child.name.removesuffix("-beside") in GROUPS
        }
    assert times >= 2, "the releases were over before the replicas had gone and come back"
    assert all(shared.values()), f"a replica never had a part in it: {shared}"
    assert [sentence for story in stories for sentence in blamed(story)] == []
    expected = [Expected(story, len(VERSIONS), VERSIONS[-1]) for story in stories]
    assert await audit(whole, *expected) == []
