"""The ladder: flags off, the release goes on and is judged anew, else it is taken back. Each rung has its deadline."""

from datetime import timedelta

import pytest

from lockgate.messages.flags import Flag
from lockgate.messages.payload import Payload
from lockgate.messages.releases import AbortRequested
from lockgate.messages.rollbacks import (
    FlagsOrdered,
    Grade,
    ReleaseHalted,
    ReleaseResumed,
    ReleaseSettled,
    RollbackOrdered,
    VersionMarked,
)
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import Action, FailCause
from lockgate.rollback.core.rows import Order, Phase, Release, Restore, Switch
from lockgate.runtime.deciding import MAX_JOURNAL_BYTES
from tests.support.desk import NOON
from tests.support.rollback_journey import (
    APP,
    FLAGS,
    Journey,
    artifact,
    back,
    digest,
    failed,
    flag_orders,
    not_off,
    off,
    orders,
    plan,
    refused,
    untouched,
)


def flagged() -> Journey:
    """A release of a plan with flags, in its pilot; west and east ran version a before."""
    way = Journey(plan=plan(preprod=False, flags=FLAGS))
    way.succeed("a")
    way.start("b")
    way.enter()
    way.contact("west", "a", Action.PILOT)
    return way


def kinds(events: list[Payload]) -> list[type[Payload]]:
    return [type(event) for event in events]


@pytest.mark.parametrize("cause", [FailCause.MEASURED, FailCause.INCIDENT, FailCause.CHECK])
def test_what_flags_may_help_against_orders_the_plans_flags_off_in_every_region_of_production(
    cause: FailCause,
) -> None:
    way = flagged()
    events = way.fail("pilot", cause=cause)
    assert kinds(events) == [ReleaseHalted, FlagsOrdered, FlagsOrdered]
    asked = flag_orders(events)
    assert {region: str(order.fence) for region, order in asked.items()} == {"west": "4.2.1", "east": "4.2.1"}
    assert [flag.flag for flag in asked["west"].flags] == ["new-checkout", "price-model"]
    assert (asked["east"].deployer, asked["east"].cluster) == ("deployer-east", "uid-east")
    assert way.desk.row(Release, APP).phase is Phase.FLAGS


@pytest.mark.parametrize("cause", [FailCause.UNDECIDED, FailCause.REQUESTS, FailCause.DEPLOYMENT, None])
def test_what_no_flag_helps_against_is_taken_back_at_once(cause: FailCause | None) -> None:
    assert kinds(flagged().fail("pilot", cause=cause)) == [ReleaseHalted, RollbackOrdered, RollbackOrdered]


def test_without_flags_in_the_plan_it_is_taken_back_at_once() -> None:
    way = Journey(plan=plan(preprod=False))
    way.start("b")
    way.enter()
    assert flag_orders(way.fail("pilot", cause=FailCause.MEASURED)) == {}


def test_a_fail_in_preprod_switches_nothing_because_nobody_is_served_there() -> None:
    way = Journey(plan=plan(flags=FLAGS))
    way.start("b")
    assert kinds(way.fail("preprod", cause=FailCause.INCIDENT)) == [ReleaseHalted, RollbackOrdered]


def test_the_release_goes_on_once_the_flags_are_off_in_every_region_and_not_before() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.MEASURED))
    assert way.desk.give(off(asked["west"])) == []
    (resumed,) = way.desk.give(off(asked["east"]))
    assert isinstance(resumed, ReleaseResumed)
    assert (resumed.number, resumed.turn, resumed.wait) == (4, 3, 90)
    assert resumed.reason == (
        "new-checkout, price-model are off in all 2 regions; the release goes on and is judged anew."
    )
    assert way.desk.row(Release, APP).phase is Phase.RUNNING
    assert way.desk.timers == {}


def test_a_release_that_flags_have_helped_ends_like_any_other() -> None:
    way = flagged()
    for order in flag_orders(way.fail("pilot", cause=FailCause.MEASURED)).values():
        way.desk.give(off(order))
    way.deploy("west")
    way.deploy("east")
    (marked,) = way.pass_watch()
    assert isinstance(marked, VersionMarked)
    assert marked.grade is Grade.GOOD
    assert marked.reason.endswith("with its flags off, and they stay off: new-checkout, price-model.")


def test_a_second_failure_takes_it_back_and_the_flags_with_it() -> None:
    way = flagged()
    for order in flag_orders(way.fail("pilot", cause=FailCause.MEASURED)).values():
        way.desk.give(off(order))
    events = way.fail("pilot", "it is still worse", FailCause.MEASURED)
    assert kinds(events) == [ReleaseHalted, RollbackOrdered, RollbackOrdered]
    ordered = orders(events)
    assert str(ordered["west"].fence) == "4.5.1"
    assert [flag.flag for flag in ordered["west"].restore] == ["new-checkout", "price-model"]
    assert ordered["west"].digest == digest("a")
    way.desk.give(back(ordered["west"]))
    settled = way.desk.give(untouched(ordered["east"]))[-1]
    assert isinstance(settled, ReleaseSettled)


def test_one_region_whose_flags_cannot_be_switched_is_enough_to_take_it_back_everywhere() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.INCIDENT))
    events = way.desk.give(not_off(asked["east"]))
    assert kinds(events) == [RollbackOrdered, RollbackOrdered]
    ordered = orders(events)
    assert str(ordered["west"].fence) == "4.3.1"
    assert ordered["west"].reason.startswith(
        "west goes back to aaaaaaaaaaaa. In east the flags were not switched off: there is no ConfigMap"
    )
    assert way.desk.give(off(asked["west"])) == []
    assert Switch.kind not in {key.kind for key in way.desk.rows}


def test_so_is_one_that_refuses_the_order() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.INCIDENT))
    assert set(orders(way.desk.give(refused(asked["west"])))) == {"west", "east"}


def test_no_answer_until_the_deadline_takes_it_back() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.INCIDENT))
    timer = way.desk.timers[APP, "flags"]
    assert (timer.due, timer.grace) == (NOON + timedelta(seconds=150), timedelta(seconds=300))
    assert asked["west"].deadline == 150
    way.desk.give(off(asked["west"]))
    ordered = orders(way.desk.fire(APP, "flags"))
    assert "1 region gave no answer to the order to switch the flags off." in ordered["west"].reason
    assert way.desk.give(off(asked["east"])) == []


def test_a_rollback_without_flags_that_were_switched_restores_none() -> None:
    ordered = orders(flagged().fail("pilot", cause=FailCause.DEPLOYMENT))
    assert ordered["west"].restore == ()


def test_an_answer_about_flags_of_another_deployer_or_order_changes_nothing() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.INCIDENT))["west"]
    before = dict(way.desk.rows)
    for other in (
        {"deployer": "deployer-east"},
        {"release": "release-a"},
        {"region": "nowhere"},
        {"fence": Fence(number=4, turn=1, grant=1)},
    ):
        assert way.desk.give(not_off(asked).model_copy(update=other)) == []
        assert way.desk.give(off(asked).model_copy(update=other)) == []
    assert way.desk.rows == before


def test_a_failure_to_go_back_after_the_flags_is_ordered_again_with_the_flags_in_it() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.INCIDENT))
    first = orders(way.desk.give(not_off(asked["west"])))["west"]
    (second,) = orders(way.desk.give(failed(first))).values()
    assert second.restore == first.restore
    assert str(second.fence) == "4.3.2"


def test_it_is_not_over_while_flags_are_being_switched_whatever_is_said_elsewhere() -> None:
    way = flagged()
    way.fail("pilot", cause=FailCause.INCIDENT)
    way.close()
    assert way.desk.row(Release, APP).phase is Phase.FLAGS


def test_an_abort_while_flags_are_being_switched_takes_it_back_at_once_and_the_flags_with_it() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.INCIDENT))
    events = way.desk.give(
        AbortRequested(
            application=APP, release=way.release, artifact=artifact("b"), who="ann", reason="ann says no"
        )
    )
    assert kinds(events) == [ReleaseHalted, RollbackOrdered, RollbackOrdered]
    assert [flag.flag for flag in orders(events)["east"].restore] == ["new-checkout", "price-model"]
    assert (APP, "flags") not in way.desk.timers
    assert way.desk.give(off(asked["west"])) == []


def test_a_version_of_which_pre_production_proved_nothing_is_taken_back_and_not_bad() -> None:
    way = Journey()
    way.start("b")
    ordered = orders(way.fail("preprod", cause=FailCause.UNDECIDED))["pre"]
    assert kinds(way.desk.give(untouched(ordered))) == [ReleaseSettled]


def test_flags_that_were_off_already_everywhere_help_nothing_so_it_is_taken_back_at_once() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.MEASURED))
    assert way.desk.give(off(asked["west"]).model_copy(update={"were_on": ()})) == []
    events = way.desk.give(off(asked["east"]).model_copy(update={"were_on": ()}))
    assert kinds(events) == [RollbackOrdered, RollbackOrdered]
    assert "Its flags were off already in every region." in orders(events)["west"].reason
    assert (APP, "flags") not in way.desk.timers
    assert Switch.kind not in {key.kind for key in way.desk.rows}


def test_one_flag_that_was_on_in_one_region_is_enough_to_go_on() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.MEASURED))
    way.desk.give(off(asked["west"]).model_copy(update={"were_on": ("price-model",)}))
    (resumed,) = way.desk.give(off(asked["east"]).model_copy(update={"were_on": ()}))
    assert isinstance(resumed, ReleaseResumed)


def test_orders_to_two_thousand_regions_with_twenty_flags_are_one_record_of_the_journal() -> None:
    flags = tuple({"flag": f"{number:02}{'f' * 98}", "off": "o" * 100} for number in range(20))
    way = Journey(plan=plan(preprod=False, flags=flags))
    way.start("b")
    way.enter()
    asked = flag_orders(way.fail("pilot", cause=FailCause.MEASURED))
    ordered = orders(way.desk.give(not_off(asked["west"])))["west"]
    assert ordered.restore == tuple(Flag.model_validate(flag) for flag in flags)
    longest = {"ordered": ordered.model_copy(update={"restore": (), "reason": "r" * 300})}
    row = way.desk.row(Order, APP, "west")
    assert row.ordered.restore == ()
    assert 2_000 * len(row.model_copy(update=longest).model_dump_json()) < MAX_JOURNAL_BYTES


def test_what_is_put_back_is_forgotten_once_nothing_is_owed() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.MEASURED))
    ordered = orders(way.desk.give(not_off(asked["west"])))
    way.desk.give(back(ordered["west"]))
    way.desk.give(untouched(ordered["east"]))
    assert Restore.kind not in {key.kind for key in way.desk.rows}


def test_a_debt_is_ordered_again_with_its_flags_also_after_the_release_is_closed() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.MEASURED))
    first = orders(way.desk.give(not_off(asked["west"])))
    way.desk.give(untouched(first["east"]))
    way.desk.fire(APP, "deadline west")
    way.close()
    (again,) = orders(way.register("west")).values()
    assert [flag.flag for flag in again.restore] == ["new-checkout", "price-model"]


def test_flags_that_were_not_put_back_are_named_and_are_no_debt() -> None:
    way = flagged()
    asked = flag_orders(way.fail("pilot", cause=FailCause.MEASURED))
    ordered = orders(way.desk.give(not_off(asked["west"])))
    way.desk.give(back(ordered["west"]).model_copy(update={"flags_left": ("new-checkout",)}))
    settled = way.desk.give(untouched(ordered["east"]))[-1]
    assert isinstance(settled, ReleaseSettled)
    assert settled.debts == ()
    assert settled.reason.endswith(
        "Flags that were switched off for it may still be off in west: switch them on there. west: new-checkout."
    )
