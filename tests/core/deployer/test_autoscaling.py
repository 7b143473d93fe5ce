"""A workload that is scaled by load: its autoscaler keeps production's pods while a clone serves, and nobody else writes them."""

from typing import Any

import pytest

from lockgate.deployer.reports import Deployed, Failed, Piloted, RolledBack
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Create, Delete, Kind, Next, Patch, Target, Wait
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from lockgate.messages.values import Workload
from tests.support.deployer import NEW, OLD, ROUTELESS, WORKLOAD, target
from tests.support.deployer_cluster import Held, Strategy
from tests.support.places import autoscaler

PRODUCTION = (Kind.DEPLOYMENT, "payments")
SCALER = (Kind.AUTOSCALER, "payments")
EACH = pytest.mark.parametrize("workload", [WORKLOAD, ROUTELESS], ids=["route", "no route"])


def scaled_by_load(floor: int = 1, most: int = 9, **metadata: Any) -> Held:
    """Four pods, and an autoscaler that would keep as few as its floor."""
    held = Held()
    known = {"uid": "h-1", "resourceVersion": "3", **metadata}
    held.objects[SCALER] = autoscaler(floor, most, **known)
    return held


def autoscaled(held: Held) -> None:
    """What the autoscaler does with a Deployment that has no load."""
    least = held.objects[SCALER]["spec"]["minReplicas"]
    held.objects[PRODUCTION]["spec"]["replicas"] = least
    held.objects[PRODUCTION]["status"] |= dict.fromkeys(
        ("replicas", "updatedReplicas", "availableReplicas"), least
    )


def floor(held: Held) -> tuple[int, str | None]:
    """The autoscaler's floor, and what is noted of the one before."""
    marks = held.objects[SCALER]["metadata"].get("annotations") or {}
    return held.objects[SCALER]["spec"]["minReplicas"], marks.get("lockgate.dev/floor")


def carried_out(held: Held, strategy: Strategy, wanted: Target, *, load: bool = False) -> Next:
    """The answer of a step, in which nobody but the autoscaler writes production's replicas."""
    for _ in range(40):
        match strategy(wanted, held.live()):
            case Patch(kind=Kind.DEPLOYMENT, name="payments", operations=operations) as write:
                assert all(each["path"] != "/spec/replicas" for each in operations)
                assert held.do(write)
            case Patch() | Create() | Delete() as write:
                assert held.do(write), write
            case answer:
                return answer
        if not load and floor(held)[1]:
            autoscaled(held)
    raise AssertionError("40 writes and no answer")


@EACH
def test_a_pilot_keeps_productions_pods_and_the_roll_out_gives_the_floor_back(workload: Workload) -> None:
    held = scaled_by_load()
    assert isinstance(carried_out(held, pilot, target("7.0.1", workload=workload, share=0.2)), Piloted)
    assert floor(held) == (4, "1 4")
    assert held.objects[PRODUCTION]["spec"]["replicas"] == 4
    assert carried_out(held, rolling, target("7.0.2", workload=workload)) == Deployed()
    assert floor(held) == (1, "")


def test_the_floor_is_raised_before_the_clone_gets_any_traffic() -> None:
    held = scaled_by_load()
    while floor(held) == (1, None):
        assert held.weights == [("payments", 1)]
        write = pilot(target(share=0.2), held.live())
        assert isinstance(write, Patch | Create)
        assert held.do(write)
    assert held.names == [
        "Deployment payments",
        "HTTPRoute payments",
        "HorizontalPodAutoscaler payments",
        "Service payments",
    ]


STORIES: dict[str, tuple[tuple[Strategy, str, float], ...]] = {
    "canary": ((canary, "7.0.1", 0.25), (canary, "7.0.2", 0.5)),
    "blue-green": ((green, "7.0.1", 0.0), (switch, "7.0.2", 1.0)),
}


@EACH
@pytest.mark.parametrize("story", STORIES)
def test_each_strategy_goes_to_its_end_and_back_without_a_write_of_replicas(
    workload: Workload, story: str
) -> None:
    ends: list[tuple[Strategy, Target, type[object]]] = [
        (rolling, target("7.0.3", workload=workload), Deployed),
        (rollback, target("7.1.1", workload=workload, digest=OLD, bad=NEW, touched=True), RolledBack),
    ]
    for end, wanted, answer in ends:
        held = scaled_by_load()
        for strategy, fence, share in STORIES[story]:
            carried_out(held, strategy, target(fence, workload=workload, share=share))
        assert floor(held) == (4, "1 4")
        assert isinstance(carried_out(held, end, wanted), answer)
        assert floor(held) == (1, "")


def test_a_green_side_that_has_no_traffic_yet_keeps_nothing() -> None:
    held = scaled_by_load()
    carried_out(held, green, target())
    assert floor(held) == (1, None)


def test_a_later_step_keeps_what_production_has_grown_to() -> None:
    held = scaled_by_load()
    carried_out(held, canary, target("7.0.1", share=0.25))
    held.objects[SCALER]["spec"]["minReplicas"] = 4
    held.objects[PRODUCTION]["spec"]["replicas"] = 6
    carried_out(held, canary, target("7.0.2", share=0.5), load=True)
    assert floor(held) == (6, "1 6")


def test_no_more_pods_are_asked_for_than_the_autoscaler_may_have() -> None:
    held = scaled_by_load(floor=1, most=3)
    carried_out(held, canary, target(share=0.5), load=True)
    assert floor(held) == (3, "1 3")


def test_a_floor_that_is_high_enough_is_left_alone() -> None:
    held = scaled_by_load(floor=4)
    carried_out(held, canary, target(share=0.5))
    assert "annotations" not in held.objects[SCALER]["metadata"]


def test_a_floor_that_somebody_wrote_since_stays() -> None:
    held = scaled_by_load()
    carried_out(held, canary, target("7.0.1", share=0.5))
    held.objects[SCALER]["spec"]["minReplicas"] = 5
    carried_out(held, rolling, target("7.0.2"), load=True)
    assert floor(held) == (5, "")


@EACH
def test_an_autoscaler_that_came_later_is_asked_for_the_pods_of_the_way_back(workload: Workload) -> None:
    held = Held()
    held.carry_out(green, target("7.0.1", workload=workload))
    held.carry_out(switch, target("7.0.2", workload=workload, share=1.0))
    held.objects[SCALER] = autoscaler(1, 9, uid="h-1", resourceVersion="3")
    autoscaled(held)
    back = target("7.1.1", workload=workload, digest=OLD, bad=NEW, touched=True)
    waits = carried_out(held, rollback, back, load=True)
    assert isinstance(waits, Wait)
    assert waits.reason == (
        "1 of 4 pods of payments are available. Until then payments-green-7 keeps the traffic that it has."
    )
    assert floor(held) == (4, "1 4")
    autoscaled(held)
    assert carried_out(held, rollback, back) == RolledBack(digest=OLD)
    assert floor(held) == (1, "")


def test_a_deployment_that_was_scaled_to_0_has_no_autoscaler_that_would_do_it() -> None:
    held = scaled_by_load(floor=4)
    held.carry_out(green, target("7.0.1"))
    held.carry_out(switch, target("7.0.2", share=1.0))
    held.objects[PRODUCTION]["spec"]["replicas"] = 0
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 0)
    held.objects[PRODUCTION]["status"] |= counts
    back = target("7.1.1", digest=OLD, bad=NEW, touched=True)
    assert held.carry_out(rollback, back) == RolledBack(digest=OLD)
    assert held.objects[PRODUCTION]["spec"]["replicas"] == 4


TRACKED = {"annotations": {"argocd.argoproj.io/tracking-id": "shop:x:shop/payments"}}
KEDA = {
    "ownerReferences": [
        {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "payments", "controller": True}
    ]
}
OWNED: list[tuple[dict[str, Any], str]] = [
    (
        TRACKED,
        (
            "Argo CD owns the HorizontalPodAutoscaler payments in eu-west and would undo the deployment: add "
            "ignoreDifferences: [{group: autoscaling, kind: HorizontalPodAutoscaler, name: payments, jsonPointers: "
            "[/spec/minReplicas]}] and syncPolicy: {syncOptions: [RespectIgnoreDifferences=true]} to the spec of its "
            "Application. Then: kubectl annotate horizontalpodautoscaler payments lockgate.dev/minReplicas=handed-over"
        ),
    ),
    (
        KEDA,
        (
            "The ScaledObject payments makes the HorizontalPodAutoscaler payments in eu-west, and would undo what keeps "
            "production's pods while a clone serves: give it a floor of as many pods as run (KEDA: minReplicaCount) "
            "until the release is over."
        ),
    ),
]


@pytest.mark.parametrize(("metadata", "told"), OWNED)
@pytest.mark.parametrize("strategy", [canary, green, switch])
def test_a_floor_that_somebody_else_would_undo_is_said_before_anything_is_written(
    strategy: Strategy, metadata: dict[str, Any], told: str
) -> None:
    assert strategy(target(share=0.5), scaled_by_load(**metadata).live()) == Failed(reason=told)


@pytest.mark.parametrize(("metadata", "told"), OWNED)
def test_a_pilot_takes_little_and_goes_without(metadata: dict[str, Any], told: str) -> None:
    assert told
    held = scaled_by_load(**metadata)
    assert isinstance(carried_out(held, pilot, target(share=0.1), load=True), Piloted)
    assert held.objects[SCALER]["spec"]["minReplicas"] == 1


def test_an_older_step_does_not_raise_a_floor_that_was_given_back() -> None:
    held = scaled_by_load()
    late = target("7.0.1", share=0.5)
    while not isinstance(planned := canary(late, held.live()), Create):
        assert isinstance(planned, Patch)
        if planned.kind is Kind.AUTOSCALER and any(
            o["path"] == "/spec/minReplicas" for o in planned.operations
        ):
            break
        assert held.do(planned)
    assert isinstance(planned, Patch)
    carried_out(held, rollback, target("7.1.1", digest=OLD, bad=NEW, touched=True))
    assert not held.do(planned)
    assert floor(held)[0] == 1
