"""Each strategy on a cluster, as its watches show it: no pods missing, no share above the step's, all or nothing."""

import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lockgate.messages.verdicts import Action
from tests.support.changing import (
    BLUE_GREEN,
    GOOD,
    RUNS,
    Changing,
    Steps,
    canary,
    changing,
    killed_after_each_write,
)
from tests.support.controlplane.behaviours import Acts, digest
from tests.support.deployer import ROUTELESS, WORKLOAD
from tests.support.places import MERGE, PATIENCE, Place

STORIES: dict[str, Steps] = {
    "rolling": ((Action.DEPLOY, None),),
    "pilot": ((Action.PILOT, 0.25), (Action.DEPLOY, None)),
    "canary": canary(0.25, 0.5),
    "blue-green": BLUE_GREEN,
}
STORY = pytest.mark.parametrize("story", STORIES)
WITH_CLONE = pytest.mark.parametrize("story", ["pilot", "canary", "blue-green"])
AFTER_EACH_STEP = [(story, done) for story, steps in STORIES.items() for done in range(1, len(steps) + 1)]
MAY_MISS = {"rolling": 1, "pilot": 1, "canary": 0, "blue-green": 0}
"""Of four pods, what the Deployment's own roll-out takes away and no clone makes up for."""


@pytest_asyncio.fixture(params=[WORKLOAD, ROUTELESS], ids=["route", "no route"])
async def region(request: pytest.FixtureRequest, place: Place) -> AsyncIterator[Changing]:
    async with changing(place, request.param) as opened:
        yield opened


@STORY
async def test_a_good_version_goes_through_every_step_with_no_pod_missing_and_no_share_too_large(
    region: Changing, story: str
) -> None:
    for granted in region.grants(STORIES[story]):
        mark, before = await region.seen.now(), (await region.seen.samples())[-1].share
        answer = await region.west.step(granted, PATIENCE)
        assert answer["outcome"] in {"piloted", "probed", "deployed"}, answer
        shown = await region.seen.samples(since=mark)
        if granted.action is not Action.DEPLOY:
            assert max(sample.share for sample in shown) <= max(before, granted.share or 0.0)
            assert shown[-1].share == pytest.approx(answer.get("share", 0.0))
    await region.is_at_rest(GOOD)
    assert await region.fewest() >= region.pods - MAY_MISS[story]


async def test_blue_green_has_all_traffic_on_one_side_at_any_time(region: Changing) -> None:
    for granted in region.grants(BLUE_GREEN):
        await region.west.step(granted, PATIENCE)
    await region.is_at_rest(GOOD)
    shown = await region.seen.samples()
    assert [share for share, _ in itertools.groupby(sample.share for sample in shown)] == [0.0, 1.0, 0.0]
    assert min(sample.serving for sample in shown) >= region.pods


@WITH_CLONE
async def test_a_bad_version_fails_its_first_step_without_traffic_and_production_never_changes(
    region: Changing, story: str
) -> None:
    await region.place.patch("deployments", "payments", {"spec": {"progressDeadlineSeconds": 3}}, MERGE)
    bad = digest(Acts.NEVER_READY)
    answer = await region.west.step(next(region.grants(STORIES[story], bad)), PATIENCE)
    assert answer["outcome"] == "failed", answer
    clones = {"pilot": "payments-pilot-7", "canary": "payments-canary-7", "blue-green": "payments-green-7"}
    assert f"{clones[story]} in eu-west did not become ready (ProgressDeadlineExceeded)" in answer["reason"]
    assert "ContainersNotReady" in answer["reason"]
    assert await region.back(bad) == {"outcome": "rolled-back", "digest": RUNS}
    await region.is_at_rest(RUNS)
    assert {sample.share for sample in await region.seen.samples()} == {0.0}
    assert await region.fewest() == region.pods
    assert await region.west.mark("deployment.kubernetes.io/revision") == "1"


async def test_a_bad_version_that_rolls_alone_is_taken_back_with_no_more_missing_than_it_may(
    region: Changing,
) -> None:
    await region.place.patch("deployments", "payments", {"spec": {"progressDeadlineSeconds": 3}}, MERGE)
    bad = digest(Acts.NEVER_READY)
    answer = await region.west.step(next(region.grants(STORIES["rolling"], bad)), PATIENCE)
    assert answer["outcome"] == "failed", answer
    assert "ContainersNotReady" in answer["reason"]
    assert await region.back(bad) == {"outcome": "rolled-back", "digest": RUNS}
    await region.is_at_rest(RUNS)
    assert {sample.share for sample in await region.seen.samples()} == {0.0}
    assert await region.fewest() >= region.pods - MAY_MISS["rolling"]


@pytest.mark.parametrize(("story", "done"), AFTER_EACH_STEP)
async def test_a_rollback_after_a_step_is_all_old_and_rolls_only_what_was_rolled(
    region: Changing, story: str, done: int
) -> None:
    for granted in itertools.islice(region.grants(STORIES[story]), done):
        await region.west.step(granted, PATIENCE)
    assert await region.back() == {"outcome": "rolled-back", "digest": RUNS}
    await region.is_at_rest(RUNS)
    rolled = done == len(STORIES[story])
    assert await region.fewest() >= region.pods - (1 if rolled else 0)
    assert await region.west.mark("deployment.kubernetes.io/revision") == ("3" if rolled else "1")


@STORY
async def test_a_deployer_killed_after_each_write_gets_to_the_end_with_no_pod_missing(
    region: Changing, story: str
) -> None:
    with killed_after_each_write() as writes:
        for granted in region.grants(STORIES[story]):
            assert await region.step(granted) is not None
    assert len(writes) >= {"rolling": 2, "pilot": 6, "canary": 7, "blue-green": 7}[story]
    await region.is_at_rest(GOOD)
    assert await region.fewest() >= region.pods - MAY_MISS[story]


@pytest.mark.parametrize(
    ("story", "deaths"),
    [("rolling", 1), ("rolling", 2), *itertools.product(("pilot", "canary", "blue-green"), (3, 5, 8))],
)
async def test_an_order_after_a_deployer_was_killed_in_the_middle_of_a_step_is_all_old(
    region: Changing, story: str, deaths: int
) -> None:
    with killed_after_each_write() as writes:
        for granted in region.grants(STORIES[story]):
            if await region.step(granted, runs=deaths - len(writes)) is None:
                break
        assert (await region.back())["outcome"] == "rolled-back"
    await region.is_at_rest(RUNS)
