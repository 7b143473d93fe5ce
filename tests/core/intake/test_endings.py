"""Abort, rollback and mark: what becomes of the release, and what the coordinator is told."""

import pytest

from lockgate.intake.rows import Lane
from lockgate.messages.operations import Abort, Mark, Pause, Resume, Rollback
from lockgate.messages.releases import (
    AbortRequested,
    ArtifactRefused,
    MarkRequested,
    ReleaseClosed,
    ReleaseOutcome,
    RollbackRequested,
)
from lockgate.messages.rollbacks import Grade
from tests.support.desk import Desk
from tests.support.intake import (
    APP,
    PRODUCTION,
    announce,
    announced,
    desk,
    digest,
    marked,
    names,
    passed,
    settled,
    watched,
)
from tests.support.operators import WHY, answer, answer_in, asked, give


def closed_in(at_desk: Desk) -> ReleaseClosed:
    return next(event for event in at_desk.events if isinstance(event, ReleaseClosed))


def test_an_abort_is_told_to_the_coordinator_and_ends_with_settled() -> None:
    at_desk = desk()
    release = announce(at_desk, 1)
    told, answered = give(at_desk, asked(Abort))
    assert isinstance(told, AbortRequested)
    assert (told.release, told.who, told.reason) == (release, "ann", f"ann ended it: {WHY}")
    assert answer_in([answered]).reason == "v1 is to be taken back; how that goes is said when it is settled"
    at_desk.give(settled(release))
    closed = closed_in(at_desk)
    assert closed.outcome is ReleaseOutcome.ABORTED
    assert closed.reason == f"ann ended it: {WHY}. all answered"


def test_a_release_that_was_aborted_in_a_pause_enters_nowhere_when_the_pause_ends() -> None:
    at_desk = desk()
    release = announce(at_desk, 1)
    give(at_desk, asked(Pause))
    at_desk.give(passed(release))
    give(at_desk, asked(Abort))
    assert names(give(at_desk, asked(Resume))) == ["ApplicationResumed", "OperationAnswered"]
    at_desk.give(settled(release))
    assert closed_in(at_desk).outcome is ReleaseOutcome.ABORTED


def test_nor_when_a_pause_of_all_is_over() -> None:
    at_desk = desk()
    release = announce(at_desk, 1)
    give(at_desk, asked(Pause, None))
    at_desk.give(passed(release))
    give(at_desk, asked(Abort))
    give(at_desk, asked(Resume, None))
    assert at_desk.fire(APP, "look") == []


def test_debts_are_named_also_after_an_abort() -> None:
    at_desk = desk()
    release = announce(at_desk, 1)
    give(at_desk, asked(Abort))
    at_desk.give(settled(release, "eu-west"))
    assert closed_in(at_desk).outcome is ReleaseOutcome.ROLLED_BACK_WITH_DEBTS


@pytest.mark.parametrize("said", [passed, watched])
def test_nothing_but_settled_ends_a_release_that_was_aborted(said: object) -> None:
    at_desk = desk(**({} if said is passed else {"stages": PRODUCTION}))
    release = announce(at_desk, 1)
    give(at_desk, asked(Abort))
    assert at_desk.give(said(release)) == []  # type: ignore[operator]  # both take a release
    assert at_desk.row(Lane, APP).under_way == (release,)


def test_the_next_release_starts_once_the_aborted_one_is_settled() -> None:
    at_desk = desk()
    first, second = announce(at_desk, 1), announce(at_desk, 2)
    give(at_desk, asked(Abort))
    assert at_desk.row(Lane, APP).under_way == (first,)
    at_desk.give(settled(first))
    assert at_desk.row(Lane, APP).under_way == (second,)


def test_what_waits_is_withdrawn_at_once() -> None:
    at_desk = desk()
    first, second = announce(at_desk, 1), announce(at_desk, 2)
    closed, answered = give(at_desk, asked(Abort, release=second))
    assert isinstance(closed, ReleaseClosed)
    assert (closed.release, closed.outcome) == (second, ReleaseOutcome.WITHDRAWN)
    assert answer_in([answered]).reason == "v2 is withdrawn from the queue of payments"
    assert at_desk.row(Lane, APP) == Lane(number=1, under_way=(first,))
    assert names(at_desk.give(announced(2))) == ["ReleaseQueued"]


def test_a_rollback_names_its_target_and_is_for_what_owns_production() -> None:
    at_desk = desk(stages=PRODUCTION)
    release = announce(at_desk, 1)
    told, answered = give(at_desk, asked(Rollback, to=digest(7)))
    assert isinstance(told, RollbackRequested)
    assert (told.release, told.to) == (release, digest(7))
    assert answer_in([answered]).reason == (
        "v1 is to be taken back to 000000000000 where that ran before, and marked bad"
    )
    at_desk.give(settled(release))
    assert closed_in(at_desk).outcome is ReleaseOutcome.ROLLED_BACK


def test_a_rollback_to_a_bad_version_or_to_the_same_is_refused() -> None:
    at_desk = desk(stages=PRODUCTION)
    at_desk.give(marked(7))
    announce(at_desk, 1)
    assert answer(at_desk, asked(Rollback, to=digest(1))).code == "bad-target"
    refused = answer(at_desk, asked(Rollback, to=digest(7)))
    assert refused.code == "bad-target"
    assert refused.reason.endswith("it is bad because: 5xx rose from 0.1% to 9%")


def test_a_release_in_pre_production_is_aborted_and_not_rolled_back() -> None:
    at_desk = desk()
    announce(at_desk, 1)
    refused = answer(at_desk, asked(Rollback))
    assert refused.code == "not-in-production"
    assert refused.reason == "v1 is not in production yet, so nothing is to be rolled back: abort it"


def test_a_second_end_is_refused_with_the_first() -> None:
    at_desk = desk(stages=PRODUCTION)
    announce(at_desk, 1)
    give(at_desk, asked(Rollback))
    for again in (Abort, Rollback):
        refused = answer(at_desk, asked(again))
        assert refused.code == "being-taken-back"
        assert refused.reason == f"v1 is being taken back already: ann took it back: {WHY}"


def test_with_nothing_under_way_there_is_nothing_to_end() -> None:
    refused = answer(desk(), asked(Abort))
    assert refused.code == "nothing-under-way"
    assert refused.reason == (
        "no release of payments is under way, and none is known that was completed: announce the version that is to run"
    )


def test_another_release_than_the_one_that_is_named_is_never_ended() -> None:
    at_desk = desk()
    first = announce(at_desk, 1)
    at_desk.give(settled(first))
    announce(at_desk, 2)
    assert answer(at_desk, asked(Abort, release=first)).code == "other-release"
    assert "AbortRequested" not in names(at_desk.events)


def test_a_version_that_is_marked_bad_stays_out_until_it_is_marked_good() -> None:
    at_desk = desk()
    told, _answered = give(at_desk, asked(Mark, digest=digest(1), grade="bad"))
    assert isinstance(told, MarkRequested)
    assert (told.digest, told.bad, told.reason) == (digest(1), True, f"ann marked it bad: {WHY}")
    (refused,) = at_desk.give(announced(1))
    assert isinstance(refused, ArtifactRefused)
    assert refused.code == "known-bad"
    give(at_desk, asked(Mark, digest=digest(1), grade="good"))
    assert names(at_desk.give(announced(1))) == ["ReleaseQueued", "ReleaseStarted"]


def test_what_the_coordinator_marked_bad_is_lifted_by_an_operator_too() -> None:
    at_desk = desk()
    at_desk.give(marked(1, Grade.BAD))
    assert answer(at_desk, asked(Mark, digest=digest(1), grade="good")).code is None
    assert names(at_desk.give(announced(1))) == ["ReleaseQueued", "ReleaseStarted"]


@pytest.mark.parametrize("grade", ["bad", "good"])
def test_a_mark_that_is_there_already_is_refused(grade: str) -> None:
    at_desk = desk()
    if grade == "bad":
        at_desk.give(marked(1))
    refused = answer(at_desk, asked(Mark, digest=digest(1), grade=grade))
    assert refused.code == "marked-already"


def test_a_mark_ends_no_release_and_says_so() -> None:
    at_desk = desk()
    announce(at_desk, 1), announce(at_desk, 2)
    under_way = answer(at_desk, asked(Mark, digest=digest(1), grade="bad"))
    assert under_way.reason.endswith("its release is under way and goes on: abort it, or roll it back")
    waits = answer(at_desk, asked(Mark, digest=digest(2), grade="bad"))
    assert waits.reason.endswith("its release waits, and will be withdrawn when its turn comes")
