"""Blue-green: green gets ready in the dark, one write switches, one write goes back, and production rolls unseen."""

import json

import pytest

from lockgate.deployer.reports import Deployed, Failed, Fenced, Piloted, Prepared, RolledBack
from lockgate.deployer.strategies.beside import no_share
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Delete, Kind, Patch, Target
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from lockgate.messages.values import Workload
from tests.support.deployer import NEW, OLD, ROUTELESS, WORKLOAD, target
from tests.support.deployer_cluster import Held, Strategy

CLONE = (Kind.DEPLOYMENT, "payments-green-7")
SERVICE = (Kind.SERVICE, "payments")
BACK = target("7.2.1", digest=OLD, bad=NEW)
EACH = pytest.mark.parametrize("workload", [WORKLOAD, ROUTELESS], ids=["route", "no route"])
HOME = {"app": "payments"}
AT_REST = ["Deployment payments", "HTTPRoute payments", "Service payments"]


def serves(held: Held) -> str:
    """Which side gets the traffic."""
    weights = {name for name, weight in held.weights if weight}
    selector = held.objects[SERVICE]["spec"]["selector"]
    if weights == {"payments"} and selector == HOME:
        return "blue"
    if weights == {"payments-green-7"} or selector == {"lockgate.dev/clone": "payments-green-7"}:
        return "green"
    return f"{weights} {selector}"


def way(workload: Workload, *steps: Strategy, upto: int = 3) -> list[tuple[Strategy, Target]]:
    steps = steps or (green, switch, rolling)
    targets = [target(f"7.0.{number}", workload=workload, share=1.0) for number in range(1, len(steps) + 1)]
    return list(zip(steps, targets, strict=True))[:upto]


def ran(workload: Workload, upto: int) -> Held:
    held = Held()
    for strategy, wanted in way(workload, upto=upto):
        held.carry_out(strategy, wanted)
    return held


@EACH
def test_green_is_as_large_as_production_behind_a_service_of_its_own_and_has_no_traffic(
    workload: Workload,
) -> None:
    held = Held()
    assert held.carry_out(green, target(workload=workload)) == Prepared()
    assert held.objects[CLONE]["spec"]["replicas"] == 4
    labels = held.objects[CLONE]["spec"]["template"]["metadata"]["labels"]
    assert labels["app"] != "payments"
    preview = held.objects[Kind.SERVICE, "payments-green-7"]["spec"]
    assert preview["selector"] == {"lockgate.dev/clone": "payments-green-7"}
    assert serves(held) == "blue"


@EACH
def test_one_write_sends_all_traffic_to_green_and_blue_is_as_it_was(workload: Workload) -> None:
    held = ran(workload, 1)
    blue = json.dumps(held.objects[Kind.DEPLOYMENT, "payments"]["spec"], sort_keys=True)
    sides = [serves(held)]
    wanted = target("7.0.2", workload=workload, share=1.0)
    while not isinstance(found := switch(wanted, held.live()), Piloted):
        assert held.do(found)
        sides.append(serves(held))
    assert found == Piloted(share=1.0, pilot_pods="payments-green-7-", baseline_pods="payments-")
    assert (sides.count("green"), sides[-1]) == (1, "green")
    assert set(sides) == {"blue", "green"}
    assert json.dumps(held.objects[Kind.DEPLOYMENT, "payments"]["spec"], sort_keys=True) == blue


@EACH
def test_going_back_while_blue_is_kept_is_one_switch_and_production_is_not_rolled(workload: Workload) -> None:
    held = ran(workload, 2)
    order = target("7.2.1", digest=OLD, bad=NEW, workload=workload)
    kinds = []
    while serves(held) != "blue":
        found = rollback(order, held.live())
        assert isinstance(found, Patch)
        kinds.append(f"{found.kind} {'switch' if found.drains else 'fence'}")
        assert held.do(found)
    assert kinds == ["Deployment fence", f"{'HTTPRoute' if workload.route else 'Service'} switch"]
    assert CLONE in held.objects
    assert held.carry_out(rollback, order) == RolledBack(digest=OLD)
    assert held.names == AT_REST


@EACH
def test_production_rolls_without_traffic_then_gets_all_of_it_back_and_green_goes(workload: Workload) -> None:
    held = ran(workload, 2)
    sides = []
    while not isinstance(found := rolling(target("7.0.3", workload=workload), held.live()), Deployed):
        if isinstance(found, Patch) and any("image" in str(each["path"]) for each in found.operations):
            sides.append(f"rolls while {serves(held)} serves")
        if isinstance(found, Delete):
            sides.append(f"{found.kind} goes while {serves(held)} serves")
        assert held.do(found)
    assert sides == [
        "rolls while green serves",
        "Service goes while blue serves",
        "Deployment goes while blue serves",
    ]
    assert held.image == f"registry.example/payments@{NEW}"
    assert (held.names, held.weights) == (AT_REST, [("payments", 1)])


@EACH
def test_production_does_not_roll_once_somebody_else_gave_it_the_traffic_back(workload: Workload) -> None:
    held = ran(workload, 2)
    what = "HTTPRoute" if workload.route else "Service"
    if workload.route:
        refs = [{"kind": "Service", "name": "payments", "port": 80, "weight": 1}]
        held.objects[Kind.ROUTE, "payments"]["spec"]["rules"][0]["backendRefs"] = refs
    else:
        held.objects[SERVICE]["spec"]["selector"] = HOME
    refused = rolling(target("7.0.3", workload=workload), held.live())
    assert isinstance(refused, Failed)
    assert f"Somebody wrote the {what} payments in eu-west" in refused.reason
    assert held.carry_out(rollback, target("7.2.1", digest=OLD, bad=NEW, workload=workload)) == RolledBack(
        digest=OLD
    )
    assert held.names == AT_REST


@EACH
def test_a_share_that_a_step_of_ours_took_back_is_nobody_elses_doing(workload: Workload) -> None:
    held = ran(workload, 2)
    undo = no_share(target("7.0.2", workload=workload, share=1.0), held.live())
    assert undo is not None
    assert held.do(undo)
    assert serves(held) == "blue"
    assert isinstance(held.carry_out(rolling, target("7.0.3", workload=workload)), Deployed)


@EACH
def test_a_step_that_failed_after_the_switch_gives_blue_its_traffic_back(workload: Workload) -> None:
    held = ran(workload, 2)
    wanted = target("7.0.2", workload=workload, share=1.0)
    while (undo := no_share(wanted, held.live())) is not None:
        assert held.do(undo)
    assert serves(held) == "blue"


@EACH
def test_green_prepared_again_after_a_switch_is_in_the_dark_again(workload: Workload) -> None:
    held = ran(workload, 2)
    uid = held.objects[CLONE]["metadata"]["uid"]
    assert held.carry_out(green, target("7.0.3", workload=workload)) == Prepared()
    assert serves(held) == "blue"
    assert held.objects[CLONE]["metadata"]["uid"] == uid


@EACH
def test_a_pilots_clone_loses_its_share_before_it_becomes_the_green_side(workload: Workload) -> None:
    held = Held()
    held.carry_out(pilot, target(workload=workload, share=0.5))
    assert held.carry_out(green, target("7.0.2", workload=workload)) == Prepared()
    (clone,) = held.live().clones
    assert clone["spec"]["replicas"] == 4
    assert clone["spec"]["template"]["metadata"]["labels"]["app"] != "payments"
    assert serves(held) == "blue"


def test_what_a_service_selected_comes_back_to_the_letter() -> None:
    held = Held()
    held.objects[SERVICE]["spec"]["selector"] = {"app": "payments", "a/b": 'quo"te', "tier": "backend"}
    before = dict(held.objects[SERVICE]["spec"])
    labels = held.objects[Kind.DEPLOYMENT, "payments"]["spec"]["template"]["metadata"]["labels"]
    labels |= {"a/b": 'quo"te'}
    for strategy, wanted in way(ROUTELESS):
        held.carry_out(strategy, wanted)
    assert held.objects[SERVICE]["spec"] == before


def test_a_service_that_is_never_switched_is_never_written() -> None:
    for strategy in (pilot, canary, rolling):
        held = Held()
        held.carry_out(strategy, target(workload=ROUTELESS, share=0.5))
        assert "annotations" not in held.objects[SERVICE]["metadata"]


def test_a_switched_service_that_says_no_more_what_it_selected_is_refused_with_what_to_do() -> None:
    held = ran(ROUTELESS, 2)
    held.objects[SERVICE]["metadata"]["annotations"]["payments.lockgate.dev/selector"] = "{}"
    for strategy, wanted in ((rolling, target("7.0.3", workload=ROUTELESS)), (rollback, BACK)):
        refused = strategy(wanted, held.live())
        assert isinstance(refused, Failed)
        assert "Set spec.selector to production's pods by hand" in refused.reason


def test_a_switched_service_whose_fence_somebody_removed_goes_back_all_the_same() -> None:
    held = ran(ROUTELESS, 2)
    del held.objects[SERVICE]["metadata"]["annotations"]["payments.lockgate.dev/fence"]
    back = target("7.2.1", digest=OLD, bad=NEW, workload=ROUTELESS)
    assert held.carry_out(rollback, back) == RolledBack(digest=OLD)
    assert (serves(held), held.names) == ("blue", AT_REST)


def test_somebody_who_changes_the_selector_meanwhile_is_not_overwritten() -> None:
    held = ran(ROUTELESS, 1)
    wanted = target("7.0.2", workload=ROUTELESS, share=1.0)
    while True:
        planned = switch(wanted, held.live())
        assert isinstance(planned, Patch)
        if any(each["path"] == "/spec/selector" for each in planned.operations):
            break
        assert held.do(planned)
    held.objects[SERVICE]["spec"]["selector"] = {"app": "payments", "tier": "backend"}
    assert not held.do(planned)


@EACH
def test_a_late_switch_after_a_rollback_is_void(workload: Workload) -> None:
    held = ran(workload, 1)
    wanted = target("7.0.2", workload=workload, share=1.0)
    planned = []
    while not isinstance(found := switch(wanted, held.live()), Piloted):
        planned.append(found)
        assert held.do(found)
    held.carry_out(rollback, target("7.2.1", digest=OLD, bad=NEW, workload=workload))
    for late in planned:
        held.do(late)
    assert (serves(held), held.names) == ("blue", AT_REST)
    assert isinstance(switch(wanted, held.live()), Fenced)
