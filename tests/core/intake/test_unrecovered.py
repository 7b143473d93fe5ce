"""A rollback that did not help: the application is paused until an operator resumes it."""

from datetime import timedelta
from urllib.parse import quote

import pytest

from lockgate.intake.rows import Pause
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.operations import Abort, OperationRefusal, Resume
from lockgate.messages.operations import Pause as PauseAsked
from lockgate.messages.releases import (
    ApplicationPaused,
    ApplicationResumed,
    OperationAnswered,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
)
from lockgate.messages.verdicts import RollbackVerified
from tests.support.desk import NOON, Desk
from tests.support.fixes import a_fix_in_production, in_production, refused, send
from tests.support.intake import APP, announce, announced, desk, digest, names, purl, settled
from tests.support.operators import answer, asked, give

WHY = "v2 was taken back 600 s ago, and 1 incident that it was blamed for did not end."


def verified(*, recovered: bool) -> RollbackVerified:
    return RollbackVerified(application=APP, release="r-2", recovered=recovered, reason=WHY)


@pytest.fixture
def paused() -> Desk:
    at_desk = desk()
    (said,) = at_desk.give(verified(recovered=False))
    assert said == ApplicationPaused(application=APP, who="lockgate", reason=WHY)
    return at_desk


def test_nothing_more_is_begun_and_the_reason_is_said(paused: Desk) -> None:
    (queued,) = paused.give(announced(3))
    assert isinstance(queued, ReleaseQueued)
    assert queued.reason == f"v3 waits: lockgate paused the releases of {APP}: {WHY}"


def test_an_operator_ends_it(paused: Desk) -> None:
    paused.give(announced(3))
    assert any(isinstance(said, ReleaseStarted) for said in give(paused, asked(Resume)))


def test_a_rollback_that_helped_pauses_nothing() -> None:
    assert desk().give(verified(recovered=True)) == []


def test_the_pause_of_an_operator_that_has_no_end_stays_as_it_is() -> None:
    at_desk = desk()
    give(at_desk, asked(PauseAsked, why="the sale is on"))
    assert at_desk.give(verified(recovered=False)) == []
    assert at_desk.row(Pause, APP).why == "the sale is on"


def test_the_pause_of_an_operator_that_has_an_end_has_none_any_more() -> None:
    at_desk = desk()
    give(at_desk, asked(PauseAsked, why="the sale is on", until=NOON + timedelta(minutes=10)))
    (said,) = at_desk.give(verified(recovered=False))
    assert isinstance(said, ApplicationPaused)
    assert (said.who, said.until) == ("lockgate", None)
    assert said.reason == (
        f"{WHY} The pause that ann had set until 2026-11-24T12:10:00+00:00 has no end now; it was for: the sale is on"
    )
    assert at_desk.timers == {}


def test_a_second_rollback_that_did_not_help_leaves_the_pause_of_the_first(paused: Desk) -> None:
    assert paused.give(verified(recovered=False)) == []


def test_the_fix_of_an_operator_ends_it_and_goes_before_what_waits(paused: Desk) -> None:
    waits = announce(paused, 3)
    resumed, queued, superseded, started, answered = send(paused, 4)
    assert resumed == ApplicationResumed(
        application=APP, reason="ann sent the fix v4: the flag was not ready"
    )
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(superseded, ReleaseSuperseded)
    assert superseded.release == waits
    assert isinstance(started, ReleaseStarted)
    assert started.release == queued.release
    assert isinstance(answered, OperationAnswered)
    assert answered.code is None
    assert answer(paused, asked(Resume)).code is OperationRefusal.NOT_PAUSED


def test_the_fix_of_an_operator_is_refused_where_all_are_paused_as_well(paused: Desk) -> None:
    give(paused, asked(PauseAsked, application=None, why="the sale is on"))
    code, reason = refused(paused, purl(4))
    assert code is OperationRefusal.PAUSED
    assert "ann paused it: the sale is on" in reason


def test_the_pause_of_an_operator_who_is_called_lockgate_is_his_own() -> None:
    at_desk = desk()
    at_desk.give(PauseAsked(application=APP, who="lockgate", why="the sale is on"), writer="door")
    assert refused(at_desk, purl(4))[0] is OperationRefusal.PAUSED


def test_a_fix_that_ci_announces_does_not_end_it() -> None:
    at_desk, running = in_production()
    at_desk.give(verified(recovered=False))
    fix = ArtifactPublished(purl=f"{purl(4)}&fixes={quote(digest(1), safe='')}")
    (queued,) = at_desk.give(fix, writer="ci")
    assert isinstance(queued, ReleaseQueued)
    assert names(at_desk.give(settled(running))) == ["ReleaseClosed"]


def test_a_fix_that_is_under_way_goes_on() -> None:
    at_desk, _release = a_fix_in_production()
    assert at_desk.give(verified(recovered=False)) == []


def test_a_fix_that_is_on_its_way_out_is_no_cure() -> None:
    at_desk, _release = a_fix_in_production()
    give(at_desk, asked(Abort))
    assert names(at_desk.give(verified(recovered=False))) == ["ApplicationPaused"]


def test_a_fix_that_waits_until_another_is_out_of_the_way_is_the_next_all_the_same() -> None:
    at_desk, running = in_production()
    send(at_desk, 2)
    assert at_desk.give(verified(recovered=False)) == []
    assert any(isinstance(said, ReleaseStarted) for said in at_desk.give(settled(running)))
