"""Writing through the Kubernetes API, against the table measured on a real API server."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from kubernetes_asyncio import client

from lockgate.sandbox import Sandbox
from tests.support.sandboxes import (
    APPLY,
    JSON_PATCH,
    MERGE,
    NAMESPACE,
    STRATEGIC,
    apps_api,
    core_api,
    custom_api,
    kubernetes,
    refused,
    web,
)

WRONG_UID = "00000000-0000-0000-0000-000000000000"


class Web:
    """The Deployment `web` of a region, through a client."""

    def __init__(self, api: client.ApiClient) -> None:
        self.apps = apps_api(api)
        self.api = api

    async def apply(self, body: dict[str, Any], manager: str = "cd", **options: Any) -> dict[str, Any]:
        name = body["metadata"]["name"]
        answer = await self.apps.patch_namespaced_deployment(
            name, NAMESPACE, body, field_manager=manager, _content_type=APPLY, **options
        )
        return self.plain(answer)

    async def patch(self, body: Any, content_type: str, **options: Any) -> dict[str, Any]:
        answer = await self.apps.patch_namespaced_deployment(
            "web", NAMESPACE, body, _content_type=content_type, **options
        )
        return self.plain(answer)

    async def read(self) -> dict[str, Any]:
        return self.plain(await self.apps.read_namespaced_deployment("web", NAMESPACE))

    def plain(self, answer: Any) -> dict[str, Any]:
        found = self.api.sanitize_for_serialization(answer)
        assert isinstance(found, dict)
        return found


@pytest_asyncio.fixture
async def web_api(sandbox: Sandbox) -> AsyncIterator[Web]:
    async with kubernetes(sandbox, "eu-west") as api:
        yield Web(api)


def image(deployment: dict[str, Any]) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


async def test_an_apply_creates_and_the_same_apply_again_changes_nothing(web_api: Web) -> None:
    await web_api.apply(web(replicas=0))
    before = await web_api.read()
    again = await web_api.apply(web(replicas=0))
    assert again["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert again["metadata"]["generation"] == 1


async def test_a_new_image_moves_the_generation_and_an_annotation_does_not(web_api: Web) -> None:
    await web_api.apply(web())
    changed = await web_api.apply(web("app:v2"))
    assert (changed["metadata"]["generation"], image(changed)) == (2, "app:v2")
    noted = await web_api.patch({"metadata": {"annotations": {"note": "x"}}}, MERGE)
    assert noted["metadata"]["generation"] == 2


async def test_another_managers_field_is_a_conflict_that_names_both(web_api: Web) -> None:
    await web_api.apply(web("app:v1"))
    status, reason, message = await refused(web_api.apply(web("app:v3"), manager="someone"))
    assert (status, reason) == (409, "Conflict")
    assert message == (
        'Apply failed with 1 conflict: conflict with "cd": .spec.template.spec.containers[name="c"].image'
    )


async def test_force_takes_the_field_over_and_its_old_owner_then_conflicts(web_api: Web) -> None:
    await web_api.apply(web("app:v1"))
    forced = await web_api.apply(web("app:v3"), manager="someone", force=True)
    assert image(forced) == "app:v3"
    status, _, message = await refused(web_api.apply(web("app:v1")))
    assert status == 409
    assert 'conflict with "someone"' in message


async def test_the_same_value_is_owned_by_both_without_a_conflict(web_api: Web) -> None:
    await web_api.apply(web("app:v1"))
    shared = await web_api.apply(web("app:v1"), manager="someone")
    owners = [
        entry["manager"] for entry in shared["metadata"]["managedFields"] if entry["operation"] == "Apply"
    ]
    assert sorted(owners) == ["cd", "someone"]


async def test_a_field_no_longer_applied_goes_unless_somebody_else_owns_it(web_api: Web) -> None:
    await web_api.apply(web(annotations={"mine": "1", "shared": "2"}))
    await web_api.apply({**web(annotations={"shared": "2"})}, manager="someone")
    left = await web_api.apply(web())
    assert "mine" not in left["metadata"]["annotations"]
    assert left["metadata"]["annotations"]["shared"] == "2"


async def test_dropping_every_applied_annotation_keeps_the_controllers_own(
    web_api: Web, sandbox: Sandbox
) -> None:
    await web_api.apply(web(annotations={"mine": "1"}))
    await sandbox.settled()
    left = await web_api.apply(web())
    assert left["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}


async def test_a_container_no_longer_applied_goes_with_its_defaults(web_api: Web) -> None:
    both = web()
    both["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "proxy:v1"})
    await web_api.apply(both)
    left = await web_api.apply(web())
    assert [each["name"] for each in left["spec"]["template"]["spec"]["containers"]] == ["c"]


async def test_an_environment_variable_is_merged_by_name_between_managers(web_api: Web) -> None:
    await web_api.apply(web())
    extra = web()
    extra["spec"] = {
        "template": {"spec": {"containers": [{"name": "c", "env": [{"name": "A", "value": "1"}]}]}}
    }
    merged = await web_api.apply(extra, manager="someone")
    container = merged["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["env"]) == ("app:v1", [{"name": "A", "value": "1"}])


async def test_a_put_owns_what_it_changes_so_a_later_apply_conflicts(web_api: Web) -> None:
    await web_api.apply(web())
    live = await web_api.read()
    live["spec"]["replicas"] = 5
    await web_api.apps.replace_namespaced_deployment("web", NAMESPACE, live, field_manager="kubectl")
    status, _, message = await refused(web_api.apply(web(replicas=2)))
    assert status == 409
    assert 'conflict with "kubectl" using apps/v1: .spec.replicas' in message


async def test_an_apply_without_a_field_manager_is_refused(web_api: Web) -> None:
    status, reason, message = await refused(
        web_api.apps.patch_namespaced_deployment("web", NAMESPACE, web(), _content_type=APPLY)
    )
    assert (status, reason) == (422, "Invalid")
    assert "fieldManager: Required value" in message


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
    assert image(await web_api.apply(web("app:v2", resourceVersion=version))) == "app:v2"


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
    assert (patched["metadata"]["annotations"]["cd.test/fence"], image(patched)) == ("5", "app:v9")


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


async def test_a_delete_with_an_old_version_or_another_uid_is_a_conflict(web_api: Web) -> None:
    await web_api.apply(web())
    for precondition in ({"resourceVersion": "1"}, {"uid": WRONG_UID}):
        call = web_api.apps.delete_namespaced_deployment(
            "web", NAMESPACE, body={"preconditions": precondition}
        )
        assert (await refused(call))[:2] == (409, "Conflict")
    uid = (await web_api.read())["metadata"]["uid"]
    await web_api.apps.delete_namespaced_deployment("web", NAMESPACE, body={"preconditions": {"uid": uid}})
    assert (await refused(web_api.read()))[:2] == (404, "NotFound")


async def test_an_apply_with_a_wrong_uid_is_422_on_an_object_and_409_on_none(web_api: Web) -> None:
    await web_api.apply(web())
    assert (await refused(web_api.apply(web(uid=WRONG_UID), force=True)))[0] == 422
    absent = web(uid=WRONG_UID)
    absent["metadata"]["name"] = "gone"
    assert (await refused(web_api.apply(absent)))[0] == 409


async def test_an_apply_with_any_resource_version_creates_an_absent_object(web_api: Web) -> None:
    created = await web_api.apply(web(resourceVersion="999999"))
    assert created["metadata"]["name"] == "web"
    assert created["metadata"]["resourceVersion"] != "999999"


async def test_a_dry_run_answers_the_change_and_keeps_the_object(web_api: Web) -> None:
    await web_api.apply(web("app:v1"))
    dry = await web_api.apply(web("app:dry"), dry_run="All")
    assert (image(dry), image(await web_api.read())) == ("app:dry", "app:v1")


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


async def test_a_route_weight_below_zero_is_refused_and_rules_have_one_owner(sandbox: Sandbox) -> None:
    async with kubernetes(sandbox, "eu-west") as api:
        routes = custom_api(api)
        place = ("gateway.networking.k8s.io", "v1", NAMESPACE, "httproutes")

        def route(*weights: int) -> dict[str, Any]:
            backends = [
                {"name": f"web-{at}", "port": 80, "weight": weight} for at, weight in enumerate(weights)
            ]
            return {
                "apiVersion": "gateway.networking.k8s.io/v1",
                "kind": "HTTPRoute",
                "metadata": {"name": "web"},
                "spec": {"rules": [{"backendRefs": backends}]},
            }

        async def apply(body: dict[str, Any], manager: str) -> Any:
            return await routes.patch_namespaced_custom_object(
                *place, "web", body, field_manager=manager, _content_type=APPLY
            )

        await apply(route(90, 10), "cd")
        status, _, message = await refused(apply(route(50, 50), "someone"))
        assert (status, message) == (409, 'Apply failed with 1 conflict: conflict with "cd": .spec.rules')
        assert (await refused(apply(route(-1, 1), "cd")))[0] == 422
        found = await routes.get_namespaced_custom_object(*place, "web")
        assert [each["weight"] for each in found["spec"]["rules"][0]["backendRefs"]] == [90, 10]


async def test_the_scale_subresource_changes_replicas_alone(web_api: Web) -> None:
    await web_api.apply(web(replicas=2))
    scale = await web_api.apps.patch_namespaced_deployment_scale(
        "web", NAMESPACE, {"spec": {"replicas": 5}}, _content_type=MERGE
    )
    live = await web_api.read()
    assert (scale.spec.replicas, live["spec"]["replicas"], image(live)) == (5, 5, "app:v1")


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


async def test_an_applied_document_may_be_yaml(sandbox: Sandbox) -> None:
    async with kubernetes(sandbox, "eu-west") as api:
        text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {mode: fast}\n"
        place = sandbox.directory()["regions"]["eu-west"]
        async with api.rest_client.pool_manager.patch(
            f"{place['kubernetes']}/api/v1/namespaces/{NAMESPACE}/configmaps/settings?fieldManager=cd",
            data=text,
            headers={"Content-Type": APPLY, "Authorization": f"Bearer {place['token']}"},
        ) as answer:
            body = json.loads(await answer.read())
    assert (answer.status, body["data"]) == (201, {"mode": "fast"})
