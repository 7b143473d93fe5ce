"""Traffic goes back to production only where production can carry it: until then the clone keeps what it has."""

from typing import Any

import pytest

from lockgate.deployer.reports import Deployed, Failed, Piloted, RolledBack
from lockgate.deployer.strategies.beside import no_share
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Delete, Kind, Next, Patch, Region, Stuck, Target, Wait
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from lockgate.messages.values import Workload
from tests.support.deployer import NEW, OLD, ROUTELESS, WORKLOAD, target
from tests.support.deployer_cluster import Held, Strategy

PRODUCTION = (Kind.DEPLOYMENT, "payments")
CLONE, CANARY = (Kind.DEPLOYMENT, "payments-green-7"), (Kind.DEPLOYMENT, "payments-canary-7")
EACH = pytest.mark.parametrize("workload", [WORKLOAD, ROUTELESS], ids=["route", "no route"])


def back(workload: Workload) -> Target:
    return target("7.2.1", digest=OLD, bad=NEW, workload=workload)


def switched(workload: Workload) -> Held:
    held = Held()
    held.carry_out(green, target("7.0.1", workload=workload))
    assert isinstance(held.carry_out(switch, target("7.0.2", workload=workload, share=1.0)), Piloted)
    return held


def scaled(held: Held, pods: int) -> None:
    """What an autoscaler does with a Deployment that has no load."""
    held.objects[PRODUCTION]["spec"]["replicas"] = pods
    available(held, pods, replicas=pods, updatedReplicas=pods)


def available(held: Held, pods: int, **counts: Any) -> None:
    held.objects[PRODUCTION]["status"] |= {"availableReplicas": pods, **counts}


def green_serves(held: Held) -> bool:
    weights = {name for name, weight in held.weights if weight}
    selector = held.objects[Kind.SERVICE, "payments"]["spec"]["selector"]
    return CLONE in held.objects and (
        weights == {"payments-green-7"} or selector == {"lockgate.dev/clone": "payments-green-7"}
    )


def until_it_waits(held: Held, strategy: Strategy, wanted: Target) -> Next:
    while isinstance(found := strategy(wanted, held.live()), Patch):
        assert held.do(found)
        new_pods = any("/spec" in str(each["path"]) for each in found.operations)
        if new_pods and found.kind is Kind.DEPLOYMENT:
            available(held, 0)  # they are not ready at once
    return found


@EACH
@pytest.mark.parametrize("left", [0, 1])
def test_a_blue_side_that_was_scaled_down_has_its_pods_back_before_its_traffic(
    workload: Workload, left: int
) -> None:
    held = switched(workload)
    scaled(held, left)
    waiting = until_it_waits(held, rollback, back(workload))
    assert isinstance(waiting, Wait)
    assert held.objects[PRODUCTION]["spec"]["replicas"] == 4
    assert green_serves(held)
    available(held, 4)
    assert held.carry_out(rollback, back(workload)) == RolledBack(digest=OLD)
    assert held.names == ["Deployment payments", "HTTPRoute payments", "Service payments"]


@EACH
def test_a_step_that_failed_leaves_the_traffic_where_the_pods_are(workload: Workload) -> None:
    held = switched(workload)
    scaled(held, 0)
    assert no_share(target("7.0.2", workload=workload, share=1.0), held.live()) is None
    assert green_serves(held)


@EACH
def test_after_its_roll_out_production_grows_before_it_gets_the_traffic_back(workload: Workload) -> None:
    held = switched(workload)
    scaled(held, 1)
    sizes = []
    while not isinstance(found := rolling(target("7.0.3", workload=workload), held.live()), Deployed):
        assert isinstance(found, Patch | Delete)
        if isinstance(found, Patch) and found.drains:
            sizes.append(held.objects[PRODUCTION]["spec"]["replicas"])
        assert held.do(found)
    assert sizes == [4]


@EACH
def test_a_green_side_grows_with_production_before_that_rolls(workload: Workload) -> None:
    held = switched(workload)
    scaled(held, 6)
    roll_out = target("7.0.3", workload=workload)
    while held.image == f"registry.example/payments@{OLD}":
        size = held.objects[CLONE]["spec"]["replicas"]
        assert held.do(rolling(roll_out, held.live()))
    assert size == 6


def test_a_canary_grows_to_its_share_of_a_production_that_grew() -> None:
    held = Held()
    held.carry_out(canary, target("7.0.1", share=0.5))
    scaled(held, 10)
    roll_out = target("7.0.2")
    while held.image == f"registry.example/payments@{OLD}":
        size = held.objects[CANARY]["spec"]["replicas"]
        assert held.do(rolling(roll_out, held.live()))
    assert size == 5


@EACH
def test_a_roll_out_that_ended_all_pods_at_once_goes_back_before_the_traffic_does(workload: Workload) -> None:
    held = switched(workload)
    held.objects[PRODUCTION]["spec"]["strategy"] = {"type": "Recreate"}
    held.do(rolling(target("7.0.3", workload=workload), held.live()))
    held.do(rolling(target("7.0.3", workload=workload), held.live()))
    held.do(rolling(target("7.0.3", workload=workload), held.live()))
    assert held.image == f"registry.example/payments@{NEW}"
    available(held, 0)
    assert isinstance(until_it_waits(held, rollback, back(workload)), Wait)
    assert held.image == f"registry.example/payments@{OLD}"
    assert green_serves(held)
    available(held, 4)
    assert held.carry_out(rollback, back(workload)) == RolledBack(digest=OLD)


@EACH
def test_a_canary_beside_a_roll_out_that_ended_all_pods_at_once_is_kept_as_well(workload: Workload) -> None:
    held = Held()
    held.carry_out(canary, target("7.0.1", workload=workload, share=0.5))
    held.objects[PRODUCTION]["spec"]["strategy"] = {"type": "Recreate"}
    available(held, 0)
    assert isinstance(until_it_waits(held, rollback, back(workload)), Wait)
    assert CANARY in held.objects


@EACH
def test_a_roll_out_that_keeps_to_max_unavailable_does_not_hold_the_way_back_up(workload: Workload) -> None:
    held = switched(workload)
    available(held, 3)
    found = rollback(back(workload), held.live())
    while not (isinstance(found, Patch) and found.drains):
        assert isinstance(found, Patch)
        assert held.do(found)
        found = rollback(back(workload), held.live())
    assert held.objects[PRODUCTION]["spec"]["replicas"] == 4


@EACH
def test_a_green_side_without_pods_holds_nothing_up(workload: Workload) -> None:
    held = switched(workload)
    scaled(held, 1)
    held.objects[CLONE]["status"]["availableReplicas"] = 0
    assert held.carry_out(rollback, back(workload)) == RolledBack(digest=OLD)
    assert held.objects[PRODUCTION]["spec"]["replicas"] == 1


@EACH
@pytest.mark.parametrize("harm", ["given up", "paused", "gone"])
def test_a_production_that_needs_people_leaves_the_traffic_and_says_who_has_it(
    workload: Workload, harm: str
) -> None:
    held = switched(workload)
    available(held, 0)
    production = held.objects[PRODUCTION]
    if harm == "given up":
        production["status"]["conditions"] = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]
    if harm == "paused":
        production["spec"]["template"]["spec"]["containers"][1]["image"] = f"payments@{NEW}"
        production["spec"]["paused"] = True
    answer: Next = until_it_waits(held, rollback, back(workload))
    if harm == "gone":
        live = held.live()
        answer = rollback(
            back(workload), Region(None, live.service, live.route, live.clones, live.clone_services)
        )
    assert isinstance(answer, Failed | Stuck)
    assert "Until then payments-green-7 keeps the traffic that it has." in answer.reason
    assert green_serves(held)
