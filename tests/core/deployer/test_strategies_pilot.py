"""The pilot's clone and its share: what is made, whom it is kept from, and that weights come back exactly."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.deployer.objects import selects
from lockgate.deployer.reports import Failed, Piloted
from lockgate.deployer.strategies.beside import no_share
from lockgate.deployer.strategies.clones import pod_labels, uncloneable
from lockgate.deployer.strategies.given import Create, Kind, Patch, Region, Target
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.traffic.replicas import Replicas
from lockgate.deployer.traffic.routed import Routed
from lockgate.messages.values import Workload
from tests.support.deployer import (
    NEW,
    OLD,
    ROUTELESS,
    deployment,
    marks,
    patched,
    route,
    route_marks,
    service,
)
from tests.support.deployer import target as step_of
from tests.support.deployer_cluster import Held


def target(at: str = "7.0.1", **changes: Any) -> Target:
    return step_of(at, **{"share": 0.1, **changes})


def claimed(at: str = "7.0.1") -> Region:
    """A region whose Deployment and route carry the pilot's fence; nothing else has been done."""
    return Region(deployment(marks=marks(at)), service(), route(("payments", 1), marks=route_marks(at)))


def test_the_clone_is_the_deployment_with_another_digest_and_labels_of_its_own() -> None:
    step = pilot(target(), claimed())
    assert isinstance(step, Create)
    assert step.body["metadata"] == {
        "name": "payments-pilot-7",
        "labels": {
            "lockgate.dev/application": "payments",
            "lockgate.dev/clone": "payments-pilot-7",
            "app.kubernetes.io/managed-by": "lockgate",
        },
        "annotations": {
            "lockgate.dev/fence": "7.0.1",
            "lockgate.dev/application": "payments",
            "lockgate.dev/release": "release-7",
        },
    }
    spec = step.body["spec"]
    assert spec["replicas"] == 1
    assert spec["progressDeadlineSeconds"] == 300
    assert spec["selector"] == {"matchLabels": {"lockgate.dev/clone": "payments-pilot-7"}}
    assert spec["template"]["spec"]["containers"] == [
        {"name": "log", "image": "log:1"},
        {"name": "app", "image": f"registry.example/payments@{NEW}"},
    ]
    assert spec["template"]["metadata"]["labels"] == {
        "app": "payments-pilot-7",
        "tier": "backend",
        "lockgate.dev/clone": "payments-pilot-7",
        "lockgate.dev/application": "payments",
    }


def test_the_clones_service_has_the_ports_and_not_the_addresses_of_production() -> None:
    held = Held()
    held.carry_out(pilot, target())
    made = held.objects[Kind.SERVICE, "payments-pilot-7"]["spec"]
    assert made == {
        "selector": {"lockgate.dev/clone": "payments-pilot-7"},
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
    }


def test_undisturbed_the_pilot_has_its_share_and_production_is_as_it_was() -> None:
    held = Held()
    answer = held.carry_out(pilot, target())
    assert answer == Piloted(share=0.1, pilot_pods="payments-pilot-7-", baseline_pods="payments-")
    assert held.weights == [("payments", 900), ("payments-pilot-7", 100)]
    assert held.image == f"registry.example/payments@{OLD}"


def test_a_clone_that_is_not_ready_gets_no_share() -> None:
    held = Held()
    held.carry_out(pilot, target())
    held.objects[Kind.DEPLOYMENT, "payments-pilot-7"]["status"]["availableReplicas"] = 0
    held.objects[Kind.ROUTE, "payments"] = route(("payments", 1), marks=route_marks("7.0.1"))
    assert type(pilot(target(), held.live())).__name__ == "Wait"


def test_a_pilot_that_failed_is_taken_out_of_the_traffic() -> None:
    held = Held()
    held.carry_out(pilot, target())
    step = no_share(target(), held.live())
    assert step is not None
    assert held.do(step)
    assert held.weights == [("payments", 1)]
    assert no_share(target(), held.live()) is None


def test_a_failed_pilot_leaves_the_traffic_of_a_newer_step_alone() -> None:
    held = Held()
    held.carry_out(pilot, target("8.0.1", release="release-8"))
    assert no_share(target(), held.live()) is None


WHY_NOT: list[tuple[Region, dict[str, Any], str]] = [
    (Region(deployment(), service(), None), {}, "There is no HTTPRoute payments"),
    (Region(deployment(), service(), route(("billing", 1))), {}, "sends nothing to the Service payments"),
    (Region(deployment(), service(), route(("payments", 0))), {}, "sends nothing to the Service payments"),
    (
        Region(deployment(), service(), route(("payments", 1), ("billing", 200_000))),
        {},
        "no room for a share",
    ),
    (
        Region(deployment(), {"metadata": {"name": "payments"}, "spec": {}}, route(("payments", 1))),
        {},
        "has no selector",
    ),
    (
        Region(deployment(), service(), route(("payments", 1))),
        {"workload": Workload(deployment="p" * 60, container="app", service="payments", route="payments")},
        "has 68 characters, and 63 is the most",
    ),
]


@pytest.mark.parametrize(("live", "changes", "why"), WHY_NOT)
def test_what_cannot_have_a_pilot_is_said_before_anything_is_written(
    live: Region, changes: dict[str, Any], why: str
) -> None:
    step = pilot(target(**changes), live)
    assert isinstance(step, Failed)
    assert why in step.reason


def test_other_backends_keep_their_part_of_the_traffic() -> None:
    live = Region(
        deployment(marks=marks("7.0.1")),
        service(),
        route(("payments", 8), ("payments-static", 2), marks=route_marks("7.0.1")),
    )
    patch = Routed().give(target(share=0.25), live)
    assert patch is not None
    assert patch.operations[-2]["op"] == "test"  # void if somebody changed the rule meanwhile
    refs = patched(live.route or {}, patch.operations)["spec"]["rules"][0]["backendRefs"]
    assert [(ref["name"], ref["weight"]) for ref in refs] == [
        ("payments", 6000),
        ("payments-pilot-7", 2000),
        ("payments-static", 2000),
    ]


WEIGHTS = st.lists(
    st.tuples(st.sampled_from(["payments", "payments-static", "billing"]), st.integers(0, 1000)),
    min_size=1,
    max_size=4,
    unique_by=lambda pair: pair[0],
)


@given(WEIGHTS, st.floats(0.001, 1.0))
def test_a_share_is_near_what_was_wanted_and_weights_come_back_exactly(
    weighed: list[tuple[str, int]], share: float
) -> None:
    own = dict(weighed).get("payments", 0)
    live = Region(deployment(), service(), route(*weighed, marks=route_marks("7.0.1")))
    wanted = target(share=share)
    if own == 0:
        assert Routed().missing(wanted, live) is not None
        return
    patch = Routed().give(wanted, live)
    assert patch is not None
    shared = patched(live.route or {}, patch.operations)
    refs = {ref["name"]: ref["weight"] for ref in shared["spec"]["rules"][0]["backendRefs"]}
    part = refs["payments-pilot-7"] / (refs["payments"] + refs["payments-pilot-7"])
    assert abs(part - share) <= 0.001
    assert abs(Routed().share(wanted, live) - part) < 1e-9
    assert all(0 <= weight <= 1_000_000 for weight in refs.values())
    back = Routed().take(wanted, Region(deployment(), service(), shared))
    assert back is not None
    restored = patched(shared, back.operations)
    assert restored["spec"] == (live.route or {})["spec"]


@pytest.mark.parametrize(
    ("share", "production", "cloned"),
    [(0.1, 4, 1), (0.2, 4, 1), (0.1, 18, 2), (0.01, 4, 1), (0.5, 4, 4), (1.0, 4, 4), (0.25, 9, 3)],
)
def test_without_a_route_the_clones_pods_are_the_nearest_share(
    share: float, production: int, cloned: int
) -> None:
    assert Replicas().replicas(share, production) == cloned


@pytest.mark.parametrize(("share", "production", "cloned"), [(0.1, 4, 1), (0.3, 4, 2), (1.0, 4, 4)])
def test_with_a_route_the_clone_has_as_many_pods_as_its_share_needs(
    share: float, production: int, cloned: int
) -> None:
    assert Routed().replicas(share, production) == cloned


KEYS = st.sampled_from(["app", "tier", "team", "zone"])
LABELS = st.dictionaries(KEYS, st.sampled_from(["a", "b"]), min_size=1)


@settings(max_examples=200)
@given(LABELS, st.data())
def test_a_clones_pods_are_never_productions_unless_the_service_needs_them(
    labels: dict[str, str], data: st.DataObject
) -> None:
    own = data.draw(st.sets(st.sampled_from(sorted(labels)), min_size=1))
    served = data.draw(st.sets(st.sampled_from(sorted(labels)), min_size=1))
    live = deployment()
    live["spec"]["template"]["metadata"]["labels"] = labels
    live["spec"]["selector"] = {"matchLabels": {key: labels[key] for key in own}}
    selector = {key: labels[key] for key in served}
    by_route = pod_labels(target(), live, selector, in_service=False)
    assert not selects(live["spec"]["selector"], by_route)
    assert not selects({"matchLabels": selector}, by_route)
    in_service = pod_labels(target(workload=ROUTELESS), live, selector, in_service=True)
    assert selects({"matchLabels": selector}, in_service)
    assert selects(live["spec"]["selector"], in_service) == (own <= served)


def test_a_deployment_that_selects_by_absence_cannot_be_cloned_beside_a_route() -> None:
    live = deployment(selector={"matchExpressions": [{"key": "canary", "operator": "DoesNotExist"}]})
    why = uncloneable(target(), Region(live, service(), route(("payments", 1))), in_service=False)
    assert why is not None
    assert "matchLabels" in why


def test_first_contact_with_a_shared_route_is_marked_for_this_application_only() -> None:
    billing = {"billing.lockgate.dev/fence": "9.9.9"}
    live = Region(deployment(marks=marks("7.0.1")), service(), route(("payments", 1), marks=billing))
    step = pilot(target(), live)
    assert isinstance(step, Patch)
    assert patched(live.route or {}, step.operations)["metadata"]["annotations"] == {
        **billing,
        "payments.lockgate.dev/application": "payments",
        "payments.lockgate.dev/fence": "0.0.0",
    }
