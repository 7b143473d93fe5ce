"""Every state of a release meets every event about it: what does not belong there changes nothing."""

from collections.abc import Callable

import pytest

from lockgate.messages.payload import Payload
from lockgate.messages.verdicts import WatchOutcome
from tests.support.desk import Desk
from tests.support.intake import announce, desk, names, passed, settled, watched


def _unknown(_desk: Desk) -> str:
    return "00000000-0000-5000-8000-000000000000"


def _queued(at_desk: Desk) -> str:
    announce(at_desk, 1)
    return announce(at_desk, 2)


def _superseded(at_desk: Desk) -> str:
    release = _queued(at_desk)
    announce(at_desk, 3)
    return release


def _preproduction(at_desk: Desk) -> str:
    release = announce(at_desk, 1)
    announce(at_desk, 2)
    return release


def _production(at_desk: Desk) -> str:
    release = _preproduction(at_desk)
    at_desk.give(passed(release))
    return release


def _completed(at_desk: Desk) -> str:
    release = _production(at_desk)
    at_desk.give(watched(release))
    return release


def _closed_early(at_desk: Desk) -> str:
    release = _preproduction(at_desk)
    at_desk.give(settled(release))
    return release


def _closed(at_desk: Desk) -> str:
    release = _production(at_desk)
    at_desk.give(settled(release))
    return release


STATES = (
    *(_unknown, _queued, _superseded, _preproduction),
    *(_production, _completed, _closed_early, _closed),
)

EVENTS: dict[str, Callable[[str], Payload]] = {
    "first preprod stage passed": lambda release: passed(release, "smoke"),
    "last preprod stage passed": passed,
    "unknown preprod stage passed": lambda release: passed(release, "other"),
    "pilot passed": lambda release: passed(release, "probe", "pilot"),
    "wave passed": lambda release: passed(release, "all", "wave"),
    "watch stage passed": lambda release: passed(release, "watch", "watch"),
    "watch passed": watched,
    "watch failed": lambda release: watched(release, WatchOutcome.FAILED),
    "settled": settled,
    "settled with debts": lambda release: settled(release, "eu-west"),
}

CHANGES: dict[tuple[Callable[[Desk], str], str], list[str]] = {
    (_preproduction, "last preprod stage passed"): ["ReleaseEntered"],
    (_preproduction, "settled"): ["ReleaseClosed", "ReleaseStarted"],
    (_preproduction, "settled with debts"): ["ReleaseClosed", "ReleaseStarted"],
    (_production, "watch passed"): ["ReleaseCompleted", "ReleaseStarted"],
    (_production, "settled"): ["ReleaseClosed", "ReleaseStarted"],
    (_production, "settled with debts"): ["ReleaseClosed", "ReleaseStarted"],
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_only_what_belongs_to_the_state_changes_anything(state: Callable[[Desk], str], event: str) -> None:
    at_desk = desk()
    release = state(at_desk)
    before = dict(at_desk.rows)
    emitted = names(at_desk.give(EVENTS[event](release)))
    assert emitted == CHANGES.get((state, event), [])
    assert (at_desk.rows == before) == (not emitted)


@pytest.mark.parametrize("event", EVENTS)
def test_an_application_without_any_state_is_not_disturbed(event: str) -> None:
    at_desk = Desk(desk().core)
    assert at_desk.give(EVENTS[event]("some-release")) == []
    assert at_desk.rows == {}


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_handed_over_twice_changes_nothing_the_second_time(event: str) -> None:
    for state in STATES:
        at_desk = desk()
        release = state(at_desk)
        at_desk.give(EVENTS[event](release))
        before = dict(at_desk.rows)
        assert at_desk.give(EVENTS[event](release)) == []
        assert at_desk.rows == before
