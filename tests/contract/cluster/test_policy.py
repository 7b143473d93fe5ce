"""The policy in the cluster stops what a deployer never does: a write under an old fence, or without one, or to others' things."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from lockgate.deployer.rights import IN_ITS_REGION, Right
from tests.support.controlplane import ControlPlane
from tests.support.everything import policed, region_of
from tests.support.places import MERGE, Answer, Place, service, web

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

FENCE, SHARED = "lockgate.dev/fence", "payments.lockgate.dev/fence"
FALLS = "a fence may not fall, go, or be no fence: a newer step or order has been here"
LEAVES = "a deployer leaves a fence on everything that it writes"
CLONES = "a deployer makes and deletes nothing but clones"
STAYS = "what is no clone does not become one, nor the other way round"
CLONED = {"labels": {"lockgate.dev/clone": "web-pilot-7"}, "annotations": {FENCE: "7.0.1"}}


@pytest_asyncio.fixture
async def place(control_plane: ControlPlane) -> AsyncIterator[Place]:
    """A region with the policy, whose deployer may scale as well: no right of its own stands in the way here."""
    rights = (*IN_ITS_REGION, Right("apps", "deployments/scale", ("patch",)))
    async with region_of(control_plane, rights) as region:
        await policed(control_plane, region)
        yield region


async def marked(place: Place, fence: str | None, plural: str = "deployments", key: str = FENCE) -> Answer:
    """The deployer's write of a fence; None takes it away."""
    body = {"metadata": {"annotations": {key: fence}}}
    path = place.path(plural, "payments")
    return await place.ask("PATCH", path, body, content_type=MERGE, token=place.deployer)


def denied(answer: Answer, why: str) -> bool:
    return (answer.status, answer.reason) == (403, "Forbidden") and answer.message.endswith(
        f"denied request: {why}"
    )


@pytest.mark.parametrize(
    ("plural", "key"), [("deployments", FENCE), ("httproutes", SHARED), ("services", SHARED)]
)
async def test_a_fence_rises_or_stays_and_never_falls(place: Place, plural: str, key: str) -> None:
    for fence in ("7.2.10", "7.2.10", "7.2.11", "7.3.0", "8.0.1", "10.2.10"):
        assert (await marked(place, fence, plural, key)).status == 200, fence
    for lower in ("9.9.9", "10.1.99", "10.2.9", "0.0.0", "10.2", "ten", "", None):
        refused = await marked(place, lower, plural, key)
        assert denied(refused, FALLS), (lower, refused.body)
    assert (await place.read(plural, "payments"))["metadata"]["annotations"][key] == "10.2.10"


async def test_one_applications_fence_on_a_shared_object_does_not_hold_back_anothers(place: Place) -> None:
    assert (await marked(place, "7.0.1", "httproutes", SHARED)).status == 200
    assert (await marked(place, "1.0.1", "httproutes", "billing.lockgate.dev/fence")).status == 200
    assert denied(await marked(place, "6.0.1", "httproutes", SHARED), FALLS)


async def test_nothing_is_written_without_a_fence(place: Place) -> None:
    labels = {"metadata": {"labels": {"a": "b"}}}
    path = place.path("deployments", "payments")
    assert denied(await place.ask("PATCH", path, labels, content_type=MERGE, token=place.deployer), LEAVES)
    scaled = {"spec": {"replicas": 0}}
    scale = await place.ask("PATCH", f"{path}/scale", scaled, content_type=MERGE, token=place.deployer)
    assert denied(scale, LEAVES)
    bare = web(labels={"lockgate.dev/clone": "web-pilot-7"})
    assert denied(await place.ask("POST", place.path("deployments"), bare, token=place.deployer), LEAVES)


@pytest.mark.parametrize("plural", ["deployments", "services"])
async def test_nothing_but_clones_is_made_and_deleted(place: Place, plural: str) -> None:
    def made(**metadata: Any) -> Any:
        return (
            web("web-pilot-7", replicas=0, **metadata)
            if plural == "deployments"
            else service("web", **metadata)
        )

    unlabelled = {"annotations": CLONED["annotations"]}
    path = place.path(plural)
    assert denied(await place.ask("POST", path, made(**unlabelled), token=place.deployer), CLONES)
    assert denied(await place.ask("DELETE", f"{path}/payments", token=place.deployer), CLONES)
    assert (await place.ask("POST", path, made(**CLONED), token=place.deployer)).status == 201
    assert (await place.ask("DELETE", f"{path}/web", token=place.deployer)).status == 200


async def test_production_does_not_become_a_clone_that_may_be_deleted(place: Place) -> None:
    body = {"metadata": CLONED}
    path = place.path("deployments", "payments")
    assert denied(await place.ask("PATCH", path, body, content_type=MERGE, token=place.deployer), STAYS)


async def test_nobody_else_is_judged(place: Place) -> None:
    await marked(place, "7.2.10")
    for fence in ("1.0.0", None):
        body = {"metadata": {"annotations": {FENCE: fence}}}
        assert (await place.patch("deployments", "payments", body, MERGE)).status == 200
    assert (await place.delete("deployments", "payments")).status == 200
