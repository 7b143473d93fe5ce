"""How a deployer obeys an order to switch flags, and how it answers: under its fence, once, whatever becomes of it."""

from typing import Any

import pytest

from lockgate.deployer.core import table
from lockgate.messages.deployments import (
    FlagsFailed,
    FlagsSwitched,
    GrantRefused,
    OrderRefused,
    RefusalCode,
    RegionRolledBack,
)
from lockgate.messages.flags import Flag
from lockgate.messages.payload import Payload
from tests.support.deployer import CLUSTER, OLD, flags_order, grant, halt, order
from tests.support.desk import Desk

FLAG = Flag(flag="new-checkout")
SLOT = ("payments", "step eu-west")


def desk() -> Desk:
    made = Desk(table("west", {"eu-west": "shop"}))
    made.start({"regions": {"eu-west": "shop"}})
    made.report("*", "register eu-west", {"outcome": "registered", "cluster": CLUSTER, "live": {}})
    made.events.clear()
    return made


def told(west: Desk, report: dict[str, Any]) -> list[Payload]:
    return west.report(*SLOT, report, final=True)


def test_an_order_to_switch_flags_takes_the_place_of_what_runs_in_the_region() -> None:
    west = desk()
    west.give(grant("7.0.1"))
    west.give(halt())
    assert west.give(flags_order(FLAG)) == []
    assert west.work[SLOT].kind == "flags"
    (refused,) = west.give(grant("7.0.2"))
    assert isinstance(refused, GrantRefused)


@pytest.mark.parametrize(
    ("report", "answer"),
    [
        ({"outcome": "switched", "flags": ["new-checkout"], "reason": "it is off"}, FlagsSwitched),
        ({"outcome": "failed", "reason": "there is no ConfigMap"}, FlagsFailed),
        (
            {"outcome": "fenced", "live": {"number": 9, "turn": 0, "grant": 1}, "reason": "9.0.1"},
            OrderRefused,
        ),
    ],
)
def test_it_is_answered_by_what_became_of_it(report: dict[str, Any], answer: type[Payload]) -> None:
    west = desk()
    west.give(flags_order(FLAG))
    (said,) = told(west, report)
    assert isinstance(said, answer)


def test_an_order_that_is_below_what_was_seen_is_refused_and_begins_nothing() -> None:
    west = desk()
    west.give(order("7.3.1"))
    (said,) = west.give(flags_order(FLAG))
    assert isinstance(said, OrderRefused)
    assert said.code is RefusalCode.FENCED
    assert west.work[SLOT].kind == "rollback"


def test_an_order_for_another_cluster_is_refused() -> None:
    (said,) = desk().give(flags_order(FLAG, cluster="another"))
    assert isinstance(said, OrderRefused)
    assert said.code is RefusalCode.NOT_SERVED


def test_what_a_newer_order_replaced_says_nothing_any_more() -> None:
    west = desk()
    west.give(flags_order(FLAG))
    west.give(order("7.3.1"))
    assert west.work[SLOT].kind == "rollback"


def test_flags_that_were_not_put_back_do_not_hide_what_the_region_went_back_to() -> None:
    west = desk()
    west.give(order("7.3.1"))
    (said,) = told(west, {"outcome": "rolled-back", "digest": OLD, "flags_left": ["new-checkout"]})
    assert isinstance(said, RegionRolledBack)
    assert (said.digest, said.flags_left) == (OLD, ("new-checkout",))
