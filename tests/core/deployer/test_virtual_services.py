"""A share by an Istio VirtualService: whose destination is which Service, what is written, and that all comes back."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.deployer.reports import Deployed, Failed, Piloted, RolledBack
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Delete, Kind, Patch, Region, Target
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
    marks,
    patched,
    route_marks,
    service,
    virtual_service,
)
from tests.support.deployer import target as step_of
from tests.support.deployer_cluster import Held, Strategy

ROUTE = (Kind.VIRTUAL_SERVICE, "payments")
REDIRECT = {"match": [{"uri": {"exact": "/old"}}], "redirect": {"uri": "/"}}
MIRROR = {"match": [{"uri": {"prefix": "/m"}}], "route": [destination("mirror")], "timeout": "3s"}


def target(at: str = "7.0.1", **changes: Any) -> Target:
    return step_of(at, **{"share": 0.1, "workload": MESHED, **changes})


def meshed(*rules: dict[str, Any]) -> Held:
    """A region whose traffic goes by a VirtualService."""
    held = Held()
    del held.objects[Kind.ROUTE, "payments"]
    held.objects[ROUTE] = virtual_service(*rules)
    return held


def http_of(held: Held) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = held.objects[ROUTE]["spec"]["http"]
    return found


def test_the_clone_becomes_a_destination_beside_production_and_nothing_else_changes() -> None:
    held = meshed(REDIRECT, {"retries": {"attempts": 2}, "route": [destination("payments")]}, MIRROR)
    answer = held.carry_out(pilot, target())
    assert answer == Piloted(share=0.1, pilot_pods="payments-pilot-7-", baseline_pods="payments-")
    shared = [destination("payments", 900), destination("payments-pilot-7", 100)]
    assert held.objects[ROUTE]["spec"] == {
        "hosts": ["payments"],
        "http": [REDIRECT, {"retries": {"attempts": 2}, "route": shared}, MIRROR],
    }
    assert held.objects[Kind.SERVICE, "payments-pilot-7"]["metadata"]["annotations"][
        "lockgate.dev/route"
    ] == ("virtualservice/payments")


def test_a_write_is_void_unless_fence_and_rule_are_what_was_read() -> None:
    live = Region(
        deployment(marks=marks("7.0.1")),
        service(),
        virtual_service(REDIRECT, {"route": [destination("payments")]}, marks=route_marks("7.0.1")),
    )
    patch = Routed().give(target(), live)
    assert patch is not None
    assert (patch.kind, patch.name) == ROUTE
    assert [each for each in patch.operations if each["op"] == "test"] == [
        {"op": "test", "path": "/metadata/uid", "value": "v-1"},
        {"op": "test", "path": "/metadata/annotations/payments.lockgate.dev~1fence", "value": "7.0.1"},
        {"op": "test", "path": "/spec/http/1/route", "value": [destination("payments")]},
    ]


def test_a_destination_keeps_its_form_but_for_host_subset_and_weight() -> None:
    own = {
        **destination("payments.shop.svc.cluster.local", 100, subset="v1", port={"number": 80}),
        "headers": {"request": {"set": {"x-a": "b"}}},
    }
    held = meshed({"route": [own]})
    held.carry_out(pilot, target(share=0.25))
    clone = {
        **destination("payments-pilot-7.shop.svc.cluster.local", 25000, port={"number": 80}),
        "headers": {"request": {"set": {"x-a": "b"}}},
    }
    assert http_of(held) == [{"route": [{**own, "weight": 75000}, clone]}]


@pytest.mark.parametrize(
    "host", ["payments.billing.svc.cluster.local", "payments.example.com", "payments.shop", "billing"]
)
def test_a_host_that_is_not_the_service_is_not_taken_for_it(host: str) -> None:
    refused = meshed({"route": [destination(host)]}).carry_out(pilot, target())
    assert isinstance(refused, Failed)
    assert refused.reason == (
        "The VirtualService payments in eu-west sends nothing to the Service payments: have one of its rules send "
        "something there (spec.http[].route), or correct the plan's workload."
    )


def test_traffic_that_is_split_over_subsets_is_refused_because_a_share_of_it_would_not_be_exact() -> None:
    split = [destination("payments", 50, subset="a"), destination("payments", 50, subset="b")]
    refused = meshed({"route": split}).carry_out(pilot, target())
    assert isinstance(refused, Failed)
    assert refused.reason == (
        "A rule of the VirtualService payments in eu-west sends traffic to the Service payments by 2 references, and "
        "a share is taken from one: join them to one."
    )


def test_a_virtual_service_that_is_not_there_is_named() -> None:
    held = meshed()
    del held.objects[ROUTE]
    refused = held.carry_out(pilot, target())
    assert isinstance(refused, Failed)
    assert refused.reason == (
        "There is no VirtualService payments in eu-west: create it, or take it from the plan."
    )


STORIES: dict[str, tuple[tuple[Strategy, Target], ...]] = {
    "pilot": ((pilot, target("7.0.1")),),
    "canary": ((canary, target("7.0.1", share=0.25)), (canary, target("7.0.2", share=1.0))),
    "blue-green": ((green, target("7.0.1")), (switch, target("7.0.2", share=1.0))),
}
ENDS: list[tuple[Strategy, Target, type[object]]] = [
    (rolling, target("7.0.3"), Deployed),
    (rollback, target("7.1.1", digest=OLD, bad=NEW, touched=True), RolledBack),
]
RULES: list[dict[str, Any]] = [
    {"route": [destination("payments")]},
    MIRROR,
    {"route": [destination("payments", 100)]},
]


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize(("end", "wanted", "answer"), ENDS)
def test_after_each_strategy_the_rules_are_what_they_were(
    story: str, end: Strategy, wanted: Target, answer: type[object]
) -> None:
    held = meshed(*RULES)
    for strategy, step in STORIES[story]:
        held.carry_out(strategy, step)
    assert isinstance(held.carry_out(end, wanted), answer)
    assert http_of(held) == RULES
    assert held.names == ["Deployment payments", "Service payments", "VirtualService payments"]


def test_a_switch_sends_all_traffic_to_green_in_one_write() -> None:
    held = meshed({"route": [destination("payments")]})
    held.carry_out(green, target("7.0.1"))
    assert http_of(held) == [{"route": [destination("payments")]}]
    held.carry_out(switch, target("7.0.2", share=1.0))
    assert http_of(held) == [{"route": [destination("payments", 0), destination("payments-green-7", 1000)]}]


WEIGHTS = st.lists(
    st.tuples(st.sampled_from(["payments", "static", "billing"]), st.one_of(st.none(), st.integers(0, 1000))),
    min_size=1,
    max_size=3,
    unique_by=lambda pair: pair[0],
)


@example([("payments", 0)], 0.5)
@given(WEIGHTS, st.floats(0.001, 1.0))
def test_whatever_the_weights_a_share_is_near_what_was_wanted_and_they_come_back_exactly(
    weighed: list[tuple[str, int | None]], share: float
) -> None:
    rule = {"route": [destination(host, weight) for host, weight in weighed]}
    live = Region(deployment(), service(), virtual_service(rule, marks=route_marks("7.0.1")))
    wanted, own = target(share=share), dict(weighed).get("payments", -1)
    if own == -1 or (not own and len(weighed) > 1):
        assert Routed().missing(wanted, live) is not None
        return
    patch = Routed().give(wanted, live)
    assert patch is not None
    shared = patched(live.route or {}, patch.operations)
    got = {r["destination"]["host"]: r.get("weight", 0) for r in shared["spec"]["http"][0]["route"]}
    part = got["payments-pilot-7"] / (got["payments"] + got["payments-pilot-7"])
    assert abs(part - share) <= 0.001
    assert abs(Routed().share(wanted, live) - part) < 1e-9
    back = Routed().take(wanted, Region(deployment(), service(), shared))
    assert back is not None
    assert patched(shared, back.operations)["spec"] == (live.route or {})["spec"]


def test_a_plan_that_changed_its_kind_of_route_takes_traffic_back_from_the_one_before() -> None:
    held = Held()
    held.objects[ROUTE] = virtual_service({"route": [destination("payments")]})
    held.carry_out(canary, step_of("7.0.1", share=0.5))
    assert held.weights == [("payments", 500), ("payments-canary-7", 500)]
    assert "annotations" not in held.objects[ROUTE]["metadata"]
    held.routes = (Kind.VIRTUAL_SERVICE, Kind.ROUTE)
    back = target("8.1.1", release="release-8", digest=OLD, bad=NEW, touched=True)
    while not isinstance(found := rollback(back, held.live()), RolledBack):
        assert isinstance(found, Patch | Delete)
        if isinstance(found, Delete):
            assert held.weights == [("payments", 1)]
        assert held.do(found)
    assert http_of(held) == [{"route": [destination("payments")]}]
