"""A stage that waits for what must hold before it, and whose release goes on meanwhile without its flags: it waits on."""

from typing import Any

import pytest

from lockgate.messages.operations import Approve
from lockgate.messages.payload import Payload
from lockgate.messages.releases import ApplicationPaused
from lockgate.messages.rollbacks import ReleaseResumed
from lockgate.messages.verdicts import StageWaiting, WaitingFor
from tests.support.operators import asked, give
from tests.support.verifier import APPLICATION, RELEASE, WATCH, WAVE, Journey, plan

OFF = ReleaseResumed(
    application=APPLICATION, release=RELEASE, number=8, turn=3, wait=120, reason="The flags are off."
)


def waits(events: list[Payload]) -> list[WaitingFor]:
    return [event.waiting_for for event in events if isinstance(event, StageWaiting)]


SECOND: dict[str, Any] = {"name": "second", "kind": "wave", "regions": ["us-east"]}


def without_flags(stage: dict[str, Any], before: dict[str, Any]) -> Journey:
    """`first` runs, the next stage waits, and the release goes on after its flags were switched off."""
    way = Journey(plan(WAVE, {**stage, "before": before}, *([] if stage is WATCH else [WATCH])))
    way.start()
    way.enter()
    way.deployed("eu-west")
    way.incident("errors", "eu-west")
    way.resolved("errors")
    off = "The flags are off."
    way.give(ReleaseResumed(application=APPLICATION, release=RELEASE, number=8, turn=3, wait=120, reason=off))
    return way


@pytest.mark.parametrize("stage", [SECOND, WATCH])
@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ({"approval": "required"}, WaitingFor.APPROVAL),
        ({"window": "daily 20:00-21:00 Europe/Berlin"}, WaitingFor.WINDOW),
    ],
)
def test_a_stage_that_had_not_begun_waits_on_after_the_flags_went_off(
    stage: dict[str, Any], before: dict[str, Any], kept: WaitingFor
) -> None:
    way = without_flags(stage, before)
    assert waits(way.desk.fire(APPLICATION, "resume")) == [kept]
    assert [grant.region for grant in way.grants()] == ["eu-west"]
    assert (APPLICATION, "watch") not in way.desk.timers


def test_nor_does_it_begin_in_a_pause() -> None:
    way = without_flags(SECOND, {"approval": "required"})
    way.give(ApplicationPaused(application=APPLICATION, who="ann", reason="the sale is on"))
    assert waits(way.desk.fire(APPLICATION, "resume")) == [WaitingFor.PAUSE]


def test_it_begins_once_it_is_approved() -> None:
    way = without_flags(SECOND, {"approval": "required"})
    way.desk.fire(APPLICATION, "resume")
    give(way.desk, asked(Approve))
    assert str(way.grant("us-east").fence) == "8.3.1"


def test_a_watch_that_had_begun_begins_anew_without_another_approval() -> None:
    way = Journey(plan(WAVE, {**WATCH, "before": {"approval": "required"}}))
    way.start()
    way.enter()
    way.deployed("eu-west")
    give(way.desk, asked(Approve))
    way.incident("errors", "eu-west")
    way.resolved("errors")
    off = "The flags are off."
    way.give(ReleaseResumed(application=APPLICATION, release=RELEASE, number=8, turn=3, wait=120, reason=off))
    assert waits(way.desk.fire(APPLICATION, "resume")) == [WaitingFor.WATCH]
