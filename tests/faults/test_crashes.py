"""kill -9 of each service in the middle of a release: it ends right, and nothing happens twice."""

import asyncio

import pytest

from lockgate.messages.deployments import DeploymentStarted, RegionDeployed, RegionRolledBack
from lockgate.messages.releases import (
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseOutcome,
    ReleaseStarted,
)
from lockgate.messages.rollbacks import ReleaseSettled, RollbackOrdered, VersionMarked
from lockgate.messages.verdicts import (
    Granted,
    Outcome,
    RegionFailed,
    StagePassed,
    VerdictReached,
    VerificationStarted,
    WatchStarted,
)
from tests.support.evidence import contradictions, gaps, ledger_report, records_and_offsets
from tests.support.plans import APART, DEPLOYERS, PILOTED, REST, WHOLE, pilot, preprod, watch, wave
from tests.support.story import Story, holds
from tests.support.whole import Whole

pytestmark = pytest.mark.timeout(400)  # of which a busy machine takes a minute to start the system


def assert_nothing_twice(story: Story) -> None:
    """Every number once and none missing, and every region changed once by its deployment."""
    told = list(story.telling.of(story.application))
    assert gaps(told) == []
    assert contradictions(told) == []
    assert story.changes() == dict.fromkeys(story.regions, 1)
    deployed = [(event.region, event.fence.order) for event in story.heard(RegionDeployed)]
    assert len(deployed) == len(set(deployed)) == len(story.regions)


def assert_taken_back_once(story: Story, closed: ReleaseClosed) -> None:
    """One order and one answer for each region, and its Deployment changed once there and once back."""
    assert closed.outcome is ReleaseOutcome.ROLLED_BACK
    assert story.digests() == story.everywhere("v1")
    assert story.changes() == dict.fromkeys(story.regions, 2)
    assert len(story.heard(RollbackOrdered)) == len(story.heard(RegionRolledBack)) == len(story.regions)
    assert len(story.heard(VersionMarked)) == 1
    told = list(story.telling.of(story.application))
    assert (gaps(told), contradictions(told)) == ([], [])


async def test_a_deployer_killed_while_a_region_rolls_finishes_it_after_its_start(whole: Whole) -> None:
    story = whole.story("deployer-killed")
    story.image("v2", start_seconds=2.0)
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}), watch())
    release = await story.announces("v2")
    await story.hears(DeploymentStarted, region="eu-north")
    await whole.kill("deployer-eu")
    assert story.heard(RegionDeployed, region="eu-north") == []
    await story.hears(RegionDeployed, region="us-east")
    await whole.restart("deployer-eu")
    await story.completes(release)
    assert story.heard(RegionFailed) == []
    assert story.digests() == story.everywhere("v2")
    assert_nothing_twice(story)


async def test_a_verifier_killed_while_it_compares_judges_the_same_pilot_after_its_start(
    whole: Whole,
) -> None:
    story = whole.story("verifier-killed")
    await story.begins(pilot(), wave("first", PILOTED), watch())
    release = await story.announces("v2")
    await story.hears(VerificationStarted)
    await whole.kill("verifier")
    assert story.heard(VerdictReached) == []
    await whole.restart("verifier")
    await story.completes(release)
    assert [event.outcome for event in story.heard(VerdictReached)] == [Outcome.PASS]
    assert len(story.heard(VerificationStarted)) == 1
    assert story.digests() == story.everywhere("v2")
    assert_nothing_twice(story)


async def test_intake_killed_during_preproduction_lets_the_release_enter_after_its_start(
    whole: Whole,
) -> None:
    story = whole.story("intake-killed")
    story.image("v2", start_seconds=1.0)
    await story.begins(preprod(), wave("rest", "us-east"), watch())
    release = await story.announces("v2")
    await story.hears(DeploymentStarted)
    await whole.kill("intake")
    assert story.heard(StagePassed) == []
    await story.hears(StagePassed, stage="preprod")
    await story.says_published("v3")
    assert story.heard(ReleaseEntered) == []
    await whole.restart("intake")
    await story.completes(release)
    assert [grant.region for grant in story.heard(Granted) if grant.stage == "rest"][:1] == ["us-east"]
    assert len(story.heard(ReleaseEntered, release=release)) == 1
    following = await story.hears(ReleaseStarted, digest=story.digest("v3"))
    await story.completes(following.release)
    assert story.digests() == story.everywhere("v3")
    assert story.changes() == dict.fromkeys(story.regions, 2)
    told = list(story.telling.of(story.application))
    assert (gaps(told), contradictions(told)) == ([], [])


async def test_a_coordinator_killed_during_a_rollback_settles_it_after_its_start(whole: Whole) -> None:
    story = whole.story("coordinator-killed")
    await story.begins(wave("rest", "us-east", APART, **{"max-parallel": 2}), watch("20s"))
    release = await story.announces("v2")
    await story.hears(WatchStarted)
    story.sandbox.put(f"faults/kubernetes/{APART}", {"mode": "error", "status": 503, "methods": ["PATCH"]})
    try:
        await story.alarms("too slow", "us-east")
        await story.hears(RegionRolledBack, region="us-east")
        await whole.kill("rollback")
        assert story.heard(RegionRolledBack, region=APART) == []
    finally:
        story.sandbox.delete(f"faults/kubernetes/{APART}")
    await story.hears(RegionRolledBack, region=APART)
    assert story.heard(ReleaseSettled) == []
    await whole.restart("rollback")
    closed = await story.is_taken_back(release)
    assert_taken_back_once(story, closed)


async def test_a_deployer_killed_during_a_rollback_takes_back_once_after_its_start(whole: Whole) -> None:
    story = whole.story("rollback-killed")
    story.image("v1", start_seconds=1.0)
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}), watch("20s"))
    release = await story.announces("v2")
    await story.hears(WatchStarted)
    await story.alarms("too slow", "us-east")
    await story.hears(RollbackOrdered, region="eu-north")
    await holds(lambda: story.changes()["eu-north"] == 2)
    await whole.kill("deployer-eu")
    assert story.heard(RegionRolledBack, region="eu-north") == []
    await story.hears(RegionRolledBack, region="us-east")
    assert story.heard(ReleaseSettled) == []
    await whole.restart("deployer-eu")
    closed = await story.is_taken_back(release)
    assert_taken_back_once(story, closed)


async def test_a_ledger_killed_during_a_release_has_every_record_once_after_its_start(whole: Whole) -> None:
    story = whole.story("ledger-killed")
    await story.begins(*WHOLE)
    release = await story.announces("v2")
    await story.hears(StagePassed, stage="preprod")
    await whole.kill("ledger")
    assert story.heard(ReleaseCompleted) == []
    await story.hears(StagePassed, stage="pilot")
    await whole.restart("ledger")
    await story.completes(release)
    report = await ledger_report(whole)
    assert report.sound, report.sentence
    recorded, written = await records_and_offsets(whole)
    assert recorded == written > 0


async def test_everything_killed_at_once_goes_on_where_it_was(whole: Whole) -> None:
    story = whole.story("all-killed")
    story.image("v2", start_seconds=1.0)
    await story.begins(preprod(), wave("rest", *REST, **{"max-parallel": 2}), watch())
    release = await story.announces("v2")
    await story.hears(DeploymentStarted, stage="rest")
    services = ("intake", "verifier", "rollback", "ledger", *DEPLOYERS)
    await asyncio.gather(*(whole.kill(name) for name in services))
    assert story.heard(StagePassed, stage="rest") == []
    await asyncio.gather(*(whole.restart(name) for name in services))
    await story.completes(release)
    assert story.heard(RegionFailed) == []
    assert story.digests() == story.everywhere("v2")
    assert_nothing_twice(story)
    report = await ledger_report(whole)
    assert report.sound, report.sentence
