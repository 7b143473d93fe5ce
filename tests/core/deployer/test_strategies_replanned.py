"""A plan that gained or lost its route since a release whose clone is left over: its traffic goes back all the same."""

import pytest

from lockgate.deployer.reports import Deployed, RolledBack
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Delete, Kind, Target
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from tests.support.deployer import NEW, OLD, ROUTELESS, target
from tests.support.deployer_cluster import Held, Strategy

NEXT = target("8.0.1", release="release-8")
ORDER = target("8.2.1", release="release-8", digest=OLD, bad=NEW, touched=True)


def at_rest(held: Held) -> bool:
    return (
        held.names == ["Deployment payments", "HTTPRoute payments", "Service payments"]
        and held.weights == [("payments", 1)]
        and held.objects[Kind.SERVICE, "payments"]["spec"]["selector"] == {"app": "payments"}
    )


def left_over(*steps: tuple[Strategy, Target]) -> Held:
    held = Held()
    for strategy, wanted in steps:
        held.carry_out(strategy, wanted)
    return held


@pytest.mark.parametrize(("strategy", "wanted"), [(rolling, NEXT), (rollback, ORDER)])
def test_a_switched_service_goes_back_also_by_a_plan_with_a_route(strategy: Strategy, wanted: Target) -> None:
    held = left_over(
        (green, target("7.0.1", workload=ROUTELESS)),
        (switch, target("7.0.2", workload=ROUTELESS, share=1.0)),
    )
    assert isinstance(held.carry_out(strategy, wanted), Deployed | RolledBack)
    assert at_rest(held)


def test_the_clone_of_a_plan_with_a_route_begins_where_the_service_is_at_home() -> None:
    held = left_over(
        (green, target("7.0.1", workload=ROUTELESS)),
        (switch, target("7.0.2", workload=ROUTELESS, share=1.0)),
    )
    held.carry_out(canary, target("8.0.1", release="release-8", share=0.5))
    assert held.objects[Kind.SERVICE, "payments"]["spec"]["selector"] == {"app": "payments"}
    assert held.weights == [("payments", 500), ("payments-canary-8", 500)]


@pytest.mark.parametrize(("strategy", "wanted"), [(rolling, NEXT), (rollback, ORDER)])
def test_a_share_goes_back_before_its_service_goes_also_by_a_plan_without_a_route(
    strategy: Strategy, wanted: Target
) -> None:
    held = left_over((canary, target("7.0.1", share=0.5)))
    without = target(
        str(wanted.fence), release="release-8", digest=wanted.digest, workload=ROUTELESS, touched=True
    )
    while not isinstance(found := strategy(without, held.live()), Deployed | RolledBack):
        if isinstance(found, Delete):
            assert held.weights == [("payments", 1)]
        assert held.do(found)
    assert at_rest(held)


def test_a_route_that_no_plan_of_ours_used_is_not_written() -> None:
    held = left_over((rolling, target("7.0.1", workload=ROUTELESS)))
    assert "annotations" not in held.objects[Kind.ROUTE, "payments"]["metadata"]
