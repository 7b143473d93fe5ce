"""DELETE: only the very object that was meant, and what it owns after it."""

from tests.support.places import PATIENCE, WRONG_UID, Place, config, service, web
from tests.support.sandboxes import until


async def test_what_is_deleted_is_gone_and_its_name_is_free(place: Place) -> None:
    first = (await place.create("configmaps", config())).obj()
    gone = await place.delete("configmaps", "settings")
    assert (gone.status, gone.body["status"]) == (200, "Success")
    assert gone.body["details"] == {
        "name": "settings",
        "kind": "configmaps",
        "uid": first["metadata"]["uid"],
    }
    again = await place.delete("configmaps", "settings")
    assert again.refusal == (404, "NotFound", 'configmaps "settings" not found')
    second = (await place.create("configmaps", config())).obj()
    assert second["metadata"]["uid"] != first["metadata"]["uid"]


async def test_another_uid_is_a_conflict_and_deletes_nothing(place: Place) -> None:
    made = (await place.create("deployments", web(replicas=0))).obj()
    uid = made["metadata"]["uid"]
    refused = await place.delete("deployments", "web", {"preconditions": {"uid": WRONG_UID}})
    assert (refused.status, refused.reason) == (409, "Conflict")
    assert refused.message == (
        'Operation cannot be fulfilled on Deployment.apps "web": the UID in the precondition '
        f"({WRONG_UID}) does not match the UID in record ({uid}). The object might have been deleted and then "
        "recreated"
    )
    await place.read("deployments", "web")
    assert (await place.delete("deployments", "web", {"preconditions": {"uid": uid}})).status == 200


async def test_an_old_resource_version_is_a_conflict_and_deletes_nothing(place: Place) -> None:
    await place.create("configmaps", config())
    refused = await place.delete("configmaps", "settings", {"preconditions": {"resourceVersion": "1"}})
    assert (refused.status, refused.reason) == (409, "Conflict")
    live = await place.read("configmaps", "settings")
    version = live["metadata"]["resourceVersion"]
    assert refused.message == (
        'Operation cannot be fulfilled on ConfigMap "settings": the ResourceVersion in the precondition (1) '
        f"does not match the ResourceVersion in record ({version}). The object might have been modified"
    )
    exact = {"resourceVersion": version}
    assert (await place.delete("configmaps", "settings", {"preconditions": exact})).status == 200


async def test_a_dry_run_deletes_nothing(place: Place) -> None:
    await place.create("configmaps", config())
    assert (await place.delete("configmaps", "settings", dryRun="All")).status == 200
    assert (await place.delete("configmaps", "settings", {"dryRun": ["All"]})).status == 200
    await place.read("configmaps", "settings")


async def test_options_that_are_none_are_400(place: Place) -> None:
    await place.create("configmaps", config())
    for options in (b"{", b'{"preconditions": "x"}'):
        refused = await place.ask("DELETE", place.path("configmaps", "settings"), options)
        assert (refused.status, refused.reason) == (400, "BadRequest")
    unknown = await place.delete("configmaps", "settings", {"propagationPolicy": "Sideways"})
    assert (unknown.status, unknown.reason) == (422, "Invalid")


async def test_what_a_deployment_owns_goes_after_it(place: Place) -> None:
    made = (await place.create("deployments", web(replicas=2))).obj()

    async def pods() -> list[str]:
        found = (await place.find("pods", labelSelector="app=web")).obj()["items"]
        return [pod["metadata"]["name"] for pod in found]

    async def two() -> bool:
        return len(await pods()) == 2

    await until(two, PATIENCE)
    options = {"preconditions": {"uid": made["metadata"]["uid"]}, "propagationPolicy": "Background"}
    assert (await place.delete("deployments", "web", options)).status == 200

    async def nothing_left() -> bool:
        sets = (await place.find("replicasets", labelSelector="app=web")).obj()["items"]
        return not sets and not await pods()

    await until(nothing_left, PATIENCE)


async def test_orphans_stay(place: Place) -> None:
    await place.create("deployments", web(replicas=1))

    async def replica_sets() -> list[str]:
        found = (await place.find("replicasets", labelSelector="app=web")).obj()["items"]
        return [
            owner["kind"]
            for each in found
            for owner in each["metadata"].get("ownerReferences") or [{"kind": "none"}]
        ]

    async def owned() -> bool:
        return await replica_sets() == ["Deployment"]

    await until(owned, PATIENCE)
    await place.delete("deployments", "web", {"propagationPolicy": "Orphan"})

    async def orphaned() -> bool:
        return await replica_sets() == ["none"]

    await until(orphaned, PATIENCE)


async def test_many_are_deleted_by_their_labels(place: Place) -> None:
    for name, tier in (("a", "front"), ("b", "back"), ("c", "back")):
        await place.create("configmaps", config(name, labels={"tier": tier}))
    gone = await place.ask("DELETE", place.path("configmaps"), labelSelector="tier=back")
    assert gone.status == 200
    left = (await place.find("configmaps", labelSelector="tier")).obj()["items"]
    assert [each["metadata"]["name"] for each in left] == ["a"]


async def test_a_deleted_service_answers_with_itself(place: Place) -> None:
    made = (await place.create("services", service())).obj()
    gone = await place.delete("services", "web")
    assert (gone.status, gone.body["metadata"]["uid"]) == (200, made["metadata"]["uid"])
