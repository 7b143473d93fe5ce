"""A route that is not the workload's alone: others' rules, weights and Services, and rules that people write in mid-release."""

from typing import Any

import pytest

from lockgate.deployer.reports import Failed, Piloted, RolledBack
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Kind, Patch, Region, Target
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from lockgate.deployer.traffic.routed import Routed
from tests.support.deployer import (
    MESHED,
    NEW,
    OLD,
    deployment,
    destination,
    route,
    route_marks,
    service,
    virtual_service,
)
from tests.support.deployer import target as step_of
from tests.support.deployer_cluster import Held

Rule = dict[str, Any]
VIRTUAL = (Kind.VIRTUAL_SERVICE, "payments")


def target(at: str = "7.0.1", **changes: Any) -> Target:
    return step_of(at, **{"share": 0.1, **changes})


def ordered(**changes: Any) -> Target:
    return step_of("7.1.1", digest=OLD, bad=NEW, touched=True, **changes)


def backend(name: str, weight: int | None = None) -> Rule:
    return {"name": name, "port": 80, **({"weight": weight} if weight is not None else {})}


def routed(*rules: list[Rule]) -> Held:
    held = Held()
    held.objects[Kind.ROUTE, "payments"]["spec"]["rules"] = [{"backendRefs": refs} for refs in rules]
    return held


def meshed(*rules: list[Rule]) -> Held:
    held = Held()
    del held.objects[Kind.ROUTE, "payments"]
    held.objects[VIRTUAL] = virtual_service(*({"route": refs} for refs in rules))
    return held


def rules_of(held: Held) -> list[list[Rule]]:
    if VIRTUAL in held.objects:
        return [rule["route"] for rule in held.objects[VIRTUAL]["spec"]["http"]]
    return [rule["backendRefs"] for rule in held.objects[Kind.ROUTE, "payments"]["spec"]["rules"]]


OTHERS = [backend("billing", 90_000), backend("billing-pilot-7", 10_000)]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.15])
def test_what_another_rule_weighs_takes_no_room_from_a_share(share: float) -> None:
    held = routed(OTHERS, [backend("payments")])
    answer = held.carry_out(pilot, target(share=share))
    assert isinstance(answer, Piloted)
    assert answer.share == share
    part = round(1000 * share)
    assert rules_of(held) == [OTHERS, [backend("payments", 1000 - part), backend("payments-pilot-7", part)]]


def test_rules_that_leave_different_room_come_back_exactly() -> None:
    before = [[backend("payments", 3), backend("static", 90_000)], [backend("payments")]]
    held = routed(*before)
    answer = held.carry_out(canary, target(share=0.25))
    assert answer == Piloted(share=0.25, pilot_pods="payments-canary-7-", baseline_pods="payments-")
    assert rules_of(held) == [
        [backend("payments", 25), backend("payments-canary-7", 8), backend("static", 990_000)],
        [backend("payments", 750), backend("payments-canary-7", 250)],
    ]
    assert isinstance(held.carry_out(rollback, ordered()), RolledBack)
    assert rules_of(held) == before


def test_a_share_is_never_above_what_was_asked_for() -> None:
    held = routed([backend("payments", 3), backend("static", 90_000)])
    answer = held.carry_out(pilot, target(share=0.2))
    assert isinstance(answer, Piloted)
    assert answer.share == 6 / 33
    assert rules_of(held) == [
        [backend("payments", 27), backend("payments-pilot-7", 6), backend("static", 990_000)]
    ]


def test_a_share_below_the_smallest_that_weights_allow_is_refused_and_not_rounded_up() -> None:
    held = routed([backend("payments", 1), backend("static", 90_000)])
    answer = held.carry_out(pilot, target(share=0.05))
    assert isinstance(answer, Failed)
    assert "leave no room for a share" in answer.reason
    assert rules_of(held) == [[backend("payments", 1), backend("static", 90_000)]]


def test_a_share_of_less_than_a_thousandth_is_given_by_larger_weights() -> None:
    held = routed([backend("payments")])
    held.carry_out(pilot, target(share=0.0005))
    assert rules_of(held) == [[backend("payments", 9995), backend("payments-pilot-7", 5)]]


def test_testers_who_are_sent_straight_to_a_clone_are_sent_to_production_once_it_goes() -> None:
    held = meshed([destination("payments")])
    held.carry_out(pilot, target(workload=MESHED))
    held.objects[VIRTUAL]["spec"]["http"].insert(0, {"route": [destination("payments-pilot-7")]})
    assert isinstance(held.carry_out(rollback, ordered(workload=MESHED)), RolledBack)
    assert rules_of(held)[0] == [destination("payments")]
    assert [each["destination"]["host"] for each in rules_of(held)[1]] == ["payments"]
    assert (Kind.DEPLOYMENT, "payments-pilot-7") not in held.objects


def test_a_rule_that_lost_production_gets_it_back_for_the_clone_and_no_rule_is_ever_left_empty() -> None:
    held = routed([backend("payments", 8), backend("static", 2)])
    held.carry_out(pilot, target())
    held.objects[Kind.ROUTE, "payments"]["spec"]["rules"][0]["backendRefs"].pop(0)
    assert isinstance(held.carry_out(rollback, ordered()), RolledBack)
    assert rules_of(held) == [[backend("payments", 800), backend("static", 2000)]]


def test_a_rule_that_sends_all_of_its_requests_to_a_clone_is_said_before_production_rolls() -> None:
    held = routed([backend("payments")])
    held.carry_out(canary, target())
    held.objects[Kind.ROUTE, "payments"]["spec"]["rules"].append(
        {"backendRefs": [backend("payments-canary-7")]}
    )
    told = held.carry_out(rolling, target("7.0.2"))
    assert isinstance(told, Failed)
    assert "10.0% of the traffic there, and made it 100.0%" in told.reason


@pytest.mark.parametrize("name", ["payments-canary-1", "payments-green-7", "payments-pilot-2"])
def test_a_service_of_somebodys_own_is_no_clone_whatever_it_is_called(name: str) -> None:
    held = routed([backend("payments", 80), backend(name, 20)])
    held.carry_out(pilot, target())
    assert rules_of(held) == [
        [backend("payments", 72_000), backend("payments-pilot-7", 8_000), backend(name, 20_000)]
    ]
    assert isinstance(held.carry_out(rollback, ordered()), RolledBack)
    assert rules_of(held) == [[backend("payments", 80), backend(name, 20)]]


def test_a_clone_whose_service_somebody_deleted_is_known_by_the_routes_own_note() -> None:
    live = Region(deployment(), service(), route(("payments", 1), marks=route_marks("7.0.1")))
    given = Routed().give(target(), live)
    assert isinstance(given, Patch)
    held = Held()
    held.objects[Kind.ROUTE, "payments"] = live.route or {}
    assert held.do(given)
    taken = Routed().take(target(), held.live())
    assert taken is not None
    assert held.do(taken)
    assert held.weights == [("payments", 1)]
