"""Canary and blue-green releases on the whole system: a good one, bad ones, and the way back from the middle of each.

The stories are told at the same time, an application each; every test looks at one of them.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from lockgate.messages.deployments import (
    DeploymentStarted,
    PilotDeployed,
    RegionDeployed,
    RegionProbed,
    RegionRolledBack,
)
from lockgate.messages.rollbacks import ReleaseSettled, RollbackOrdered
from lockgate.messages.verdicts import (
    Action,
    FailCause,
    Granted,
    Outcome,
    RegionFailed,
    StagePassed,
    StageWaiting,
    VerdictReached,
    VerificationStarted,
    WaitingFor,
)
from lockgate.verifier.statistics.again import again
from lockgate.verifier.statistics.verification import encode
from tests.support.plans import BRIEF, PILOTED, REST, SHORT, Stage, pilot, preprod, watch, wave
from tests.support.story import Story
from tests.support.together import Together
from tests.support.whole import Whole

STEPS = ["25%", "50%", "100%"]
REQUESTS = preprod()["requests"]


def canary(*regions: str, wait: str = "500ms", max_parallel: int = 1, **changes: Any) -> Stage:
    strategy = {"canary": STEPS, "wait": wait}
    return wave("first", *regions, strategy=strategy, **{"max-parallel": max_parallel}, **changes)


def blue_green(*regions: str, keep: str = "1s", max_parallel: int = 1, **changes: Any) -> Stage:
    strategy = {"blue-green": {"keep": keep, "requests": REQUESTS}}
    return wave("first", *regions, strategy=strategy, **{"max-parallel": max_parallel}, **changes)


async def good_canary(story: Story) -> None:
    await story.begins(pilot(), canary(PILOTED, *REST, max_parallel=2), watch())
    await story.completes(await story.announces("v2"))


def compared(*regions: str) -> Stage:
    """A canary that is compared between its steps."""
    return wave("first", *regions, strategy={"canary": STEPS, "wait": "500ms", **SHORT})


async def compared_canary(story: Story) -> None:
    await story.begins(compared(PILOTED), watch())
    await story.completes(await story.announces("v2"))


async def canary_that_is_worse_at_half(story: Story) -> None:
    story.image("v2", error_rate=0.5, fault_from_share=0.4)
    await story.begins(compared(PILOTED), watch())
    await story.is_taken_back(await story.announces("v2"))


WAVES = (
    wave("first", PILOTED, after=BRIEF),
    wave("rest", *REST, **{"max-parallel": 2}),
)
"""The first is compared with the regions of the second one."""


async def compared_wave(story: Story) -> None:
    await story.begins(*WAVES, watch())
    await story.completes(await story.announces("v2"))


async def wave_that_is_worse_than_other_regions(story: Story) -> None:
    story.image("v2", error_rate=0.3)
    await story.begins(*WAVES, watch())
    await story.is_taken_back(await story.announces("v2"))


async def bad_canary(story: Story) -> None:
    story.image("v2", never_ready=True)
    await story.begins(canary(PILOTED, *REST, budget="8s"), watch())
    await story.is_taken_back(await story.announces("v2"))


async def canary_with_an_incident(story: Story) -> None:
    await story.begins(wave("all", REST[0]), watch())
    await story.completes(await story.announces("v2"))
    await story.plans(canary(REST[0], wait="1h"), watch())
    release = await story.announces("v3")
    await story.hears(PilotDeployed)
    await story.alarms("too many errors", REST[0])
    await story.is_taken_back(release)


async def good_blue_green(story: Story) -> None:
    await story.begins(blue_green(PILOTED, *REST, max_parallel=2), watch())
    await story.completes(await story.announces("v2"))


async def bad_blue_green(story: Story) -> None:
    story.image("v2", never_ready=True)
    await story.begins(blue_green(PILOTED, *REST, budget="8s"), watch())
    await story.is_taken_back(await story.announces("v2"))


async def blue_green_with_a_bad_answer(story: Story) -> None:
    story.image("v2", answers={"/pay": 500})
    await story.begins(blue_green(PILOTED), watch())
    await story.is_taken_back(await story.announces("v2"))


async def blue_green_with_an_incident(story: Story) -> None:
    await story.begins(blue_green(PILOTED, keep="1h"), watch())
    release = await story.announces("v2")
    await story.hears(StageWaiting, waiting_for=WaitingFor.STEP)
    await story.alarms("too many errors", PILOTED)
    await story.is_taken_back(release)


@pytest.fixture(scope="module")
async def stories(started_whole: Whole) -> AsyncIterator[Together]:
    tellers = (
        good_canary,
        compared_canary,
        canary_that_is_worse_at_half,
        compared_wave,
        wave_that_is_worse_than_other_regions,
        bad_canary,
        canary_with_an_incident,
        good_blue_green,
        bad_blue_green,
        blue_green_with_a_bad_answer,
        blue_green_with_an_incident,
    )
    async with Together(started_whole, *tellers) as together:
        yield together


def granted(story: Story, region: str) -> list[tuple[Action, float | None]]:
    return [(grant.action, grant.share) for grant in story.heard(Granted, region=region)]


def is_recomputed(verdict: VerdictReached) -> bool:
    """To the same bytes, from its event alone, which is small."""
    made, record = again(verdict.evidence), encode(verdict.evidence)
    same = (made["verdict"], encode(made["evidence"])) == (verdict.outcome, record)
    return same and len(record) <= 64 * 1024


def is_at_rest(story: Story) -> bool:
    """No clone is left, and all traffic goes where it did."""
    shares = [list(story.shares(region)) for region in story.regions]
    return story.clones() == [] and shares == [[story.application]] * len(story.regions)


async def test_a_good_canary_goes_step_by_step_in_each_region_and_rolls_each_once(
    stories: Together,
) -> None:
    """Also in the region that has a pilot's clone, with which it goes on."""
    story = await stories.story(good_canary)
    for region in story.regions:
        before = [(Action.PILOT, 0.5)] if region == PILOTED else []
        assert granted(story, region) == [
            *before,
            (Action.CANARY, 0.25),
            (Action.CANARY, 0.5),
            (Action.CANARY, 1.0),
            (Action.DEPLOY, None),
        ]
        shares = [event.share for event in story.heard(PilotDeployed, region=region, stage="first")]
        assert shares == [0.25, 0.5, 1.0]
    assert story.digests() == story.everywhere("v2")
    assert story.changes() == dict.fromkeys(story.regions, 1)
    assert is_at_rest(story)


async def test_each_step_of_a_canary_that_is_compared_waits_for_its_own_verdict(stories: Together) -> None:
    """Only at 100 % nothing is left to compare it with."""
    story = await stories.story(compared_canary)
    verdicts = story.heard(VerdictReached)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.PASS, Outcome.PASS]
    assert [is_recomputed(verdict) for verdict in verdicts] == [True, True]
    assert [started.alpha for started in story.heard(VerificationStarted)] == [0.005, 0.005]
    shares = [(Action.CANARY, 0.25), (Action.CANARY, 0.5), (Action.CANARY, 1.0)]
    assert granted(story, PILOTED) == [*shares, (Action.DEPLOY, None)]
    assert story.digests() == story.everywhere("v2")
    assert is_at_rest(story)


async def test_a_canary_that_is_worse_with_half_of_the_traffic_gets_no_more_of_it(stories: Together) -> None:
    story = await stories.story(canary_that_is_worse_at_half)
    passed, failed = story.heard(VerdictReached)
    assert (passed.outcome, failed.outcome) == (Outcome.PASS, Outcome.FAIL)
    assert (failed.stage, failed.cause, failed.guilty) == ("first", FailCause.MEASURED, (PILOTED,))
    assert is_recomputed(failed)
    assert granted(story, PILOTED) == [(Action.CANARY, 0.25), (Action.CANARY, 0.5)]
    assert story.changes() == {PILOTED: 0}
    assert story.digests() == story.everywhere("v1")
    assert is_at_rest(story)


async def test_a_wave_is_compared_with_the_regions_of_the_next_one_before_that_begins(
    stories: Together,
) -> None:
    story = await stories.story(compared_wave)
    (verdict,) = story.heard(VerdictReached)
    assert (verdict.stage, verdict.outcome) == ("first", Outcome.PASS)
    assert verdict.reason.startswith(f"Compared with {', '.join(REST)}: After ")
    assert is_recomputed(verdict)
    assert [started.alpha for started in story.heard(VerificationStarted)] == [0.01]
    assert [granted(story, region) for region in story.regions] == [[(Action.DEPLOY, None)]] * 3
    assert story.digests() == story.everywhere("v2")


async def test_a_wave_that_is_worse_than_the_regions_without_the_release_goes_no_further(
    stories: Together,
) -> None:
    story = await stories.story(wave_that_is_worse_than_other_regions)
    (verdict,) = story.heard(VerdictReached)
    assert (verdict.outcome, verdict.cause, verdict.guilty) == (Outcome.FAIL, FailCause.MEASURED, (PILOTED,))
    assert is_recomputed(verdict)
    assert [bool(granted(story, region)) for region in story.regions] == [True, False, False]
    assert story.digests() == story.everywhere("v1")
    assert story.changes() == {PILOTED: 2, **dict.fromkeys(REST, 0)}


async def test_a_canary_that_never_gets_ready_is_taken_back_from_the_one_region_that_it_reached(
    stories: Together,
) -> None:
    story = await stories.story(bad_canary)
    [failure] = story.heard(RegionFailed)
    assert (failure.region, failure.final) == (PILOTED, True)
    assert {event.region for event in story.heard(DeploymentStarted)} == {PILOTED}
    assert story.heard(PilotDeployed) == []
    assert story.changes() == dict.fromkeys(story.regions, 0)
    assert story.digests() == story.everywhere("v1")
    assert is_at_rest(story)
    assert (await story.hears(ReleaseSettled)).debts == ()


async def test_an_incident_in_the_middle_of_a_canary_takes_share_and_clone_and_rolls_nothing(
    stories: Together,
) -> None:
    story = await stories.story(canary_with_an_incident)
    verdict = await story.hears(VerdictReached, outcome=Outcome.FAIL)
    assert (verdict.stage, verdict.guilty) == ("first", (REST[0],))
    assert [event.share for event in story.heard(PilotDeployed)] == [0.25]
    [order] = story.heard(RollbackOrdered)
    assert order.digest == story.digest("v2")
    back = await story.hears(RegionRolledBack)
    assert back.digest == story.digest("v2")
    assert story.changes() == {REST[0]: 1}  # that of v2
    assert story.digests() == story.everywhere("v2")
    assert is_at_rest(story)


async def test_a_good_blue_green_is_prepared_switched_and_rolled_once_in_each_region(
    stories: Together,
) -> None:
    story = await stories.story(good_blue_green)
    for region in story.regions:
        assert granted(story, region) == [
            (Action.GREEN, None),
            (Action.SWITCH, 1.0),
            (Action.DEPLOY, None),
        ]
        probed = await story.hears(RegionProbed, region=region)
        assert [result.passed for result in probed.results] == [True, True]
    assert [event.stage for event in story.heard(StagePassed)] == ["first", "watch"]
    assert story.digests() == story.everywhere("v2")
    assert story.changes() == dict.fromkeys(story.regions, 1)
    assert is_at_rest(story)


async def test_a_green_side_that_never_gets_ready_is_taken_back_without_a_request_or_a_switch(
    stories: Together,
) -> None:
    story = await stories.story(bad_blue_green)
    assert (await story.hears(RegionFailed)).final
    assert granted(story, PILOTED) == [(Action.GREEN, None)]
    assert (story.heard(RegionProbed), story.heard(PilotDeployed)) == ([], [])
    assert story.changes() == dict.fromkeys(story.regions, 0)
    assert is_at_rest(story)


async def test_a_green_side_that_answers_wrongly_gets_no_traffic(stories: Together) -> None:
    story = await stories.story(blue_green_with_a_bad_answer)
    verdict = await story.hears(VerdictReached)
    assert (
        "before its green side got any traffic, the request 2 of 2 (POST /pay) answered 500" in verdict.reason
    )
    assert granted(story, PILOTED) == [(Action.GREEN, None)]
    assert story.digests() == story.everywhere("v1")
    assert is_at_rest(story)


async def test_an_incident_while_the_old_side_is_kept_is_a_switch_back(stories: Together) -> None:
    story = await stories.story(blue_green_with_an_incident)
    assert granted(story, PILOTED) == [(Action.GREEN, None), (Action.SWITCH, 1.0)]
    assert (await story.hears(RegionRolledBack)).digest == story.digest("v1")
    assert story.heard(RegionDeployed) == []
    assert story.changes() == {PILOTED: 0}
    assert story.digests() == story.everywhere("v1")
    assert is_at_rest(story)
