"""Finalizers: what is deleted stays, marked, until whoever put them there has taken them away."""

from typing import Any

import pytest

from tests.support.places import MERGE, PATIENCE, WRONG_UID, Json, Place, config, sandboxed, service, web
from tests.support.sandboxes import until

HOLDS = ["lockgate.test/holds"]
FREE = {"metadata": {"finalizers": None}}
KINDS = {
    "configmaps": config(finalizers=HOLDS),
    "services": service("settings", finalizers=HOLDS),
    "deployments": web(name="settings", replicas=0, finalizers=HOLDS),
}


def metadata(obj: Json) -> dict[str, Any]:
    found: dict[str, Any] = obj["metadata"]
    return found


@pytest.mark.parametrize("plural", KINDS)
async def test_what_has_a_finalizer_is_marked_and_stays(place: Place, plural: str) -> None:
    made = (await place.create(plural, KINDS[plural])).obj()
    assert "deletionTimestamp" not in metadata(made)

    gone = (await place.delete(plural, "settings", {"propagationPolicy": "Background"})).obj()

    assert metadata(gone)["uid"] == metadata(made)["uid"]
    assert metadata(gone)["deletionTimestamp"] >= metadata(made)["creationTimestamp"]
    assert metadata(gone)["deletionGracePeriodSeconds"] == 0
    assert metadata(gone)["finalizers"] == HOLDS
    live = await place.read(plural, "settings")
    assert metadata(live)["deletionTimestamp"] == metadata(gone)["deletionTimestamp"]


@pytest.mark.parametrize("plural", KINDS)
async def test_it_is_gone_once_the_last_one_is_taken_away(place: Place, plural: str) -> None:
    await place.create(plural, KINDS[plural])
    await place.delete(plural, "settings")
    last = (await place.patch(plural, "settings", FREE, MERGE)).obj()
    assert "finalizers" not in metadata(last)
    assert (await place.ask("GET", place.path(plural, "settings"))).status == 404
    assert (await place.create(plural, KINDS[plural])).status == 201


async def test_a_generation_is_counted_once_for_the_mark(place: Place) -> None:
    await place.create("deployments", KINDS["deployments"])
    gone = (await place.delete("deployments", "settings")).obj()
    again = (await place.delete("deployments", "settings")).obj()
    assert (metadata(gone)["generation"], metadata(again)["generation"]) == (2, 2)


async def test_a_second_deletion_changes_nothing(place: Place) -> None:
    await place.create("configmaps", KINDS["configmaps"])
    gone = (await place.delete("configmaps", "settings")).obj()
    assert (await place.delete("configmaps", "settings")).obj() == gone


async def test_a_precondition_holds_for_what_is_going_as_well(place: Place) -> None:
    await place.create("configmaps", KINDS["configmaps"])
    await place.delete("configmaps", "settings")
    refused = await place.delete("configmaps", "settings", {"preconditions": {"uid": WRONG_UID}})
    assert (refused.status, refused.reason) == (409, "Conflict")


async def test_its_name_is_not_free_before_it_has_gone(place: Place) -> None:
    await place.create("deployments", KINDS["deployments"])
    await place.delete("deployments", "settings")
    refused = await place.create("deployments", KINDS["deployments"])
    assert refused.refusal == (
        409,
        "AlreadyExists",
        'object is being deleted: deployments.apps "settings" already exists',
    )


async def test_what_is_going_may_be_changed_but_gets_no_new_finalizer(place: Place) -> None:
    await place.create("configmaps", KINDS["configmaps"])
    await place.delete("configmaps", "settings")
    labelled = await place.patch("configmaps", "settings", {"metadata": {"labels": {"a": "b"}}}, MERGE)
    assert metadata(labelled.obj())["labels"] == {"a": "b"}
    more = {"metadata": {"finalizers": [*HOLDS, "lockgate.test/more"]}}
    refused = await place.patch("configmaps", "settings", more, MERGE)
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert refused.message == (
        'ConfigMap "settings" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the '
        'object is being deleted, found new finalizers []string{"lockgate.test/more"}'
    )


async def test_a_client_does_not_mark_and_does_not_unmark(place: Place) -> None:
    marks: dict[str, Any] = {"deletionTimestamp": "2020-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0}
    made = (await place.create("configmaps", config(finalizers=HOLDS, **marks))).obj()
    assert "deletionTimestamp" not in metadata(made)
    await place.delete("configmaps", "settings")
    unmarked = {"metadata": dict.fromkeys(marks)}
    await place.patch("configmaps", "settings", unmarked, MERGE)
    assert "deletionTimestamp" in metadata(await place.read("configmaps", "settings"))


async def test_a_dry_run_marks_nothing(place: Place) -> None:
    await place.create("configmaps", KINDS["configmaps"])
    would = (await place.delete("configmaps", "settings", dryRun="All")).obj()
    assert "deletionTimestamp" in metadata(would)
    assert "deletionTimestamp" not in metadata(await place.read("configmaps", "settings"))


async def test_a_watch_shows_the_mark_and_then_the_end(place: Place) -> None:
    made = (await place.create("configmaps", KINDS["configmaps"])).obj()
    await place.delete("configmaps", "settings")
    await place.patch("configmaps", "settings", FREE, MERGE)
    begun = metadata(made)["resourceVersion"]
    heard = await place.watch("configmaps", 2, resourceVersion=begun, fieldSelector="metadata.name=settings")
    assert [(kind, metadata(obj).get("finalizers")) for kind, obj in heard] == [
        ("MODIFIED", HOLDS),
        ("DELETED", HOLDS),
    ]


async def test_a_deployment_that_is_going_rolls_no_more_and_keeps_its_pods(place: Place) -> None:
    await place.create("deployments", web(replicas=1, finalizers=HOLDS))

    async def pods() -> int:
        return len((await place.find("pods", labelSelector="app=web")).obj()["items"])

    async def one() -> bool:
        return await pods() == 1

    async def none() -> bool:
        return await pods() == 0

    await until(one, PATIENCE)
    await place.delete("deployments", "web", {"propagationPolicy": "Background"})
    await place.patch("deployments", "web", {"spec": {"replicas": 3}}, MERGE)
    await place.create("deployments", web(name="later", replicas=1))

    async def later() -> bool:
        return len((await place.find("pods", labelSelector="app=later")).obj()["items"]) == 1

    await until(later, PATIENCE)  # what was wanted afterwards is done by now
    assert await pods() == 1
    await place.patch("deployments", "web", FREE, MERGE)
    await until(none, PATIENCE)


async def test_a_pod_whose_time_is_over_waits_for_its_finalizers() -> None:
    """Of a sandbox alone: KWOK, which plays the kubelets of the real one, takes the finalizers of pods away itself."""
    async with sandboxed() as place:
        await place.create("deployments", web(replicas=1))

        async def names() -> list[str]:
            found = (await place.find("pods", labelSelector="app=web")).obj()["items"]
            return [pod["metadata"]["name"] for pod in found]

        async def one() -> bool:
            return len(await names()) == 1

        await until(one, PATIENCE)
        (name,) = await names()
        await place.patch("pods", name, {"metadata": {"finalizers": HOLDS}}, MERGE)
        await place.delete("deployments", "web", {"propagationPolicy": "Background"})

        async def over() -> bool:
            return metadata(await place.read("pods", name)).get("deletionGracePeriodSeconds") == 0

        await until(over, PATIENCE)
        await place.patch("pods", name, FREE, MERGE)
        assert await names() == []
