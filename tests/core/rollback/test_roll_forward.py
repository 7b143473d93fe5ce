"""Roll forward: what goes forward only stays as far as it has got, and the fix goes on from there."""

from typing import Any

import pytest

from lockgate.messages.releases import AbortRequested
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseHeld
from lockgate.messages.verdicts import Action, FailCause
from lockgate.rollback.core.rows import Phase, Release
from tests.support.preempted import (
    WHY,
    answered,
    in_a_wave,
    preempt,
)
from tests.support.rollback_journey import (
    APP,
    FLAGS,
    Journey,
    artifact,
    digest,
    failed,
    flag_orders,
    forward_only,
    off,
    orders,
    plan,
    untouched,
)

# --- where nothing goes back by itself --------------------------------------------------------------------------


def forward(**changes: Any) -> Journey:
    """`b` goes forward only: it serves west whole, rolls in east, and north has a pilot of it."""
    wanted = plan(preprod=False, **changes)
    stages = [stage.model_copy(deep=True) for stage in wanted.stages]
    stages[0] = stages[0].model_copy(update={"regions": ["west", "north"]})
    stages[2] = stages[2].model_copy(update={"regions": ["east", "north"]})
    way = Journey(plan=wanted.model_copy(update={"stages": stages}), artifacts={"b": forward_only("b")})
    way.succeed("a")
    way.start("b")
    way.enter()
    for region in ("west", "north"):
        way.contact(region, "a", Action.PILOT)
    way.contact("west", "a")
    way.deploy("west")
    way.contact("east", "a")
    return way


def test_one_that_goes_forward_only_stays_where_it_serves_whole_and_nowhere_half_way() -> None:
    way = forward()
    events = preempt(way)
    assert isinstance(events[0], ReleaseHalted)
    assert {region: order.digest for region, order in orders(events).items()} == {
        "west": digest("b"),
        "east": digest("b"),
        "north": None,
    }
    assert orders(events)["east"].reason.startswith(
        "east stays with bbbbbbbbbbbb, and is served by it whole."
    )
    assert orders(events)["north"].reason.startswith(
        "north keeps what it runs: only clones and their share go."
    )
    settled = answered(way, events, ("west", "east"))
    assert settled.reason == "v-b stays in west, east; what was half-way is ended."
    assert settled.debts == ()
    assert settled.stays is True


def test_so_does_one_that_is_held_and_whose_plan_takes_nothing_back() -> None:
    way = Journey(plan=plan(preprod=False, then="hold"))
    way.succeed("a")
    way.start("b")
    way.enter()
    way.contact("west", "a")
    way.deploy("west")
    assert isinstance(way.fail("first")[-1], ReleaseHeld)
    events = preempt(way)
    assert {region: order.digest for region, order in orders(events).items()} == {
        "west": digest("b"),
        "east": None,
    }
    assert str(orders(events)["west"].fence) == "4.3.1"


def test_a_green_side_that_has_all_traffic_serves_its_region_whole() -> None:
    way = Journey(plan=plan(preprod=False, then="hold"))
    way.succeed("a")
    way.start("b")
    way.enter()
    way.contact("west", "a", Action.GREEN)
    way.contact("west", "a", Action.SWITCH)
    way.contact("east", "a", Action.GREEN)
    given = orders(preempt(way))
    assert (given["west"].digest, given["east"].digest) == (digest("b"), None)


@pytest.mark.parametrize(("share", "stays"), [(1.0, True), (0.5, False)])
def test_a_canary_that_has_all_traffic_serves_its_region_whole_and_one_that_has_half_does_not(
    share: float, stays: bool
) -> None:
    way = Journey(plan=plan(preprod=False), artifacts={"b": forward_only("b")})
    way.succeed("a")
    way.start("b")
    way.enter()
    way.contact("west", "a", Action.CANARY)
    way.shares("west", share)
    assert orders(preempt(way))["west"].digest == (digest("b") if stays else None)


def test_where_it_has_begun_to_roll_before_the_halt_was_heard_the_next_order_keeps_it() -> None:
    way = forward()
    north = orders(preempt(way))["north"]
    way.contact("north", "a")
    again = orders(way.desk.give(failed(north)))["north"]
    assert (again.digest, str(again.fence)) == (digest("b"), "4.2.2")


def test_what_an_earlier_release_owes_is_taken_back_all_the_same() -> None:
    way = Journey(plan=plan(preprod=False), artifacts={"b": forward_only("b")})
    way.succeed("a")
    way.start("e")
    way.enter()
    way.deploy("east")
    events = way.fail("rest")
    way.desk.give(untouched(orders(events)["west"]))
    way.desk.fire(APP, "deadline east")
    way.close()
    way.start("b")
    way.enter()
    way.contact("west", "a")
    way.deploy("west")
    east = orders(preempt(way))["east"]
    assert (east.digest, east.regardless) == (digest("a"), True)


def test_its_flags_stay_off_where_its_code_stays_and_are_put_back_elsewhere() -> None:
    way = Journey(plan=plan(preprod=False, flags=FLAGS), artifacts={"b": forward_only("b")})
    way.succeed("a")
    way.start("b")
    way.enter()
    way.contact("west", "a")
    way.deploy("west")
    for order in flag_orders(way.fail("first", cause=FailCause.INCIDENT)).values():
        way.desk.give(off(order))
    events = preempt(way)
    halted = events[0]
    assert isinstance(halted, ReleaseHalted)
    assert halted.reason == f"{WHY} Where it stays, its flags stay off: new-checkout, price-model."
    assert orders(events)["west"].restore == ()
    assert [flag.flag for flag in orders(events)["east"].restore] == ["new-checkout", "price-model"]
    answered(way, events, ("west",))
    assert {key.kind for key in way.desk.rows} == {"release", "completed", "way", "bad", "history"}


# --- the fix upon it --------------------------------------------------------------------------------------------


def upon_b(to: str = "previous") -> Journey:
    """`b`, which goes forward only, stays in west; `c`, which may be taken back by itself, is the fix."""
    way = Journey(plan=plan(to), artifacts={"b": forward_only("b")})
    way.succeed("a")
    way.start("b")
    reached = in_a_wave(way)
    answered(way, preempt(way), reached)
    way.close()
    way.start("c")
    return way


def test_a_fix_of_what_goes_forward_only_goes_forward_only_itself_in_production() -> None:
    way = upon_b()
    way.enter()
    held = way.fail("pilot")[-1]
    assert isinstance(held, ReleaseHeld)
    assert held.reason.startswith("v-c came upon a release that goes forward only, and so does it.")


def test_in_pre_production_it_is_taken_back_like_any_other_and_the_next_fix_is_as_it_was() -> None:
    way = upon_b()
    assert set(orders(way.fail("preprod"))) == {"pre"}
    way.close()
    way.start("d")
    way.enter()
    assert isinstance(way.fail("pilot")[-1], ReleaseHeld)


def test_the_next_fix_goes_on_from_it() -> None:
    way = upon_b()
    way.enter()
    way.contact("west", "b")
    way.deploy("west")
    way.fail("first")
    given = orders(preempt(way))
    assert {region: order.digest for region, order in given.items()} == {
        "west": digest("c"),
        "east": None,
        "pre": None,
    }


@pytest.mark.parametrize("to", ["previous", "good"])
def test_an_operator_takes_it_back_to_what_it_came_upon(to: str) -> None:
    way = upon_b(to)
    way.enter()
    way.contact("west", "b")
    way.deploy("west")
    events = way.desk.give(
        AbortRequested(application=APP, release=way.release, artifact=artifact("c"), who="ann", reason="no")
    )
    assert orders(events)["west"].digest == digest("b")
    assert orders(events)["east"].digest == digest("a")


def test_once_it_has_passed_its_watch_what_comes_next_is_taken_back_to_it() -> None:
    way = upon_b()
    way.enter()
    for region in ("west", "east"):
        way.contact(region, "b")
        way.deploy(region)
    way.pass_watch()
    way.complete()
    way.start("d")
    way.enter()
    assert orders(way.fail("pilot"))["west"].digest == digest("c")
    assert way.desk.row(Release, APP).phase is Phase.HALTED
