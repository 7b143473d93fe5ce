"""The watch: each region is compared with its own time before the release, where the plan wants that."""

import json
from typing import Any

import pytest

from lockgate.messages.operations import Approve, OperationRefusal, Promote, Reject, Retry
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseResumed
from lockgate.messages.verdicts import (
    FailCause,
    Outcome,
    StageOperationAnswered,
    StagePassed,
    StageWaiting,
    VerdictReached,
    VerificationStarted,
    WaitingFor,
    WatchEnded,
    WatchOutcome,
    WatchStarted,
)
from lockgate.verifier.core.measure import Measure
from lockgate.verifier.core.rows import PartRow, RegionRow, VerificationRow
from lockgate.verifier.statistics.alone_record import recompute
from lockgate.verifier.statistics.verification import encode
from tests.support.measured import BLIND, DARK
from tests.support.operators import WHY, asked, give
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
from tests.support.watching import watched

TWO = ["eu-west", "us-east"]
BAD: dict[str, Any] = {"errors": 8.0}
LAST = 60
"""A watch of two hours has 60 scrapes of two minutes."""


def watching(*regions: str, then: str = "pass") -> Journey:
    """Every region runs the release, since a quarter of an hour after its first grant."""
    wave = {**WAVE, "regions": list(regions) or ["eu-west"], "max-parallel": 2}
    release = in_production(wave, {**WATCH, "verify": {"on-inconclusive": then}})
    release.desk.wait(900)
    for region in wave["regions"]:
        release.deployed(region)
    return release


def order(release: Journey, region: str = "eu-west") -> dict[str, Any]:
    return release.desk.work[APPLICATION, f"measure watch {region}"].body


def say(release: Journey, said: dict[str, Any], region: str = "eu-west") -> list[Payload]:
    over = said.get("digest") is not None
    return release.desk.report(APPLICATION, f"measure watch {region}", said, final=over)


def tell(release: Journey, end: int, first: int = 0, region: str = "eu-west", **worse: Any) -> list[Payload]:
    return say(release, watched(order(release, region), end, first, **worse), region)


# --- what is measured ---------------------------------------------------------------------------------------------


def test_a_plan_that_does_not_ask_for_it_waits_for_incidents_only() -> None:
    release = in_production(WAVE, WATCH)
    said = release.deployed("eu-west")
    assert names(said) == ["StagePassed", "WatchStarted", "StageWaiting"]
    assert (release.timers(), release.desk.work) == ({"watch"}, {})


def test_every_region_is_measured_from_the_end_of_its_rollout_against_the_time_before_it() -> None:
    wave = {**WAVE, "regions": ["us-east", "eu-west"]}
    release = in_production(wave, {**WATCH, "verify": {}})
    began = release.desk.now
    release.desk.wait(60)
    release.deployed("us-east")
    later = release.desk.now
    release.desk.wait(60)
    said = release.deployed("eu-west")
    assert names(said) == ["StagePassed", "WatchStarted", "VerificationStarted", "StageWaiting"]
    assert only(said, VerificationStarted).regions == ("us-east", "eu-west")
    waiting = only(said, StageWaiting)
    assert (waiting.waiting_for, waiting.until) == (WaitingFor.WATCH, "2026-11-24T14:02:00.000+00:00")
    assert "compared with its own time before for 7200 s" in waiting.reason
    assert only(said, WatchStarted).until == waiting.until
    asked = Measure.model_validate(order(release, "us-east"))
    assert (asked.began, asked.since, asked.step, asked.scrapes) == (began, release.desk.now, 120, LAST)
    assert asked.history == 60 + 24 * LAST
    assert (asked.pods.pilot, asked.pods.baseline, asked.share) == ("", "payments", 1)
    assert Measure.model_validate(order(release, "eu-west")).began == later


def test_a_region_that_had_the_pilot_is_compared_with_the_time_before_that() -> None:
    release = in_production(PILOT, WAVE, {**WATCH, "verify": {}})
    began = release.desk.now
    release.desk.wait(600)
    release.piloted("eu-west")
    release.desk.wait(1)
    release.desk.report(APPLICATION, "measure pilot eu-west", BLIND, final=False)
    give(release.desk, asked(Approve))
    release.deployed("eu-west")
    assert Measure.model_validate(order(release)).began == began


def test_the_watch_has_one_part_of_the_false_alarm_rate_and_its_regions_divide_it() -> None:
    release = in_production(
        PILOT, {**WAVE, "regions": TWO, "max-parallel": 2}, {**WATCH, "verify": {}}, **{"false-alarms": "4%"}
    )
    assert only(release.piloted("eu-west"), VerificationStarted).alpha == pytest.approx(0.02)
    release.desk.report(APPLICATION, "measure pilot eu-west", BLIND, final=False)
    give(release.desk, asked(Approve))
    release.deployed("eu-west")
    assert only(release.deployed("us-east"), VerificationStarted).alpha == pytest.approx(0.02)
    assert order(release)["policy"]["alpha"] == pytest.approx(0.01)


# --- verdicts -----------------------------------------------------------------------------------------------------


def test_a_good_release_passes_at_the_end_of_its_watch_and_not_before() -> None:
    release = watching()
    for scrape in range(LAST - 1):
        assert tell(release, scrape + 1, scrape) == []
    said = tell(release, LAST, LAST - 1)
    assert names(said) == ["VerdictReached", "WatchEnded", "StagePassed"]
    assert only(said, VerdictReached).outcome is Outcome.PASS
    ended = only(said, WatchEnded)
    assert ended.outcome is WatchOutcome.PASSED
    assert ended.reason.startswith(
        "No incident was blamed on the release in its watch. In eu-west: After 60 scrapes"
    )
    assert (release.timers(), release.desk.work) == (set(), {})
    assert not [row for row in release.desk.rows.values() if isinstance(row, PartRow | VerificationRow)]


def test_a_region_that_is_worse_than_before_takes_the_release_back_and_is_named() -> None:
    release = watching(*TWO)
    tell(release, 5)
    said = tell(release, 20, region="us-east", **BAD)
    assert names(said) == ["VerdictReached", "WatchEnded", "StageWaiting"]
    verdict = only(said, VerdictReached)
    assert (verdict.outcome, verdict.cause) == (Outcome.FAIL, FailCause.MEASURED)
    assert verdict.guilty == ("us-east",)
    assert verdict.reason.startswith("In us-east: errors is higher than before the rollout")
    assert only(said, WatchEnded).outcome is WatchOutcome.FAILED
    assert only(said, StageWaiting).waiting_for is WaitingFor.COORDINATOR
    assert (release.timers(), release.desk.work) == (set(), {})


def test_the_watch_passes_when_all_regions_are_through() -> None:
    release = watching(*TWO)
    assert names(tell(release, LAST)) == ["VerdictReached"]
    said = tell(release, LAST, region="us-east")
    assert names(said) == ["VerdictReached", "WatchEnded", "StagePassed"]


@pytest.mark.parametrize("told", [{}, BAD, {"placebos": 5}], ids=["good", "bad", "open"])
def test_a_verdict_is_made_again_of_its_event_to_the_same_bytes(told: dict[str, Any]) -> None:
    said = tell(watching(), LAST, **told)
    verdict = next(event for event in said if isinstance(event, VerdictReached))
    again = recompute(json.loads(encode(verdict.evidence)))
    assert again["verdict"] == verdict.outcome
    assert verdict.reason == f"In eu-west: {again['reason']}"
    assert encode(again["evidence"]) == encode(verdict.evidence)
    assert len(encode(verdict.evidence)) < 64 * 1024


def test_scrape_by_scrape_or_all_at_once_gives_the_same_verdict() -> None:
    apart, whole = watching(), watching()
    said: list[Payload] = []
    scrape = 0
    while not said:
        said = tell(apart, scrape + 1, scrape, **BAD)
        scrape += 1
    assert scrape <= 8
    assert said == tell(whole, LAST, **BAD)


# --- what is not decided ------------------------------------------------------------------------------------------


def test_an_undecided_watch_says_so_and_passes_unless_the_plan_says_otherwise() -> None:
    said = tell(watching(), LAST, placebos=5)
    assert names(said) == ["VerdictReached", "WatchEnded", "StagePassed"]
    assert only(said, VerdictReached).outcome is Outcome.INCONCLUSIVE
    assert "The verdict is inconclusive, and the plan says to go on then" in only(said, WatchEnded).reason


def test_an_undecided_watch_takes_the_release_back_where_the_plan_says_so() -> None:
    said = tell(watching(then="rollback"), LAST, placebos=5)
    assert names(said) == ["VerdictReached", "VerdictReached", "WatchEnded", "StageWaiting"]
    assert said[1].cause is FailCause.UNDECIDED  # type: ignore[attr-defined]  # a verdict: see the names


def test_an_undecided_watch_is_held_where_the_plan_says_so_until_somebody_lets_it_pass() -> None:
    release = watching(then="hold")
    said = tell(release, LAST, placebos=5)
    assert names(said) == ["VerdictReached", "StageWaiting"]
    assert only(said, StageWaiting).waiting_for is WaitingFor.HELD
    assert "The release is held, and its watch goes on. In eu-west" in only(said, StageWaiting).reason
    ended = only(give(release.desk, asked(Approve)), WatchEnded)
    assert ended.reason.endswith(f" ann approved the watch in eu-west, though nothing was proven: {WHY}")


# --- metrics that are away ----------------------------------------------------------------------------------------


def test_a_watch_without_metrics_neither_passes_nor_fails_and_goes_on_by_itself() -> None:
    release = watching()
    tell(release, 5)
    assert only(say(release, DARK), StageWaiting).waiting_for is WaitingFor.METRICS
    said = say(release, BLIND)
    assert names(said) == ["VerdictReached", "StageWaiting"]
    assert only(said, VerdictReached).outcome is Outcome.UNMEASURABLE
    assert only(said, StageWaiting).waiting_for is WaitingFor.HELD
    release.desk.wait(4 * 3600)
    assert say(release, BLIND) == []
    waiting = only(tell(release, 6, 5), StageWaiting)
    assert waiting.waiting_for is WaitingFor.WATCH
    assert names(tell(release, LAST, 6)) == ["VerdictReached", "WatchEnded", "StagePassed"]


def test_an_incident_takes_back_a_release_whose_watch_is_held() -> None:
    release = watching()
    say(release, BLIND)
    said = release.incident(region="eu-west")
    assert names(said) == ["VerdictReached", "WatchEnded", "StageWaiting"]
    assert only(said, VerdictReached).cause is FailCause.INCIDENT
    assert (release.timers(), release.desk.work) == (set(), {})


def test_measuring_that_tells_nothing_of_itself_is_held_and_begun_anew() -> None:
    release = watching()
    tell(release, 5)
    release.fire("verify")
    said = release.fire("verify")
    assert only(said, VerdictReached).outcome is Outcome.UNMEASURABLE
    assert names(tell(release, LAST, run="run-2"))[-2:] == ["WatchEnded", "StagePassed"]


# --- operators, halts and flags -----------------------------------------------------------------------------------


def test_an_operator_ends_a_watch_before_its_time_and_nothing_of_the_measuring_is_left() -> None:
    release = watching(*TWO)
    tell(release, 5)
    said = give(release.desk, asked(Promote))
    assert names(said) == ["WatchEnded", "StagePassed", "StageOperationAnswered"]
    assert (release.timers(), release.desk.work) == (set(), {})
    assert not [row for row in release.desk.rows.values() if isinstance(row, PartRow | VerificationRow)]


def test_a_watch_that_is_held_is_approved_and_not_promoted() -> None:
    release = watching()
    say(release, BLIND)
    refused = only(give(release.desk, asked(Promote)), StageOperationAnswered)
    assert refused.code is OperationRefusal.NEEDS_EVIDENCE
    assert "approve it" in refused.reason
    ended = only(give(release.desk, asked(Approve)), WatchEnded)
    assert "though nothing was proven" in ended.reason


@pytest.mark.parametrize("operation", [Approve, Reject, Retry])
def test_a_watch_that_was_held_is_not_while_its_flags_are_read(operation: Any) -> None:
    """Else a retry would watch it anew before they are, and whatever its incident says."""
    release = watching()
    say(release, BLIND)
    release.incident(region="eu-west")
    release.give(_halted())
    release.give(
        ReleaseResumed(
            application=APPLICATION, release=RELEASE, number=8, turn=3, wait=60, reason="The flags are off."
        )
    )
    said = give(release.desk, asked(operation))
    assert names(said) == ["StageOperationAnswered"]
    assert only(said, StageOperationAnswered).code is not None
    assert "every instance has to read it" in only(said, StageOperationAnswered).reason
    failed = only(release.fire("resume"), VerdictReached)
    assert failed.cause is FailCause.INCIDENT


def test_a_halt_ends_the_measuring() -> None:
    release = watching()
    tell(release, 5)
    release.give(_halted())
    assert (release.timers(), release.desk.work) == (set(), {})
    assert not [row for row in release.desk.rows.values() if isinstance(row, PartRow | VerificationRow)]


def test_a_release_that_goes_on_without_its_flags_is_watched_anew_against_the_same_time() -> None:
    release = watching()
    before = order(release)
    tell(release, 20, **BAD)
    release.give(_halted())
    release.give(
        ReleaseResumed(
            application=APPLICATION, release=RELEASE, number=8, turn=3, wait=60, reason="The flags are off."
        )
    )
    said = release.fire("resume")
    assert names(said) == ["WatchStarted", "VerificationStarted", "StageWaiting"]
    anew = order(release)
    assert anew["began"] == before["began"]
    assert anew["since"] > before["since"]
    assert only(tell(release, LAST), StagePassed).kind == "watch"


def _halted() -> ReleaseHalted:
    return ReleaseHalted(
        application=APPLICATION, release=RELEASE, number=8, turn=1, regions=("eu-west",), reason="stop"
    )


def test_a_long_history_that_is_read_still_is_no_silence() -> None:
    release = watching()
    reading = {"outcome": "unavailable", "reason": "what lies in the past is read still", "reading": True}
    for _ in range(30):
        release.desk.wait(300)
        assert say(release, reading) == []
    assert release.fire("verify") == []
    assert release.fire("verify") == []
    release.desk.wait(300)
    assert tell(release, LAST - 1) == []
    release.fire("verify")
    assert only(release.fire("verify"), VerdictReached).outcome is Outcome.UNMEASURABLE


def test_a_region_of_which_it_is_not_known_when_it_began_is_compared_with_its_time_before_the_watch() -> None:
    """Never with a pilot, of which there is none."""
    release = watching()
    release.desk.rows = {
        key: row.model_copy(update={"began": None}) if isinstance(row, RegionRow) else row
        for key, row in release.desk.rows.items()
    }
    say(release, BLIND)
    give(release.desk, asked(Retry))
    given = Measure.model_validate(order(release))
    assert (given.began, given.pods.pilot) == (given.since, "")
