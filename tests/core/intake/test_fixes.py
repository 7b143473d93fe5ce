"""A fix goes first: what gives way to it, and behind what it waits."""

from typing import Any

import pytest

from lockgate.intake.rows import Lane, Release
from lockgate.messages.operations import Abort, Mark, Pause, Resume, Rollback
from lockgate.messages.releases import (
    ReleaseClosed,
    ReleaseEntered,
    ReleaseOutcome,
    ReleasePreempted,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
)
from tests.support.fixes import a_fix_in_production, fixed, in_preproduction, in_production, refused, send
from tests.support.intake import (
    APP,
    PREPROD,
    PRODUCTION,
    announce,
    announced,
    desk,
    digest,
    names,
    passed,
    purl,
    settled,
    watched,
)
from tests.support.operators import WHY, answer, answer_in, asked, give

# --- what is under way ------------------------------------------------------------------------------------------


def test_with_nothing_under_way_it_starts_at_once() -> None:
    queued, started, answered = send(desk(), 2)
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(started, ReleaseStarted)
    assert (started.release, started.artifact.digest, queued.position) == (queued.release, digest(2), 0)
    told = "the fix v2 starts at once: no release of payments is under way"
    assert (queued.reason, answer_in([answered]).reason) == (told, told)


@pytest.mark.parametrize("under_way", [in_preproduction, in_production, a_fix_in_production])
def test_what_is_under_way_is_preempted_and_once_that_is_settled_the_fix_starts(under_way: Any) -> None:
    at_desk, running = under_way()
    queued, preempted, answered = send(at_desk, 2)
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(preempted, ReleasePreempted)
    assert (preempted.release, preempted.by, preempted.who) == (running, queued.release, "ann")
    assert (preempted.artifact.digest, preempted.reason) == (digest(1), f"ann sent the fix v2: {WHY}")
    told = "the fix v2 goes first: v1 of payments is pre-empted, and once that is settled it starts"
    assert answer_in([answered]).reason == told
    closed, started, *_ = at_desk.give(settled(running))
    assert isinstance(closed, ReleaseClosed)
    assert isinstance(started, ReleaseStarted)
    assert (closed.release, closed.outcome) == (running, ReleaseOutcome.PREEMPTED)
    assert closed.reason == f"ann sent the fix v2: {WHY}. all answered"
    assert started.release == queued.release


def test_regions_that_may_still_run_what_was_preempted_are_named() -> None:
    at_desk, running = in_production()
    send(at_desk, 2)
    closed = at_desk.give(settled(running, "eu-west"))[0]
    assert isinstance(closed, ReleaseClosed)
    assert closed.outcome is ReleaseOutcome.ROLLED_BACK_WITH_DEBTS


def test_the_fix_enters_by_the_same_gates_with_numbers_above_all_from_before() -> None:
    at_desk, running = in_preproduction()
    at_desk.give(passed(running))
    fix = fixed(at_desk, 2)
    _closed, started = at_desk.give(settled(running))
    assert isinstance(started, ReleaseStarted)
    (entered,) = at_desk.give(passed(fix))
    assert isinstance(entered, ReleaseEntered)
    assert (started.number, entered.number) == (3, 4)
    assert names(at_desk.give(watched(fix))) == ["ReleaseCompleted"]


def test_stages_that_a_fix_may_skip_are_none_of_its_way() -> None:
    smoke, probe = PREPROD
    at_desk = desk(stages=[{**smoke, "fixes": "skip"}, probe, *PRODUCTION])
    _queued, started, _answered = send(at_desk, 1)
    assert isinstance(started, ReleaseStarted)
    assert [stage.name for stage in started.plan.stages] == ["probe", "all", "watch"]


def test_a_fix_that_may_skip_all_of_pre_production_enters_at_once_and_others_do_not() -> None:
    at_desk = desk(stages=[*({**stage, "fixes": "skip"} for stage in PREPROD), *PRODUCTION])
    _queued, started, entered, _answered = send(at_desk, 1)
    assert isinstance(started, ReleaseStarted)
    assert isinstance(entered, ReleaseEntered)
    assert set(started.places) == {"eu-west", "us-east"}
    at_desk.give(watched(started.release))
    assert names(at_desk.give(announced(2))) == ["ReleaseQueued", "ReleaseStarted"]


@pytest.mark.parametrize("said", [passed, watched])
def test_nothing_but_settled_ends_what_was_preempted(said: Any) -> None:
    at_desk, running = in_preproduction() if said is passed else in_production()
    fix = fixed(at_desk, 2)
    assert at_desk.give(said(running)) == []
    assert at_desk.row(Lane, APP).under_way == (running,)
    assert at_desk.row(Lane, APP).waiting == (fix,)


@pytest.mark.parametrize("end", [Abort, Rollback])
def test_what_is_on_its_way_out_already_is_not_preempted_and_the_fix_waits_for_it(
    end: type[Abort | Rollback],
) -> None:
    at_desk, running = in_production()
    give(at_desk, asked(end))
    queued, answered = send(at_desk, 2)
    assert isinstance(queued, ReleaseQueued)
    told = "the fix v2 goes first: v1 of payments is on its way out, and once that is settled it starts"
    assert answer_in([answered]).reason == told
    assert names(at_desk.give(settled(running)))[:2] == ["ReleaseClosed", "ReleaseStarted"]


@pytest.mark.parametrize("end", [Abort, Rollback])
def test_what_was_preempted_is_not_ended_a_second_time(end: type[Abort | Rollback]) -> None:
    at_desk, _running = in_production()
    send(at_desk, 2)
    refusal = answer(at_desk, asked(end))
    assert refusal.code == "being-taken-back"
    assert refusal.reason.startswith(
        f"v1 is being taken back already: ann sent the fix v2: {WHY}; the fix v2"
    )


# --- what waits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("supersede", [True, False])
def test_all_that_waits_gives_way_whatever_the_plan_says_of_the_queue(supersede: bool) -> None:
    at_desk = desk(queue={"supersede": supersede})
    announce(at_desk, 1)
    waiting = [announce(at_desk, n) for n in ((3,) if supersede else (3, 4))]
    queued, *gone, _preempted, answered = send(at_desk, 2)
    assert isinstance(queued, ReleaseQueued)
    assert [(e.release, e.by) for e in gone if isinstance(e, ReleaseSuperseded)] == [
        (release, queued.release) for release in waiting
    ]
    assert answer_in([answered]).reason.endswith(f"; {len(waiting)} that waited gave way")
    assert at_desk.row(Lane, APP).waiting == (queued.release,)


def test_an_artifact_that_waits_already_comes_to_the_front_as_the_release_that_it_is() -> None:
    at_desk = desk(queue={"supersede": False})
    running, third, second = announce(at_desk, 1), announce(at_desk, 3), announce(at_desk, 2)
    superseded, preempted, _answered = send(at_desk, 2)
    assert isinstance(superseded, ReleaseSuperseded)
    assert isinstance(preempted, ReleasePreempted)
    assert (superseded.release, preempted.by) == (third, second)
    assert at_desk.row(Release, APP, second).fix
    assert names(at_desk.give(settled(running))) == ["ReleaseClosed", "ReleaseStarted"]


def test_what_is_announced_later_waits_behind_the_fix_and_takes_no_place_of_it() -> None:
    at_desk, running = in_production()
    fix = fixed(at_desk, 2)
    later = announce(at_desk, 3)
    assert at_desk.row(Lane, APP).waiting == (fix, later)
    at_desk.give(settled(running))
    assert at_desk.row(Lane, APP).under_way == (fix,)


def test_a_newer_fix_takes_the_place_of_one_that_waits_and_nothing_is_preempted_twice() -> None:
    at_desk, running = in_production()
    first = fixed(at_desk, 2)
    queued, superseded, _answered = send(at_desk, 3)
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(superseded, ReleaseSuperseded)
    assert (superseded.release, superseded.by) == (first, queued.release)
    at_desk.give(settled(running))
    assert at_desk.row(Lane, APP).under_way == (queued.release,)


def test_who_means_the_fix_and_aborts_what_it_preempts_is_told_how_to_end_the_fix() -> None:
    at_desk, _running = in_production()
    fix = fixed(at_desk, 2)
    told = answer(at_desk, asked(Abort))
    assert told.code == "being-taken-back"
    assert told.reason.endswith(
        f"; the fix v2 waits for that: `lockgate abort payments --release {fix}` ends it"
    )


def test_a_fix_that_waits_is_withdrawn_by_an_abort_and_by_a_mark() -> None:
    at_desk, running = in_production()
    fix = fixed(at_desk, 2)
    assert names(give(at_desk, asked(Abort, release=fix))) == ["ReleaseClosed", "OperationAnswered"]
    fixed(at_desk, 3)
    give(at_desk, asked(Mark, digest=digest(3), grade="bad"))
    assert names(at_desk.give(settled(running))) == ["ReleaseClosed", "ReleaseClosed"]


# --- pauses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whose", [APP, None])
def test_in_a_pause_it_is_refused_and_nothing_gives_way(whose: str | None) -> None:
    at_desk, running = in_production()
    give(at_desk, asked(Pause, whose, "the sale is on"))
    code, reason = refused(at_desk, purl(2))
    assert code == "paused"
    assert reason == (
        "nothing of payments is begun now, and so no fix: ann paused it: the sale is on; resume it, and send the fix again"
    )
    assert at_desk.row(Lane, APP) == Lane(number=2, under_way=(running,), owner=running)


def test_a_pause_that_begins_later_holds_it_until_it_ends() -> None:
    at_desk, running = in_production()
    send(at_desk, 2)
    give(at_desk, asked(Pause))
    assert names(at_desk.give(settled(running))) == ["ReleaseClosed"]
    assert names(give(at_desk, asked(Resume)))[:2] == ["ApplicationResumed", "ReleaseStarted"]


def test_one_that_a_pause_of_all_kept_back_is_started_by_the_next_fix_of_it() -> None:
    at_desk, running = in_production()
    fix = fixed(at_desk, 2)
    give(at_desk, asked(Pause, None))
    at_desk.give(settled(running))
    give(at_desk, asked(Resume, None))
    assert names(send(at_desk, 2))[0] == "ReleaseStarted"
    assert at_desk.row(Lane, APP).under_way == (fix,)
    assert at_desk.fire(APP, "look") == []
