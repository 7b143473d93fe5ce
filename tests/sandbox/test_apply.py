"""Server-side apply: owners, conflicts, force, what goes when it is applied no longer."""

import json
from typing import Any

from lockgate.sandbox import Sandbox
from tests.support.sandboxes import (
    APPLY,
    NAMESPACE,
    Web,
    custom_api,
    image_of,
    kubernetes,
    refused,
    web,
)

WRONG_UID = "00000000-0000-0000-0000-000000000000"


async def test_an_apply_creates_and_the_same_apply_again_changes_nothing(web_api: Web) -> None:
    await web_api.apply(web(replicas=0))
    before = await web_api.read()
    again = await web_api.apply(web(replicas=0))
    assert again["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert again["metadata"]["generation"] == 1


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
    assert image_of(forced) == "app:v3"
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


async def test_after_a_takeover_the_new_owner_needs_no_force(web_api: Web) -> None:
    await web_api.apply(web("app:v1"))
    await web_api.apply(web("app:v3"), manager="someone", force=True)
    changed = await web_api.apply(web("app:v4"), manager="someone")
    assert image_of(changed) == "app:v4"
