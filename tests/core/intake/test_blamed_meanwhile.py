"""The coordinator wants version 1 taken back, which was completed, while version 2 is under way: that gives way first."""

from collections.abc import Callable

import pytest

from lockgate.intake.rows import Completed, Lane, Pending, Release
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.decision import RowKey
from lockgate.messages.operations import Abort, Fix, Mark, Pause, Rollback
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    ReleaseClosed,
    ReleaseEntered,
    ReleaseOutcome,
    ReleasePreempted,
    ReleaseQueued,
    ReleaseStarted,
)
from tests.core.intake.test_recovering import completed, entered_in, wanted
from tests.support.desk import Desk
from tests.support.fixes import fixed
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
    published,
    purl,
    settled,
    watched,
)
from tests.support.operators import WHY, answer, asked, give

Meanwhile = tuple[Desk, str, str]
"""The desk, the completed release, and the one that is under way."""


def in_preproduction() -> Meanwhile:
    at_desk, first = completed()
    at_desk.give(published(), writer="operator")
    return at_desk, first, announce(at_desk, 2)


def in_production() -> Meanwhile:
    at_desk, first = completed()
    return at_desk, first, announce(at_desk, 2)


def waits() -> Meanwhile:
    """The release that takes version 1 back waits for version 2."""
    at_desk, first, second = in_production()
    blame(at_desk, first)
    return at_desk, first, second


def blame(at_desk: Desk, first: str) -> list[Payload]:
    """As the coordinator says it: the version is bad, and is wanted back."""
    at_desk.give(marked(1))
    return at_desk.give(wanted(first))


@pytest.mark.parametrize("where", [in_preproduction, in_production])
def test_what_is_under_way_gives_way_and_once_that_is_settled_it_is_taken_back(
    where: Callable[[], Meanwhile],
) -> None:
    at_desk, first, second = where()
    queued, preempted = blame(at_desk, first)
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(preempted, ReleasePreempted)
    assert (queued.position, queued.artifact.digest, queued.reason) == (
        1,
        digest(1),
        "v1, which was completed, is taken back once v2 of payments is settled",
    )
    assert (preempted.release, preempted.by, preempted.who, preempted.reason) == (
        second,
        queued.release,
        "lockgate",
        "v1, which was completed before it, is taken back: errors rose",
    )
    closed, entered = at_desk.give(settled(second))
    assert isinstance(closed, ReleaseClosed)
    assert isinstance(entered, ReleaseEntered)
    assert (closed.release, closed.outcome) == (second, ReleaseOutcome.PREEMPTED)
    assert (entered.release, entered.recovers) == (queued.release, first)
    lane = at_desk.row(Lane, APP)
    assert (lane.under_way, lane.owner, entered.number) == ((queued.release,), queued.release, lane.number)
    (over,) = at_desk.give(settled(queued.release))
    assert isinstance(over, ReleaseClosed)
    assert over.outcome is ReleaseOutcome.ROLLED_BACK
    for kind in (Completed, Release, Pending):
        assert not any(key.kind == kind.kind and key.key == APP for key in at_desk.rows), kind


def test_what_waits_starts_only_once_it_is_taken_back() -> None:
    at_desk, first, second = in_production()
    third = announce(at_desk, 3)
    blame(at_desk, first)
    closed, entered = at_desk.give(settled(second))
    assert isinstance(entered, ReleaseEntered)
    assert at_desk.row(Lane, APP).waiting == (third,)
    assert names([closed]) == ["ReleaseClosed"]
    assert any(
        isinstance(event, ReleaseStarted) and event.release == third
        for event in at_desk.give(settled(entered.release))
    )


def test_no_pause_keeps_it_back_either() -> None:
    at_desk, _, second = waits()
    give(at_desk, asked(Pause))
    assert names(at_desk.give(settled(second))) == ["ReleaseClosed", "ReleaseEntered"]


def test_what_gives_way_neither_enters_nor_is_completed_any_more() -> None:
    at_desk, first, second = in_preproduction()
    at_desk.give(passed(second, "smoke"))
    blame(at_desk, first)
    assert at_desk.give(passed(second)) == []
    at_desk, first, second = waits()
    assert at_desk.give(watched(second)) == []


def test_it_waits_for_what_is_on_its_way_out_already() -> None:
    at_desk, first, second = in_production()
    give(at_desk, asked(Abort))
    (queued,) = blame(at_desk, first)
    assert isinstance(queued, ReleaseQueued)
    closed, entered = at_desk.give(settled(second))
    assert isinstance(closed, ReleaseClosed)
    assert closed.outcome is ReleaseOutcome.ABORTED
    assert entered_in([entered]).release == queued.release


def test_it_is_asked_for_once() -> None:
    at_desk, first, second = waits()
    assert at_desk.give(wanted(first)) == []
    assert names(at_desk.give(settled(second))) == ["ReleaseClosed", "ReleaseEntered"]
    assert at_desk.give(wanted(first)) == []


def test_an_operators_fix_that_is_under_way_goes_on_and_it_is_taken_back_if_that_fails() -> None:
    at_desk, first = completed()
    fix = fixed(at_desk, 2)
    assert blame(at_desk, first) == []
    at_desk.give(settled(fix))
    assert names(at_desk.give(wanted(first))) == ["ReleaseQueued", "ReleaseEntered"]


def test_what_ci_announced_as_its_fix_goes_on() -> None:
    at_desk, first = completed()
    at_desk.give(ArtifactPublished(purl=f"{purl(2)}&fixes=v1"))
    assert blame(at_desk, first) == []


def test_where_the_plan_leaves_fixes_to_operators_what_ci_calls_one_gives_way() -> None:
    at_desk = desk(stages=PRODUCTION, queue={"fixes": "operators"})
    first = announce(at_desk, 1)
    at_desk.give(watched(first))
    at_desk.give(ArtifactPublished(purl=f"{purl(2)}&fixes=v1"))
    assert names(blame(at_desk, first)) == ["ReleaseQueued", "ReleasePreempted"]


def test_a_fix_that_is_on_its_way_out_mends_nothing_and_it_waits_for_that() -> None:
    at_desk, first = completed()
    fixed(at_desk, 2)
    give(at_desk, asked(Abort))
    assert names(blame(at_desk, first)) == ["ReleaseQueued"]


def test_what_goes_forward_only_does_not_give_way() -> None:
    at_desk, first = completed()
    at_desk.give(ArtifactPublished(purl=f"{purl(2)}&rollback=unsafe"))
    assert blame(at_desk, first) == []


def test_the_same_version_that_is_released_again_does_not_give_way() -> None:
    at_desk, first = completed()
    announce(at_desk, 1)
    assert blame(at_desk, first) == []


def test_the_same_version_that_waits_is_withdrawn() -> None:
    at_desk, first, second = in_production()
    again = announce(at_desk, 1)
    withdrawn, queued, preempted = blame(at_desk, first)
    assert isinstance(withdrawn, ReleaseClosed)
    assert isinstance(queued, ReleaseQueued)
    assert (withdrawn.release, withdrawn.outcome) == (again, ReleaseOutcome.WITHDRAWN)
    assert names([preempted]) == ["ReleasePreempted"]
    assert at_desk.row(Pending, APP, digest(1)).release == queued.release
    assert names(at_desk.give(settled(second))) == ["ReleaseClosed", "ReleaseEntered"]


def test_a_fix_that_is_sent_while_it_waits_starts_after_both() -> None:
    at_desk, _, second = waits()
    told = answer(at_desk, asked(Fix, artifact=digest(3)))
    assert told.reason == (
        "the fix 000000000000 goes first: v2 of payments is on its way out, and once that is settled and v1 is taken "
        "back it starts"
    )
    back = entered_in(at_desk.give(settled(second))).release
    assert "ReleaseStarted" in names(at_desk.give(settled(back)))


@pytest.mark.parametrize("operation", [Abort, Rollback])
def test_it_is_ended_by_nobody_while_it_waits(operation: type[Abort] | type[Rollback]) -> None:
    at_desk, first, _ = in_production()
    queued, _ = blame(at_desk, first)
    assert isinstance(queued, ReleaseQueued)
    told = answer(at_desk, asked(operation, release=queued.release))
    assert (told.code, told.reason) == ("being-taken-back", "v1 is being taken back already: errors rose")


def test_a_mark_that_it_is_good_again_withdraws_it_and_what_gave_way_ends_all_the_same() -> None:
    at_desk, first, second = in_production()
    queued, _ = blame(at_desk, first)
    assert isinstance(queued, ReleaseQueued)
    withdrawn, *_ = give(at_desk, asked(Mark, digest=digest(1), grade="good"))
    assert isinstance(withdrawn, ReleaseClosed)
    assert (withdrawn.release, withdrawn.outcome, withdrawn.reason) == (
        queued.release,
        ReleaseOutcome.WITHDRAWN,
        f"ann marked it good: {WHY}",
    )
    (closed,) = at_desk.give(settled(second))
    assert isinstance(closed, ReleaseClosed)
    assert closed.outcome is ReleaseOutcome.PREEMPTED
    assert at_desk.row(Completed, APP) == Completed(release=first, artifact=withdrawn.artifact)
    assert RowKey(APP, "pending", digest(1)) not in at_desk.rows
    assert names(at_desk.give(announced(1)))[0] == "ReleaseQueued"


def test_a_mark_of_another_version_changes_nothing_of_it() -> None:
    at_desk, _, second = waits()
    at_desk.give(marked(7))
    give(at_desk, asked(Mark, digest=digest(7), grade="good"))
    assert names(at_desk.give(settled(second))) == ["ReleaseClosed", "ReleaseEntered"]
