"""Ways out on the whole system: a fix goes first, and what it pre-empts goes back, or stays where it goes forward only; and
what was completed is taken back.
"""

from collections.abc import AsyncIterator

import pytest

from lockgate.messages.releases import (
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseOutcome,
    ReleasePreempted,
    ReleaseStarted,
    ReleaseSuperseded,
)
from lockgate.messages.rollbacks import Grade, ReleaseSettled, VersionMarked
from lockgate.messages.verdicts import StageWaiting, WaitingFor, WatchStarted
from tests.support.plans import PILOTED, PREPROD, REST, preprod, watch, wave
from tests.support.story import Story
from tests.support.together import Together
from tests.support.whole import Whole


async def fixed_in_the_watch(story: Story) -> None:
    await story.begins(preprod(), wave("rest", *REST), watch("10m"))
    await story.announces("v2")
    await story.hears(WatchStarted)
    await story.announces("v3")
    await story.plans(preprod(), wave("rest", *REST), watch())
    await story.completes(await story.fixes("v4"))


async def fixed_forward(story: Story) -> None:
    """`v2` serves the first region, and waits for an approval."""
    asked = {"before": {"approval": "required"}}
    await story.begins(wave("first", PILOTED), wave("rest", *REST, **asked), watch())
    await story.says_published("v2", "&rollback=unsafe")
    await story.hears(StageWaiting, waiting_for=WaitingFor.APPROVAL)
    await story.plans(wave("first", PILOTED), wave("rest", *REST), watch())
    await story.completes(await story.fixes("v3"))


async def taken_back_when_completed(story: Story) -> None:
    await story.begins(preprod(), wave("rest", *REST), watch())
    await story.completes(await story.announces("v2"))
    await story.takes_back()
    await story.hears(ReleaseClosed)


async def blamed_when_completed(story: Story) -> None:
    await story.begins(wave("rest", *REST), watch())
    await story.completes(await story.announces("v2"))
    await story.alarms("errors", REST[0], "v2")
    await story.hears(ReleaseClosed)


async def blamed_meanwhile(story: Story) -> None:
    """`v3` serves the first region, and waits for an approval, when an incident names `v2`, which serves the rest."""
    await story.begins(wave("first", PILOTED), wave("rest", *REST), watch())
    await story.completes(await story.announces("v2"))
    asked = {"before": {"approval": "required"}}
    await story.plans(wave("first", PILOTED), wave("rest", *REST, **asked), watch())
    await story.announces("v3")
    await story.hears(StageWaiting, waiting_for=WaitingFor.APPROVAL)
    await story.alarms("errors", REST[0], "v2")
    await story.hears(ReleaseClosed, digest=story.digest("v2"))


async def taken_back_meanwhile(story: Story) -> None:
    """`v3` serves the first region, and waits for an approval, when an operator takes `v2` back, which serves the rest."""
    await story.begins(wave("first", PILOTED), wave("rest", *REST), watch())
    second = await story.announces("v2")
    await story.completes(second)
    asked = {"before": {"approval": "required"}}
    await story.plans(wave("first", PILOTED), wave("rest", *REST, **asked), watch())
    await story.announces("v3")
    await story.hears(StageWaiting, waiting_for=WaitingFor.APPROVAL)
    await story.takes_back(second)
    await story.hears(ReleaseClosed, digest=story.digest("v2"))


@pytest.fixture(scope="module")
async def stories(started_whole: Whole) -> AsyncIterator[Together]:
    async with Together(
        started_whole,
        fixed_in_the_watch,
        fixed_forward,
        taken_back_when_completed,
        blamed_when_completed,
        blamed_meanwhile,
        taken_back_meanwhile,
    ) as together:
        yield together


async def test_what_is_in_its_watch_is_taken_back_everywhere_and_then_the_fix_goes_all_the_way(
    stories: Together,
) -> None:
    story = await stories.story(fixed_in_the_watch)
    assert [event.artifact.digest for event in story.heard(ReleaseStarted)] == [
        story.digest("v2"),
        story.digest("v4"),
    ]
    [preempted] = story.heard(ReleasePreempted)
    [closed] = story.heard(ReleaseClosed)
    assert (closed.release, closed.outcome) == (preempted.release, ReleaseOutcome.PREEMPTED)
    [superseded] = story.heard(ReleaseSuperseded)
    assert (superseded.artifact.digest, superseded.by) == (story.digest("v3"), preempted.by)
    assert story.digests() == story.everywhere("v4")
    assert story.changes() == dict.fromkeys((PREPROD, *REST), 3)


async def test_what_was_preempted_is_not_bad(stories: Together) -> None:
    story = await stories.story(fixed_in_the_watch)
    await story.hears(VersionMarked, digest=story.digest("v4"))
    assert [mark.grade for mark in story.heard(VersionMarked)] == [Grade.GOOD]


async def test_what_goes_forward_only_stays_where_it_runs_until_the_fix_comes(stories: Together) -> None:
    story = await stories.story(fixed_forward)
    [settled] = story.heard(ReleaseSettled)
    assert settled.reason == f"v2 stays in {PILOTED}; what was half-way is ended."
    assert story.digests() == story.everywhere("v3")
    assert story.changes() == {PILOTED: 2, **dict.fromkeys(REST, 1)}


async def test_what_was_completed_is_taken_back_everywhere_by_a_release_of_its_own(stories: Together) -> None:
    story = await stories.story(taken_back_when_completed)
    [completed] = story.heard(ReleaseCompleted)
    [_, back] = story.heard(ReleaseEntered)
    assert (back.recovers, back.artifact.digest) == (completed.release, story.digest("v2"))
    [closed] = story.heard(ReleaseClosed)
    assert (closed.release, closed.outcome) == (back.release, ReleaseOutcome.ROLLED_BACK)
    [settled] = story.heard(ReleaseSettled)
    assert settled.reason == f"v2 was taken back from {1 + len(REST)} regions."
    assert story.digests() == story.everywhere("v1")
    assert [mark.grade for mark in story.heard(VersionMarked)] == [Grade.GOOD, Grade.BAD]


async def test_so_is_what_an_incident_names_after_it_was_completed(stories: Together) -> None:
    story = await stories.story(blamed_when_completed)
    [closed] = story.heard(ReleaseClosed)
    assert closed.outcome is ReleaseOutcome.ROLLED_BACK
    assert closed.reason == (
        f"Monitoring reported the incident errors in the region {REST[0]}, and names v2, which was completed. "
        f"It says: errors. v2 was taken back from {len(REST)} regions."
    )
    assert story.digests() == story.everywhere("v1")
    assert [mark.grade for mark in story.heard(VersionMarked)] == [Grade.GOOD, Grade.BAD]


async def test_while_another_is_under_way_that_gives_way_and_every_region_goes_past_both(
    stories: Together,
) -> None:
    story = await stories.story(blamed_meanwhile)
    [preempted] = story.heard(ReleasePreempted)
    [third, second] = story.heard(ReleaseClosed)
    assert (preempted.artifact.digest, preempted.by) == (story.digest("v3"), second.release)
    assert (third.release, third.outcome) == (preempted.release, ReleaseOutcome.PREEMPTED)
    assert (second.artifact.digest, second.outcome) == (story.digest("v2"), ReleaseOutcome.ROLLED_BACK)
    assert story.digests() == story.everywhere("v1")
    assert story.changes() == {PILOTED: 3, **dict.fromkeys(REST, 2)}
    assert [(mark.digest, mark.grade) for mark in story.heard(VersionMarked)] == [
        (story.digest("v2"), Grade.GOOD),
        (story.digest("v2"), Grade.BAD),
    ]


async def test_so_it_does_for_an_operator_who_takes_the_completed_one_back_by_name(stories: Together) -> None:
    story = await stories.story(taken_back_meanwhile)
    [preempted] = story.heard(ReleasePreempted)
    [third, second] = story.heard(ReleaseClosed)
    assert (preempted.artifact.digest, preempted.by, preempted.who) == (
        story.digest("v3"),
        second.release,
        "ann",
    )
    assert (third.release, third.outcome) == (preempted.release, ReleaseOutcome.PREEMPTED)
    assert (second.artifact.digest, second.outcome) == (story.digest("v2"), ReleaseOutcome.ROLLED_BACK)
    assert story.digests() == story.everywhere("v1")
    assert story.changes() == {PILOTED: 3, **dict.fromkeys(REST, 2)}
