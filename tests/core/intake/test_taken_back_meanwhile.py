"""An operator takes version 1 back, which was completed, while version 2 is under way: that gives way first."""

from collections.abc import Callable

import pytest

from lockgate.intake.rows import Completed, Ending, Lane, Release
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.operations import Abort, Mark, Pause, Rollback
from lockgate.messages.releases import (
    MarkRequested,
    ReleaseClosed,
    ReleaseEntered,
    ReleaseOutcome,
    ReleasePreempted,
    ReleaseQueued,
    RollbackRequested,
)
from tests.core.intake.test_blamed_meanwhile import Meanwhile, in_preproduction, in_production
from tests.core.intake.test_recovering import completed
from tests.support.desk import Desk
from tests.support.fixes import fixed
from tests.support.intake import APP, announce, digest, marked, names, passed, purl, settled, watched
from tests.support.operators import WHY, answer, answer_in, asked, give


def takes_back(at_desk: Desk, first: str, to: str | None = None) -> ReleaseQueued:
    """An operator names the completed release; the release that takes it back waits then."""
    (queued,) = (
        event
        for event in give(at_desk, asked(Rollback, release=first, to=to))
        if isinstance(event, ReleaseQueued)
    )
    return queued


def refusal(at_desk: Desk, first: str, to: str | None = None) -> tuple[str | None, str]:
    told = answer(at_desk, asked(Rollback, release=first, to=to))
    return told.code, told.reason


@pytest.mark.parametrize("where", [in_preproduction, in_production])
def test_its_version_is_bad_at_once_and_what_is_under_way_gives_way(where: Callable[[], Meanwhile]) -> None:
    at_desk, first, second = where()
    bad, queued, preempted, answered = give(at_desk, asked(Rollback, release=first))
    assert isinstance(bad, MarkRequested)
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(preempted, ReleasePreempted)
    assert (bad.digest, bad.bad, bad.who, bad.reason) == (digest(1), True, "ann", f"ann took it back: {WHY}")
    assert (queued.position, queued.reason) == (
        1,
        "v1, which was completed, is taken back once v2 of payments is settled",
    )
    assert (preempted.release, preempted.by, preempted.who, preempted.reason) == (
        second,
        queued.release,
        "ann",
        f"v1, which was completed before it, is taken back: ann took it back: {WHY}",
    )
    told = answer_in([answered])
    assert (told.code, told.reason) == (
        None,
        "v1, which was completed, is to be taken back everywhere, and marked bad, once v2 is settled, which gives way to that",
    )


def test_once_that_is_settled_it_owns_production_and_the_coordinator_is_told_where_to() -> None:
    at_desk, first, second = in_production()
    queued = takes_back(at_desk, first, to=digest(7))
    closed, entered, told = at_desk.give(settled(second))
    assert isinstance(closed, ReleaseClosed)
    assert isinstance(entered, ReleaseEntered)
    assert isinstance(told, RollbackRequested)
    assert (closed.release, closed.outcome) == (second, ReleaseOutcome.PREEMPTED)
    assert (entered.release, entered.recovers) == (queued.release, first)
    assert (told.release, told.artifact.digest, told.to, told.who, told.reason) == (
        queued.release,
        digest(1),
        digest(7),
        "ann",
        f"ann took it back: {WHY}",
    )
    lane = at_desk.row(Lane, APP)
    assert (lane.under_way, lane.owner) == ((queued.release,), queued.release)
    assert at_desk.row(Release, APP, queued.release).wanted is None
    (over,) = at_desk.give(settled(queued.release))
    assert isinstance(over, ReleaseClosed)
    assert over.outcome is ReleaseOutcome.ROLLED_BACK


def test_a_pause_does_not_keep_it_back_and_what_waits_starts_after_it() -> None:
    at_desk, first, second = in_production()
    third = announce(at_desk, 3)
    queued = takes_back(at_desk, first)
    give(at_desk, asked(Pause))
    assert names(at_desk.give(settled(second))) == ["ReleaseClosed", "ReleaseEntered", "RollbackRequested"]
    assert at_desk.row(Lane, APP).waiting == (third,)
    assert names(at_desk.give(settled(queued.release))) == ["ReleaseClosed"]


def test_what_gives_way_neither_enters_nor_is_completed_any_more() -> None:
    at_desk, first, second = in_preproduction()
    at_desk.give(passed(second, "smoke"))
    takes_back(at_desk, first)
    assert at_desk.give(passed(second)) == []
    at_desk, first, second = in_production()
    takes_back(at_desk, first)
    assert at_desk.give(watched(second)) == []


def test_it_waits_for_what_is_on_its_way_out_already() -> None:
    at_desk, first, second = in_production()
    give(at_desk, asked(Abort))
    queued = takes_back(at_desk, first)
    closed, entered, _ = at_desk.give(settled(second))
    assert isinstance(closed, ReleaseClosed)
    assert isinstance(entered, ReleaseEntered)
    assert (closed.outcome, entered.release) == (ReleaseOutcome.ABORTED, queued.release)


def test_a_version_that_is_bad_already_is_not_marked_once_more() -> None:
    at_desk, first, _ = in_production()
    at_desk.give(marked(1))
    assert names(give(at_desk, asked(Rollback, release=first))) == [
        "ReleaseQueued",
        "ReleasePreempted",
        "OperationAnswered",
    ]


def test_also_a_fix_gives_way_since_an_operator_has_said_so() -> None:
    at_desk, first = completed()
    fix = fixed(at_desk, 2)
    queued = takes_back(at_desk, first)
    assert at_desk.row(Release, APP, fix).ended_by.startswith("v1, which was completed before it")
    assert queued.position == 1


def test_it_may_be_named_as_people_call_it_unless_what_is_under_way_is_called_so_too() -> None:
    at_desk, first, second = in_production()
    queued = takes_back(at_desk, "v1")
    assert at_desk.row(Completed, APP).recovery == queued.release
    assert at_desk.row(Release, APP, second).ending is Ending.PREEMPTION
    at_desk, first = completed()
    at_desk.give(ArtifactPublished(purl=purl(2).replace("tag=v2", "tag=v1")))
    code, _ = refusal(at_desk, "v1")
    assert code == "other-release"
    assert at_desk.row(Completed, APP) == Completed(release=first, artifact=queued.artifact)


def test_twice_is_refused() -> None:
    at_desk, first, _ = in_production()
    takes_back(at_desk, first)
    assert refusal(at_desk, first) == (
        "being-taken-back",
        "v1 is taken back already, once v2 is settled",
    )


def test_past_what_goes_forward_only_it_is_refused() -> None:
    at_desk, first = completed()
    at_desk.give(ArtifactPublished(purl=f"{purl(2)}&rollback=unsafe"))
    assert refusal(at_desk, first) == (
        "forward-only",
        (
            "v2, which is under way, goes forward only (rollback=unsafe), so nothing goes back past it: send a fix, or abort it "
            "first if no region has it yet"
        ),
    )
    assert at_desk.row(Completed, APP).recovery is None


def test_where_it_is_released_once_more_it_is_refused() -> None:
    at_desk, first = completed()
    again = announce(at_desk, 1)
    assert refusal(at_desk, first) == (
        "other-release",
        f"v1 is being released once more as {again}: take that one back, or abort it",
    )


def test_to_itself_it_is_refused_and_nothing_gives_way() -> None:
    at_desk, first, second = in_production()
    code, _ = refusal(at_desk, first, to=digest(1))
    assert code == "bad-target"
    assert at_desk.row(Release, APP, second).ending is None


def test_a_mark_that_it_is_good_again_withdraws_it() -> None:
    at_desk, first, second = in_production()
    queued = takes_back(at_desk, first)
    withdrawn, *_ = give(at_desk, asked(Mark, digest=digest(1), grade="good"))
    assert isinstance(withdrawn, ReleaseClosed)
    assert (withdrawn.release, withdrawn.outcome) == (queued.release, ReleaseOutcome.WITHDRAWN)
    assert names(at_desk.give(settled(second))) == ["ReleaseClosed"]


def test_without_a_name_a_rollback_is_about_what_is_under_way_and_says_how_the_other_is_named() -> None:
    at_desk, _, second = in_preproduction()
    told = answer(at_desk, asked(Rollback))
    assert (told.code, told.reason) == (
        "not-in-production",
        (
            "v2 is not in production yet, so nothing is to be rolled back: abort it; v1, which was completed before it, is taken "
            "back by `lockgate rollback payments --release v1`"
        ),
    )
    at_desk, _, second = in_production()
    requested, _ = give(at_desk, asked(Rollback))
    assert isinstance(requested, RollbackRequested)
    assert requested.release == second
