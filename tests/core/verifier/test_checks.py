"""The check of a stage: asked beside the metrics; a pass needs it, a wrong answer fails, and no answer is neither."""

from typing import Any

import pytest

from lockgate.messages.operations import Approve, Promote, Reject, Retry
from lockgate.messages.payload import Payload
from lockgate.messages.plan_check import Check
from lockgate.messages.releases import ReleaseCompleted
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseResumed
from lockgate.messages.verdicts import (
    FailCause,
    Outcome,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WaitingFor,
    WatchEnded,
    WatchOutcome,
)
from lockgate.verifier.core.checks import MOST_TRIES, Answers, Try, evidence_of, judged
from tests.support.measured import report
from tests.support.operators import answer_in, asked, give
from tests.support.verifier import (
    APPLICATION,
    ARTIFACT,
    GOOD_PROBES,
    PILOT,
    PREPROD,
    RELEASE,
    WATCH,
    WAVE,
    Journey,
    in_production,
    names,
    only,
    plan,
)

CHECK: dict[str, Any] = {"http": "smoke", "times": 2}
CHECKED_WAVE: dict[str, Any] = {**WAVE, "check": CHECK, "after": {"bake": "10m"}}


def tries(*given: int | None) -> Answers:
    """One try each, None for no answer."""
    answers, check = Answers(), Check.model_validate(CHECK)
    for status in given:
        answers = answers.then(check, Try(status=status, seconds=0.0312))
    return answers


def say(way: Journey, stage: str, *given: int | None) -> list[Payload]:
    """The work says what was answered; it is over once that decides."""
    answers = tries(*given)
    order = Check.model_validate(way.desk.work[APPLICATION, f"ask {stage}"].body["check"])
    final = judged(order, answers) is not None
    said = {"outcome": "answered", "answers": answers.model_dump(mode="json")}
    return way.desk.report(APPLICATION, f"ask {stage}", said, final=final)


def silent(way: Journey, stage: str, *, for_good: bool = False) -> list[Payload]:
    said = {
        "outcome": "silent",
        "answers": tries(200, None).model_dump(mode="json"),
        "reason": "nobody is there",
        "for_good": for_good,
    }
    return way.desk.report(APPLICATION, f"ask {stage}", said, final=for_good)


def deployed(stage: dict[str, Any] = CHECKED_WAVE) -> Journey:
    way = in_production(stage, WATCH)
    way.deployed("eu-west")
    return way


def is_asked(way: Journey, stage: str = "first") -> bool:
    return (APPLICATION, f"ask {stage}") in way.desk.work


# --- what answers come to ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_for", "given", "outcome"),
    [
        ({}, [], None),
        ({}, [200], Outcome.PASS),
        ({}, [204], Outcome.FAIL),
        ({}, [503], Outcome.FAIL),
        ({}, [302], Outcome.FAIL),
        ({}, [None] * 50, None),
        ({}, [None, 200], Outcome.PASS),
        ({"times": 2}, [200], None),
        ({"times": 2}, [200, None, 200], Outcome.PASS),
        ({"times": 2}, [200, 500], Outcome.FAIL),
        ({"times": 2, "failures": 1}, [500, 200], None),
        ({"times": 2, "failures": 1}, [500, 200, 200], Outcome.PASS),
        ({"times": 2, "failures": 1}, [500, 200, 500], Outcome.FAIL),
        ({"expect": {"status": 404}}, [404], Outcome.PASS),
        ({"expect": {"status": 404}}, [200], Outcome.FAIL),
    ],
)
def test_it_passes_with_so_many_right_answers_and_fails_with_more_wrong_ones_than_it_may_give(
    asked_for: dict[str, Any], given: list[int | None], outcome: Outcome | None
) -> None:
    check, answers = Check.model_validate({"http": "smoke", **asked_for}), Answers()
    for status in given:
        answers = answers.then(check, Try(status=status, seconds=0.1))
    assert judged(check, answers) is outcome


def test_its_evidence_has_all_counts_and_the_newest_tries() -> None:
    answers = tries(*[None] * 30, 500, 200)
    assert len(answers.tries) == MOST_TRIES
    evidence = evidence_of(Check(http="smoke", times=2, failures=1), answers)["check"]
    assert evidence["tries"][-3:] == [[None, 0.031, ""], [500, 0.031, ""], [200, 0.031, ""]]
    assert {name: evidence[name] for name in ("right", "wrong", "unanswered", "times", "failures")} == {
        "right": 1,
        "wrong": 1,
        "unanswered": 30,
        "times": 2,
        "failures": 1,
    }


# --- when it is asked -------------------------------------------------------------------------------------------


def test_it_is_asked_once_every_region_of_the_wave_runs_the_release() -> None:
    way = in_production({**CHECKED_WAVE, "regions": ["eu-west", "us-east"]}, WATCH)
    way.deployed("eu-west")
    assert not is_asked(way)
    way.deployed("us-east")
    order = way.desk.work[APPLICATION, "ask first"]
    assert order.kind == "ask"
    assert {name: order.body[name] for name in ("release", "application", "stage", "digest")} == {
        "release": RELEASE,
        "application": "payments",
        "stage": "first",
        "digest": ARTIFACT.digest,
    }


def test_a_pilot_is_asked_while_it_is_compared() -> None:
    way = in_production({**PILOT, "check": CHECK}, WAVE, WATCH)
    assert not is_asked(way, "pilot")
    way.piloted("eu-west")
    assert {"ask pilot", "measure pilot eu-west"} == {name for _, name in way.desk.work}


def test_pre_production_is_asked_after_its_requests_and_passes_after_that() -> None:
    way = Journey(plan({**PREPROD, "check": CHECK}, WAVE, WATCH))
    way.start()
    way.deployed("eu-preprod")
    assert not is_asked(way, "preprod")
    said = way.probed("eu-preprod", *GOOD_PROBES)
    assert names(said) == ["VerdictReached", "StageWaiting"]
    waiting = only(said, StageWaiting)
    assert waiting.waiting_for is WaitingFor.EVIDENCE
    assert (
        waiting.reason
        == "All else that the stage preprod asks for is through; the check smoke is being asked."
    )
    assert names(say(way, "preprod", 200, 200)) == ["VerdictReached", "StagePassed", "StageWaiting"]


# --- a pass -----------------------------------------------------------------------------------------------------


def test_what_it_answered_is_a_verdict_and_the_stage_passes_when_all_else_of_it_does() -> None:
    way = deployed()
    said = say(way, "first", 200, None, 200)
    verdict = only(said, VerdictReached)
    assert names(said) == ["VerdictReached"]
    assert (verdict.outcome, verdict.stage) == (Outcome.PASS, "first")
    assert verdict.reason == "The check smoke answered 200 2 times, as the plan expects."
    assert verdict.evidence["check"]["unanswered"] == 1
    assert only(way.fire("bake"), StagePassed).reason.startswith("The release runs in eu-west and 600 s")
    assert way.timers() == {"watch"}
    assert way.desk.work == {}


def test_a_stage_that_is_through_else_passes_with_it() -> None:
    way = deployed()
    waiting = only(way.fire("bake"), StageWaiting)
    assert waiting.waiting_for is WaitingFor.EVIDENCE
    said = say(way, "first", 200, 200)
    assert names(said)[:2] == ["VerdictReached", "StagePassed"]
    assert only(said, StagePassed).reason == "The check smoke answered 200 2 times, as the plan expects."


def test_a_pilot_that_is_no_worse_waits_for_its_check() -> None:
    way = in_production({**PILOT, "check": CHECK}, WAVE, WATCH)
    way.piloted("eu-west")
    order = way.desk.work[APPLICATION, "measure pilot eu-west"].body
    said = way.desk.report(APPLICATION, "measure pilot eu-west", report(order, 43))
    assert names(said) == ["VerdictReached", "StageWaiting"]
    assert names(say(way, "pilot", 200, 200))[:2] == ["VerdictReached", "StagePassed"]


def test_a_watch_ends_with_its_check_and_fails_by_an_incident_until_then() -> None:
    watched = {**WATCH, "check": CHECK}
    way = in_production(WAVE, watched)
    way.deployed("eu-west")
    assert names(way.fire("watch")) == ["StageWaiting"]
    ended = only(say(way, "watch", 200, 200), WatchEnded)
    assert ended.outcome is WatchOutcome.PASSED

    way = in_production(WAVE, watched)
    way.begun("eu-west")
    way.deployed("eu-west")
    way.fire("watch")
    assert only(way.incident("errors", "eu-west"), WatchEnded).outcome is WatchOutcome.FAILED
    assert not is_asked(way, "watch")


# --- a fail -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("baked", [False, True])
def test_a_wrong_answer_fails_the_release_at_once(baked: bool) -> None:
    way = deployed()
    if baked:
        way.fire("bake")
    verdict = only(said := say(way, "first", 200, 500), VerdictReached)
    assert names(said) == ["VerdictReached", "StageWaiting"]
    assert (verdict.outcome, verdict.cause) == (Outcome.FAIL, FailCause.CHECK)
    assert verdict.reason == (
        "The check smoke answered 500, and the plan expects 200. It answered otherwise than expected once, and the plan "
        "allows none of that."
    )
    assert verdict.evidence["check"]["tries"][-1] == [500, 0.031, ""]
    assert way.timers() == set()


def test_a_release_that_fails_otherwise_is_not_asked_any_more() -> None:
    way = deployed()
    way.begun("eu-west")
    way.incident("errors", "eu-west")
    assert not is_asked(way)
    assert way.timers() == set()


def test_after_flags_it_is_asked_anew_and_nothing_that_was_answered_counts() -> None:
    way = deployed()
    say(way, "first", 200, 200)
    halted = {"application": APPLICATION, "release": RELEASE, "number": 8, "reason": "so"}
    way.give(ReleaseHalted(**halted, turn=1, regions=("eu-west",)))
    way.give(ReleaseResumed(**halted, turn=3, wait=60))
    way.fire("resume")
    assert is_asked(way)
    assert only(way.fire("bake"), StageWaiting).waiting_for is WaitingFor.EVIDENCE


# --- no answer --------------------------------------------------------------------------------------------------


def test_no_answer_for_too_long_is_unmeasurable_and_holds_the_release_once_all_else_is_through() -> None:
    way = deployed()
    said = silent(way, "first")
    verdict = only(said, VerdictReached)
    assert names(said) == ["VerdictReached"]
    assert verdict.outcome is Outcome.UNMEASURABLE
    assert verdict.reason == (
        "The check smoke has given no answer for longer than 600 s: nobody is there. It goes on by itself when there are "
        "answers again."
    )
    waiting = only(way.fire("bake"), StageWaiting)
    assert waiting.waiting_for is WaitingFor.HELD
    assert waiting.reason.startswith(
        "The release is held, as it is, by its check. The check smoke has given no"
    )
    assert silent(way, "first") == []


def test_it_goes_on_by_itself_when_there_are_answers_again() -> None:
    way = deployed()
    way.fire("bake")
    assert [e.waiting_for for e in silent(way, "first") if isinstance(e, StageWaiting)] == [WaitingFor.HELD]
    assert only(say(way, "first", None, 200), StageWaiting).waiting_for is WaitingFor.EVIDENCE
    assert names(say(way, "first", None, 200, 200))[:2] == ["VerdictReached", "StagePassed"]


def test_a_wrong_answer_after_a_hold_fails_the_release() -> None:
    way = deployed()
    way.fire("bake")
    silent(way, "first")
    assert only(say(way, "first", 500), VerdictReached).outcome is Outcome.FAIL


def test_a_check_that_cannot_be_asked_holds_the_release_until_an_operator_says_what_follows() -> None:
    way = deployed()
    way.fire("bake")
    waiting = only(silent(way, "first", for_good=True), StageWaiting)
    assert "The check smoke cannot be asked: nobody is there. An operator says what follows" in waiting.reason
    assert way.timers() == set()
    assert way.desk.work == {}


def test_what_asks_and_tells_nothing_of_itself_is_begun_anew_and_holds_the_release_meanwhile() -> None:
    way = deployed()
    way.fire("bake")
    before = way.desk.work[APPLICATION, "ask first"]
    said = way.fire("check")
    assert (
        way.desk.now.isoformat() == "2026-11-24T12:20:30+00:00"
    )  # 2 of 10 s and 5 s, the outage, and patience
    assert only(said, VerdictReached).outcome is Outcome.UNMEASURABLE
    assert only(said, StageWaiting).waiting_for is WaitingFor.HELD
    assert way.desk.work[APPLICATION, "ask first"] is not before
    assert way.fire("check") == []
    assert names(say(way, "first", 200, 200))[:2] == ["VerdictReached", "StagePassed"]


# --- operators --------------------------------------------------------------------------------------------------


def held(*, for_good: bool = False) -> Journey:
    way = deployed()
    way.fire("bake")
    silent(way, "first", for_good=for_good)
    return way


def test_an_approval_lets_a_held_stage_pass_and_nothing_is_asked_any_more() -> None:
    way = held()
    said = give(way.desk, asked(Approve))
    assert answer_in(said).reason == "the stage first is approved"
    assert "approved the stage first, though its check was not answered" in only(said, StagePassed).reason
    assert not is_asked(way)
    assert way.timers() == {"watch"}


@pytest.mark.parametrize("for_good", [False, True])
def test_a_retry_asks_anew(for_good: bool) -> None:
    way = held(for_good=for_good)
    said = give(way.desk, asked(Retry))
    assert answer_in(said).reason == "the check of the stage first is asked anew"
    assert only(said, StageWaiting).waiting_for is WaitingFor.EVIDENCE
    assert names(say(way, "first", 200, 200))[:2] == ["VerdictReached", "StagePassed"]


def test_a_reject_fails_the_release() -> None:
    said = give(held().desk, asked(Reject))
    assert only(said, VerdictReached).outcome is Outcome.FAIL


def test_nobodys_word_replaces_an_answer_that_may_still_come() -> None:
    way = deployed()
    way.fire("bake")
    for operation in (Approve, Reject, Retry, Promote):
        assert answer_in(give(way.desk, asked(operation))).code is not None
    refused = answer_in(give(way.desk, asked(Promote)))
    assert (
        refused.reason
        == "the check of the stage first is being asked, and nobody's word replaces evidence; abort it instead"
    )


def test_a_promoted_bake_waits_for_the_check_and_a_promoted_watch_says_so() -> None:
    way = deployed()
    said = give(way.desk, asked(Promote))
    assert only(said, StageWaiting).waiting_for is WaitingFor.EVIDENCE
    way = in_production(WAVE, {**WATCH, "check": CHECK})
    way.deployed("eu-west")
    said = give(way.desk, asked(Promote))
    assert answer_in(said).reason == "the watch is over, and its check is waited for"


def test_a_release_that_is_over_is_not_asked() -> None:
    way = deployed()
    way.give(ReleaseCompleted(application=APPLICATION, release=RELEASE, artifact=ARTIFACT))
    assert not is_asked(way)
