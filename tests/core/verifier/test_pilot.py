"""The pilot: set up, measured, looked at, judged; and what follows when the evidence decides nothing."""

from typing import Any

import pytest

from lockgate.messages.payload import Payload
from lockgate.messages.verdicts import (
    Action,
    Granted,
    Outcome,
    RegionFailed,
    StagePassed,
    StageWaiting,
    VerdictReached,
    VerificationStarted,
    WaitingFor,
)
from lockgate.verifier.core.measure import Measure, looks_of, slice_of
from lockgate.verifier.statistics.comparison import Evidence, judge
from tests.support.verifier import APPLICATION, PILOT, WATCH, WAVE, Journey, in_production, names, only, plan

WORK = "measure pilot"
GOOD = [1900.0, 1000, 5, 9000, 45]
BAD = [60.0, 100, 30, 900, 4]
SCANT = [1900.0, 50, 0, 450, 2]


def piloted(after: dict[str, Any] | None = None, **fields: Any) -> Journey:
    release = in_production({**PILOT, "after": {"verify": "32m", **(after or {})}}, WAVE, WATCH, **fields)
    release.piloted("eu-west")
    return release


def counted(until: float, *strata: list[float], region: str = "eu-west") -> dict[str, Any]:
    return {"outcome": "counted", "until": until, "strata": {region: list(strata)}}


def say(release: Journey, report: dict[str, Any], *, final: bool = False) -> list[Payload]:
    return release.desk.report(APPLICATION, WORK, report, final=final)


def end(release: Journey, *strata: list[float]) -> list[Payload]:
    return say(release, counted(1920.0, *strata), final=True)


# --- set-up ---------------------------------------------------------------------------------------------------


def test_a_pilot_is_granted_with_its_share_within_the_budget() -> None:
    granted = in_production(PILOT, WAVE, WATCH).grant("eu-west")
    assert (granted.action, granted.share, granted.deadline) == (Action.PILOT, 0.1, 600)


def test_a_pilot_that_is_set_up_is_measured_for_the_time_that_the_plan_says() -> None:
    release = in_production(PILOT, WAVE, WATCH, **{"false-alarms": "2%", "metrics": {"interval": "15s"}})
    release.desk.wait(30)
    said = release.piloted("eu-west")
    assert names(said) == ["VerificationStarted", "StageWaiting"]
    started = only(said, VerificationStarted)
    assert (started.regions, started.duration, started.alpha) == (("eu-west",), 1920, 0.02)
    waiting = only(said, StageWaiting)
    assert (waiting.waiting_for, waiting.until) == (WaitingFor.EVIDENCE, "2026-11-24T12:32:30.000+00:00")
    order = Measure.model_validate(release.desk.work[APPLICATION, WORK].body)
    assert (order.since, order.duration, order.slice) == (release.desk.now, 1920, 40)
    pods = order.regions["eu-west"]
    assert (pods.namespace, pods.pilot, pods.baseline) == (APPLICATION, "payments-pilot-8-", "payments-")


def test_the_comparison_begins_when_every_region_has_its_pilot() -> None:
    wave = {**WAVE, "regions": ["eu-west", "us-east"]}
    release = in_production({**PILOT, "regions": ["eu-west", "us-east"]}, wave, WATCH)
    assert release.piloted("us-east") == []
    assert only(release.piloted("eu-west"), VerificationStarted).regions == ("eu-west", "us-east")
    body = release.desk.work[APPLICATION, WORK].body
    assert set(body["regions"]) == {"eu-west", "us-east"}
    assert body["regions"]["us-east"]["pilot"] == "payments-pilot-8-"


def test_the_false_alarm_rate_is_spent_over_the_pilot_stages() -> None:
    release = in_production(PILOT, {**PILOT, "name": "second"}, WAVE, WATCH)
    assert only(release.piloted("eu-west"), VerificationStarted).alpha == 0.005


def test_a_pilot_that_cannot_be_set_up_fails_the_release() -> None:
    said = in_production(PILOT, WAVE, WATCH).failed("eu-west")
    assert names(said) == ["RegionFailed", "VerdictReached", "StageWaiting"]


def test_a_pilot_that_is_not_ready_within_its_budget_fails_the_release() -> None:
    said = in_production(PILOT, WAVE, WATCH).fire("deadline eu-west")
    assert only(said, RegionFailed).unreachable


def test_looks_are_fixed_before_the_first_one_and_an_extension_has_one_of_its_own() -> None:
    stage = plan(PILOT, WAVE, WATCH).stages[0]
    assert stage.kind == "pilot"
    assert looks_of(stage) == (60, 120, 240, 480, 960, 1920)
    longer = {**PILOT, "after": {"verify": "32m", "on-inconclusive": {"extend": "16m"}}}
    extended = plan(longer, WAVE, WATCH).stages[0]
    assert extended.kind == "pilot"
    assert looks_of(extended) == (60, 120, 240, 480, 960, 1920, 2880)
    assert slice_of(extended, 15) == 60
    assert slice_of(extended, 300) == 300


# --- verdicts -------------------------------------------------------------------------------------------------


def test_a_pilot_like_production_passes_at_the_end_and_the_wave_begins() -> None:
    release = piloted()
    assert say(release, counted(60.0, [60.0, 30, 0, 270, 1])) == []
    said = end(release, GOOD)
    assert names(said) == ["VerdictReached", "StagePassed", "Granted", "StageWaiting"]
    assert only(said, VerdictReached).outcome is Outcome.PASS
    assert only(said, StagePassed).kind == "pilot"
    assert (only(said, Granted).action, str(only(said, Granted).fence)) == (Action.DEPLOY, "8.0.2")
    assert "verify" not in release.timers()


def test_a_bad_pilot_fails_at_the_first_look() -> None:
    release = piloted()
    said = say(release, counted(80.0, BAD))
    assert names(said) == ["VerdictReached", "StageWaiting"]
    verdict = only(said, VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, ("eu-west",))
    assert "in eu-west 30 of 100 pilot requests failed, beside 4 of 900 in production" in verdict.reason
    assert only(said, StageWaiting).waiting_for is WaitingFor.COORDINATOR
    assert (release.desk.work, release.timers()) == ({}, set())


def test_a_verdict_carries_what_it_is_made_again_from() -> None:
    verdict = only(say(piloted(), counted(80.0, BAD)), VerdictReached)
    again = judge(Evidence.load(verdict.evidence))
    assert again.reason == verdict.reason
    assert again.numbers == verdict.evidence


def test_between_two_looks_nothing_is_tested() -> None:
    release = piloted()
    assert say(release, counted(40.0, BAD)) == []
    say(release, counted(120.0, [60.0, 100, 0, 900, 4]))
    assert say(release, counted(160.0, BAD)) == []
    assert names(say(release, counted(240.0, BAD)))[0] == "VerdictReached"


def test_evidence_that_is_reported_again_from_the_start_is_not_looked_at_again() -> None:
    release = piloted()
    say(release, counted(960.0, [900.0, 500, 2, 4500, 22]))
    assert say(release, counted(60.0, BAD)) == []


# --- metrics that do not answer -------------------------------------------------------------------------------


def test_metrics_that_do_not_answer_are_waited_for_and_said_once() -> None:
    release = piloted()
    down = {"outcome": "unavailable", "reason": "connection refused"}
    said = say(release, down)
    assert names(said) == ["StageWaiting"]
    assert only(said, StageWaiting).waiting_for is WaitingFor.METRICS
    assert "connection refused" in only(said, StageWaiting).reason
    assert say(release, down) == []
    back = say(release, counted(60.0, [60.0, 30, 0, 270, 1]))
    assert only(back, StageWaiting).waiting_for is WaitingFor.EVIDENCE


def test_metrics_without_samples_are_waited_for_once_the_beginning_is_over() -> None:
    release = piloted()
    assert say(release, counted(120.0)) == []
    waiting = only(say(release, counted(240.0)), StageWaiting)
    assert waiting.waiting_for is WaitingFor.METRICS
    assert "eu-west" in waiting.reason


@pytest.mark.parametrize(
    "report",
    [
        {"outcome": "unavailable", "reason": "connection refused"},
        counted(1920.0),
        counted(1920.0, [1000.0, 1000, 5, 9000, 45]),  # nothing in the last quarter
    ],
)
def test_a_time_without_metrics_is_unmeasurable_and_then_what_the_plan_says(report: dict[str, Any]) -> None:
    said = say(piloted(), report, final=True)
    verdicts = [event for event in said if isinstance(event, VerdictReached)]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.UNMEASURABLE, Outcome.FAIL]
    assert all("nothing to measure" in verdict.reason for verdict in verdicts)
    assert "the plan asks for a rollback" in verdicts[1].reason


def test_a_measuring_that_never_ends_is_unmeasurable_long_after_its_time() -> None:
    release = piloted()
    said = release.fire("verify")
    assert release.desk.now.isoformat() == "2026-11-24T12:42:00+00:00"
    assert [event.outcome for event in said if isinstance(event, VerdictReached)] == [
        Outcome.UNMEASURABLE,
        Outcome.FAIL,
    ]
    assert release.desk.work == {}


# --- on-inconclusive ------------------------------------------------------------------------------------------


def test_an_inconclusive_pilot_is_rolled_back_by_a_verdict_of_its_own() -> None:
    said = end(piloted(), SCANT)
    assert names(said) == ["VerdictReached", "VerdictReached", "StageWaiting"]
    first, second = (event for event in said if isinstance(event, VerdictReached))
    assert (first.outcome, second.outcome) == (Outcome.INCONCLUSIVE, Outcome.FAIL)
    assert "a pass needs 100 pilot requests" in first.reason
    assert first.evidence["regions"]["eu-west"]["pilot"] == [50, 0]
    assert second.reason.startswith("The verdict is inconclusive, and the plan asks for a rollback then.")


def test_an_inconclusive_pilot_goes_on_if_the_plan_says_so() -> None:
    said = end(piloted({"on-inconclusive": {"then": "pass"}}), SCANT)
    assert names(said) == ["VerdictReached", "StagePassed", "Granted", "StageWaiting"]
    assert only(said, VerdictReached).outcome is Outcome.INCONCLUSIVE


def test_an_inconclusive_pilot_is_measured_longer_once_from_the_same_start() -> None:
    release = piloted({"on-inconclusive": {"extend": "16m"}})
    start = release.desk.work[APPLICATION, WORK].body["since"]
    said = end(release, SCANT)
    assert names(said) == ["StageWaiting"]
    waiting = only(said, StageWaiting)
    assert (waiting.waiting_for, waiting.until) == (WaitingFor.EVIDENCE, "2026-11-24T12:48:00.000+00:00")
    body = release.desk.work[APPLICATION, WORK].body
    assert (body["since"], body["duration"]) == (start, 2880)
    said = say(release, counted(2880.0, SCANT, [2800.0, 50, 0, 450, 2]), final=True)
    verdict = only(said, VerdictReached)
    assert verdict.outcome is Outcome.PASS
    assert (verdict.evidence["look"], verdict.evidence["looks"]) == (7, 7)


def test_an_extension_is_given_once() -> None:
    release = piloted({"on-inconclusive": {"extend": "16m"}})
    end(release, SCANT)
    said = say(release, counted(2880.0, [2800.0, 50, 0, 450, 2]), final=True)
    assert names(said) == ["VerdictReached", "VerdictReached", "StageWaiting"]


def test_a_bad_pilot_still_fails_in_the_extension() -> None:
    release = piloted({"on-inconclusive": {"extend": "16m"}})
    end(release, SCANT)
    said = say(release, counted(2880.0, SCANT, [2800.0, 100, 40, 900, 2]), final=True)
    assert [e.outcome for e in said if isinstance(e, VerdictReached)] == [Outcome.FAIL]


# --- late and foreign -----------------------------------------------------------------------------------------


def test_a_report_of_the_measuring_that_was_extended_changes_nothing() -> None:
    release = piloted({"on-inconclusive": {"extend": "16m"}})
    old = release.desk.work[APPLICATION, WORK]
    end(release, SCANT)
    release.desk.work[APPLICATION, WORK] = old
    assert end(release, GOOD) == []


def test_a_report_after_the_verdict_changes_nothing() -> None:
    release = piloted()
    work = release.desk.work[APPLICATION, WORK]
    say(release, counted(80.0, BAD))
    rows = dict(release.desk.rows)
    release.desk.work[APPLICATION, WORK] = work
    assert end(release, GOOD) == []
    assert release.desk.rows == rows


def test_a_second_answer_of_a_region_whose_pilot_is_measured_changes_nothing() -> None:
    release = piloted()
    rows = dict(release.desk.rows)
    assert release.piloted("eu-west") == []
    assert release.failed("eu-west") == []
    assert release.desk.rows == rows
