"""Patches and PUT: all or nothing, with tests, preconditions and resource versions."""

from typing import Any

import pytest

from tests.support.places import (
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    WRONG_UID,
    Answer,
    Place,
    config,
    holds,
    image_of,
    replaced,
    route,
    web,
)

REFUSED = (422, "Invalid", "the server rejected our request due to an error in our request")
FENCE = "/metadata/annotations/lockgate.dev~1fence"


async def test_a_test_that_holds_and_what_follows_it_are_one_write(place: Place) -> None:
    await place.create("deployments", web(replicas=0, annotations={"lockgate.dev/fence": "4"}))
    operations = [
        holds(FENCE, "4"),
        replaced(FENCE, "5"),
        replaced("/spec/template/spec/containers/0/image", "app:v9"),
    ]
    patched = (await place.patch("deployments", "web", operations)).obj()
    assert (patched["metadata"]["annotations"]["lockgate.dev/fence"], image_of(patched)) == ("5", "app:v9")
    assert patched["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    "operation",
    [
        holds(FENCE, "3"),
        holds("/metadata/uid", WRONG_UID),
        holds("/metadata/resourceVersion", "1"),
        holds("/spec/paused", True),
        holds("/spec/replicas", "0"),
        {"op": "remove", "path": "/metadata/annotations/none"},
        replaced("/spec/none/below", 1),
        {"op": "add", "path": "/spec/none/below", "value": 1},
        {"op": "add", "path": "/spec/template/spec/containers/7", "value": {}},
        {"op": "move", "from": "/spec/none", "path": "/spec/replicas"},
    ],
    ids=lambda operation: f"{operation['op']} {operation['path']}",
)
async def test_an_operation_that_does_not_hold_voids_the_whole_patch(
    place: Place, operation: dict[str, Any]
) -> None:
    await place.create("deployments", web(replicas=0, annotations={"lockgate.dev/fence": "4"}))
    refused = await place.patch("deployments", "web", [replaced("/spec/replicas", 7), operation])
    assert refused.refusal == REFUSED
    assert (await place.read("deployments", "web"))["spec"]["replicas"] == 0


async def test_a_missing_member_is_null_to_a_test(place: Place) -> None:
    await place.create("deployments", web(replicas=0))
    operations = [holds("/spec/paused", None), replaced("/spec/replicas", 1)]
    assert (await place.patch("deployments", "web", operations)).obj()["spec"]["replicas"] == 1


async def test_a_replace_of_a_missing_member_adds_it_so_it_guards_nothing(place: Place) -> None:
    await place.create("deployments", web(replicas=0))
    added = (await place.patch("deployments", "web", [replaced("/spec/minReadySeconds", 7)])).obj()
    assert added["spec"]["minReadySeconds"] == 7


async def test_a_copy_of_a_missing_member_copies_null(place: Place) -> None:
    await place.create("deployments", web(replicas=0))
    nothing = [{"op": "copy", "from": "/spec/none", "path": "/spec/replicas"}]
    assert (await place.patch("deployments", "web", nothing)).obj()["spec"]["replicas"] == 1  # the default


async def test_every_kind_of_operation_does_what_it_says(place: Place) -> None:
    await place.create("configmaps", config(data={"a": "1", "b": "2"}))
    operations = [
        {"op": "add", "path": "/data/c", "value": "3"},
        {"op": "copy", "from": "/data/a", "path": "/data/d"},
        {"op": "move", "from": "/data/b", "path": "/data/e"},
        {"op": "remove", "path": "/data/a"},
        {"op": "add", "path": "/data/c", "value": "4"},
    ]
    patched = (await place.patch("configmaps", "settings", operations)).obj()
    assert patched["data"] == {"c": "4", "d": "1", "e": "2"}


async def test_an_item_is_put_into_a_list_at_its_place_or_at_the_end(place: Place) -> None:
    await place.create("deployments", web(replicas=0))
    path = "/spec/template/spec/containers"
    operations = [
        {"op": "add", "path": f"{path}/0", "value": {"name": "first", "image": "a:1"}},
        {"op": "add", "path": f"{path}/-", "value": {"name": "last", "image": "b:1"}},
    ]
    patched = (await place.patch("deployments", "web", operations)).obj()
    names = [each["name"] for each in patched["spec"]["template"]["spec"]["containers"]]
    assert names == ["first", "c", "last"]


@pytest.mark.parametrize(
    "body", [{"op": "add"}, "text", b"[{", b"nonsense"], ids=["an object", "a text", "cut off", "no JSON"]
)
async def test_a_json_patch_that_is_no_list_of_operations_is_400(place: Place, body: Any) -> None:
    await place.create("configmaps", config())
    refused = await place.patch("configmaps", "settings", body)
    assert (refused.status, refused.reason) == (400, "BadRequest")


async def test_a_patch_to_a_wrong_type_is_422_and_changes_nothing(place: Place) -> None:
    await place.create("deployments", web(replicas=0))
    bodies: list[tuple[Any, str]] = [
        ([replaced("/spec/replicas", "two")], JSON_PATCH),
        ({"spec": {"replicas": "two"}}, MERGE),
        ({"spec": {"replicas": "two"}}, STRATEGIC),
        ([replaced("/spec/template/spec/containers/0/image", 7)], JSON_PATCH),
        ({"metadata": {"annotations": {"a": 1}}}, MERGE),
    ]
    for body, kind in bodies:
        refused = await place.patch("deployments", "web", body, kind)
        assert (refused.status, refused.reason, refused.fields) == (422, "Invalid", ["patch"])
    assert (await place.read("deployments", "web"))["metadata"]["generation"] == 1


async def test_a_patch_may_not_rename_an_object_or_give_it_another_uid(place: Place) -> None:
    await place.create("configmaps", config())
    renamed = await place.patch("configmaps", "settings", [replaced("/metadata/name", "other")])
    assert (renamed.status, renamed.reason) == (400, "BadRequest")
    other = await place.patch("configmaps", "settings", {"metadata": {"uid": WRONG_UID}}, MERGE)
    assert other.refusal == (
        422,
        "Invalid",
        (f'ConfigMap "settings" is invalid: metadata.uid: Invalid value: "{WRONG_UID}": field is immutable'),
    )


async def test_a_merge_patch_removes_by_null_and_leaves_the_rest(place: Place) -> None:
    await place.create("configmaps", config(data={"a": "1", "b": "2"}))
    patched = await place.patch("configmaps", "settings", {"data": {"a": None, "c": "3"}}, MERGE)
    assert patched.obj()["data"] == {"b": "2", "c": "3"}


async def test_a_merge_patch_replaces_a_list_and_a_strategic_one_merges_it_by_name(place: Place) -> None:
    await place.create("deployments", web(replicas=0))
    sidecar = {"spec": {"template": {"spec": {"containers": [{"name": "sidecar", "image": "proxy:v1"}]}}}}

    def names(answer: Answer) -> list[str]:
        containers = answer.obj()["spec"]["template"]["spec"]["containers"]
        return sorted(each["name"] for each in containers)

    assert names(await place.patch("deployments", "web", sidecar, STRATEGIC)) == ["c", "sidecar"]
    assert names(await place.patch("deployments", "web", sidecar, MERGE)) == ["sidecar"]


async def test_a_strategic_patch_deletes_an_item_by_its_name(place: Place) -> None:
    both = web(replicas=0)
    both["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "proxy:v1"})
    await place.create("deployments", both)
    gone = {"spec": {"template": {"spec": {"containers": [{"$patch": "delete", "name": "sidecar"}]}}}}
    patched = (await place.patch("deployments", "web", gone, STRATEGIC)).obj()
    assert [each["name"] for each in patched["spec"]["template"]["spec"]["containers"]] == ["c"]


async def test_custom_resources_have_no_strategic_merge(place: Place) -> None:
    await place.create("httproutes", route(1))
    refused = await place.patch("httproutes", "web", {"spec": {"hostnames": ["a.example"]}}, STRATEGIC)
    assert (refused.status, refused.reason) == (415, "UnsupportedMediaType")


async def test_a_patch_of_no_known_kind_is_415(place: Place) -> None:
    await place.create("configmaps", config())
    refused = await place.patch("configmaps", "settings", {}, "application/json")
    assert (refused.status, refused.reason) == (415, "UnsupportedMediaType")


async def test_a_patch_of_what_is_not_there_is_404(place: Place) -> None:
    bodies: list[tuple[Any, str]] = [([], JSON_PATCH), ({}, MERGE), ({}, STRATEGIC)]
    for body, kind in bodies:
        refused = await place.patch("deployments", "gone", body, kind)
        assert refused.refusal == (404, "NotFound", 'deployments.apps "gone" not found')


async def test_force_belongs_to_apply_alone(place: Place) -> None:
    await place.create("configmaps", config())
    refused = await place.patch("configmaps", "settings", {}, MERGE, force="true")
    assert refused.refusal == (
        422,
        "Invalid",
        'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    )


async def test_a_write_with_an_old_resource_version_is_a_conflict(place: Place) -> None:
    first = (await place.create("configmaps", config(data={"a": "1"}))).obj()
    old = {"resourceVersion": first["metadata"]["resourceVersion"]}
    await place.patch("configmaps", "settings", {"data": {"a": "2"}}, MERGE)
    stale = {"metadata": old, "data": {"a": "3"}}
    answers = [
        await place.replace("configmaps", "settings", first),
        await place.patch("configmaps", "settings", stale, MERGE),
        await place.patch("configmaps", "settings", stale, STRATEGIC),
        await place.patch("configmaps", "settings", [replaced("/metadata/resourceVersion", "1")]),
    ]
    assert {answer.refusal for answer in answers} == {
        (
            409,
            "Conflict",
            (
                'Operation cannot be fulfilled on configmaps "settings": the object has been modified; please '
                "apply your changes to the latest version and try again"
            ),
        )
    }
    assert (await place.read("configmaps", "settings"))["data"] == {"a": "2"}


async def test_a_put_replaces_all_and_keeps_what_the_server_owns(place: Place) -> None:
    first = (await place.create("configmaps", config(data={"a": "1"}, labels={"tier": "x"}))).obj()
    put = (await place.replace("configmaps", "settings", config(data={"b": "2"}))).obj()
    assert put["data"] == {"b": "2"}
    assert "labels" not in put["metadata"]
    for field in ("uid", "creationTimestamp", "name", "namespace"):
        assert put["metadata"][field] == first["metadata"][field]
    assert put["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]


async def test_a_put_of_the_same_is_no_write(place: Place) -> None:
    first = (await place.create("configmaps", config(data={"a": "1"}))).obj()
    assert (await place.replace("configmaps", "settings", first)).obj() == first


async def test_a_put_is_about_the_object_of_its_path(place: Place) -> None:
    first = (await place.create("configmaps", config())).obj()
    renamed = await place.replace("configmaps", "settings", config("other"))
    assert renamed.refusal == (
        400,
        "BadRequest",
        "the name of the object (other) does not match the name on the URL (settings)",
    )
    other = await place.replace("configmaps", "settings", config(uid=WRONG_UID))
    assert (other.status, other.reason) == (409, "Conflict")
    assert other.message.endswith(
        f"Precondition failed: UID in precondition: {WRONG_UID}, UID in object meta: {first['metadata']['uid']}"
    )


async def test_a_deployment_counts_changes_of_its_spec_and_annotations_but_not_of_its_labels(
    place: Place,
) -> None:
    await place.create("deployments", web(replicas=0))
    changes: list[dict[str, Any]] = [
        {"spec": {"minReadySeconds": 1}},
        {"metadata": {"annotations": {"note": "x"}}},
        {"metadata": {"labels": {"note": "x"}}},
        {"metadata": {"annotations": {"note": "x"}}},
    ]
    seen = [(await place.patch("deployments", "web", change, MERGE)).obj() for change in changes]
    assert [each["metadata"]["generation"] for each in seen] == [2, 3, 3, 3]


async def test_a_status_is_written_through_its_subresource_alone(place: Place) -> None:
    await place.create("httproutes", route(1))
    status: dict[str, Any] = {"status": {"parents": []}}
    kept = (
        await place.patch("httproutes", "web", {**status, "metadata": {"labels": {"a": "b"}}}, MERGE)
    ).obj()
    assert kept["metadata"]["labels"] == {"a": "b"}
    assert kept["metadata"]["generation"] == 1
    spec = {"spec": {"hostnames": ["a.example"]}}
    written = (await place.patch("httproutes", "web/status", {**status, **spec}, MERGE)).obj()
    assert "hostnames" not in written["spec"]
    assert written["metadata"]["generation"] == 1
