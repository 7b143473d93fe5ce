"""A release that failed goes on by the coordinator's word: left alone, judged anew at the same stage, under the new turn."""

from collections.abc import Callable

import pytest

from lockgate.messages.deployments import RegionDeployed
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import ReleaseResumed
from lockgate.messages.verdicts import (
    Action,
    FailCause,
    Granted,
    StageWaiting,
    VerdictReached,
    VerificationStarted,
    WaitingFor,
    WatchStarted,
)
from tests.support.verifier import PILOT, WATCH, WAVE, Journey, in_production, names, only

TWO = {**WAVE, "regions": ["eu-west", "us-east"], "after": {"bake": "5m"}}
CANARY = {**WAVE, "strategy": {"canary": ["25%", "50%"], "wait": "1m"}}


def resumed(release: Journey, turn: int = 3, wait: float = 120.0) -> list[Payload]:
    return release.give(
        ReleaseResumed(
            application="payments",
            release=release.release,
            number=release.number + 1,
            turn=turn,
            wait=wait,
            reason="new-checkout is off in all 2 regions.",
        )
    )


def half_failed() -> Journey:
    """eu-west runs the release, us-east is being deployed to, and an incident came."""
    release = in_production(TWO, WATCH)
    release.deployed("eu-west")
    release.incident("alert-1", "eu-west")
    return release


def test_a_verdict_of_an_incident_says_what_it_is_made_from() -> None:
    release = in_production(TWO, WATCH)
    release.deployed("eu-west")
    verdict = only(release.incident("alert-1", "eu-west"), VerdictReached)
    assert verdict.cause is FailCause.INCIDENT


def test_so_does_one_of_a_region_that_could_not_be_deployed_to() -> None:
    release = in_production(TWO, WATCH)
    assert only(release.failed("eu-west"), VerdictReached).cause is FailCause.DEPLOYMENT


def test_it_is_left_alone_first_so_that_every_instance_reads_the_flags() -> None:
    release = half_failed()
    (waiting,) = resumed(release)
    assert isinstance(waiting, StageWaiting)
    assert waiting.waiting_for is WaitingFor.FLAGS
    assert waiting.reason == (
        "new-checkout is off in all 2 regions. It is left alone for 120 s until every instance has read them."
    )
    assert release.timers() == {"resume"}


def test_then_what_was_open_is_granted_anew_under_the_new_turn_and_what_was_done_is_not() -> None:
    release = half_failed()
    release.resolved("alert-1")
    resumed(release)
    said = release.fire("resume")
    grant = only(said, Granted)
    assert (grant.region, str(grant.fence)) == ("us-east", "8.3.2")
    release.deployed("us-east")
    assert "bake" in release.timers()


def test_an_incident_that_is_not_resolved_by_then_fails_it_again() -> None:
    release = half_failed()
    resumed(release)
    verdict = only(release.fire("resume"), VerdictReached)
    assert verdict.cause is FailCause.INCIDENT
    assert verdict.reason == "The flags are off, but an incident that it was blamed for is not resolved."


def test_an_incident_that_is_resolved_while_the_flags_are_being_switched_counts_as_resolved() -> None:
    release = half_failed()
    release.resolved("alert-1")
    resumed(release)
    assert only(release.fire("resume"), Granted).region == "us-east"


def test_one_that_comes_while_the_flags_are_being_switched_is_remembered() -> None:
    release = half_failed()
    assert release.incident("alert-2", "eu-west") == []
    release.resolved("alert-1")
    resumed(release)
    assert names(release.fire("resume")) == ["VerdictReached", "StageWaiting"]


def test_the_same_incident_said_once_more_meanwhile_fails_nothing() -> None:
    release = half_failed()
    resumed(release)
    assert release.incident("alert-1", "eu-west") == []
    release.resolved("alert-1")
    assert only(release.fire("resume"), Granted).region == "us-east"


def test_a_second_failure_while_it_is_left_alone_fails_it_at_once() -> None:
    release = half_failed()
    resumed(release)
    assert names(release.incident("alert-2", "eu-west")) == ["VerdictReached", "StageWaiting"]
    assert release.timers() == set()


def test_the_bake_of_a_wave_begins_anew() -> None:
    release = in_production(TWO, WATCH)
    release.deployed("eu-west")
    release.deployed("us-east")
    release.incident("alert-1", "eu-west")
    release.resolved("alert-1")
    resumed(release)
    assert only(release.fire("resume"), StageWaiting).waiting_for is WaitingFor.BAKE
    assert release.timers() == {"bake"}


def test_a_canary_that_was_left_alone_after_a_step_is_left_alone_anew() -> None:
    release = in_production(CANARY, WATCH)
    release.piloted("eu-west")
    release.incident("alert-1", "eu-west")
    release.resolved("alert-1")
    resumed(release)
    assert only(release.fire("resume"), StageWaiting).waiting_for is WaitingFor.STEP
    grant = only(release.fire("step eu-west"), Granted)
    assert (grant.action, grant.share, str(grant.fence)) == (Action.CANARY, 0.5, "8.3.2")


def test_a_pilot_is_compared_anew_without_being_set_up_again() -> None:
    release = in_production(PILOT, WAVE, WATCH)
    release.piloted("eu-west")
    release.incident("alert-1", "eu-west")
    release.resolved("alert-1")
    resumed(release)
    assert names(release.fire("resume")) == ["VerificationStarted", "StageWaiting"]


def test_a_pilot_that_was_not_there_yet_is_set_up_first() -> None:
    release = in_production(PILOT, WAVE, WATCH)
    release.begun("eu-west")
    release.incident("alert-1", "eu-west")
    release.resolved("alert-1")
    resumed(release)
    assert str(only(release.fire("resume"), Granted).fence) == "8.3.2"
    assert only(release.piloted("eu-west"), VerificationStarted).regions == ("eu-west",)


def test_the_watch_begins_anew_in_full() -> None:
    release = in_production(WAVE, WATCH)
    release.deployed("eu-west")
    release.incident("alert-1", "eu-west")
    release.resolved("alert-1")
    resumed(release)
    assert only(release.fire("resume"), WatchStarted).duration == 7200
    assert release.timers() == {"watch"}


def test_the_word_to_go_on_counts_once_and_only_for_a_release_that_failed() -> None:
    release = in_production(TWO, WATCH)
    assert resumed(release) == []
    release.deployed("eu-west")
    release.incident("alert-1", "eu-west")
    resumed(release)
    assert resumed(release) == []


def test_an_answer_to_a_grant_from_before_the_halt_counts_for_nothing() -> None:
    release = half_failed()
    old = release.grant("us-east")
    release.resolved("alert-1")
    resumed(release)
    release.fire("resume")
    assert release.give(release.answer(RegionDeployed, "us-east", to=old)) == []


# --- what is said between the fail and the word to go on ----------------------------------------------------------

AT_ONCE = {**TWO, "max-parallel": 2}


def granted_in_both() -> Journey:
    """eu-west runs the release, and us-east is granted to, but was not heard to begin when an incident came."""
    release = in_production(AT_ONCE, WATCH)
    release.deployed("eu-west")
    release.incident("alert-1", "eu-west")
    return release


@pytest.mark.parametrize("answer", [Journey.begun, Journey.deployed])
def test_a_region_that_says_after_the_fail_that_it_began_counts_as_one_that_runs_it(
    answer: Callable[[Journey, str], list[Payload]],
) -> None:
    release = granted_in_both()
    assert answer(release, "us-east") == []
    release.resolved("alert-1")
    resumed(release)
    verdict = only(release.incident("alert-2", "us-east"), VerdictReached)
    assert verdict.guilty == ("us-east",)


def test_an_incident_of_a_region_that_was_granted_to_holds_the_release_back_though_nobody_said_that_it_began() -> (
    None
):
    release = granted_in_both()
    assert release.incident("alert-2", "us-east") == []
    release.resolved("alert-1")
    resumed(release)
    verdict = only(release.fire("resume"), VerdictReached)
    assert verdict.cause is FailCause.INCIDENT


def test_so_does_one_that_comes_while_it_is_left_alone_and_is_resolved_too_late() -> None:
    release = granted_in_both()
    release.resolved("alert-1")
    resumed(release)
    assert release.incident("alert-2", "us-east") == []
    assert names(release.fire("resume")) == ["VerdictReached", "StageWaiting"]


def test_one_that_is_over_when_it_goes_on_is_a_new_one_when_it_comes_again() -> None:
    release = granted_in_both()
    release.incident("alert-2", "us-east")
    release.resolved("alert-1")
    release.resolved("alert-2")
    resumed(release)
    release.fire("resume")
    release.begun("us-east")
    assert only(release.incident("alert-2", "us-east"), VerdictReached).guilty == ("us-east",)


def test_an_incident_of_a_region_that_was_never_granted_to_is_not_its_doing() -> None:
    release = in_production({**TWO, "max-parallel": 1}, WATCH)
    release.begun("eu-west")
    release.incident("alert-1", "eu-west")
    release.incident("alert-2", "us-east")
    release.resolved("alert-1")
    resumed(release)
    assert only(release.fire("resume"), Granted).region == "eu-west"
