"""Two deployers at one workload at the same time, and one that comes back with a grant of hours ago, as watches show them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest_asyncio

from tests.support.changing import GOOD, RUNS, Changing, changing
from tests.support.deployer import WORKLOAD, artifact, grant
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.late import NEXT, PODS, STORIES, fallen
from tests.support.places import PATIENCE, Place
from tests.support.writes import each_write

HOURS = 4 * 3600.0


@pytest_asyncio.fixture
async def region(place: Place) -> AsyncIterator[Changing]:
    async with changing(place, WORKLOAD, PODS) as opened:
        yield opened


@pytest_asyncio.fixture
async def rival(place: Place) -> AsyncIterator[AtWork]:
    """Another deployer of the same region."""
    async with working(hurried(place.region("eu-west"))) as opened:
        yield opened


@contextmanager
def first_writes_at_once() -> Iterator[None]:
    """Two deployers have both looked before either of them writes."""
    both, met = asyncio.Barrier(2), 0

    async def meets(what: str, write: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal met
        met += 1
        if met <= 2:
            await both.wait()
        return await write()

    with each_write(meets):
        yield


async def test_an_untouched_workload_is_adopted_once_and_the_newer_of_two_releases_stays(
    region: Changing, rival: AtWork
) -> None:
    older = next(region.grants(STORIES["rolling"]))
    newer = grant("8.0.1", release="release-8", artifact=artifact(NEXT), workload=WORKLOAD)
    with first_writes_at_once():
        answers = await asyncio.gather(region.west.step(older, PATIENCE), rival.step(newer, PATIENCE))
    assert answers[0]["outcome"] in {"fenced", "deployed"}
    assert answers[1] == {"outcome": "deployed"}
    await region.is_at_rest(NEXT)
    writes = await region.seen.written()
    assert [each.name for each in writes if each.is_first_contact and each.kind == "deployments"] == [
        "payments"
    ]
    assert await fallen(region.seen) == []


async def test_two_deployers_with_one_grant_change_the_region_once(region: Changing, rival: AtWork) -> None:
    granted = next(region.grants(STORIES["rolling"]))
    with first_writes_at_once():
        answers = await asyncio.gather(region.west.step(granted, PATIENCE), rival.step(granted, PATIENCE))
    assert list(answers) == [{"outcome": "deployed"}] * 2
    await region.is_at_rest(GOOD)
    assert await region.west.mark("deployment.kubernetes.io/revision") == "2"


async def test_a_deployer_that_comes_back_after_hours_does_nothing_of_an_old_grant(region: Changing) -> None:
    answer = await region.west.step(next(region.grants(STORIES["rolling"])), seconds=-HOURS)
    assert answer["outcome"] == "failed"
    assert "was not done in its time" in answer["reason"]
    assert await region.seen.written() == []
    await region.is_at_rest(RUNS)
