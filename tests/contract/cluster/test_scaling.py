"""The scale subresource, and replicas."""

from typing import Any

from tests.support.places import JSON_PATCH, MERGE, PATIENCE, Place, replaced, web
from tests.support.sandboxes import until


async def test_the_scale_of_a_deployment_can_be_read(place: Place) -> None:
    made = (await place.create("deployments", web(replicas=0))).obj()
    scale = await place.read("deployments", "web/scale")
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["metadata"]["uid"] == made["metadata"]["uid"]
    assert scale["spec"].get("replicas", 0) == 0
    assert (scale["status"]["replicas"], scale["status"]["selector"]) == (0, "app=web")


async def test_every_way_of_scaling_changes_replicas_alone(place: Place) -> None:
    await place.create("deployments", web(replicas=0))
    merged = await place.patch("deployments", "web/scale", {"spec": {"replicas": 1}}, MERGE)
    patched = await place.patch("deployments", "web/scale", [replaced("/spec/replicas", 2)], JSON_PATCH)
    wanted = {**patched.obj(), "metadata": {"name": "web"}, "spec": {"replicas": 3}}
    put = await place.replace("deployments", "web/scale", wanted)
    assert [answer.obj()["spec"]["replicas"] for answer in (merged, patched, put)] == [1, 2, 3]
    live = await place.read("deployments", "web")
    assert (live["spec"]["replicas"], live["metadata"]["generation"]) == (3, 4)


async def test_a_scale_that_cannot_be_is_refused(place: Place) -> None:
    await place.create("deployments", web(replicas=0))
    scale = await place.read("deployments", "web/scale")
    await place.patch("deployments", "web", {"metadata": {"labels": {"a": "b"}}}, MERGE)
    stale = {**scale, "spec": {"replicas": 4}}
    below = await place.patch("deployments", "web/scale", {"spec": {"replicas": -1}}, MERGE)
    text = await place.patch("deployments", "web/scale", {"spec": {"replicas": "x"}}, MERGE)
    answers = [await place.replace("deployments", "web/scale", stale), below, text]
    assert [(each.status, each.reason) for each in answers] == [
        (409, "Conflict"),
        (422, "Invalid"),
        (422, "Invalid"),
    ]
    assert (await place.ask("GET", place.path("deployments", "gone/scale"))).status == 404
    assert (await place.read("deployments", "web"))["spec"]["replicas"] == 0


async def test_scaling_is_no_new_revision(place: Place) -> None:
    await place.create("deployments", web(replicas=1))

    async def available(count: int) -> Any:
        found = await place.read("deployments", "web")
        return found if found.get("status", {}).get("availableReplicas", 0) == count else None

    await until(lambda: available(1), PATIENCE)
    await place.patch("deployments", "web/scale", {"spec": {"replicas": 3}}, MERGE)
    grown = await until(lambda: available(3), PATIENCE)
    assert grown["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    sets = (await place.find("replicasets")).obj()["items"]
    assert [each["spec"]["replicas"] for each in sets] == [3]
    await place.patch("deployments", "web/scale", {"spec": {"replicas": 0}}, MERGE)
    await until(lambda: available(0), PATIENCE)
