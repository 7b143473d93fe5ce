"""A rollback with nothing under way: a release of its own takes back what was completed last."""

from lockgate.intake.rows import Completed, Lane, Pending, Release
from lockgate.messages.decision import RowKey
from lockgate.messages.operations import Abort, Fix, Mark, Pause, Rollback
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    ArtifactRefused,
    ReleaseClosed,
    ReleaseEntered,
    ReleaseOutcome,
    ReleaseQueued,
    ReleaseStarted,
    RollbackRequested,
)
from lockgate.messages.rollbacks import RecoveryRequested
from lockgate.messages.values import Artifact
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
    purl,
    settled,
    watched,
)
from tests.support.operators import WHY, answer, answer_in, asked, give


def completed() -> tuple[Desk, str]:
    """Version 1 is completed, and nothing is under way."""
    at_desk = desk(stages=PRODUCTION)
    release = announce(at_desk, 1)
    at_desk.give(watched(release))
    return at_desk, release


def entered_in(events: list[Payload]) -> ReleaseEntered:
    (entered,) = (event for event in events if isinstance(event, ReleaseEntered))
    return entered


def test_what_was_completed_last_is_taken_back_by_a_release_that_owns_production_at_once() -> None:
    at_desk, release = completed()
    queued, entered, told, answered = give(at_desk, asked(Rollback))
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(entered, ReleaseEntered)
    assert isinstance(told, RollbackRequested)
    assert (queued.position, queued.reason) == (
        0,
        "v1, which was completed, is taken back: no release of payments is under way",
    )
    assert (entered.release, entered.recovers, entered.number) == (queued.release, release, 3)
    assert (told.release, told.artifact.digest, told.to) == (queued.release, digest(1), None)
    assert told.reason == f"ann took it back: {WHY}"
    assert answer_in([answered]).reason == (
        "v1, which was completed, is to be taken back everywhere, and marked bad"
    )
    assert at_desk.row(Lane, APP) == Lane(number=3, under_way=(entered.release,), owner=entered.release)


def test_it_is_closed_as_rolled_back_once_it_is_settled() -> None:
    at_desk, _ = completed()
    back = entered_in(give(at_desk, asked(Rollback))).release
    (closed,) = at_desk.give(settled(back))
    assert isinstance(closed, ReleaseClosed)
    assert (closed.outcome, closed.reason) == (
        ReleaseOutcome.ROLLED_BACK,
        f"ann took it back: {WHY}. all answered",
    )
    assert at_desk.row(Lane, APP) == Lane(number=3)


def test_regions_that_owe_their_way_back_are_named_in_its_end() -> None:
    at_desk, _ = completed()
    back = entered_in(give(at_desk, asked(Rollback))).release
    (closed,) = at_desk.give(settled(back, "eu-west"))
    assert isinstance(closed, ReleaseClosed)
    assert closed.outcome is ReleaseOutcome.ROLLED_BACK_WITH_DEBTS


def test_no_pause_keeps_it_back() -> None:
    at_desk, _ = completed()
    give(at_desk, asked(Pause))
    assert answer(at_desk, asked(Rollback)).code is None


def test_what_waits_in_a_pause_starts_neither_before_it_nor_by_its_end() -> None:
    at_desk, _ = completed()
    give(at_desk, asked(Pause))
    second = announce(at_desk, 2)
    back = entered_in(give(at_desk, asked(Rollback))).release
    assert names(at_desk.give(settled(back))) == ["ReleaseClosed"]
    assert at_desk.row(Lane, APP).waiting == (second,)


def test_what_is_announced_meanwhile_starts_once_it_is_settled() -> None:
    at_desk, _ = completed()
    back = entered_in(give(at_desk, asked(Rollback))).release
    second = announce(at_desk, 2)
    started = next(e for e in at_desk.give(settled(back)) if isinstance(e, ReleaseStarted))
    assert (started.release, started.number) == (second, 4)


def test_its_version_is_not_released_meanwhile() -> None:
    at_desk, _ = completed()
    give(at_desk, asked(Rollback))
    (refused,) = at_desk.give(announced(1))
    assert isinstance(refused, ArtifactRefused)
    assert refused.code == "duplicate"


def test_it_is_ended_by_nobody() -> None:
    at_desk, _ = completed()
    give(at_desk, asked(Rollback))
    for again in (Abort, Rollback):
        assert answer(at_desk, asked(again)).code == "being-taken-back"


def test_a_fix_waits_for_it() -> None:
    at_desk, _ = completed()
    back = entered_in(give(at_desk, asked(Rollback))).release
    told = answer(at_desk, asked(Fix, artifact=digest(2)))
    assert told.reason == (
        "the fix 000000000000 goes first: v1 of payments is on its way out, and once that is settled it starts"
    )
    assert "ReleaseStarted" in names(at_desk.give(settled(back)))


def test_it_is_taken_back_once() -> None:
    at_desk, _ = completed()
    at_desk.give(settled(entered_in(give(at_desk, asked(Rollback))).release))
    refused = answer(at_desk, asked(Rollback))
    assert (refused.code, refused.reason) == (
        "nothing-under-way",
        "no release of payments is under way, and none is known that was completed: announce the version that is to run",
    )


def test_the_version_to_go_back_to_is_one_that_is_not_bad_and_not_the_one_to_leave() -> None:
    at_desk, _ = completed()
    at_desk.give(marked(7))
    for n in (1, 7):
        assert answer(at_desk, asked(Rollback, to=digest(n))).code == "bad-target"
    told = next(e for e in give(at_desk, asked(Rollback, to=digest(8))) if isinstance(e, RollbackRequested))
    assert told.to == digest(8)


def test_it_may_be_named_and_another_release_that_is_over_is_refused() -> None:
    at_desk, first = completed()
    second = announce(at_desk, 2)
    at_desk.give(watched(second))
    assert answer(at_desk, asked(Rollback, release=first)).code == "other-release"
    assert entered_in(give(at_desk, asked(Rollback, release=second))).recovers == second


def test_one_that_failed_since_leaves_the_completed_one_to_be_taken_back() -> None:
    at_desk, first = completed()
    at_desk.give(settled(announce(at_desk, 2)))
    assert entered_in(give(at_desk, asked(Rollback))).recovers == first


def test_while_another_is_under_way_a_rollback_is_about_that_one() -> None:
    at_desk, _ = completed()
    second = announce(at_desk, 2)
    told, _ = give(at_desk, asked(Rollback))
    assert isinstance(told, RollbackRequested)
    assert told.release == second


def test_an_abort_with_nothing_under_way_says_what_takes_the_completed_one_back() -> None:
    at_desk, _ = completed()
    assert answer(at_desk, asked(Abort)).reason == (
        "no release of payments is under way; v1 was completed: `lockgate rollback` takes it back"
    )


def test_a_mark_that_it_is_good_again_changes_nothing_of_its_way_back() -> None:
    at_desk, _ = completed()
    back = entered_in(give(at_desk, asked(Rollback))).release
    at_desk.give(marked(1))
    give(at_desk, asked(Mark, digest=digest(1), grade="good"))
    at_desk.give(settled(back))
    assert names(at_desk.give(announced(1))) == ["ReleaseQueued", "ReleaseStarted", "ReleaseEntered"]


def test_the_same_version_that_waits_behind_a_pause_is_withdrawn() -> None:
    at_desk, _ = completed()
    give(at_desk, asked(Pause))
    (again,) = at_desk.give(announced(1))
    assert isinstance(again, ReleaseQueued)
    withdrawn, queued, entered, *_ = give(at_desk, asked(Rollback))
    assert isinstance(withdrawn, ReleaseClosed)
    assert (withdrawn.release, withdrawn.outcome, withdrawn.reason) == (
        again.release,
        ReleaseOutcome.WITHDRAWN,
        "v1 is taken back: it is not released again",
    )
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(entered, ReleaseEntered)
    assert at_desk.row(Lane, APP).waiting == ()
    assert at_desk.row(Pending, APP, digest(1)).release == entered.release


def test_nothing_is_kept_of_it() -> None:
    at_desk, _ = completed()
    back = entered_in(give(at_desk, asked(Rollback))).release
    at_desk.give(settled(back))
    for kind in (Completed, Release):
        assert not any(key.kind == kind.kind and key.key == APP for key in at_desk.rows), kind
    assert RowKey(APP, "pending", digest(1)) not in at_desk.rows


# --- wanted by the coordinator ------------------------------------------------------------------------------------


def wanted(release: str, n: int = 1) -> RecoveryRequested:
    artifact = Artifact(purl=purl(n), digest=digest(n), tag=f"v{n}")
    return RecoveryRequested(application=APP, release=release, artifact=artifact, reason="errors rose")


def test_what_the_coordinator_blames_is_taken_back_without_an_operators_word() -> None:
    at_desk, release = completed()
    give(at_desk, asked(Pause))
    queued, entered = at_desk.give(wanted(release))
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(entered, ReleaseEntered)
    assert (entered.release, entered.recovers) == (queued.release, release)
    (closed,) = at_desk.give(settled(entered.release))
    assert isinstance(closed, ReleaseClosed)
    assert (closed.outcome, closed.reason) == (ReleaseOutcome.ROLLED_BACK, "errors rose. all answered")


def test_what_is_not_the_completed_one_any_more_is_not_taken_back() -> None:
    at_desk, first = completed()
    at_desk.give(watched(announce(at_desk, 2)))
    assert at_desk.give(wanted(first)) == []


def test_what_an_operator_takes_back_is_not_taken_back_twice() -> None:
    at_desk, first = completed()
    back = entered_in(give(at_desk, asked(Rollback))).release
    assert at_desk.give(wanted(first)) == []
    at_desk.give(settled(back))
    assert at_desk.give(wanted(first)) == []
