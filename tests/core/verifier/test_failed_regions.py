"""A wave whose plan says `on-region-failure: hold`: a region that failed for good waits for an operator, and no other suffers."""

import pytest

from lockgate.messages.deployments import RegionDeployed
from lockgate.messages.operations import Approve, OperationRefusal, Reject, Retry, Skip
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseResumed
from lockgate.messages.verdicts import (
    Outcome,
    RegionFailed,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WaitingFor,
)
from tests.support.operators import answer, asked
from tests.support.verifier import (
    APPLICATION,
    RELEASE,
    WATCH,
    WAVE,
    Journey,
    in_production,
    names,
    only,
    plan,
)

REGIONS = ["eu-west", "eu-north", "us-east"]


def wave(**changes: object) -> Journey:
    holding = {"regions": REGIONS, "max-parallel": 2, "on-region-failure": "hold"}
    return in_production({**WAVE, **holding, **changes}, WATCH)


def granted(release: Journey) -> list[tuple[str, str, int]]:
    return [(grant.region, str(grant.fence), grant.attempt) for grant in release.grants()]


def test_a_region_that_failed_holds_the_release_and_the_reason_names_it() -> None:
    release = wave()
    said = release.failed("eu-west")
    assert names(said) == ["RegionFailed", "StageWaiting"]
    assert only(said, RegionFailed).final
    waiting = only(said, StageWaiting)
    assert waiting.waiting_for is WaitingFor.HELD
    assert "retry grants to eu-west anew" in waiting.reason
    assert "the new pods crash" in waiting.reason


def test_it_holds_only_when_no_attempt_is_left() -> None:
    release = wave(retry=1)
    assert names(release.failed("eu-west")) == ["RegionFailed", "Granted"]
    assert names(release.failed("eu-west")) == ["RegionFailed", "StageWaiting"]


def test_what_others_are_at_is_finished_and_no_further_region_is_begun() -> None:
    release = wave()
    release.failed("eu-west")
    assert release.deployed("eu-north") == []
    assert [grant.region for grant in release.grants()] == ["eu-west", "eu-north"]


def test_a_retry_grants_all_attempts_again_and_the_wave_goes_on() -> None:
    release = wave(retry=1)
    release.failed("eu-west")
    release.failed("eu-west")
    release.deployed("eu-north")
    assert answer(release.desk, asked(Retry)).code is None
    assert granted(release)[3:] == [("eu-west", "8.0.3", 1), ("us-east", "8.0.1", 1)]
    assert only(release.failed("eu-west"), RegionFailed).final is False
    release.deployed("eu-west")
    assert only(release.deployed("us-east"), StagePassed).stage == "first"


def test_two_that_failed_are_retried_together_and_are_never_more_than_the_plan_allows_at_once() -> None:
    release = wave()
    release.failed("eu-west")
    release.failed("eu-north")
    answer(release.desk, asked(Retry))
    assert granted(release)[2:] == [("eu-west", "8.0.2", 1), ("eu-north", "8.0.2", 1)]


def test_a_second_retry_has_nothing_to_do() -> None:
    release = wave()
    release.failed("eu-west")
    answer(release.desk, asked(Retry))
    assert answer(release.desk, asked(Retry)).code is OperationRefusal.NOT_HELD


def test_an_unreachable_region_holds_as_well_and_its_late_answer_does_not_end_that() -> None:
    release = wave()
    late = release.grant("eu-west")
    assert only(release.fire("deadline eu-west"), RegionFailed).unreachable
    release.give(release.answer(RegionDeployed, "eu-west", to=late))
    release.deployed("eu-north")
    assert [grant.region for grant in release.grants()] == ["eu-west", "eu-north"]


def test_reject_takes_the_release_back_and_names_the_region() -> None:
    release = wave()
    release.failed("eu-west")
    answer(release.desk, asked(Reject))
    verdict = next(event for event in release.desk.events if isinstance(event, VerdictReached))
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, ("eu-west",))


@pytest.mark.parametrize("operation", [Skip, Approve])
def test_a_region_that_is_half_way_is_not_left_so(operation: type[Skip] | type[Approve]) -> None:
    release = wave()
    release.failed("eu-west")
    refused = answer(release.desk, asked(operation))
    assert refused.code is OperationRefusal.NOT_WAITING
    assert "eu-west" in refused.reason


def test_an_incident_takes_back_what_is_held_and_a_resumed_release_grants_to_the_region_by_itself() -> None:
    release = wave()
    release.failed("eu-west")
    release.incident("errors", "eu-west")
    release.give(
        ReleaseHalted(application=APPLICATION, release=RELEASE, number=8, turn=1, regions=(), reason="so")
    )
    assert answer(release.desk, asked(Retry)).code is OperationRefusal.BEING_TAKEN_BACK
    release.give(
        ReleaseResumed(application=APPLICATION, release=RELEASE, number=8, turn=3, wait=300, reason="Off.")
    )
    assert answer(release.desk, asked(Retry)).code is OperationRefusal.NOT_HELD


def test_a_canary_that_is_compared_is_not_held_so() -> None:
    compared = {"strategy": {"canary": ["25%"], "verify": "30m"}, "on-region-failure": "hold"}
    with pytest.raises(ValueError, match="leave on-region-failure out"):
        plan({**WAVE, **compared}, WATCH)
