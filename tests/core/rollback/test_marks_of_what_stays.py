"""What goes forward only, and stays, is never taken back over its migration: not by a mark, a debt or the next fix."""

from lockgate.messages.releases import AbortRequested, MarkRequested
from lockgate.rollback.core.rows import History, Order
from tests.support.preempted import answered, preempt, settled_in
from tests.support.rollback_journey import (
    APP,
    Journey,
    artifact,
    back,
    digest,
    failed,
    forward_only,
    orders,
    plan,
)


def upon_a() -> Journey:
    """`b` goes forward only: it serves west whole, and has begun to roll in east."""
    way = Journey(plan=plan(preprod=False), artifacts={"b": forward_only("b")})
    way.succeed("a")
    way.start("b")
    way.enter()
    way.contact("west", "a")
    way.deploy("west")
    way.contact("east", "a")
    return way


def mark_bad(way: Journey, letter: str) -> None:
    way.desk.give(
        MarkRequested(application=APP, digest=digest(letter), bad=True, who="ann", reason="it is wrong")
    )


def abort(way: Journey) -> dict[str, str | None]:
    given = AbortRequested(
        application=APP, release=way.release, artifact=artifact(way.letter), who="ann", reason="no"
    )
    return {region: order.digest for region, order in orders(way.desk.give(given)).items()}


def in_debt() -> Journey:
    """`b` gave way to the fix `c`, and east did not answer the order to stay with it."""
    way = upon_a()
    events = preempt(way)
    way.desk.give(back(orders(events)["west"]))
    assert settled_in(way.desk.fire(APP, "deadline east")).debts == ("east",)
    way.close()
    way.start("c")
    way.enter()
    return way


# --- marks ------------------------------------------------------------------------------------------------------


def test_one_that_was_marked_bad_stays_where_it_is_when_a_fix_goes_before_it() -> None:
    way = upon_a()
    way.fail("first")
    mark_bad(way, "b")
    given = orders(preempt(way))
    assert {region: order.digest for region, order in given.items()} == {
        "west": digest("b"),
        "east": digest("b"),
    }
    again = orders(way.desk.give(failed(given["west"])))["west"]
    assert (again.digest, again.reason) == (digest("b"), given["west"].reason)


def test_it_is_owed_then_that_it_runs_a_bad_version_and_the_fix_pays_that() -> None:
    way = upon_a()
    way.fail("first")
    mark_bad(way, "b")
    settled = answered(way, preempt(way), ("west", "east"))
    assert settled.debts == ("west", "east")
    assert settled.reason.startswith(
        "v-b stays in west, east; what was half-way is ended. west: it runs bbbbbbbbbbbb, which is bad, and nothing "
        "there goes back by itself; publish a fix."
    )
    way.close()
    way.start("c")
    way.enter()
    assert [type(event).__name__ for event in way.deploy("west")] == ["DebtCleared"]


def test_a_debt_of_one_that_stays_is_ordered_to_stay_again_though_it_was_marked_bad_since() -> None:
    way = in_debt()
    mark_bad(way, "b")
    assert orders(way.register("east"))["east"].digest == digest("b")


def test_a_way_back_that_was_ordered_beside_it_goes_to_no_version_that_was_marked_bad_since() -> None:
    way = Journey(plan=plan(preprod=False), artifacts={"b": forward_only("b")})
    way.succeed("d")
    way.succeed("a")
    way.start("e")
    way.enter()
    way.contact("east", "a")
    way.deploy("east")
    events = way.fail("rest")
    way.desk.give(back(orders(events)["west"]))
    way.desk.fire(APP, "deadline east")
    way.close()
    way.start("b")
    way.enter()
    east = orders(preempt(way))["east"]
    assert east.digest == digest("a")
    mark_bad(way, "a")
    assert orders(way.desk.give(failed(east)))["east"].digest == digest("d")


# --- what is still owed of it -----------------------------------------------------------------------------------


def test_where_it_is_half_way_still_the_next_fix_leaves_it_so_as_well() -> None:
    way = in_debt()
    way.contact("west", "b")
    way.deploy("west")
    way.fail("first")
    given = orders(preempt(way))
    assert (given["west"].digest, given["east"].digest) == (digest("c"), digest("b"))
    assert given["east"].regardless
    assert orders(way.desk.give(failed(given["east"])))["east"].digest == digest("b")


def test_where_the_fix_has_begun_upon_it_the_next_one_leaves_the_fix() -> None:
    way = in_debt()
    way.contact("east", "a")
    assert orders(preempt(way))["east"].digest == digest("c")


def test_an_operator_who_aborts_the_fix_takes_it_back_to_what_is_half_way_there() -> None:
    way = in_debt()
    assert abort(way)["east"] == digest("b")


# --- the mark that it goes forward only -------------------------------------------------------------------------


def goes_forward(way: Journey, region: str) -> dict[str, bool]:
    return {v.digest[7:8]: v.forward for v in way.desk.row(History, APP, region).versions}


def test_where_the_order_to_stay_finishes_its_roll_out_it_goes_forward_only_as_well() -> None:
    way = upon_a()
    answered(way, preempt(way), ("west", "east"))
    assert goes_forward(way, "west") == {"a": False, "b": True}
    assert goes_forward(way, "east") == {"a": False, "b": True}


def test_where_a_late_answer_finishes_its_roll_out_too() -> None:
    way = in_debt()
    way.desk.give(back(way.desk.row(Order, APP, "east").ordered))
    assert goes_forward(way, "east") == {"a": False, "b": True}


def test_what_is_deployed_upon_one_that_is_half_way_goes_forward_only_in_its_place() -> None:
    way = in_debt()
    way.contact("east", "a")
    way.deploy("east")
    assert goes_forward(way, "east") == {"a": False, "c": True}


def test_a_version_that_is_deployed_again_as_one_that_goes_forward_only_is_one() -> None:
    way = Journey(plan=plan(preprod=False))
    way.succeed("a")
    way.succeed("b")
    way.artifacts["b"] = forward_only("b")
    way.start("b")
    way.enter()
    way.deploy("west")
    assert goes_forward(way, "west") == {"a": False, "b": True}


def test_a_way_back_that_an_operator_orders_over_it_leaves_no_mark_on_what_ran_before() -> None:
    way = upon_a()
    way.desk.give(
        AbortRequested(application=APP, release=way.release, artifact=artifact("b"), who="ann", reason="no")
    )
    way.desk.give(back(way.desk.row(Order, APP, "east").ordered))
    assert goes_forward(way, "east") == {"a": False}
    assert not way.desk.row(History, APP, "east").forward
