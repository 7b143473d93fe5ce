"""Waves that are verified: their regions are compared with those of later waves, and one verdict lets the next wave begin."""

import json
from typing import Any

import pytest

from lockgate.messages.operations import Approve, OperationRefusal, Promote, Reject, Retry
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseResumed
from lockgate.messages.verdicts import (
    FailCause,
    Granted,
    Outcome,
    StagePassed,
    StageWaiting,
    VerdictReached,
    VerificationStarted,
    WaitingFor,
)
from lockgate.verifier.core.measure import Measure
from lockgate.verifier.core.rows import PartRow, VerificationRow
from lockgate.verifier.statistics.again import again
from lockgate.verifier.statistics.verification import encode
from tests.core.verifier.test_wave_steps import ROUTED, stepped
from tests.support.besides import beside
from tests.support.measured import BLIND, DARK
from tests.support.operators import answer, answer_in, asked, give
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
)

TWO = ["eu-west", "us-east"]
LATER = {**WAVE, "name": "rest", "regions": ["eu-north", "ap-south"]}
LAST = 20
"""20 minutes at a scrape a minute."""
BAD: dict[str, Any] = {"errors": 3.0}
GOOD = {"eu-west": 0, "us-east": 1}
"""Seeds of samples of a good release that passes after 12 scrapes and more."""


def wave(*stages: dict[str, Any], plan: dict[str, Any] | None = None, **after: Any) -> Journey:
    """Both regions run the release, a quarter of an hour after their grants."""
    first = {**WAVE, "regions": TWO, "max-parallel": 2, "after": {"verify": "20m", **after}}
    release = in_production(
        first, *(stages or (LATER,)), WATCH, metrics={"interval": "60s"}, workload=ROUTED, **(plan or {})
    )
    release.desk.wait(900)
    for region in TWO:
        release.deployed(region)
    return release


def order(release: Journey, region: str = "eu-west") -> dict[str, Any]:
    return release.desk.work[APPLICATION, f"measure first {region}"].body


def say(release: Journey, said: dict[str, Any], region: str = "eu-west") -> list[Payload]:
    over = said.get("digest") is not None
    return release.desk.report(APPLICATION, f"measure first {region}", said, final=over)


def tell(release: Journey, region: str, end: int = LAST, first: int = 0, **counted: Any) -> list[Payload]:
    return say(
        release, beside(order(release, region), end, first, **{"seed": GOOD[region], **counted}), region
    )


def left(release: Journey) -> list[Any]:
    return [row for row in release.desk.rows.values() if isinstance(row, PartRow | VerificationRow)]


def is_recomputed(verdict: VerdictReached) -> bool:
    """From what the event says, and nothing else."""
    made = again(json.loads(encode(verdict.evidence)))
    return (made["verdict"], encode(made["evidence"])) == (verdict.outcome, encode(verdict.evidence))


# --- what is measured, and what follows ---------------------------------------------------------------------------


def test_once_all_regions_run_the_release_each_is_compared_with_those_of_later_waves() -> None:
    release = in_production(
        {**WAVE, "regions": TWO, "max-parallel": 2, "after": {"verify": "20m", "bake": "5m"}},
        LATER,
        WATCH,
        metrics={"interval": "60s"},
    )
    began = release.desk.now
    release.desk.wait(900)
    assert release.deployed("eu-west") == []
    said = release.deployed("us-east")
    assert names(said) == ["VerificationStarted", "StageWaiting"]
    assert only(said, VerificationStarted).regions == ("eu-west", "us-east")
    waiting = only(said, StageWaiting)
    assert (waiting.waiting_for, waiting.until) == (WaitingFor.EVIDENCE, "2026-11-24T12:35:00.000+00:00")
    assert "compared with eu-north, ap-south, without the release, for 1200 s" in waiting.reason
    given = Measure.model_validate(order(release, "us-east"))
    assert (given.since, given.began, given.step, given.scrapes) == (release.desk.now, began, 60, LAST)
    assert (given.history, given.share) == (12 * LAST, 1)
    assert [(one.region, one.namespace) for one in given.control] == [
        ("eu-north", APPLICATION),
        ("ap-south", APPLICATION),
    ]
    assert (given.pods.pilot, given.pods.baseline) == ("", "payments")


def test_the_next_wave_begins_when_every_region_is_shown_to_be_within_the_margins() -> None:
    release = wave()
    assert tell(release, "eu-west") == []
    said = tell(release, "us-east")
    assert names(said) == ["VerdictReached", "StagePassed", "Granted", "StageWaiting"]
    verdict = only(said, VerdictReached)
    assert verdict.outcome is Outcome.PASS
    assert verdict.reason.startswith("Compared with eu-north, ap-south: After ")
    assert "all 2 regions are shown to be within the margins" in verdict.reason
    assert is_recomputed(verdict)
    assert only(said, Granted).region == "eu-north"
    assert (release.desk.work, left(release), release.timers()) == ({}, [], {"deadline eu-north"})


def test_a_bake_time_comes_after_the_comparison() -> None:
    release = wave(bake="5m")
    tell(release, "eu-west")
    said = tell(release, "us-east")
    assert names(said) == ["VerdictReached", "StageWaiting"]
    assert only(said, StageWaiting).waiting_for is WaitingFor.BAKE
    assert only(release.fire("bake"), StagePassed).stage == "first"


def test_a_wave_with_a_region_that_is_worse_is_taken_back_and_the_region_is_named() -> None:
    release = wave()
    tell(release, "eu-west", 6)
    said = tell(release, "us-east", 6, **BAD)
    assert names(said) == ["VerdictReached", "StageWaiting"]
    verdict = only(said, VerdictReached)
    assert (verdict.outcome, verdict.cause, verdict.guilty) == (
        Outcome.FAIL,
        FailCause.MEASURED,
        ("us-east",),
    )
    assert verdict.reason.startswith(
        "Compared with eu-north, ap-south: Of 2 regions us-east is worse. Since scrape 1 the region's requests fail "
    )
    assert is_recomputed(verdict)
    assert (release.desk.work, release.timers(), left(release)) == ({}, set(), [])


def test_a_region_that_is_worse_waits_for_no_other_one_whose_metrics_are_away() -> None:
    release = wave()
    say(release, DARK, "eu-west")
    verdict = only(tell(release, "us-east", 6, **BAD), VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, ("us-east",))
    assert is_recomputed(verdict)


def test_what_is_told_scrape_by_scrape_comes_to_the_same_verdict() -> None:
    at_once, bit_by_bit = wave(), wave()
    tell(at_once, "eu-west")
    expected = only(tell(at_once, "us-east"), VerdictReached)
    said: list[Payload] = []
    for end in range(1, LAST + 1):
        for region in TWO:
            if (APPLICATION, f"measure first {region}") in bit_by_bit.desk.work and not said:
                said = tell(bit_by_bit, region, end, end - 1)
    assert only(said, VerdictReached) == expected


def test_a_wave_has_one_part_of_the_false_alarm_rate_and_its_regions_divide_it() -> None:
    """Beside a pilot, and a canary of two steps in one region."""
    canary = {**LATER, "regions": ["eu-north"], "strategy": {"canary": ["25%", "50%"], "verify": "20m"}}
    last = {**WAVE, "name": "last", "regions": ["ap-south"]}
    first = {**WAVE, "regions": TWO, "max-parallel": 2, "after": {"verify": "20m"}}
    release = in_production(PILOT, first, canary, last, WATCH, workload=ROUTED, **{"false-alarms": "4%"})
    release.piloted("eu-west")
    release.desk.report(APPLICATION, "measure pilot eu-west", BLIND, final=False)
    give(release.desk, asked(Approve))
    release.deployed("eu-west")
    assert only(release.deployed("us-east"), VerificationStarted).alpha == pytest.approx(0.01)
    assert order(release)["policy"]["alpha"] == pytest.approx(0.005)


def test_a_region_with_a_pilot_is_no_control() -> None:
    pilot = {**PILOT, "regions": ["eu-north"]}
    first = {**WAVE, "after": {"verify": "20m"}}
    release = in_production(pilot, first, LATER, WATCH)
    release.piloted("eu-north")
    release.desk.report(APPLICATION, "measure pilot eu-north", BLIND, final=False)
    give(release.desk, asked(Approve))
    release.deployed("eu-west")
    assert [one.region for one in Measure.model_validate(order(release)).control] == ["ap-south"]


def test_a_few_regions_are_control_enough_and_those_of_the_next_wave_come_first() -> None:
    many = {**LATER, "regions": [f"r{n}" for n in range(9)]}
    first = {**WAVE, "after": {"verify": "20m"}}
    release = in_production(first, many, {**WAVE, "name": "last", "regions": ["z"]}, WATCH)
    release.deployed("eu-west")
    assert [one.region for one in Measure.model_validate(order(release)).control] == [
        f"r{n}" for n in range(5)
    ]


def test_the_more_regions_the_longer_is_each_scrape() -> None:
    first = {**WAVE, "regions": [f"r{n}" for n in range(12)], "max-parallel": 12, "after": {"verify": "1h"}}
    release = in_production(first, LATER, WATCH)
    for region in first["regions"]:
        release.deployed(region)
    given = Measure.model_validate(order(release, "r3"))
    assert (given.step, given.scrapes) == (360, 10)


def test_the_steps_of_a_canary_may_be_compared_as_well_as_the_wave() -> None:
    strategy = {"canary": ["25%"], "verify": "20m"}
    first = {**WAVE, "strategy": strategy, "after": {"verify": "20m"}}
    release = in_production(first, LATER, WATCH, workload=ROUTED)
    stepped(release)
    assert Measure.model_validate(order(release)).control == ()
    say(release, BLIND)
    give(release.desk, asked(Approve))
    assert only(release.deployed("eu-west"), VerificationStarted).regions == ("eu-west",)
    assert Measure.model_validate(order(release)).control != ()


def test_a_wave_without_any_region_after_it_is_left_to_the_watch() -> None:
    """As in a plan of an earlier version: one that is written is refused."""
    release = in_production({**WAVE, "after": {"verify": "20m"}}, WATCH)
    assert names(release.deployed("eu-west"))[0] == "StagePassed"


# --- what is not decided ------------------------------------------------------------------------------------------

STRICT: dict[str, Any] = {"margins": {"errors": 1.06}}
"""More than the samples can show."""


def undecided(release: Journey) -> list[Payload]:
    tell(release, "eu-west")
    return tell(release, "us-east")


def test_an_undecided_wave_takes_the_release_back_unless_the_plan_says_otherwise() -> None:
    said = undecided(wave(**STRICT))
    assert names(said) == ["VerdictReached", "VerdictReached", "StageWaiting"]
    assert said[1].cause is FailCause.UNDECIDED  # type: ignore[attr-defined]  # a verdict: see the names
    said = undecided(wave(**STRICT, **{"on-inconclusive": {"then": "pass"}}))
    assert names(said) == ["VerdictReached", "StagePassed", "Granted", "StageWaiting"]
    assert "the plan says to go on then" in only(said, StagePassed).reason


def test_an_undecided_wave_may_be_held_and_approved_as_a_whole() -> None:
    release = wave(**STRICT, **{"on-inconclusive": {"then": "hold"}})
    said = undecided(release)
    assert names(said) == ["VerdictReached", "StageWaiting"]
    assert only(said, StageWaiting).waiting_for is WaitingFor.HELD
    assert "held, with its wave as it is" in only(said, StageWaiting).reason
    assert release.desk.work == {}
    assert answer(release.desk, asked(Promote)).code is OperationRefusal.NEEDS_EVIDENCE
    said = give(release.desk, asked(Approve))
    assert answer_in(said).reason == "the wave first is approved"
    assert only(said, Granted).region == "eu-north"


def test_a_held_wave_may_be_compared_anew_or_rejected() -> None:
    release = wave(**STRICT, **{"on-inconclusive": {"then": "hold"}})
    undecided(release)
    said = give(release.desk, asked(Retry))
    assert names(said) == ["VerificationStarted", "StageWaiting", "StageOperationAnswered"]
    assert sorted(key for _, key in release.desk.work) == ["measure first eu-west", "measure first us-east"]
    assert only(undecided(release), VerdictReached).outcome is Outcome.INCONCLUSIVE
    assert only(give(release.desk, asked(Reject)), VerdictReached).outcome is Outcome.FAIL


def test_beside_regions_that_went_astray_nothing_is_measured_and_the_release_is_held() -> None:
    release = wave({**LATER, "regions": ["eu-north", "ap-south", "us-west"]})
    gone = {"eu-north": 2, "us-west": 4}
    assert tell(release, "eu-west", 3, astray={"eu-north": 2}) == []
    said = tell(release, "us-east", 4, astray=gone)
    verdict = only(said, VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.UNMEASURABLE, ())
    assert "Of 3 regions without the release eu-north, us-west went astray by themselves" in verdict.reason
    assert is_recomputed(verdict)
    assert only(said, StageWaiting).waiting_for is WaitingFor.HELD
    assert release.desk.work == {}


# --- metrics that are away, halts ---------------------------------------------------------------------------------


def test_a_wave_without_metrics_is_held_and_goes_on_by_itself() -> None:
    release = wave()
    tell(release, "eu-west")
    assert only(say(release, DARK, "us-east"), StageWaiting).waiting_for is WaitingFor.METRICS
    assert only(say(release, BLIND, "us-east"), VerdictReached).outcome is Outcome.UNMEASURABLE
    said = tell(release, "us-east")
    assert names(said) == ["VerdictReached", "StagePassed", "Granted", "StageWaiting"]


@pytest.mark.parametrize("proven", [True, False], ids=["the-other-is-proven", "the-other-is-measured-still"])
def test_who_approves_a_wave_of_which_one_region_cannot_be_measured_lets_all_of_it_pass(proven: bool) -> None:
    release = wave()
    tell(release, "us-east", LAST if proven else 3)
    say(release, DARK, "eu-west")
    assert only(say(release, BLIND, "eu-west"), VerdictReached).outcome is Outcome.UNMEASURABLE
    said = give(release.desk, asked(Approve))
    assert answer_in(said).reason == "the wave first is approved"
    assert only(said, Granted).region == "eu-north"
    assert (release.desk.work, left(release), release.timers()) == ({}, [], {"deadline eu-north"})


def test_a_wave_that_came_to_no_verdict_though_all_of_it_was_measured_is_held_and_measured_anew() -> None:
    """Whatever the reason: it never waits for nothing."""
    release = wave()
    tell(release, "us-east", 3)
    tell(release, "eu-west", 3)
    for key, row in release.desk.rows.items():
        if isinstance(row, VerificationRow):
            release.desk.rows[key] = row.model_copy(update={"digest": "0" * 64})
    release.fire("verify")
    said = [one.waiting_for for one in release.fire("verify") if isinstance(one, StageWaiting)]
    assert (said, len(release.desk.work)) == ([WaitingFor.HELD] * 2, 2)
    assert "verify" in release.timers()


def test_a_wave_of_which_one_region_can_never_be_measured_is_held_and_nothing_is_promised() -> None:
    release = wave()
    tell(release, "eu-west", 3)
    reason = "us-east has too little history before the release (4 windows of 20m are needed, 1 found)"
    said = say(release, {"outcome": "unavailable", "reason": reason, "for_good": True}, "us-east")
    assert only(said, VerdictReached).outcome is Outcome.UNMEASURABLE
    waiting = only(said, StageWaiting)
    assert waiting.waiting_for is WaitingFor.HELD
    assert waiting.reason.endswith(
        f"In us-east nothing can be compared: {reason}. An operator says what follows: lockgate approve, or reject."
    )
    assert release.desk.work == {}
    assert only(give(release.desk, asked(Approve)), Granted).region == "eu-north"
    assert left(release) == []


def test_what_is_before_a_wave_ends_with_its_own_first_grant_and_not_with_the_pilots() -> None:
    """The pilot's share of the traffic hardly moves it, and the time of day would."""
    release = in_production(PILOT, {**WAVE, "after": {"verify": "20m"}}, LATER, WATCH, workload=ROUTED)
    release.desk.wait(3600)
    release.piloted("eu-west")
    release.desk.report(APPLICATION, "measure pilot eu-west", BLIND, final=False)
    give(release.desk, asked(Approve))
    granted = release.desk.now
    release.desk.wait(600)
    release.deployed("eu-west")
    assert Measure.model_validate(order(release)).began == granted


def test_measuring_that_tells_nothing_of_itself_is_begun_anew_where_it_is_not_decided_yet() -> None:
    release = wave()
    tell(release, "eu-west")
    tell(release, "us-east", 3)
    release.fire("verify")
    said = release.fire("verify")
    assert "In us-east" in only(said, VerdictReached).reason
    assert [key for _, key in release.desk.work] == ["measure first us-east"]
    assert names(tell(release, "us-east", run="run-2"))[0] == "VerdictReached"


def test_a_halt_ends_the_measuring_and_the_wave_is_compared_anew_when_it_goes_on() -> None:
    release = wave()
    tell(release, "eu-west", 3)
    about: dict[str, Any] = {"application": APPLICATION, "release": RELEASE, "number": 8}
    release.give(ReleaseHalted(**about, turn=1, regions=tuple(TWO), reason="stop"))
    assert (release.desk.work, release.timers(), left(release)) == ({}, set(), [])
    release.give(ReleaseResumed(**about, turn=3, wait=60, reason="The flags are off."))
    assert names(release.fire("resume")) == ["VerificationStarted", "StageWaiting"]
    tell(release, "eu-west")
    assert only(tell(release, "us-east"), Granted).fence.turn == 3


def test_an_incident_takes_back_a_release_whose_wave_is_measured() -> None:
    release = wave()
    tell(release, "eu-west", 3)
    said = release.incident(region="us-east")
    assert only(said, VerdictReached).cause is FailCause.INCIDENT
    assert (release.desk.work, release.timers(), left(release)) == ({}, set(), [])


def test_what_is_waited_for_is_said_when_it_changes_and_not_with_each_scrape() -> None:
    release = wave(soak="20m")
    said = [
        name for end in range(1, 10) for region in TWO for name in names(tell(release, region, end, end - 1))
    ]
    assert said == []
