"""What a clone is made of where a pod is more than one container, and what selects a clone's pods and what does not."""

from typing import Any

import pytest

from lockgate.deployer.objects import running_digest, selects
from lockgate.deployer.strategies.given import Create, Kind
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rolling import rolling
from lockgate.messages.values import Workload
from tests.support.deployer import NEW, OLD, OTHER, ROUTELESS, WORKLOAD, deployment, target
from tests.support.deployer_cluster import Held

PRODUCTION, CLONE = (Kind.DEPLOYMENT, "payments"), (Kind.DEPLOYMENT, "payments-pilot-7")
INIT: list[dict[str, Any]] = [
    {"name": "migrate", "image": f"registry.example/payments@{OLD}", "args": ["check"]},
    {"name": "mesh", "image": "proxy:1", "restartPolicy": "Always"},
]
CONTAINERS: list[dict[str, Any]] = [
    {"name": "log", "image": "log:1"},
    {"name": "app", "image": f"registry.example/payments@{OLD}", "env": [{"name": "A", "value": "b"}]},
    {"name": "worker", "image": f"registry.example/payments@{OLD}", "args": ["work"]},
]


def crowded() -> Held:
    """A Deployment with init containers, one of them a sidecar, and a second container of the same image."""
    held = Held()
    spec = held.objects[PRODUCTION]["spec"]["template"]["spec"]
    spec |= {
        "initContainers": [dict(each) for each in INIT],
        "containers": [dict(each) for each in CONTAINERS],
    }
    return held


def test_a_clone_has_every_container_and_another_image_in_the_plans_alone() -> None:
    held = crowded()
    held.carry_out(pilot, target(share=0.1))
    spec = held.objects[CLONE]["spec"]["template"]["spec"]
    assert spec["initContainers"] == INIT
    assert spec["containers"] == [
        {"name": "log", "image": "log:1"},
        {"name": "app", "image": f"registry.example/payments@{NEW}", "env": [{"name": "A", "value": "b"}]},
        {"name": "worker", "image": f"registry.example/payments@{OLD}", "args": ["work"]},
    ]


def test_a_roll_out_changes_the_image_of_the_plans_container_alone() -> None:
    held = crowded()
    held.carry_out(rolling, target())
    spec = held.objects[PRODUCTION]["spec"]["template"]["spec"]
    assert spec["initContainers"] == INIT
    assert [each["image"] for each in spec["containers"]] == [
        "log:1",
        f"registry.example/payments@{NEW}",
        f"registry.example/payments@{OLD}",
    ]


def test_a_container_that_was_put_in_front_meanwhile_does_not_get_the_image() -> None:
    held = crowded()
    live = held.live()
    held.objects[PRODUCTION]["spec"]["template"]["spec"]["containers"].insert(
        0, {"name": "new", "image": "x:1"}
    )
    first = rolling(target(), live)
    assert not isinstance(first, Create)
    held.carry_out(rolling, target())
    images = [each["image"] for each in held.objects[PRODUCTION]["spec"]["template"]["spec"]["containers"]]
    assert images[:3] == ["x:1", "log:1", f"registry.example/payments@{NEW}"]


def test_what_runs_behind_a_tag_is_what_the_plans_container_runs() -> None:
    tagged = deployment("registry.example/payments:v1")
    status = {
        "containerStatuses": [
            {"name": "log", "ready": True, "imageID": f"docker.io/log@{OTHER}"},
            {"name": "app", "ready": True, "imageID": f"registry.example/payments@{OLD}"},
        ],
        "initContainerStatuses": [{"name": "mesh", "ready": True, "imageID": f"docker.io/proxy@{NEW}"}],
    }
    labels = {"app": "payments", "tier": "backend"}
    pods = [{"metadata": {"name": "payments-1", "labels": labels}, "status": status}]
    assert running_digest(tagged, "app", pods) == OLD


BUDGET = {"matchLabels": {"app": "payments"}}
"""The selector of a PodDisruptionBudget over production's pods."""


@pytest.mark.parametrize(
    ("workload", "budget", "counted"),
    [
        (WORKLOAD, BUDGET, False),
        (ROUTELESS, BUDGET, True),
        (ROUTELESS, {"matchLabels": {"app": "payments", "tier": "backend"}}, False),
        (WORKLOAD, {"matchLabels": {"tier": "backend"}}, True),
        (WORKLOAD, {"matchLabels": {"lockgate.dev/application": "payments"}}, True),
        (WORKLOAD, {"matchExpressions": [{"key": "lockgate.dev/clone", "operator": "Exists"}]}, True),
    ],
    ids=[
        "service's label",
        "without a route",
        "deployment's labels",
        "another label",
        "lockgate's",
        "clones",
    ],
)
def test_a_disruption_budget_counts_a_clones_pods_only_if_it_selects_what_they_keep(
    workload: Workload, budget: dict[str, object], counted: bool
) -> None:
    held = Held()
    held.carry_out(pilot, target(share=0.1, workload=workload))
    labels = held.objects[CLONE]["spec"]["template"]["metadata"]["labels"]
    assert selects(budget, labels) is counted
