"""Pauses: of one application or of all, until an operator or the time ends them."""

from datetime import timedelta

import pytest

from lockgate.intake.rows import Lane, Pause
from lockgate.messages.operations import Pause as PauseAsked
from lockgate.messages.operations import Resume
from lockgate.messages.releases import (
    AllPaused,
    ApplicationPaused,
    ReleaseQueued,
    ReleaseStarted,
)
from tests.support.desk import NOON
from tests.support.intake import APP, PRODUCTION, announce, announced, desk, names, passed, published, watched
from tests.support.operators import answer, answer_in, asked, give


def test_a_pause_is_told_to_everybody_and_answered() -> None:
    paused, answered = give(desk(), asked(PauseAsked, why="the sale is on"), "op-1")
    assert isinstance(paused, ApplicationPaused)
    assert (paused.who, paused.reason, paused.until) == ("ann", "the sale is on", None)
    told = answer_in([answered])
    assert (told.operation, told.event, told.who, told.why, told.code) == (
        "pause",
        "op-1",
        "ann",
        "the sale is on",
        None,
    )
    assert told.reason == "payments is paused until resumed"


def test_an_artifact_that_comes_in_a_pause_waits_and_says_for_whom() -> None:
    at_desk = desk()
    give(at_desk, asked(PauseAsked, why="the sale is on"))
    (queued,) = at_desk.give(announced(1))
    assert isinstance(queued, ReleaseQueued)
    assert queued.position == 1
    assert queued.reason == "v1 waits: ann paused the releases of payments: the sale is on"


def test_resuming_starts_the_first_that_waits() -> None:
    at_desk = desk(queue={"supersede": False})
    give(at_desk, asked(PauseAsked))
    first, _second = announce(at_desk, 1), announce(at_desk, 2)
    resumed, answered, started = sorted(give(at_desk, asked(Resume)), key=lambda e: type(e).__name__)
    assert names([resumed, answered, started]) == [
        "ApplicationResumed",
        "OperationAnswered",
        "ReleaseStarted",
    ]
    assert isinstance(started, ReleaseStarted)
    assert started.release == first
    assert at_desk.row(Lane, APP).under_way == (first,)


def test_a_release_whose_pre_production_passed_in_a_pause_enters_when_it_ends() -> None:
    at_desk = desk()
    release = announce(at_desk, 1)
    give(at_desk, asked(PauseAsked))
    assert at_desk.give(passed(release)) == []
    assert "ReleaseEntered" in names(give(at_desk, asked(Resume)))
    assert at_desk.row(Lane, APP).owner == release


def test_what_ended_in_a_pause_is_followed_by_the_next_only_afterwards() -> None:
    at_desk = desk(stages=PRODUCTION)
    first, second = announce(at_desk, 1), announce(at_desk, 2)
    give(at_desk, asked(PauseAsked))
    assert names(at_desk.give(watched(first))) == ["ReleaseCompleted"]
    give(at_desk, asked(Resume))
    assert at_desk.row(Lane, APP).under_way == (second,)


def test_a_pause_ends_by_itself_when_its_time_is_over() -> None:
    at_desk = desk()
    give(at_desk, asked(PauseAsked, until=NOON + timedelta(hours=2)))
    release = announce(at_desk, 1)
    assert at_desk.timers[APP, "unpause"].due == NOON + timedelta(hours=2)
    assert names(at_desk.fire(APP, "unpause")) == ["ApplicationResumed", "ReleaseStarted"]
    assert at_desk.row(Lane, APP).under_way == (release,)


def test_a_second_pause_takes_the_place_of_the_first() -> None:
    at_desk = desk()
    give(at_desk, asked(PauseAsked, until=NOON + timedelta(hours=2)))
    give(at_desk, asked(PauseAsked, why="for longer"))
    assert at_desk.timers == {}
    assert at_desk.row(Pause, APP) == Pause(who="ann", why="for longer", until=None)


@pytest.mark.parametrize("hours", [-1, 0, 24 * 366 + 1])
def test_a_pause_that_is_over_or_never_ends_is_refused(hours: int) -> None:
    refused = answer(desk(), asked(PauseAsked, until=NOON + timedelta(hours=hours)))
    assert refused.code == "until"
    assert "write when the pause is to end" in refused.reason


def test_resuming_what_is_not_paused_is_refused() -> None:
    refused = answer(desk(), asked(Resume))
    assert (refused.code, refused.reason) == ("not-paused", "payments is not paused")


def test_a_pause_of_all_holds_every_application_and_is_no_row_of_theirs() -> None:
    at_desk = desk()
    told, answered = give(at_desk, asked(PauseAsked, None, why="the network is down"))
    assert isinstance(told, AllPaused)
    assert answer_in([answered]).reason == "all applications are paused until resumed"
    (queued,) = at_desk.give(announced(1))
    assert isinstance(queued, ReleaseQueued)
    assert queued.reason == "v1 waits: ann paused the releases of payments: the network is down"


def test_the_end_of_a_pause_of_all_is_found_within_half_a_minute() -> None:
    at_desk = desk()
    give(at_desk, asked(PauseAsked, None))
    release = announce(at_desk, 1)
    assert at_desk.fire(APP, "look") == []
    assert names(give(at_desk, asked(Resume, None))) == ["AllResumed", "OperationAnswered"]
    assert at_desk.timers[APP, "look"].due <= at_desk.now + timedelta(seconds=30)
    assert names(at_desk.fire(APP, "look")) == ["ReleaseStarted"]
    assert at_desk.row(Lane, APP).under_way == (release,)
    assert at_desk.timers == {}


def test_the_end_of_one_pause_lets_nothing_go_on_that_the_other_holds() -> None:
    at_desk = desk()
    give(at_desk, asked(PauseAsked))
    give(at_desk, asked(PauseAsked, None))
    announce(at_desk, 1)
    assert names(give(at_desk, asked(Resume))) == ["ApplicationResumed", "OperationAnswered"]
    give(at_desk, asked(Resume, None))
    assert names(at_desk.fire(APP, "look")) == ["ReleaseStarted"]


def test_who_resumes_one_application_in_a_pause_of_all_is_told_of_it() -> None:
    at_desk = desk()
    give(at_desk, asked(PauseAsked, None, why="the network is down"))
    refused = answer(at_desk, asked(Resume))
    assert refused.code == "not-paused"
    assert refused.reason == (
        "payments is held by a pause of all, by ann: the network is down; resume all to end it"
    )


def test_what_comes_right_after_the_end_of_a_pause_of_all_waits_its_turn() -> None:
    at_desk = desk(queue={"supersede": False})
    give(at_desk, asked(PauseAsked, None))
    first = announce(at_desk, 1)
    give(at_desk, asked(Resume, None))
    announce(at_desk, 2)
    at_desk.fire(APP, "look")
    assert at_desk.row(Lane, APP).under_way == (first,)


def test_an_application_without_a_plan_is_unknown() -> None:
    refused = answer(desk(), asked(PauseAsked, "paymints"))
    assert refused.code == "unknown-application"
    assert refused.reason == "no plan of paymints was ever published: correct the name of the application"


def test_a_plan_may_be_published_in_a_pause() -> None:
    at_desk = desk()
    give(at_desk, asked(PauseAsked))
    assert names(at_desk.give(published(stages=PRODUCTION), writer="operator")) == ["PlanAccepted"]
