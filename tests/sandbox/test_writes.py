"""Every write but apply, against the table measured on a real API server."""

from lockgate.sandbox import Sandbox
from tests.support.sandboxes import (
    JSON_PATCH,
    MERGE,
    NAMESPACE,
    STRATEGIC,
    Web,
    core_api,
    image_of,
    kubernetes,
    refused,
    web,
)

WRONG_UID = "00000000-0000-0000-0000-000000000000"


async def test_a_new_image_or_annotation_moves_the_generation_and_a_label_does_not(web_api: Web) -> None:
    await web_api.apply(web())
    changed = await web_api.apply(web("app:v2"))
    assert (changed["metadata"]["generation"], image_of(changed)) == (2, "app:v2")
    labelled = await web_api.patch({"metadata": {"labels": {"note": "x"}}}, MERGE)
    assert labelled["metadata"]["generation"] == 2
    noted = await web_api.patch({"metadata": {"annotations": {"note": "x"}}}, MERGE)
    assert noted["metadata"]["generation"] == 3


async def test_every_write_with_an_old_resource_version_is_a_conflict(web_api: Web) -> None:
    old = (await web_api.apply(web(replicas=0)))["metadata"]["resourceVersion"]
    live = await web_api.read()
    await web_api.apply(web("app:v4", replicas=0))
    stale = {"metadata": {"resourceVersion": old}, "spec": {"replicas": 4}}
    put = {**live, "metadata": {**live["metadata"], "resourceVersion": old}}
    writes = (
        web_api.apps.replace_namespaced_deployment("web", NAMESPACE, put),
        web_api.apply(web("app:v5", replicas=0, resourceVersion=old), force=True),
        web_api.patch(stale, MERGE),
        web_api.patch(stale, STRATEGIC),
    )
    assert [(await refused(write))[:2] for write in writes] == [(409, "Conflict")] * 4


async def test_a_write_with_the_current_resource_version_passes(web_api: Web, sandbox: Sandbox) -> None:
    await web_api.apply(web())
    await sandbox.settled()
    version = (await web_api.read())["metadata"]["resourceVersion"]
    assert image_of(await web_api.apply(web("app:v2", resourceVersion=version))) == "app:v2"


async def test_a_json_patch_test_that_does_not_hold_is_422_and_changes_nothing(web_api: Web) -> None:
    await web_api.apply(web(annotations={"fence": "4"}))
    operations = [
        {"op": "test", "path": "/metadata/annotations/fence", "value": "3"},
        {"op": "replace", "path": "/spec/replicas", "value": 7},
    ]
    assert (await refused(web_api.patch(operations, JSON_PATCH)))[:2] == (422, "Invalid")
    assert (await web_api.read())["spec"]["replicas"] == 2


async def test_a_json_patch_whose_test_holds_is_one_atomic_write(web_api: Web) -> None:
    await web_api.apply(web(annotations={"cd.test/fence": "4"}))
    operations = [
        {"op": "test", "path": "/metadata/annotations/cd.test~1fence", "value": "4"},
        {"op": "replace", "path": "/metadata/annotations/cd.test~1fence", "value": "5"},
        {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "app:v9"},
    ]
    patched = await web_api.patch(operations, JSON_PATCH)
    assert (patched["metadata"]["annotations"]["cd.test/fence"], image_of(patched)) == ("5", "app:v9")


async def test_a_json_patch_test_on_an_old_resource_version_is_422(web_api: Web) -> None:
    await web_api.apply(web())
    operations = [{"op": "test", "path": "/metadata/resourceVersion", "value": "1"}]
    assert (await refused(web_api.patch(operations, JSON_PATCH)))[0] == 422


async def test_a_strategic_patch_changes_a_container_by_name(web_api: Web) -> None:
    two = web()
    two["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "proxy:v1"})
    await web_api.apply(two)
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "sidecar", "image": "proxy:v2"}]}}}}
    patched = await web_api.patch(patch, STRATEGIC)
    images = [each["image"] for each in patched["spec"]["template"]["spec"]["containers"]]
    assert images == ["app:v1", "proxy:v2"]


async def test_a_merge_patch_with_null_removes_a_field(web_api: Web) -> None:
    await web_api.apply(web(annotations={"mine": "1"}))
    patched = await web_api.patch({"metadata": {"annotations": {"mine": None}}}, MERGE)
    assert "mine" not in patched["metadata"].get("annotations", {})


async def test_a_dry_run_answers_the_change_and_keeps_the_object(web_api: Web) -> None:
    await web_api.apply(web("app:v1"))
    dry = await web_api.apply(web("app:dry"), dry_run="All")
    assert (image_of(dry), image_of(await web_api.read())) == ("app:dry", "app:v1")


async def test_a_second_post_of_a_name_is_refused(web_api: Web) -> None:
    await web_api.apps.create_namespaced_deployment(NAMESPACE, web())
    again = web_api.apps.create_namespaced_deployment(NAMESPACE, web())
    assert await refused(again) == (409, "AlreadyExists", 'deployments.apps "web" already exists')


async def test_a_selector_cannot_change_and_must_match_the_template(web_api: Web) -> None:
    await web_api.apply(web())
    moved = web()
    moved["spec"]["selector"]["matchLabels"] = {"app": "other"}
    status, reason, message = await refused(web_api.apply(moved, force=True))
    assert (status, reason) == (422, "Invalid")
    assert "field is immutable" in message
    assert "`selector` does not match template `labels`" in message


async def test_the_scale_subresource_changes_replicas_alone(web_api: Web) -> None:
    await web_api.apply(web(replicas=2))
    scale = await web_api.apps.patch_namespaced_deployment_scale(
        "web", NAMESPACE, {"spec": {"replicas": 5}}, _content_type=MERGE
    )
    live = await web_api.read()
    assert (scale.spec.replicas, live["spec"]["replicas"], image_of(live)) == (5, 5, "app:v1")


async def test_a_list_comes_in_pages_and_by_selector(sandbox: Sandbox) -> None:
    async with kubernetes(sandbox, "eu-west") as api:
        core = core_api(api)
        for name, tier in (("a", "front"), ("b", "back"), ("c", "back")):
            await core.create_namespaced_config_map(
                NAMESPACE, {"metadata": {"name": name, "labels": {"tier": tier}}, "data": {}}
            )
        first = await core.list_namespaced_config_map(NAMESPACE, limit=2)
        rest = await core.list_namespaced_config_map(NAMESPACE, limit=2, _continue=first.metadata._continue)
        assert [each.metadata.name for each in (*first.items, *rest.items)] == ["a", "b", "c"]
        for selector, names in (
            ("tier=back", "bc"),
            ("tier in (front)", "a"),
            ("!tier", ""),
            ("tier!=back", "a"),
        ):
            found = await core.list_namespaced_config_map(NAMESPACE, label_selector=selector)
            assert [each.metadata.name for each in found.items] == list(names)
        named = await core.list_namespaced_config_map(NAMESPACE, field_selector="metadata.name=b")
        assert [each.metadata.name for each in named.items] == ["b"]
