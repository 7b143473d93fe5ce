"""Weights of an HTTPRoute: how a share of the traffic is set, and what is refused."""

from typing import Any

import pytest

from tests.support.places import MERGE, Json, Place, holds, replaced, route

REFS = "/spec/rules/0/backendRefs"


def weights(obj: Json) -> list[int]:
    return [ref["weight"] for ref in obj["spec"]["rules"][0]["backendRefs"]]


async def test_a_route_gets_its_defaults(place: Place) -> None:
    body = route(1)
    del body["spec"]["rules"][0]["backendRefs"][0]["weight"]
    spec = (await place.create("httproutes", body)).obj()["spec"]
    assert spec == {
        "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway"}],
        "rules": [
            {
                "backendRefs": [{"group": "", "kind": "Service", "name": "web-0", "port": 80, "weight": 1}],
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            }
        ],
    }


async def test_weights_are_set_by_each_kind_of_patch(place: Place) -> None:
    await place.apply("httproutes", route(100, 0))
    assert weights((await place.apply("httproutes", route(90, 10))).obj()) == [90, 10]
    refs = [{"name": f"web-{at}", "port": 80, "weight": weight} for at, weight in enumerate((80, 20))]
    merged = await place.patch("httproutes", "web", {"spec": {"rules": [{"backendRefs": refs}]}}, MERGE)
    assert weights(merged.obj()) == [80, 20]
    operations = [holds(f"{REFS}/1/weight", 20), replaced(f"{REFS}/1/weight", 30)]
    assert weights((await place.patch("httproutes", "web", operations)).obj()) == [80, 30]


async def test_a_change_of_a_weight_is_a_new_generation(place: Place) -> None:
    await place.create("httproutes", route(100, 0))
    changed = (await place.patch("httproutes", "web", [replaced(f"{REFS}/1/weight", 1)])).obj()
    assert changed["metadata"]["generation"] == 2
    noted = (await place.patch("httproutes", "web", {"metadata": {"annotations": {"a": "b"}}}, MERGE)).obj()
    assert noted["metadata"]["generation"] == 2


async def test_a_test_of_all_references_holds_for_what_was_read(place: Place) -> None:
    read = (await place.create("httproutes", route(100, 0))).obj()["spec"]["rules"][0]["backendRefs"]
    wanted = [{**ref, "weight": weight} for ref, weight in zip(read, (60, 40), strict=True)]
    operations = [holds(REFS, read), replaced(REFS, wanted)]
    assert weights((await place.patch("httproutes", "web", operations)).obj()) == [60, 40]
    again = await place.patch("httproutes", "web", operations)
    assert again.refusal == (
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
    )
    assert weights(await place.read("httproutes", "web")) == [60, 40]


async def test_all_rules_have_one_owner_and_a_default_counts_as_another_value(place: Place) -> None:
    await place.apply("httproutes", route(90, 10))
    refused = await place.apply("httproutes", route(50, 50), "someone")
    assert refused.refusal == (
        409,
        "Conflict",
        'Apply failed with 2 conflicts: conflicts with "cd":\n- .spec.parentRefs\n- .spec.rules',
    )


VALUES: dict[str, tuple[str, Any, str]] = {
    "below zero": ("weight", -1, "spec.rules[0].backendRefs[0].weight"),
    "above a million": ("weight", 1_000_001, "spec.rules[0].backendRefs[0].weight"),
    "as text": ("weight", "ten", "spec.rules[0].backendRefs[0].weight"),
    "as fraction": ("weight", 0.5, "spec.rules[0].backendRefs[0].weight"),
    "an empty name": ("name", "", "spec.rules[0].backendRefs[0].name"),
    "a port out of range": ("port", 70000, "spec.rules[0].backendRefs[0].port"),
}


@pytest.mark.parametrize("case", VALUES)
async def test_a_reference_that_cannot_be_is_422_and_names_its_field(place: Place, case: str) -> None:
    field, value, path = VALUES[case]
    await place.create("httproutes", route(100, 0))
    refused = await place.patch("httproutes", "web", [replaced(f"{REFS}/0/{field}", value)])
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert path in refused.fields
    assert weights(await place.read("httproutes", "web")) == [100, 0]


async def test_the_largest_and_the_smallest_weight_are_taken(place: Place) -> None:
    assert weights((await place.create("httproutes", route(1_000_000, 0))).obj()) == [1_000_000, 0]


async def test_a_rule_has_no_more_than_sixteen_references(place: Place) -> None:
    assert (await place.create("httproutes", route(*[1] * 16))).status == 201
    refused = await place.create("httproutes", route(*[1] * 17, name="more"))
    assert refused.status == 422
    assert "spec.rules[0].backendRefs" in refused.fields


async def test_a_service_needs_a_port(place: Place) -> None:
    body = route(1)
    del body["spec"]["rules"][0]["backendRefs"][0]["port"]
    refused = await place.create("httproutes", body)
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert "Must have port for Service reference" in refused.message


async def test_a_host_that_is_none_is_refused(place: Place) -> None:
    for host in ("Capital.example", "a b", "127.0.0.1:80", ""):
        body = route(1)
        body["spec"]["hostnames"] = [host]
        refused = await place.create("httproutes", body)
        assert refused.status == 422, host
        assert "spec.hostnames[0]" in refused.fields
