"""Releases from their announcement to their end, on the whole system, each service its own process.

The stories are told at the same time, an application each; every test looks at one of them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from lockgate.messages.deployments import DeploymentStarted, RegionDeployed, RegionRolledBack, RegionUntouched
from lockgate.messages.releases import (
    ArtifactRefusal,
    ArtifactRefused,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseOutcome,
    ReleaseStarted,
    ReleaseSuperseded,
)
from lockgate.messages.rollbacks import Grade, ReleaseSettled, RollbackOrdered, VersionMarked
from lockgate.messages.verdicts import (
    Action,
    Granted,
    Outcome,
    RegionFailed,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WaitingFor,
    WatchEnded,
    WatchOutcome,
    WatchStarted,
)
from lockgate.verifier.statistics.verification import encode
from tests.support.plans import APART, PILOTED, PREPROD, REST, WHOLE, watch, wave
from tests.support.recomputed import recomputed
from tests.support.story import Story
from tests.support.together import Together
from tests.support.whole import Whole


async def good(story: Story) -> None:
    await story.begins(*WHOLE)
    await story.completes(await story.announces("v2"))


async def bad_pilot(story: Story) -> None:
    await story.begins(*WHOLE)
    release = await story.announces("v2")
    await story.hears(StagePassed, stage="preprod")
    story.image("v2", error_rate=0.5)  # what pre-production does not show
    await story.is_taken_back(release)
    await story.says_published("v2")
    await story.hears(ArtifactRefused)


async def slow_pilot(story: Story) -> None:
    await story.begins(*WHOLE)
    release = await story.announces("v2")
    await story.hears(StagePassed, stage="preprod")
    story.image("v2", latency_ms=50.0)  # and no request fails
    await story.is_taken_back(release)


async def bad_in_watch(story: Story) -> None:
    await story.begins(*WHOLE[:-1], watch("20s"))
    release = await story.announces("v2")
    await story.hears(StagePassed, stage="preprod")
    story.image("v2", error_rate=0.5, fault_from_share=0.9)  # what no pilot shows
    await story.hears(WatchStarted)
    await story.alarms("too many errors", REST[0])
    await story.is_taken_back(release)


async def bad_first(story: Story) -> None:
    story.image("v2", missing=True)
    await story.begins(wave("first", PILOTED, budget="30s"), wave("rest", *REST), watch())
    await story.is_taken_back(await story.announces("v2"))


async def failing_once(story: Story) -> None:
    await story.begins(wave("rest", "us-east", APART, budget="4s", retry=1, **{"max-parallel": 2}), watch())
    story.sandbox.put(f"faults/kubernetes/{APART}", {"mode": "error", "status": 503, "methods": ["PATCH"]})
    try:
        release = await story.announces("v2")
        await story.hears(RegionFailed)
    finally:
        story.sandbox.delete(f"faults/kubernetes/{APART}")
    await story.completes(release)


async def held_by_a_region(story: Story) -> None:
    """The registry has no `v2` yet. Once it has, an operator has the region tried again."""
    story.image("v2", missing=True)
    await story.begins(wave("rest", *REST, budget="30s", **{"on-region-failure": "hold"}), watch())
    release = await story.announces("v2")
    await story.hears(StageWaiting, waiting_for=WaitingFor.HELD)
    story.image("v2")
    await story.retries()
    await story.completes(release)


async def queueing(story: Story) -> None:
    await story.begins(wave("rest", *REST), watch("2s"))
    first = await story.announces("v2")
    second = await story.announces("v3")
    third = await story.announces("v4")
    await story.completes(first)
    await story.hears(ReleaseSuperseded, release=second)
    await story.completes(third)


@pytest.fixture(scope="module")
async def stories(started_whole: Whole) -> AsyncIterator[Together]:
    tellers = (good, bad_pilot, slow_pilot, bad_in_watch, bad_first, failing_once, held_by_a_region, queueing)
    async with Together(started_whole, *tellers) as together:
        yield together


async def test_a_good_release_passes_every_stage_in_order_and_runs_in_every_region(stories: Together) -> None:
    story = await stories.story(good)
    passed = [event.stage for event in story.heard(StagePassed)]
    assert passed == ["preprod", "pilot", "first", "rest", "watch"]
    steps = [(grant.stage, grant.region, grant.action) for grant in story.heard(Granted)]
    assert steps[:4] == [
        ("preprod", PREPROD, Action.DEPLOY),
        ("preprod", PREPROD, Action.PROBE),
        ("pilot", PILOTED, Action.PILOT),
        ("first", PILOTED, Action.DEPLOY),
    ]
    assert sorted(steps[4:]) == [("rest", region, Action.DEPLOY) for region in REST]
    assert story.digests() == story.everywhere("v2")


async def test_a_good_release_changes_each_region_once_and_leaves_no_clone(stories: Together) -> None:
    story = await stories.story(good)
    assert story.changes() == dict.fromkeys(story.regions, 1)
    assert story.clones() == []
    assert list(story.shares(PILOTED)) == [story.application]


async def test_a_good_release_is_marked_good_after_its_watch(stories: Together) -> None:
    story = await stories.story(good)
    mark = await story.hears(VersionMarked)
    assert (mark.digest, mark.grade) == (story.digest("v2"), Grade.GOOD)
    assert [event.outcome for event in story.heard(WatchEnded)] == [WatchOutcome.PASSED]
    assert story.heard(RollbackOrdered) == []


async def test_a_release_that_fails_in_the_pilot_is_taken_back_before_production_runs_it(
    stories: Together,
) -> None:
    story = await stories.story(bad_pilot)
    verdict = await story.hears(VerdictReached, stage="pilot")
    assert verdict.outcome is Outcome.FAIL
    assert verdict.guilty == (PILOTED,)
    begun = {(event.region, event.action) for event in story.heard(DeploymentStarted)}
    assert begun == {(PREPROD, Action.DEPLOY), (PILOTED, Action.PILOT)}
    assert story.changes() == {PREPROD: 2, PILOTED: 0, **dict.fromkeys(REST, 0)}
    assert story.digests() == story.everywhere("v1")


async def test_a_release_that_only_answers_slower_is_taken_back_from_its_pilot(stories: Together) -> None:
    story = await stories.story(slow_pilot)
    verdict = await story.hears(VerdictReached, stage="pilot")
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, (PILOTED,))
    assert "takes longer than" in verdict.reason
    assert story.changes() == {PREPROD: 2, PILOTED: 0, **dict.fromkeys(REST, 0)}
    assert story.digests() == story.everywhere("v1")


@pytest.mark.parametrize("teller", [good, bad_pilot, slow_pilot])
async def test_a_verdict_is_recomputed_from_its_event_by_another_process_to_the_same_bytes(
    stories: Together, teller: Callable[[Story], Awaitable[None]]
) -> None:
    verdict = await (await stories.story(teller)).hears(VerdictReached, stage="pilot")
    again = await asyncio.to_thread(recomputed, encode(verdict.evidence))
    assert again["verdict"] == verdict.outcome
    assert verdict.reason == f"In {PILOTED}: {again['reason']}"
    assert encode(again["evidence"]) == encode(verdict.evidence)
    assert len(encode(verdict.evidence)) <= 64 * 1024


async def test_a_pilot_that_was_taken_back_has_no_share_and_no_clone(stories: Together) -> None:
    story = await stories.story(bad_pilot)
    assert story.clones() == []
    assert list(story.shares(PILOTED)) == [story.application]
    settled = await story.hears(ReleaseSettled)
    assert settled.debts == ()
    assert {event.region for event in story.heard(RegionUntouched)} == set(REST)


async def test_a_version_that_was_taken_back_is_refused_as_known_bad(stories: Together) -> None:
    story = await stories.story(bad_pilot)
    refused = await story.hears(ArtifactRefused)
    assert refused.code is ArtifactRefusal.KNOWN_BAD
    assert (await story.hears(VersionMarked)).grade is Grade.BAD
    assert len(story.heard(ReleaseStarted)) == 1


async def test_an_incident_in_the_watch_takes_the_release_back_in_every_region(stories: Together) -> None:
    story = await stories.story(bad_in_watch)
    verdict = await story.hears(VerdictReached, stage="watch")
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, (REST[0],))
    assert [event.outcome for event in story.heard(WatchEnded)] == [WatchOutcome.FAILED]
    assert {event.region for event in story.heard(RegionDeployed)} == set(story.regions)
    assert {event.region for event in story.heard(RegionRolledBack)} == set(story.regions)
    assert story.digests() == story.everywhere("v1")
    assert story.changes() == dict.fromkeys(story.regions, 2)
    assert story.heard(ReleaseCompleted) == []


async def test_a_first_release_that_fails_goes_back_to_what_was_found_running(stories: Together) -> None:
    story = await stories.story(bad_first)
    found = await story.hears(DeploymentStarted)
    assert found.found == story.digest("v1")
    failure = await story.hears(RegionFailed)
    assert (failure.region, failure.final) == (PILOTED, True)
    assert "ImagePull" in failure.reason
    back = {event.region: event.digest for event in story.heard(RegionRolledBack)}
    assert back == {PILOTED: story.digest("v1")}
    assert {event.region for event in story.heard(RegionUntouched)} == set(REST)
    assert story.digests() == story.everywhere("v1")
    closed = await story.is_taken_back(failure.release)
    assert closed.outcome is ReleaseOutcome.ROLLED_BACK


async def test_a_region_that_fails_once_is_granted_again_and_the_others_are_left_alone(
    stories: Together,
) -> None:
    story = await stories.story(failing_once)
    failures = [(event.region, event.attempt, event.final) for event in story.heard(RegionFailed)]
    assert failures == [(APART, 1, False)]
    attempts = [(grant.region, grant.attempt) for grant in story.heard(Granted)]
    assert sorted(attempts) == [(APART, 1), (APART, 2), ("us-east", 1)]
    assert story.changes() == {"us-east": 1, APART: 1}
    assert story.digests() == story.everywhere("v2")


async def test_a_region_that_fails_for_good_holds_its_wave_where_the_plan_says_so_until_it_is_tried_again(
    stories: Together,
) -> None:
    story = await stories.story(held_by_a_region)
    failures = [(event.region, event.final) for event in story.heard(RegionFailed)]
    assert failures == [(REST[0], True)]
    held = await story.hears(StageWaiting, waiting_for=WaitingFor.HELD)
    assert held.reason.startswith(
        f"The release is held, and no further region is begun: retry grants to {REST[0]} anew"
    )
    granted = [grant.region for grant in story.heard(Granted)]
    assert granted == [REST[0], *REST]
    assert story.digests() == story.everywhere("v2")


async def test_the_newest_waiting_release_starts_when_the_one_under_way_ends(stories: Together) -> None:
    story = await stories.story(queueing)
    started = [event.artifact.digest for event in story.heard(ReleaseStarted)]
    assert started == [story.digest("v2"), story.digest("v4")]
    [superseded] = story.heard(ReleaseSuperseded)
    assert superseded.artifact.digest == story.digest("v3")
    ends = [type(event) for event in _releases(story)]
    assert ends == [ReleaseEntered, ReleaseCompleted, ReleaseEntered, ReleaseCompleted]
    assert story.digests() == story.everywhere("v4")


def _releases(story: Story) -> list[ReleaseEntered | ReleaseCompleted]:
    bodies = (told.body for told in story.telling.of(story.application))
    return [body for body in bodies if isinstance(body, ReleaseEntered | ReleaseCompleted)]
