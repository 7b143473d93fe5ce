"""What operators want of the steps of a release: approvals, promotions, pauses; and what is refused."""

from datetime import timedelta
from typing import Any

import pytest

from lockgate.messages.operations import Answer, Approve, OfStage, Promote, Reject, Retry, Skip
from lockgate.messages.payload import Payload
from lockgate.messages.releases import AllPaused, AllResumed, ApplicationPaused, ApplicationResumed
from lockgate.messages.verdicts import (
    Outcome,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WaitingFor,
    WatchEnded,
    WatchOutcome,
)
from tests.support.desk import NOON
from tests.support.measured import report
from tests.support.operators import WHY, answer, answer_in, asked, give
from tests.support.verifier import APPLICATION, PILOT, PREPROD, WATCH, WAVE, Journey, plan

APPROVED: dict[str, Any] = {**WAVE, "before": {"approval": "required"}}
TWO: dict[str, Any] = {"name": "all", "kind": "wave", "regions": ["eu-west", "us-east"]}
CANARY: dict[str, Any] = {**WAVE, "strategy": {"canary": ["25%"], "wait": "10m"}}


def entered(*stages: dict[str, Any]) -> Journey:
    """A release that has entered production with these stages."""
    way = Journey(plan(*stages, WATCH))
    way.start()
    way.enter()
    return way


def waits(events: list[Payload]) -> list[WaitingFor]:
    return [event.waiting_for for event in events if isinstance(event, StageWaiting)]


def refusal(way: Journey, operation: type[OfStage], **fields: Any) -> Answer:
    refused = answer(way.desk, asked(operation, **fields))
    assert refused.code is not None
    return refused


def paused() -> ApplicationPaused:
    return ApplicationPaused(application=APPLICATION, who="ann", reason="the sale is on")


def resumed() -> ApplicationResumed:
    return ApplicationResumed(application=APPLICATION, reason="ann: it is over")


# --- approvals --------------------------------------------------------------------------------------------------


def test_a_stage_that_needs_an_approval_waits_for_it_and_says_how_it_is_given() -> None:
    way = Journey(plan(APPROVED, WATCH))
    way.start()
    (waiting,) = way.enter()
    assert isinstance(waiting, StageWaiting)
    assert waiting.waiting_for is WaitingFor.APPROVAL
    assert "lockgate approve payments --why …" in waiting.reason
    assert way.grants() == []


def test_an_approval_lets_it_begin() -> None:
    way = entered(APPROVED)
    events = give(way.desk, asked(Approve, stage="first"))
    assert answer_in(events).reason == "the stage first is approved"
    assert [grant.region for grant in way.grants()] == ["eu-west"]


def test_an_approval_counts_for_one_stage_alone() -> None:
    second = {**APPROVED, "name": "second", "regions": ["us-east"]}
    way = entered(APPROVED, second)
    give(way.desk, asked(Approve))
    way.deployed("eu-west")
    assert [grant.region for grant in way.grants()] == ["eu-west"]
    assert waits(way.desk.events)[-1] is WaitingFor.APPROVAL


def test_a_rejection_fails_the_release_in_the_operators_name() -> None:
    way = entered(APPROVED)
    events = give(way.desk, asked(Reject))
    verdict = next(event for event in events if isinstance(event, VerdictReached))
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == f"ann rejected the stage first: {WHY}"
    assert answer_in(events).reason == (
        "the stage first is rejected: the release fails, and once it is taken back its version is marked bad"
    )


@pytest.mark.parametrize("operation", [Approve, Reject])
def test_what_waits_for_no_approval_can_neither_be_approved_nor_rejected(operation: type[OfStage]) -> None:
    way = entered(WAVE)
    refused = refusal(way, operation)
    assert refused.code == "not-waiting"
    assert refused.reason == "the stage first waits for no approval: it waits for answers of regions"


def test_an_approval_of_another_stage_is_refused() -> None:
    refused = refusal(entered(APPROVED), Approve, stage="rest")
    assert (refused.code, refused.reason) == (
        "not-waiting",
        "the release is in the stage first, and not in rest",
    )


def test_an_approval_of_another_release_is_refused() -> None:
    assert refusal(entered(APPROVED), Approve, release="some-other").code == "other-release"


def test_an_application_without_a_release_has_nothing_to_approve() -> None:
    assert refusal(Journey(plan(WAVE, WATCH)), Approve).code == "nothing-under-way"


def test_a_release_on_its_way_back_takes_no_operation() -> None:
    way = entered(APPROVED)
    give(way.desk, asked(Reject))
    refused = refusal(way, Approve)
    assert refused.code == "being-taken-back"
    assert refused.reason == (
        "the release failed or was ended, and the coordinator says what follows: lockgate status shows it, and "
        "lockgate abort payments --why … takes back what is held"
    )


def test_a_pilot_that_is_held_passes_by_an_operators_word() -> None:
    way = held()
    events = give(way.desk, asked(Approve))
    passed = next(event for event in events if isinstance(event, StagePassed))
    assert passed.stage == "pilot"
    assert passed.reason == f"ann approved the pilot in eu-west, though nothing was proven: {WHY}"
    assert answer_in(events).reason == "the pilot is approved in eu-west"
    assert way.desk.work == {}
    assert way.grants()[-1].stage == "first"


def test_a_pilot_that_is_held_is_rejected() -> None:
    way = held()
    verdict = next(event for event in give(way.desk, asked(Reject)) if isinstance(event, VerdictReached))
    assert (verdict.outcome, verdict.stage) == (Outcome.FAIL, "pilot")


def test_a_pilot_that_is_held_is_compared_anew() -> None:
    way = held()
    way.desk.wait(3600)
    before = way.desk.work[APPLICATION, "measure pilot eu-west"]
    events = give(way.desk, asked(Retry))
    assert waits(events) == [WaitingFor.EVIDENCE]
    assert answer_in(events).reason == "the pilot of the stage pilot is compared anew"
    order = way.desk.work[APPLICATION, "measure pilot eu-west"]
    assert order.body["since"] != before.body["since"]
    said = way.desk.report(APPLICATION, "measure pilot eu-west", report(order.body, 43))
    assert [event.stage for event in said if isinstance(event, StagePassed)] == ["pilot"]


def held() -> Journey:
    way = entered(PILOT, WAVE)
    way.piloted("eu-west")
    gone = {"outcome": "unavailable", "reason": "no samples", "too_long": True}
    assert waits(way.desk.report(APPLICATION, "measure pilot eu-west", gone, final=False)) == [
        WaitingFor.HELD
    ]
    return way


# --- promotion --------------------------------------------------------------------------------------------------


def test_a_bake_time_is_ended() -> None:
    way = entered({**WAVE, "after": {"bake": "1h"}})
    way.deployed("eu-west")
    events = give(way.desk, asked(Promote))
    assert any(isinstance(event, StagePassed) for event in events)
    assert answer_in(events).reason == "the bake time of the stage first is over"
    assert (APPLICATION, "bake") not in way.desk.timers


def test_a_watch_is_ended_in_the_operators_name() -> None:
    way = entered(WAVE)
    way.deployed("eu-west")
    events = give(way.desk, asked(Promote))
    ended = next(event for event in events if isinstance(event, WatchEnded))
    assert ended.outcome is WatchOutcome.PASSED
    assert ended.reason == f"ann ended the watch before its time: {WHY}"
    assert way.desk.timers == {}


def test_the_time_between_two_steps_is_ended() -> None:
    way = entered(CANARY)
    way.piloted("eu-west")
    events = give(way.desk, asked(Promote))
    assert answer_in(events).reason == "the next step begins in eu-west"
    assert [grant.action for grant in way.grants()] == ["canary", "deploy"]


def test_answers_of_regions_are_no_matter_of_time() -> None:
    refused = refusal(entered(WAVE), Promote)
    assert refused.code == "not-waiting"
    assert refused.reason.startswith("no region is left alone between two steps")


def test_an_approval_is_not_promoted_away() -> None:
    assert refusal(entered(APPROVED), Promote).code == "not-waiting"


@pytest.mark.parametrize("operation", [Retry, Skip])
def test_where_no_region_is_held_there_is_nothing_to_retry_or_skip(operation: type[OfStage]) -> None:
    refused = refusal(entered(WAVE), operation)
    assert refused.code == "not-held"
    assert refused.reason.startswith("no region of the stage first failed and is held")


# --- windows ----------------------------------------------------------------------------------------------------

EVENING: dict[str, Any] = {**WAVE, "before": {"window": "daily 20:00-21:00 Europe/Berlin"}}
"""From 19:00 on in UTC, in November. It is noon."""


def test_a_stage_begins_when_its_window_opens_and_says_until_when_it_waits() -> None:
    way = entered(EVENING)
    (waiting,) = (e for e in way.desk.events if isinstance(e, StageWaiting) and e.waiting_for == "window")
    assert waiting.until == "2026-11-24T19:00:00.000+00:00"
    assert waiting.reason == "The stage first begins in a window only: daily 20:00-21:00 Europe/Berlin."
    assert way.grants() == []
    way.desk.fire(APPLICATION, "before")
    assert way.desk.now.hour == 19
    assert [grant.region for grant in way.grants()] == ["eu-west"]


def test_an_outage_that_lasts_over_a_window_waits_for_the_next_one() -> None:
    way = entered(EVENING)
    way.desk.wait(9 * 3600)
    assert waits(way.desk.fire(APPLICATION, "before")) == [WaitingFor.WINDOW]
    assert way.grants() == []
    way.desk.fire(APPLICATION, "before")
    assert [grant.region for grant in way.grants()] == ["eu-west"]


def test_a_stage_is_begun_outside_of_its_window_by_an_operators_word() -> None:
    way = entered(EVENING)
    assert answer(way.desk, asked(Promote)).reason == "the stage first begins outside of its window"
    assert [grant.region for grant in way.grants()] == ["eu-west"]
    assert (APPLICATION, "before") not in way.desk.timers


@pytest.mark.parametrize("stage", [PREPROD, PILOT, WAVE, WATCH])
def test_a_stage_of_each_kind_is_begun_outside_of_its_window_and_keeps_its_approval(
    stage: dict[str, Any],
) -> None:
    both = {"approval": "required", "window": "daily 20:00-21:00 Europe/Berlin"}
    others = [each for each in (WAVE, WATCH) if each["kind"] != stage["kind"]]
    stages = [*others, {**stage, "before": both}] if stage is WATCH else [{**stage, "before": both}, *others]
    way = Journey(plan(*stages))
    way.start()
    way.enter()
    if stage is WATCH:
        way.deployed("eu-west")
    give(way.desk, asked(Approve))
    begun = give(way.desk, asked(Promote))
    assert answer_in(begun).reason == f"the stage {stage['name']} begins outside of its window"
    assert (APPLICATION, "before") not in way.desk.timers
    assert waits(begun) == [WaitingFor.WATCH if stage is WATCH else WaitingFor.REGIONS]


def test_an_approval_and_a_window_are_both_waited_for() -> None:
    both = {"approval": "required", "window": "daily 20:00-21:00 Europe/Berlin"}
    way = entered({**WAVE, "before": both})
    assert answer(way.desk, asked(Approve)).reason == "the stage first is approved, and waits on"
    assert waits(way.desk.events)[-1] is WaitingFor.WINDOW
    way.desk.fire(APPLICATION, "before")
    assert [grant.region for grant in way.grants()] == ["eu-west"]


def test_a_window_that_never_opens_says_what_to_do() -> None:
    every = [(NOON + timedelta(days=n)).date().isoformat() for n in range(-1, 399)]
    way = entered({**WAVE, "before": {"window": "daily 20:00-21:00 UTC", "closed-on": every}})
    (waiting,) = (e for e in way.desk.events if isinstance(e, StageWaiting) and e.waiting_for == "window")
    assert waiting.until is None
    assert waiting.reason.endswith("None opens in 390 days: lockgate promote payments --why …, or abort.")


# --- pauses -----------------------------------------------------------------------------------------------------


def test_in_a_pause_no_further_region_begins_and_what_was_begun_is_finished() -> None:
    way = entered(TWO)
    way.give(paused())
    events = way.deployed("eu-west")
    assert [grant.region for grant in way.grants()] == ["eu-west"]
    (waiting,) = (event for event in events if isinstance(event, StageWaiting))
    assert waiting.waiting_for is WaitingFor.PAUSE
    assert waiting.reason == "ann paused payments, so nothing more is begun: the sale is on"


def test_after_it_the_rest_of_the_wave_goes_on() -> None:
    way = entered(TWO)
    way.give(paused())
    way.deployed("eu-west")
    way.give(resumed())
    assert waits(way.desk.fire(APPLICATION, "before")) == [WaitingFor.REGIONS]
    assert [grant.region for grant in way.grants()] == ["eu-west", "us-east"]


def test_in_a_pause_no_stage_begins() -> None:
    way = entered(WAVE, {**WAVE, "name": "second", "regions": ["us-east"]})
    way.give(paused())
    assert waits(way.deployed("eu-west")) == [WaitingFor.PAUSE]
    way.give(resumed())
    way.desk.fire(APPLICATION, "before")
    assert [grant.region for grant in way.grants()] == ["eu-west", "us-east"]


def test_the_end_of_a_pause_of_all_is_found_within_half_a_minute() -> None:
    way = entered(TWO)
    way.desk.give(AllPaused(who="ann", reason="the network is down"), key="*")
    way.deployed("eu-west")
    assert way.desk.fire(APPLICATION, "before") == []
    way.desk.give(AllResumed(reason="it is back"), key="*")
    way.desk.fire(APPLICATION, "before")
    assert [grant.region for grant in way.grants()] == ["eu-west", "us-east"]


def test_an_approval_in_a_pause_is_kept_for_its_end() -> None:
    way = entered(WAVE, {**APPROVED, "name": "second", "regions": ["us-east"]})
    way.give(paused())
    way.deployed("eu-west")
    told = answer(way.desk, asked(Approve))
    assert told.reason == "the stage second is approved, and waits on"
    way.give(resumed())
    way.desk.fire(APPLICATION, "before")
    assert [grant.region for grant in way.grants()] == ["eu-west", "us-east"]
