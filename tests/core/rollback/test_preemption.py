"""A fix goes first: what is in its way is halted, taken back from every region that it may have reached, and settled."""

from typing import Any

import pytest

from lockgate.messages.deployments import DeploymentStarted
from lockgate.messages.rollbacks import Grade, ReleaseHalted, ReleaseSettled, VersionMarked
from lockgate.messages.verdicts import Action, FailCause
from tests.support.preempted import (
    WHY,
    answered,
    in_a_wave,
    in_preproduction,
    in_the_pilot,
    in_the_watch,
    preempt,
    settled_in,
    upon_a,
)
from tests.support.rollback_journey import (
    APP,
    FLAGS,
    digest,
    flag_orders,
    off,
    orders,
    untouched,
)


@pytest.mark.parametrize("place", [in_preproduction, in_the_pilot, in_a_wave, in_the_watch])
def test_wherever_it_is_it_is_halted_taken_back_from_every_region_and_settled(place: Any) -> None:
    way = upon_a()
    reached = place(way)
    events = preempt(way)
    halted = [event for event in events if isinstance(event, ReleaseHalted)]
    assert {event.reason for event in halted} == {WHY}
    assert {region for event in halted for region in event.regions} == set(orders(events))
    assert {order.digest for order in orders(events).values()} == {digest("a")}
    assert set(orders(events)) == ({"pre"} if place is in_preproduction else {"pre", "west", "east"})
    settled = answered(way, events, reached)
    assert settled.debts == ()
    assert not [e for e in way.desk.events if isinstance(e, VersionMarked) and e.grade is Grade.BAD]


def test_before_it_has_reached_a_region_there_is_nothing_to_take_back_and_that_is_said() -> None:
    way = upon_a(preprod=False)
    assert settled_in(preempt(way)).reason == "There was nothing to take back: v-b had reached no region."


def test_one_that_is_being_taken_back_already_is_settled_once() -> None:
    way = upon_a()
    reached = in_a_wave(way)
    events = way.fail("first", cause=FailCause.DEPLOYMENT)
    assert preempt(way) == []
    answered(way, events, reached)
    assert preempt(way) == []


def test_one_whose_flags_are_being_switched_off_is_taken_back_at_once_and_the_flags_with_it() -> None:
    way = upon_a(flags=FLAGS)
    in_a_wave(way)
    flags = flag_orders(way.fail("first", cause=FailCause.INCIDENT))
    events = preempt(way)
    assert [flag.flag for flag in orders(events)["west"].restore] == ["new-checkout", "price-model"]
    assert (APP, "flags") not in way.desk.timers
    assert way.desk.give(off(flags["west"])) == []


def test_one_that_has_passed_its_watch_meanwhile_is_good_and_in_nobodys_way() -> None:
    way = upon_a()
    in_the_watch(way)
    way.pass_watch()
    (settled,) = preempt(way)
    assert isinstance(settled, ReleaseSettled)
    assert settled.reason == "v-b had passed its watch, and stays where it runs."
    way.close()
    way.start("c")
    way.enter()
    assert orders(way.fail("pilot"))["west"].digest == digest("b")


def test_a_region_that_does_not_answer_is_a_debt_which_the_fix_pays() -> None:
    way = upon_a(preprod=False)
    way.enter()
    way.deploy("west")
    events = preempt(way)
    way.desk.give(untouched(orders(events)["east"]))
    assert settled_in(way.desk.fire(APP, "deadline west")).debts == ("west",)
    way.close()
    way.start("c")
    way.enter()
    assert [type(event).__name__ for event in way.deploy("west")] == ["DebtCleared"]


def test_what_the_deployer_says_of_a_region_is_kept_once() -> None:
    way = upon_a()
    in_the_pilot(way)
    way.contact("west", "a")
    before = dict(way.desk.rows)
    assert way.desk.give(DeploymentStarted(**way._step("west", Action.DEPLOY), found=digest("a"))) == []
    assert way.desk.rows == before
