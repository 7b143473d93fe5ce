"""Holds: where nothing could be measured, or where the plan asks for one. Nobody fails by that, and nobody passes."""

from typing import Any

import pytest

from lockgate.messages.payload import Payload
from lockgate.messages.verdicts import Granted, Outcome, StagePassed, StageWaiting, VerdictReached, WaitingFor
from tests.support.measured import BAD, BLIND, DARK, nothing, report
from tests.support.verifier import APPLICATION, PILOT, WATCH, WAVE, Journey, in_production, names, only

TWO = ["eu-west", "us-east"]
PLANS = ["rollback", "pass", "hold"]
STRICT: dict[str, Any] = {"margins": {"errors": 1.1}}
"""More than this traffic can show in the time."""


def piloted(*regions: str, then: str = "hold", **after: Any) -> Journey:
    """43 scrapes of 45 s, and an outage of 10 minutes."""
    stage = {**PILOT, "regions": list(regions) or ["eu-west"]}
    stage["after"] = {"verify": "32m", "on-inconclusive": {"then": then}, **after}
    release = in_production(stage, {**WAVE, "regions": TWO}, WATCH)
    for region in stage["regions"]:
        release.piloted(region)
    return release


def order(release: Journey, region: str = "eu-west") -> dict[str, Any]:
    return release.desk.work[APPLICATION, f"measure pilot {region}"].body


def say(release: Journey, said: dict[str, Any], region: str = "eu-west") -> list[Payload]:
    return release.desk.report(
        APPLICATION, f"measure pilot {region}", said, final=said.get("digest") is not None
    )


def tell(
    release: Journey, end: int, first: int = 0, region: str = "eu-west", **counted: Any
) -> list[Payload]:
    return say(release, report(order(release, region), end, first, **counted), region)


# --- metrics that are away --------------------------------------------------------------------------------------


@pytest.mark.parametrize("then", PLANS)
def test_an_outage_that_is_longer_than_the_plan_allows_holds_the_release_and_says_so(then: str) -> None:
    release = piloted(then=then)
    tell(release, 3)
    say(release, DARK)
    said = say(release, BLIND)
    assert names(said) == ["VerdictReached", "StageWaiting"]
    verdict, waiting = only(said, VerdictReached), only(said, StageWaiting)
    assert verdict.outcome is Outcome.UNMEASURABLE
    assert verdict.reason == "In eu-west: There was nothing to measure: connection refused."
    assert waiting.waiting_for is WaitingFor.HELD
    assert "goes on by itself when the metrics of eu-west are back" in waiting.reason
    assert say(release, BLIND) == say(release, DARK) == []


def test_a_held_release_goes_on_by_itself_and_the_outage_is_no_part_of_its_time() -> None:
    release = piloted()
    release.desk.wait(135)
    tell(release, 3)
    say(release, BLIND)
    release.desk.wait(7200)
    waiting = only(tell(release, 4, 3), StageWaiting)
    # After 7335 s there are 4 scrapes of 45 s; the other 39 follow.
    assert (waiting.waiting_for, waiting.until) == (WaitingFor.EVIDENCE, "2026-11-24T14:31:30.000+00:00")
    said = tell(release, 43, 4)
    assert names(said)[:2] == ["VerdictReached", "StagePassed"]
    assert only(said, VerdictReached).outcome is Outcome.PASS


def test_a_pilot_that_is_bad_after_the_hold_fails() -> None:
    release = piloted()
    tell(release, 1)
    say(release, BLIND)
    verdict = only(tell(release, 6, run="run-2", pilot=BAD), VerdictReached)
    assert (verdict.outcome, verdict.guilty) == (Outcome.FAIL, ("eu-west",))


def test_a_measuring_that_begins_again_and_has_nothing_new_leaves_the_release_held() -> None:
    release = piloted()
    tell(release, 3)
    say(release, BLIND)
    assert tell(release, 3, run="run-2") == []
    assert only(tell(release, 4, 3, run="run-2"), StageWaiting).waiting_for is WaitingFor.EVIDENCE


def test_a_held_region_is_not_hidden_by_another_one_and_holds_the_stage() -> None:
    release = piloted(*TWO)
    say(release, BLIND)
    assert say(release, DARK, "us-east") == []
    said = tell(release, 43, region="us-east")
    assert names(said) == ["VerdictReached"]
    assert only(tell(release, 2), StageWaiting).waiting_for is WaitingFor.EVIDENCE
    assert names(tell(release, 43, 2))[:2] == ["VerdictReached", "StagePassed"]


def test_a_region_that_goes_on_leaves_the_word_to_one_that_is_still_held() -> None:
    release = piloted(*TWO)
    tell(release, 2)
    say(release, BLIND, "us-east")
    say(release, BLIND)
    waiting = only(tell(release, 3, 2), StageWaiting)
    assert waiting.waiting_for is WaitingFor.HELD
    assert waiting.reason.startswith("The release is held, with its pilot as it is, by us-east: ")


# --- a measuring that ends with nothing, or never ----------------------------------------------------------------


@pytest.mark.parametrize("then", PLANS)
def test_an_unmeasurable_pilot_never_passes_and_never_fails(then: str) -> None:
    release = piloted(then=then)
    unmeasurable = {**nothing(order(release), 43), "digest": "0" * 64}
    said = say(release, unmeasurable)
    assert names(said) == ["VerdictReached", "StageWaiting"]
    assert only(said, VerdictReached).outcome is Outcome.UNMEASURABLE
    assert only(said, StageWaiting).waiting_for is WaitingFor.HELD
    assert "An operator says what follows: lockgate approve, or reject." in only(said, StageWaiting).reason
    assert release.desk.work == {}
    release.fire("verify")
    assert release.timers() == set()


def test_a_measuring_that_tells_nothing_of_itself_any_more_is_held_and_begun_anew() -> None:
    release = piloted()
    tell(release, 3)
    hung = release.desk.work[APPLICATION, "measure pilot eu-west"]
    assert release.fire("verify") == []
    assert release.desk.now.isoformat() == "2026-11-24T12:52:15+00:00"  # 43 scrapes, the outage, and patience
    said = release.fire("verify")
    assert release.desk.now.isoformat() == "2026-11-24T13:03:00+00:00"
    assert only(said, VerdictReached).outcome is Outcome.UNMEASURABLE
    assert "tells nothing of itself" in only(said, StageWaiting).reason
    assert release.desk.work[APPLICATION, "measure pilot eu-west"] is not hung
    assert release.fire("verify") == []
    assert names(tell(release, 43, run="run-2"))[:2] == ["VerdictReached", "StagePassed"]


def test_a_measuring_that_takes_longer_because_the_metrics_were_away_is_left_alone() -> None:
    release = piloted()
    for end in (5, 10, 15):
        tell(release, end, end - 5)
        assert release.fire("verify") == []
    say(release, DARK)
    measuring = release.desk.work[APPLICATION, "measure pilot eu-west"]
    assert release.fire("verify") == []
    for _ in range(5):
        say(release, BLIND)
        assert release.fire("verify") == []
    assert release.desk.work[APPLICATION, "measure pilot eu-west"] is measuring


def test_one_that_says_nothing_any_more_after_the_metrics_were_away_is_held_and_begun_anew() -> None:
    release = piloted()
    tell(release, 3)
    release.fire("verify")
    say(release, DARK)
    hung = release.desk.work[APPLICATION, "measure pilot eu-west"]
    assert release.fire("verify") == []
    say(release, DARK)  # by a run after a restart, for which the outage begins anew
    said = release.fire("verify")
    assert (
        release.desk.now.isoformat() == "2026-11-24T13:13:45+00:00"
    )  # 20 minutes after 12:52:15, and asked each 10:45
    assert only(said, VerdictReached).outcome is Outcome.UNMEASURABLE
    assert only(said, StageWaiting).waiting_for is WaitingFor.HELD
    begun = release.desk.work[APPLICATION, "measure pilot eu-west"]
    assert begun is not hung
    say(release, DARK)
    assert release.fire("verify") == []
    assert release.desk.work[APPLICATION, "measure pilot eu-west"] is begun
    assert release.fire("verify") == []
    assert release.desk.work[APPLICATION, "measure pilot eu-west"] is not begun
    assert names(tell(release, 43, run="run-2"))[:2] == ["VerdictReached", "StagePassed"]


@pytest.mark.parametrize("last", [DARK, BLIND], ids=["for a while", "for too long"])
def test_a_region_that_was_begun_anew_is_left_alone_while_it_says_that_the_metrics_are_away(
    last: dict[str, Any],
) -> None:
    release = piloted()
    tell(release, 3)
    release.fire("verify")
    release.fire("verify")
    begun = release.desk.work[APPLICATION, "measure pilot eu-west"]
    for _ in range(5):
        assert say(release, last) == []
        assert release.fire("verify") == []
    assert release.desk.work[APPLICATION, "measure pilot eu-west"] is begun


def test_one_that_hangs_after_it_said_that_the_metrics_are_away_for_too_long_is_begun_anew() -> None:
    release = piloted()
    tell(release, 3)
    say(release, BLIND)
    hung = release.desk.work[APPLICATION, "measure pilot eu-west"]
    assert release.fire("verify") == []  # at 12:52:15
    assert release.desk.work[APPLICATION, "measure pilot eu-west"] is not hung
    assert names(tell(release, 43, run="run-2"))[:2] == ["VerdictReached", "StagePassed"]


def test_a_pilot_without_requests_is_no_measuring_that_says_nothing() -> None:
    release = piloted()
    tell(release, 3)
    begun = release.desk.work[APPLICATION, "measure pilot eu-west"]
    release.fire("verify")
    for end in range(9, 27, 3):
        say(release, {**nothing(order(release), end), "digest": None})
        assert release.fire("verify") == []
    assert release.desk.work[APPLICATION, "measure pilot eu-west"] is begun


def test_the_last_word_of_a_version_that_gave_up_holds_it_and_it_is_measured_anew() -> None:
    release = piloted()
    tell(release, 3)
    said = release.desk.report(APPLICATION, "measure pilot eu-west", DARK, final=True)
    assert only(said, StageWaiting).waiting_for is WaitingFor.HELD
    assert (APPLICATION, "measure pilot eu-west") in release.desk.work
    assert names(tell(release, 43, run="run-2"))[:2] == ["VerdictReached", "StagePassed"]


def test_a_verifier_that_was_down_for_hours_measures_what_it_missed_before_it_gives_up() -> None:
    release = piloted()
    tell(release, 20)
    release.desk.wait(3 * 3600)
    assert release.fire("verify") == []
    said = tell(release, 43, run="run-2")
    assert only(said, VerdictReached).outcome is Outcome.PASS
    assert release.timers() == {"deadline eu-west"}


# --- where the plan asks for it ----------------------------------------------------------------------------------


def test_an_inconclusive_pilot_is_held_if_the_plan_says_so() -> None:
    release = piloted(**STRICT)
    said = tell(release, 43)
    assert names(said) == ["VerdictReached", "StageWaiting"]
    assert only(said, VerdictReached).outcome is Outcome.INCONCLUSIVE
    waiting = only(said, StageWaiting)
    assert waiting.waiting_for is WaitingFor.HELD
    assert waiting.reason.endswith("An operator says what follows: lockgate approve, or reject.")
    assert not [event for event in said if isinstance(event, Granted | StagePassed)]


def test_monitoring_still_takes_a_held_release_back() -> None:
    release = piloted(**STRICT)
    release.begun("eu-west")
    tell(release, 43)
    assert only(release.incident("alert-1", "eu-west"), VerdictReached).outcome is Outcome.FAIL
