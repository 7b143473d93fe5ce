"""A release from the queue to its end: one at a time, with numbers that rise."""

from lockgate.intake.rows import Lane, Release
from lockgate.messages.releases import (
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseOutcome,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
)
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
    place,
    plan,
    published,
    settled,
    watched,
)


def test_a_started_release_carries_number_plan_and_places() -> None:
    at_desk = desk()
    _queued, started = at_desk.give(announced(1))
    assert isinstance(started, ReleaseStarted)
    assert (started.number, started.plan_version) == (1, 1)
    assert [stage.name for stage in started.plan.stages] == ["smoke", "probe", "all", "watch"]
    assert started.places == {region: place(region) for region in ("eu-preprod", "eu-west", "us-east")}


def test_it_enters_with_a_new_number_once_the_last_preprod_stage_passed() -> None:
    at_desk = desk()
    release = announce(at_desk, 1)
    assert at_desk.give(passed(release, "smoke")) == []
    (entered,) = at_desk.give(passed(release, "probe"))
    assert isinstance(entered, ReleaseEntered)
    assert (entered.release, entered.number, entered.artifact.digest) == (release, 2, digest(1))
    assert at_desk.row(Lane, APP).owner == release


def test_without_preproduction_it_enters_right_after_it_started() -> None:
    _queued, started, entered = desk(stages=PRODUCTION).give(announced(1))
    assert isinstance(started, ReleaseStarted)
    assert isinstance(entered, ReleaseEntered)
    assert (started.number, entered.number) == (1, 2)


def test_a_passed_watch_completes_it_and_the_next_starts() -> None:
    at_desk = desk()
    first, second = announce(at_desk, 1), announce(at_desk, 2)
    at_desk.give(passed(first))
    completed, started = at_desk.give(watched(first))
    assert isinstance(completed, ReleaseCompleted)
    assert isinstance(started, ReleaseStarted)
    assert (completed.release, started.release, started.number) == (first, second, 3)
    assert at_desk.row(Lane, APP) == Lane(number=3, under_way=(second,))


def test_a_settled_release_is_closed_and_the_next_starts() -> None:
    at_desk = desk()
    first, second = announce(at_desk, 1), announce(at_desk, 2)
    at_desk.give(passed(first))
    closed, started = at_desk.give(settled(first))
    assert isinstance(closed, ReleaseClosed)
    assert isinstance(started, ReleaseStarted)
    assert (closed.release, closed.outcome, closed.reason) == (
        first,
        ReleaseOutcome.ROLLED_BACK,
        "all answered",
    )
    assert closed.artifact.digest == digest(1)
    assert started.release == second


def test_debts_are_named_when_it_is_closed() -> None:
    at_desk = desk()
    (closed,) = at_desk.give(settled(announce(at_desk, 1), "eu-west", "us-east"))
    assert isinstance(closed, ReleaseClosed)
    assert closed.outcome is ReleaseOutcome.ROLLED_BACK_WITH_DEBTS
    assert closed.reason == "eu-west, us-east may still run it; all answered"


def test_a_newer_artifact_replaces_those_that_wait_but_not_what_is_under_way() -> None:
    at_desk = desk()
    first, second = announce(at_desk, 1), announce(at_desk, 2)
    queued, superseded = at_desk.give(announced(3))
    assert isinstance(queued, ReleaseQueued)
    assert isinstance(superseded, ReleaseSuperseded)
    assert (queued.position, superseded.release, superseded.by) == (1, second, queued.release)
    assert superseded.artifact.digest == digest(2)
    assert queued.reason == "v3 waits for v1 of payments, which is under way"
    assert at_desk.row(Lane, APP) == Lane(number=1, under_way=(first,), waiting=(queued.release,))


def test_a_superseded_artifact_can_be_announced_again() -> None:
    at_desk = desk()
    for n in (1, 2, 3):
        announce(at_desk, n)
    assert names(at_desk.give(announced(2))) == ["ReleaseQueued", "ReleaseSuperseded"]


def test_where_the_plan_says_so_they_all_wait_in_order() -> None:
    at_desk = desk(queue={"supersede": False}, stages=PRODUCTION)
    first, second = announce(at_desk, 1), announce(at_desk, 2)
    (queued,) = at_desk.give(announced(3))
    assert isinstance(queued, ReleaseQueued)
    assert queued.position == 2
    assert queued.reason == ("v3 waits for v1 of payments, which is under way and 1 that came earlier")
    assert at_desk.row(Lane, APP).waiting == (second, queued.release)
    at_desk.give(watched(first))
    assert at_desk.row(Lane, APP).under_way == (second,)
    at_desk.give(settled(second))
    assert at_desk.row(Lane, APP) == Lane(
        number=6, under_way=(queued.release,), owner=queued.release, waiting=()
    )


def test_a_new_plan_holds_for_the_next_release_and_not_for_the_one_under_way() -> None:
    at_desk = desk()
    first, second = announce(at_desk, 1), announce(at_desk, 2)
    assert names(at_desk.give(published(stages=PRODUCTION))) == ["PlanAccepted"]
    assert names(at_desk.give(passed(first))) == ["ReleaseEntered"]
    _completed, started, entered = at_desk.give(watched(first))
    assert isinstance(started, ReleaseStarted)
    assert isinstance(entered, ReleaseEntered)
    assert (started.release, started.plan_version, entered.number) == (second, 2, 4)


def test_a_release_whose_package_the_plan_gave_up_while_it_waited_is_withdrawn() -> None:
    """Seed 27 of the simulation: it started on the plan of another package."""
    at_desk = desk()
    first, second = announce(at_desk, 1), announce(at_desk, 2)
    at_desk.give(published(artifact="pkg:oci/payments-next"))
    completed, withdrawn = at_desk.give(settled(first))
    assert isinstance(completed, ReleaseClosed)
    assert isinstance(withdrawn, ReleaseClosed)
    assert (withdrawn.release, withdrawn.outcome) == (second, ReleaseOutcome.WITHDRAWN)
    assert withdrawn.reason == (
        "v2 waited, and meanwhile the plan of payments was given the package pkg:oci/payments-next: announce it "
        "again if a plan claims its package again"
    )
    assert at_desk.row(Lane, APP) == Lane(number=1)


def test_a_release_whose_version_was_marked_bad_while_it_waited_is_withdrawn_and_the_next_starts() -> None:
    at_desk = desk(queue={"supersede": False}, stages=PRODUCTION)
    first, second, third = (announce(at_desk, n) for n in (1, 2, 3))
    at_desk.give(marked(2))
    _completed, withdrawn, started, _entered = at_desk.give(watched(first))
    assert isinstance(withdrawn, ReleaseClosed)
    assert isinstance(started, ReleaseStarted)
    assert (withdrawn.release, withdrawn.outcome) == (second, ReleaseOutcome.WITHDRAWN)
    assert "5xx rose from 0.1% to 9%" in withdrawn.reason
    assert started.release == third
    assert names(at_desk.give(settled(third))) == ["ReleaseClosed"]


def test_applications_do_not_wait_for_each_other() -> None:
    at_desk = desk()
    announce(at_desk, 1)
    at_desk.give(published(**plan(application="billing", artifact="pkg:oci/billing")))
    body = announced(7).model_copy(update={"purl": f"pkg:oci/billing@sha256%3A{7:064x}"})
    _queued, started = at_desk.give(body)
    assert isinstance(started, ReleaseStarted)
    assert (started.application, started.number) == ("billing", 1)


def test_nothing_is_kept_of_a_release_that_is_over() -> None:
    at_desk = desk()
    before = set(at_desk.rows)
    release = announce(at_desk, 1)
    assert at_desk.row(Release, APP, release).artifact.digest == digest(1)
    at_desk.give(settled(release))
    assert {key.kind for key in set(at_desk.rows) - before} == {"lane"}
    assert at_desk.row(Lane, APP) == Lane(number=1)
