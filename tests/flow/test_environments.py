"""Pre-production on demand on the whole system: good and bad, and a deployer that dies before it could clear up.

The stories are told at the same time, an application each; every test looks at one of them.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from lockgate.messages.deployments import DeploymentFailed, RegionDeployed, RegionProbed, RegionUntouched
from lockgate.messages.rollbacks import VersionMarked
from lockgate.messages.verdicts import Action, Granted, Outcome, StagePassed, VerdictReached
from tests.support.plans import PILOTED, TRIED, Stage, preprod, watch, wave
from tests.support.story import Story, holds
from tests.support.together import Together
from tests.support.whole import Whole

MANY = [{"get": "/healthz"}, {"post": "/pay", "json": {}, "times": 300}]


def trial(**changes: Any) -> Stage:
    return preprod(
        **{"regions": [TRIED], "environment": "on-demand", "requests": MANY, "concurrency": 8, **changes}
    )


def environments(story: Story) -> list[str]:
    return [name for name in story.sandbox.deployments(TRIED) if name.startswith(story.application)]


async def good(story: Story) -> None:
    await story.begins(trial(), wave("all", PILOTED), watch())
    await story.completes(await story.announces("v2"))


async def bad(story: Story) -> None:
    story.image("v2", answers={"/pay": 500})
    await story.begins(trial(), wave("all", PILOTED), watch())
    await story.is_taken_back(await story.announces("v2"))


async def one_that_never_gets_ready(story: Story) -> None:
    story.image("v2", never_ready=True)
    await story.begins(trial(budget="20s"), wave("all", PILOTED), watch())
    await story.is_taken_back(await story.announces("v2"))


@pytest.fixture(scope="module")
async def stories(started_whole: Whole) -> AsyncIterator[Together]:
    async with Together(started_whole, good, bad, one_that_never_gets_ready) as together:
        yield together


async def test_a_good_release_is_tried_beside_what_is_live_and_goes_on(stories: Together) -> None:
    story = await stories.story(good)
    assert [grant.action for grant in story.heard(Granted, region=TRIED)] == [Action.ENVIRONMENT]
    (probed,) = story.heard(RegionProbed)
    assert [(result.sent, result.failed) for result in probed.results] == [(1, 0), (300, 0)]
    (verdict,) = story.heard(VerdictReached, stage="preprod")
    assert (verdict.outcome, verdict.evidence["regions"][TRIED]["judged"]["requests"]) == (
        Outcome.PASS,
        "300",
    )
    assert story.digests() == story.everywhere("v2")
    await holds(lambda: environments(story) == [])


async def test_a_bad_one_fails_there_and_what_is_live_never_changes(stories: Together) -> None:
    story = await stories.story(bad)
    (verdict,) = story.heard(VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, (TRIED,))
    assert "300 of 300 requests failed" in verdict.reason
    assert story.heard(RegionDeployed) == []
    assert story.heard(StagePassed) == []
    assert [event.region for event in story.heard(RegionUntouched)] == [TRIED]
    assert [mark.digest for mark in story.heard(VersionMarked)] == [story.digest("v2")]
    assert story.changes() == {PILOTED: 0}
    await holds(lambda: environments(story) == [])


async def test_one_that_does_not_come_up_fails_in_its_pods_words_and_is_removed(stories: Together) -> None:
    story = await stories.story(one_that_never_gets_ready)
    (failed,) = story.heard(DeploymentFailed)
    assert failed.action is Action.ENVIRONMENT
    assert "Waiting pods" in failed.reason
    assert story.changes() == {PILOTED: 0}
    await holds(lambda: environments(story) == [])


async def test_a_deployer_that_died_with_an_environment_clears_up_when_it_is_back(whole: Whole) -> None:
    story = whole.story("orphaned")
    story.image("v2", never_ready=True)
    await story.begins(trial(budget="60s"), wave("all", PILOTED), watch())
    release = await story.announces("v2")
    await holds(lambda: environments(story) != [])
    await whole.kill("deployer-eu")
    story.image("v2")
    await whole.restart("deployer-eu")
    await story.completes(release)
    assert story.digests() == story.everywhere("v2")
    await holds(lambda: environments(story) == [])
