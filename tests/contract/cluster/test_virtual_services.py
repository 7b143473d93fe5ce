"""VirtualServices of Istio: how weights are set there, and a deployer that gives shares by them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from lockgate.deployer.cluster import VIRTUAL_SERVICES
from lockgate.messages.verdicts import Action
from lockgate.sandbox.sample import objects
from tests.support.controlplane.behaviours import digest
from tests.support.deployer import MESHED, artifact, destination, grant, order
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.places import MERGE, PATIENCE, STRATEGIC, Json, Place, holds, replaced, virtual_service
from tests.support.sandboxes import until

RUNS, GOOD = digest(number=1), digest(number=2)
ROUTE = "/spec/http/1/route"


def destinations(obj: Json) -> list[tuple[str, int | None]]:
    return [(each["destination"]["host"], each.get("weight")) for each in obj["spec"]["http"][1]["route"]]


async def test_nothing_is_filled_in(place: Place) -> None:
    body = virtual_service(1)
    del body["spec"]["http"][1]["route"][0]["weight"]
    assert (await place.create("virtualservices", body)).obj()["spec"] == body["spec"]


async def test_a_rule_is_replaced_if_it_is_what_was_read_and_is_422_otherwise(place: Place) -> None:
    read = (await place.create("virtualservices", virtual_service(100))).obj()["spec"]["http"][1]["route"]
    wanted = [destination("web-0", 90), destination("web-1", 10)]
    operations = [holds(ROUTE, read), replaced(ROUTE, wanted)]
    changed = (await place.patch("virtualservices", "web", operations)).obj()
    assert destinations(changed) == [("web-0", 90), ("web-1", 10)]
    assert changed["spec"]["http"][0] == virtual_service(100)["spec"]["http"][0]
    assert changed["metadata"]["generation"] == 2
    again = await place.patch("virtualservices", "web", operations)
    assert again.refusal == (
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
    )


async def test_an_annotation_is_no_new_generation(place: Place) -> None:
    await place.create("virtualservices", virtual_service(100))
    noted = await place.patch("virtualservices", "web", {"metadata": {"annotations": {"a": "b"}}}, MERGE)
    assert noted.obj()["metadata"]["generation"] == 1


async def test_there_is_no_strategic_merge(place: Place) -> None:
    await place.create("virtualservices", virtual_service(100))
    refused = await place.patch("virtualservices", "web", {"spec": {"hosts": ["a.example"]}}, STRATEGIC)
    assert refused.status == 415


async def test_items_of_a_list_say_what_they_are(place: Place) -> None:
    await place.create("virtualservices", virtual_service(1))
    listed = (await place.find("virtualservices")).obj()
    assert listed["kind"] == "VirtualServiceList"
    assert [each["kind"] for each in listed["items"]] == ["VirtualService"]


RULES: list[dict[str, Any]] = [
    {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/"}},
    {"retries": {"attempts": 2}, "route": [destination("payments")]},
]


@pytest_asyncio.fixture
async def west(place: Place) -> AsyncIterator[AtWork]:
    """The deployer of a region that runs two pods of `payments` behind a VirtualService."""
    for plural, obj in zip(("deployments", "services"), objects("payments", RUNS, 2), strict=False):
        (await place.create(plural, obj)).obj()
    body = virtual_service(1, name="payments")
    body["spec"] = {"hosts": ["payments"], "http": RULES}
    (await place.create("virtualservices", body)).obj()

    async def up() -> bool:
        status = (await place.read("deployments", "payments")).get("status", {})
        return bool(status.get("availableReplicas") == 2)

    await until(up, PATIENCE)
    async with working(hurried(place.region("eu-west"))) as worker:
        yield worker


async def rules(west: AtWork) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await west.object(VIRTUAL_SERVICES))["spec"]["http"]
    return found


async def test_a_pilot_gets_its_share_and_the_roll_out_gives_it_back_exactly(west: AtWork) -> None:
    given: dict[str, Any] = {"artifact": artifact(GOOD), "workload": MESHED}
    piloted = await west.step(grant("7.0.1", Action.PILOT, share=0.25, **given))
    assert (piloted["outcome"], piloted["share"]) == ("piloted", 0.25)
    shared = [destination("payments", 750), destination("payments-pilot-7", 250)]
    assert await rules(west) == [RULES[0], {**RULES[1], "route": shared}]
    assert await west.mark("payments.lockgate.dev/fence", VIRTUAL_SERVICES) == "7.0.1"
    assert await west.step(grant("7.0.2", **given)) == {"outcome": "deployed"}
    assert await rules(west) == RULES


async def test_an_order_takes_a_switch_back_and_a_late_step_is_refused(west: AtWork) -> None:
    given: dict[str, Any] = {"artifact": artifact(GOOD), "workload": MESHED}
    await west.step(grant("7.0.1", Action.CANARY, share=1.0, **given))
    everything = [destination("payments", 0), destination("payments-canary-7", 1000)]
    assert (await rules(west))[1]["route"] == everything
    back = await west.order(order("7.2.1", digest=RUNS, bad=GOOD, workload=MESHED), touched=True)
    assert back["outcome"] == "rolled-back"
    assert await rules(west) == RULES
    late = await west.step(grant("7.0.2", Action.CANARY, share=1.0, **given))
    assert late["outcome"] == "fenced"
    assert await rules(west) == RULES
