"""What the coordinator makes of an operator's abort, rollback and mark."""

import pytest

from lockgate.messages.releases import AbortRequested, MarkRequested, RollbackRequested
from lockgate.messages.rollbacks import Grade, ReleaseHalted, ReleaseSettled, VersionMarked
from lockgate.rollback.core.rows import Bad
from tests.support.rollback_journey import APP, Journey, artifact, back, digest, orders, untouched

ABORT = "ann ended it: the flag was not ready"


def abort(way: Journey) -> AbortRequested:
    return AbortRequested(
        application=APP, release=way.release, artifact=artifact(way.letter), who="ann", reason=ABORT
    )


def rollback(way: Journey, to: str | None = None) -> RollbackRequested:
    return RollbackRequested(
        application=APP,
        release=way.release,
        artifact=artifact(way.letter),
        to=to and digest(to),
        who="ann",
        reason="ann took it back: customers are charged twice",
    )


def mark(letter: str, *, bad: bool) -> MarkRequested:
    return MarkRequested(application=APP, digest=digest(letter), bad=bad, who="ann", reason="ann says so")


def running() -> Journey:
    """`a` has been good everywhere, and `b` has got to the west."""
    way = Journey()
    way.succeed("a")
    way.start("b")
    way.enter()
    way.contact("west", "a")
    way.deploy("west")
    return way


def test_an_aborted_release_is_halted_and_ordered_back_and_not_marked_bad() -> None:
    way = running()
    events = way.desk.give(abort(way))
    halted = next(event for event in events if isinstance(event, ReleaseHalted))
    assert halted.reason == ABORT
    given = orders(events)
    assert {region: order.digest for region, order in given.items()} == dict.fromkeys(
        ("west", "east", "pre"), digest("a")
    )
    for region in ("east", "pre"):
        way.desk.give(untouched(given[region]))
    (settled,) = way.desk.give(back(given["west"]))
    assert isinstance(settled, ReleaseSettled)
    assert not [e for e in way.desk.events if isinstance(e, VersionMarked) and e.grade is Grade.BAD]


def test_an_abort_with_no_region_that_it_could_have_reached_is_settled_at_once() -> None:
    way = Journey(plan=running().plan)
    way.plan = way.plan.model_copy(update={"stages": way.plan.stages[1:]})
    way.start("b")
    settled = way.desk.give(abort(way))[-1]
    assert isinstance(settled, ReleaseSettled)
    assert settled.reason == "There was nothing to take back: v-b had reached no region."


def test_a_rollback_marks_the_version_bad_and_goes_where_the_operator_said() -> None:
    way = Journey()
    for letter in ("a", "c"):
        way.succeed(letter)
    way.start("b")
    way.enter()
    given = orders(way.desk.give(rollback(way, to="a")))
    assert {order.digest for order in given.values()} == {digest("a")}
    events = [event for order in given.values() for event in way.desk.give(back(order))]
    marked = next(event for event in events if isinstance(event, VersionMarked))
    assert (marked.digest, marked.grade) == (digest("b"), Grade.BAD)


def test_a_region_that_never_ran_the_named_version_goes_back_as_the_plan_says() -> None:
    way = running()
    given = orders(way.desk.give(rollback(way, to="d")))
    assert given["west"].digest == digest("a")


def test_a_release_that_is_halted_already_is_ordered_back_once() -> None:
    way = running()
    way.fail("first")
    assert way.desk.give(abort(way)) == []


def test_a_release_whose_watch_has_passed_meanwhile_is_taken_back_all_the_same() -> None:
    way = running()
    way.pass_watch()
    assert set(orders(way.desk.give(abort(way)))) == {"west", "east", "pre"}


def test_a_release_that_is_over_is_left_alone() -> None:
    way = running()
    way.pass_watch()
    way.complete()
    assert way.desk.give(abort(way)) == []


@pytest.mark.parametrize(("bad", "grade"), [(True, Grade.BAD), (False, Grade.GOOD)])
def test_a_mark_is_said_again_for_everybody(bad: bool, grade: Grade) -> None:
    (marked,) = Journey().desk.give(mark("a", bad=bad))
    assert isinstance(marked, VersionMarked)
    assert (marked.digest, marked.grade, marked.reason) == (digest("a"), grade, "ann says so")


def test_no_order_names_a_version_that_an_operator_marked_bad() -> None:
    way = Journey()
    for letter in ("c", "a"):
        way.succeed(letter)
    way.desk.give(mark("a", bad=True))
    way.start("b")
    way.enter()
    assert orders(way.fail("pilot"))["west"].digest == digest("c")


def test_a_mark_is_lifted() -> None:
    way = Journey()
    way.desk.give(mark("a", bad=True))
    way.desk.give(mark("a", bad=False))
    assert way.desk.row(Bad, APP).digests == ()


def test_what_an_operator_marked_bad_stays_so_though_its_watch_passes() -> None:
    way = running()
    way.desk.give(mark("b", bad=True))
    assert way.pass_watch() == []
    assert way.desk.row(Bad, APP).has(digest("b"))


def test_a_verdict_does_not_make_an_operators_mark_one_that_a_watch_lifts() -> None:
    way = running()
    way.desk.give(mark("b", bad=True))
    way.fail("first")
    way.start("b")
    way.enter()
    assert way.pass_watch() == []


def test_what_a_verdict_blamed_is_lifted_by_its_watch_and_by_an_operator() -> None:
    way = running()
    way.desk.give(mark("b", bad=True))
    way.desk.give(mark("b", bad=False))
    (marked,) = way.pass_watch()
    assert isinstance(marked, VersionMarked)
    assert marked.grade is Grade.GOOD


def test_a_good_version_whose_second_journey_was_aborted_is_gone_back_to_as_before() -> None:
    way = Journey()
    for letter in ("a", "b"):
        way.succeed(letter)
    way.start("a")
    way.enter()
    way.deploy("west")
    for order in orders(way.desk.give(abort(way))).values():
        way.desk.give(back(order) if order.region == "west" else untouched(order))
    way.close()
    way.desk.give(mark("b", bad=True))
    way.start("c")
    way.enter()
    given = orders(way.fail("first"))
    assert (given["west"].digest, given["east"].digest) == (digest("a"), digest("a"))
