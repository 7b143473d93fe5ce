"""The pilot: set up, measured, judged scrape by scrape; and what follows when the evidence decides nothing."""

import json
from math import exp
from typing import Any

import pytest

from lockgate.messages.payload import Payload
from lockgate.messages.plan import PilotStage
from lockgate.messages.rollbacks import ReleaseHalted
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
from lockgate.verifier.core.measure import Measure, Schedule
from lockgate.verifier.core.rows import PartRow, VerificationRow
from lockgate.verifier.core.terms import Terms
from lockgate.verifier.statistics.verification import encode, recompute, verify
from tests.support.measured import BAD, DARK, NONE, SLOW, nothing, report
from tests.support.verification import PILOT_PER_SCRAPE, steady, the_pilot
from tests.support.verifier import (
    APPLICATION,
    PILOT,
    RELEASE,
    WATCH,
    WAVE,
    Journey,
    in_production,
    names,
    only,
    plan,
)

WORK = "measure pilot eu-west"
EXTENDED = {"on-inconclusive": {"extend": "16m"}}
STRICT = {"margins": {"errors": 1.1}}
"""More than this traffic can show in the time."""


def piloted(after: dict[str, Any] | None = None, **fields: Any) -> Journey:
    """32 minutes at a scrape each 15 s are 43 scrapes of 45 s; with an extension of 16 minutes they are 48 of 60 s."""
    release = in_production({**PILOT, "after": {"verify": "32m", **(after or {})}}, WAVE, WATCH, **fields)
    release.piloted("eu-west")
    return release


def order(release: Journey, region: str = "eu-west") -> dict[str, Any]:
    return release.desk.work[APPLICATION, f"measure pilot {region}"].body


def say(release: Journey, said: dict[str, Any], *, final: bool = False, work: str = WORK) -> list[Payload]:
    return release.desk.report(APPLICATION, work, said, final=final)


def tell(
    release: Journey, end: int, first: int = 0, pilot: Any = PILOT_PER_SCRAPE, **run: str
) -> list[Payload]:
    return say(release, report(order(release), end, first, pilot=pilot, **run))


def verdicts(said: list[Payload]) -> list[VerdictReached]:
    return [event for event in said if isinstance(event, VerdictReached)]


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
    assert (waiting.waiting_for, waiting.until) == (WaitingFor.EVIDENCE, "2026-11-24T12:32:45.000+00:00")
    asked = Measure.model_validate(order(release))
    assert (asked.since, asked.step, asked.scrapes, asked.share) == (release.desk.now, 45, 43, 0.1)
    pods = asked.pods
    assert (pods.namespace, pods.pilot, pods.baseline) == (APPLICATION, "payments-pilot-8-", "payments-")
    assert (pods.service, pods.pilot_service, pods.route) == ("payments", "payments-pilot-8", None)


def test_the_comparison_begins_when_every_region_has_its_pilot() -> None:
    wave = {**WAVE, "regions": ["eu-west", "us-east"]}
    release = in_production({**PILOT, "regions": ["eu-west", "us-east"]}, wave, WATCH)
    assert release.piloted("us-east") == []
    assert only(release.piloted("eu-west"), VerificationStarted).regions == ("eu-west", "us-east")
    assert [order(release, name)["region"] for name in ("eu-west", "us-east")] == ["eu-west", "us-east"]


def test_a_pilot_that_cannot_be_set_up_fails_the_release() -> None:
    said = in_production(PILOT, WAVE, WATCH).failed("eu-west")
    assert names(said) == ["RegionFailed", "VerdictReached", "StageWaiting"]


def test_a_pilot_that_is_not_ready_within_its_budget_fails_the_release() -> None:
    said = in_production(PILOT, WAVE, WATCH).fire("deadline eu-west")
    assert only(said, RegionFailed).unreachable


# --- schedule and policy --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "interval", "expected"),
    [
        ({"verify": "60m"}, 15, (60, 60, 60, 30)),
        ({"verify": "60m"}, 60, (60, 60, 60, 30)),
        ({"verify": "60m", **EXTENDED}, 15, (90, 40, 51, 20)),
        ({"verify": "10s", "soak": "6s"}, 1, (1, 10, 10, 6)),
        ({"verify": "10s", "soak": "1s"}, 1, (1, 10, 10, 5)),
        ({"verify": "1m"}, 15, (15, 10, 10, 5)),
        ({"verify": "48h", "soak": "1h"}, 15, (2880, 60, 60, 5)),
    ],
)
def test_a_verification_has_at_most_60_scrapes_and_at_least_10(
    after: dict[str, str], interval: float, expected: tuple[float, int, int, int]
) -> None:
    stage = plan({**PILOT, "after": after}, WAVE, WATCH).stages[0]
    assert isinstance(stage, PilotStage)
    found = Schedule.of(Terms.of_pilot(stage), interval)
    assert (found.step, found.planned, found.scrapes, found.soak) == expected


@pytest.mark.parametrize(
    ("length", "interval", "expected"),
    [
        ("60m", 60, (2, 7, 1)),
        ("10m", 15, (8, 28, 4)),
        ("5m", 15, (4, 14, 2)),
        ("10s", 1, (2, 7, 1)),
        ("2h", 15, (1, 4, 0.5)),
        ("48h", 15, (1, 1, 0.5)),
    ],
)
def test_a_new_pod_has_minutes_to_get_warm_however_short_the_scrapes(
    length: str, interval: float, expected: tuple[int, int, float]
) -> None:
    policy = order(piloted({"verify": length}, metrics={"interval": f"{interval}s"}))["policy"]
    assert (policy["skip"], policy["warm_scrapes"], policy["warm_half"]) == expected


def test_a_good_pilot_that_gets_warm_in_minutes_does_not_fail_at_short_scrapes() -> None:
    """At 15 s: twice as many of its requests are slow at first, and a third more after 90 s."""
    policy = order(piloted({"verify": "10m"}))["policy"]
    evidence = steady(40, policy=policy)
    counted = [0, 0]
    for scrape in range(40):
        slower = 1 + exp(-15 * scrape / 90)
        counted = [counted[0] + round(120 * slower), counted[1] + round(15 * slower)]
        row = the_pilot(evidence)["buckets"][evidence["start"] + scrape]
        row[1:3] = [row[3] - counted[0], row[3] - counted[1]]
    assert verify(evidence)["verdict"] != "fail"


def test_the_false_alarm_rate_of_the_release_is_spent_over_the_regions_of_all_pilots() -> None:
    two = {**PILOT, "regions": ["eu-west", "us-east"]}
    wave = {**WAVE, "regions": ["eu-west", "us-east"]}
    release = in_production(two, {**PILOT, "name": "second"}, wave, WATCH, **{"false-alarms": "3%"})
    release.piloted("eu-west")
    assert only(release.piloted("us-east"), VerificationStarted).alpha == pytest.approx(0.02)
    assert order(release)["policy"]["alpha"] == pytest.approx(0.01)


def test_the_margins_of_the_plan_are_those_of_the_verification() -> None:
    policy = order(piloted({"margins": {"errors": 2, "latency": "30%"}}))["policy"]
    assert (policy["err_margin"], policy["lat_margin"], policy["deadline"]) == (2, 0.3, 43)
    assert policy["required"] == ["errors", "latency"]
    custom = {"preset": "custom", "custom": {"requests": "requests_total"}}
    assert order(piloted(metrics=custom))["policy"]["required"] == ["errors"]


# --- verdicts -------------------------------------------------------------------------------------------------


def test_a_pilot_like_production_passes_once_the_evidence_allows_it_and_the_wave_begins() -> None:
    release = piloted()
    for scrape in range(21):
        assert tell(release, scrape + 1, scrape) == []
    said = tell(release, 43, 21)
    assert names(said) == ["VerdictReached", "StagePassed", "Granted", "StageWaiting"]
    verdict = only(said, VerdictReached)
    assert verdict.outcome is Outcome.PASS
    assert verdict.reason.startswith("In eu-west: After ")
    assert 22 <= int(verdict.evidence["measured"]["scrapes"]) < 43
    assert only(said, StagePassed).kind == "pilot"
    assert (only(said, Granted).action, str(only(said, Granted).fence)) == (Action.DEPLOY, "8.0.2")
    assert (release.timers(), release.desk.work) == ({"deadline eu-west"}, {})


@pytest.mark.parametrize(
    ("pilot", "why"),
    [(BAD, "the pilot's requests fail 19.6 times as often"), (SLOW, "longer than 0.5 s are 12.6 times")],
)
def test_a_bad_pilot_fails_with_the_scrape_that_proves_it(pilot: dict[str, Any], why: str) -> None:
    release = piloted()
    said: list[Payload] = []
    scrape = 0
    while not said:
        said = tell(release, scrape + 1, scrape, pilot)
        scrape += 1
    assert scrape <= 5
    assert names(said) == ["VerdictReached", "StageWaiting"]
    verdict = only(said, VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, ("eu-west",))
    assert why in verdict.reason
    assert only(said, StageWaiting).waiting_for is WaitingFor.COORDINATOR
    assert (release.desk.work, release.timers()) == ({}, set())


@pytest.mark.parametrize(
    ("pilot", "after"),
    [(PILOT_PER_SCRAPE, {}), (BAD, {}), (PILOT_PER_SCRAPE, STRICT)],
    ids=["good", "bad", "open"],
)
def test_a_verdict_is_made_again_of_its_event_to_the_same_bytes(
    pilot: dict[str, Any], after: dict[str, Any]
) -> None:
    verdict = verdicts(tell(piloted(after), 43, pilot=pilot))[0]
    again = recompute(json.loads(encode(verdict.evidence)))
    assert again["verdict"] == verdict.outcome
    assert verdict.reason == f"In eu-west: {again['reason']}"
    assert encode(again["evidence"]) == encode(verdict.evidence)
    assert len(encode(verdict.evidence)) < 64 * 1024


def test_scrape_by_scrape_or_all_at_once_gives_the_same_verdict() -> None:
    apart, whole = piloted(), piloted()
    said: list[Payload] = []
    scrape = 0
    while not said:
        said = tell(apart, scrape + 1, scrape)
        scrape += 1
    assert verdicts(said) == verdicts(tell(whole, 43))


def test_nothing_of_the_measuring_is_left_after_the_verdict() -> None:
    release = piloted()
    for scrape in range(5):
        tell(release, scrape + 1, scrape)
    assert sum(isinstance(row, PartRow) for row in release.desk.rows.values()) == 5
    tell(release, 43, 5)
    assert not [row for row in release.desk.rows.values() if isinstance(row, PartRow | VerificationRow)]


def test_nothing_of_the_measuring_is_left_after_a_halt() -> None:
    release = piloted()
    for scrape in range(5):
        tell(release, scrape + 1, scrape)
    release.give(
        ReleaseHalted(
            application=APPLICATION, release=RELEASE, number=8, turn=1, regions=("eu-west",), reason="stop"
        )
    )
    assert not [row for row in release.desk.rows.values() if isinstance(row, PartRow | VerificationRow)]
    assert release.desk.work == {}


def test_a_stage_with_two_regions_passes_when_both_are_through() -> None:
    release = in_production(
        {**PILOT, "regions": ["eu-west", "us-east"]}, {**WAVE, "regions": ["eu-west", "us-east"]}, WATCH
    )
    release.piloted("eu-west")
    release.piloted("us-east")
    first = tell(release, 43)
    assert names(first) == ["VerdictReached"]
    said = say(release, report(order(release, "us-east"), 43), work="measure pilot us-east")
    assert names(said)[:2] == ["VerdictReached", "StagePassed"]
    assert verdicts(said)[0].reason.startswith("In us-east: ")


def test_one_bad_region_fails_the_release_and_is_named() -> None:
    release = in_production(
        {**PILOT, "regions": ["eu-west", "us-east"]}, {**WAVE, "regions": ["eu-west", "us-east"]}, WATCH
    )
    release.piloted("eu-west")
    release.piloted("us-east")
    tell(release, 3)
    said = say(release, report(order(release, "us-east"), 3, pilot=BAD), work="measure pilot us-east")
    assert only(said, VerdictReached).guilty == ("us-east",)
    assert release.desk.work == {}


# --- what a killed work reports -------------------------------------------------------------------------------


def test_a_run_that_begins_again_replaces_what_was_told_and_doubles_nothing() -> None:
    release, plain = piloted(), piloted()
    for scrape in range(10):
        tell(release, scrape + 1, scrape)
    tell(release, 12, run="run-2")
    said = tell(release, 43, 12, run="run-2")
    assert verdicts(said) == verdicts(tell(plain, 43))


@pytest.mark.parametrize(
    ("first", "end", "run"),
    [
        (0 + 3, 5, "run-1"),  # told already
        (8, 9, "run-1"),  # leaves scrapes out
        (6, 7, "run-2"),  # of another run, without its beginning
    ],
)
def test_a_report_that_does_not_follow_what_is_known_changes_nothing(first: int, end: int, run: str) -> None:
    release = piloted()
    tell(release, 6)
    rows = dict(release.desk.rows)
    assert tell(release, end, first, BAD, run=run) == []
    assert release.desk.rows == rows


# --- metrics that do not answer -------------------------------------------------------------------------------


def test_metrics_that_do_not_answer_are_waited_for_and_said_once() -> None:
    release = piloted()
    said = say(release, DARK)
    assert names(said) == ["StageWaiting"]
    assert only(said, StageWaiting).waiting_for is WaitingFor.METRICS
    assert "connection refused" in only(said, StageWaiting).reason
    assert say(release, DARK) == []
    assert only(tell(release, 2), StageWaiting).waiting_for is WaitingFor.EVIDENCE


def test_a_region_in_the_dark_is_not_hidden_by_another_one() -> None:
    release = in_production(
        {**PILOT, "regions": ["eu-west", "us-east"]}, {**WAVE, "regions": ["eu-west", "us-east"]}, WATCH
    )
    release.piloted("eu-west")
    release.piloted("us-east")
    assert only(say(release, DARK), StageWaiting).waiting_for is WaitingFor.METRICS
    assert say(release, report(order(release, "us-east"), 2), work="measure pilot us-east") == []
    assert only(tell(release, 2), StageWaiting).waiting_for is WaitingFor.EVIDENCE


def test_a_pilot_without_a_pod_that_is_scraped_is_waited_for_by_name() -> None:
    release = piloted()
    waiting = only(say(release, nothing(order(release), 8)), StageWaiting)
    assert waiting.waiting_for is WaitingFor.METRICS
    assert "in eu-west lately" in waiting.reason


def test_a_pilot_without_any_request_is_never_a_pass() -> None:
    said = tell(piloted(), 43, pilot=NONE)
    assert only(said, VerdictReached).outcome is Outcome.FAIL
    assert "got no request in 5 scrapes" in only(said, VerdictReached).reason


# --- on-inconclusive ------------------------------------------------------------------------------------------


def test_an_inconclusive_pilot_is_rolled_back_by_a_verdict_of_its_own() -> None:
    said = tell(piloted(STRICT), 43)
    assert names(said) == ["VerdictReached", "VerdictReached", "StageWaiting"]
    first, second = verdicts(said)
    assert (first.outcome, second.outcome) == (Outcome.INCONCLUSIVE, Outcome.FAIL)
    assert "a good pilot would need about" in first.reason
    assert second.reason.startswith("The verdict is inconclusive, and the plan asks for a rollback then.")


def test_an_inconclusive_pilot_goes_on_if_the_plan_says_so() -> None:
    said = tell(piloted({**STRICT, "on-inconclusive": {"then": "pass"}}), 43)
    assert names(said) == ["VerdictReached", "StagePassed", "Granted", "StageWaiting"]
    assert only(said, VerdictReached).outcome is Outcome.INCONCLUSIVE


def test_an_undecided_pilot_is_measured_longer_and_that_is_said_once() -> None:
    release = piloted({**STRICT, **EXTENDED})
    assert tell(release, 31) == []
    waiting = only(tell(release, 32, 31), StageWaiting)
    assert (waiting.waiting_for, waiting.until) == (WaitingFor.EVIDENCE, "2026-11-24T12:48:00.000+00:00")
    assert "extended" in waiting.reason
    assert tell(release, 33, 32) == []
    assert [verdict.outcome for verdict in verdicts(tell(release, 48, 33))] == [
        Outcome.INCONCLUSIVE,
        Outcome.FAIL,
    ]


def test_a_pilot_that_is_bad_in_the_extension_fails() -> None:
    release = piloted({**STRICT, **EXTENDED})
    tell(release, 40)
    late = tell(release, 41, pilot=BAD, run="run-2")
    assert [verdict.outcome for verdict in verdicts(late)] == [Outcome.FAIL]


# --- late and foreign -----------------------------------------------------------------------------------------


def test_a_report_of_an_older_order_changes_nothing() -> None:
    release = piloted()
    old = release.desk.work[APPLICATION, WORK]
    old.body["since"] = "2026-11-24T11:00:00Z"
    assert tell(release, 3, pilot=BAD) == []


def test_a_report_after_the_verdict_changes_nothing() -> None:
    release = piloted()
    work = release.desk.work[APPLICATION, WORK]
    tell(release, 3, pilot=BAD)
    rows = dict(release.desk.rows)
    release.desk.work[APPLICATION, WORK] = work
    assert tell(release, 43) == []
    assert release.desk.rows == rows


def test_a_second_answer_of_a_region_whose_pilot_is_measured_changes_nothing() -> None:
    release = piloted()
    rows = dict(release.desk.rows)
    assert release.piloted("eu-west") == []
    assert release.failed("eu-west") == []
    assert release.desk.rows == rows
