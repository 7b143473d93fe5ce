"""Server-side apply: who owns which field, and who is refused."""

from typing import Any

from tests.support.places import APPLY, WRONG_UID, Place, config, image_of, web

IMAGE = '.spec.template.spec.containers[name="c"].image'


def managers(obj: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["manager"], each["operation"]) for each in obj["metadata"]["managedFields"]]


async def test_the_first_apply_creates_and_the_same_again_changes_nothing(place: Place) -> None:
    first = await place.apply("configmaps", config(data={"a": "1"}))
    again = await place.apply("configmaps", config(data={"a": "1"}))
    assert (first.status, again.status) == (201, 200)
    assert again.body == first.body


async def test_the_same_deployment_again_is_no_new_generation(place: Place) -> None:
    await place.apply("deployments", web(replicas=0))
    again = (await place.apply("deployments", web(replicas=0))).obj()
    assert again["metadata"]["generation"] == 1


async def test_what_a_manager_owns_is_written_down_field_by_field(place: Place) -> None:
    made = (await place.apply("deployments", web(replicas=0, labels={"tier": "front"}))).obj()
    entry = next(each for each in made["metadata"]["managedFields"] if each["manager"] == "cd")
    assert (entry["operation"], entry["apiVersion"], entry["fieldsType"]) == ("Apply", "apps/v1", "FieldsV1")
    container: dict[str, Any] = {'k:{"name":"c"}': {".": {}, "f:name": {}, "f:image": {}}}
    assert entry["fieldsV1"] == {
        "f:metadata": {"f:labels": {"f:tier": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:template": {
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {"f:containers": container},
            },
        },
    }


async def test_another_managers_field_is_a_conflict_that_names_both(place: Place) -> None:
    await place.apply("deployments", web("app:v1"))
    refused = await place.apply("deployments", web("app:v3"), "someone")
    assert refused.refusal == (409, "Conflict", f'Apply failed with 1 conflict: conflict with "cd": {IMAGE}')
    assert refused.body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "cd"', "field": IMAGE}
    ]


async def test_several_conflicts_are_listed_by_manager(place: Place) -> None:
    await place.apply("deployments", web("app:v1", replicas=1))
    refused = await place.apply("deployments", web("app:v3", replicas=4), "someone")
    assert refused.refusal == (
        409,
        "Conflict",
        f'Apply failed with 2 conflicts: conflicts with "cd":\n- .spec.replicas\n- {IMAGE}',
    )


async def test_force_takes_a_field_over_and_its_old_owner_then_conflicts(place: Place) -> None:
    await place.apply("deployments", web("app:v1"))
    forced = (await place.apply("deployments", web("app:v3"), "someone", force=True)).obj()
    assert image_of(forced) == "app:v3"
    assert ("someone", "Apply") in managers(forced)
    refused = await place.apply("deployments", web("app:v1"))
    assert refused.status == 409
    assert 'conflict with "someone"' in refused.message
    assert image_of((await place.apply("deployments", web("app:v4"), "someone")).obj()) == "app:v4"


async def test_the_same_value_is_owned_by_both_without_a_conflict(place: Place) -> None:
    await place.apply("configmaps", config(data={"a": "1"}))
    shared = (await place.apply("configmaps", config(data={"a": "1"}), "someone")).obj()
    assert sorted(managers(shared)) == [("cd", "Apply"), ("someone", "Apply")]


async def test_a_field_applied_no_longer_goes_unless_somebody_else_owns_it(place: Place) -> None:
    await place.apply("configmaps", config(data={"mine": "1", "shared": "2"}))
    await place.apply("configmaps", config(data={"shared": "2"}), "someone")
    left = (await place.apply("configmaps", config())).obj()
    assert left["data"] == {"shared": "2"}


async def test_a_container_applied_no_longer_goes_with_its_defaults(place: Place) -> None:
    both = web(replicas=0)
    both["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "proxy:v1"})
    await place.apply("deployments", both)
    left = (await place.apply("deployments", web(replicas=0))).obj()
    assert [each["name"] for each in left["spec"]["template"]["spec"]["containers"]] == ["c"]


async def test_an_environment_variable_is_merged_by_its_name_between_managers(place: Place) -> None:
    await place.apply("deployments", web(replicas=0))
    extra = web()
    container = {"name": "c", "env": [{"name": "A", "value": "1"}]}
    extra["spec"] = {"template": {"spec": {"containers": [container]}}}
    merged = (await place.apply("deployments", extra, "someone")).obj()
    found = merged["spec"]["template"]["spec"]["containers"][0]
    assert (found["image"], found["env"]) == ("app:v1", [{"name": "A", "value": "1"}])


async def test_what_is_written_without_apply_is_owned_as_an_update(place: Place) -> None:
    await place.apply("deployments", web(replicas=0))
    live = await place.read("deployments", "web")
    live["spec"]["minReadySeconds"] = 5
    live["metadata"].pop("resourceVersion")
    written = await place.replace("deployments", "web", live, fieldManager="kubectl")
    assert written.status == 200
    other = web(replicas=0)
    other["spec"]["minReadySeconds"] = 6
    refused = await place.apply("deployments", other)
    assert refused.refusal == (
        409,
        "Conflict",
        'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.minReadySeconds',
    )


async def test_an_apply_names_its_manager_or_is_refused(place: Place) -> None:
    path = place.path("configmaps", "settings")
    refused = await place.ask("PATCH", path, config(), content_type=APPLY)
    assert refused.refusal == (
        422,
        "Invalid",
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    )


async def test_a_wrong_uid_is_422_for_an_object_and_409_where_there_is_none(place: Place) -> None:
    await place.apply("deployments", web(replicas=0))
    refused = await place.apply("deployments", web(replicas=0, uid=WRONG_UID), force=True)
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert "metadata.uid: Invalid value" in refused.message
    assert "field is immutable" in refused.message
    absent = await place.apply("deployments", web(name="gone", uid=WRONG_UID))
    assert (absent.status, absent.reason) == (409, "Conflict")


async def test_a_resource_version_does_not_keep_an_apply_from_creating(place: Place) -> None:
    made = await place.apply("configmaps", config(resourceVersion="999999"))
    assert made.status == 201
    assert made.body["metadata"]["resourceVersion"] != "999999"


async def test_an_old_resource_version_is_a_conflict_also_by_force(place: Place) -> None:
    old = (await place.apply("configmaps", config(data={"a": "1"}))).obj()["metadata"]["resourceVersion"]
    current = (await place.apply("configmaps", config(data={"a": "2"}))).obj()["metadata"]["resourceVersion"]
    refused = await place.apply("configmaps", config(data={"a": "3"}, resourceVersion=old), force=True)
    assert refused.refusal == (
        409,
        "Conflict",
        (
            'Operation cannot be fulfilled on configmaps "settings": the object has been modified; please apply '
            "your changes to the latest version and try again"
        ),
    )
    passed = await place.apply("configmaps", config(data={"a": "3"}, resourceVersion=current))
    assert passed.obj()["data"] == {"a": "3"}


async def test_what_is_applied_may_be_yaml(place: Place) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {mode: fast}\n"
    path = place.path("configmaps", "settings")
    made = await place.ask("PATCH", path, text, content_type=APPLY, fieldManager="cd")
    assert (made.status, made.body["data"]) == (201, {"mode": "fast"})


async def test_a_dry_run_answers_the_change_and_keeps_the_object(place: Place) -> None:
    await place.apply("configmaps", config(data={"a": "1"}))
    dry = await place.apply("configmaps", config(data={"a": "2"}), dryRun="All")
    assert (dry.status, dry.body["data"]) == (200, {"a": "2"})
    assert (await place.read("configmaps", "settings"))["data"] == {"a": "1"}
    absent = await place.apply("configmaps", config("other"), dryRun="All")
    assert absent.status == 201
    assert (await place.ask("GET", place.path("configmaps", "other"))).status == 404


async def test_what_is_no_configuration_is_refused(place: Place) -> None:
    path = place.path("configmaps", "settings")
    bodies: list[Any] = [
        {"metadata": {"name": "settings"}},  # neither kind nor version
        config("another"),  # not the name of the path
        config(managedFields=[{"manager": "x", "operation": "Apply"}]),
        [1, 2],
        b"{not: [yaml",
        {**config(), "kind": "Secret"},
    ]
    statuses = [
        (await place.ask("PATCH", path, body, content_type=APPLY, fieldManager="cd")).status
        for body in bodies
    ]
    assert statuses == [400] * 6


async def test_a_field_of_a_wrong_type_is_an_error_of_the_server(place: Place) -> None:
    refused = await place.apply("configmaps", {**config(), "data": {"a": 1}})
    assert refused.status == 500
    assert refused.message.startswith(
        "failed to create typed patch object (/settings; /v1, Kind=ConfigMap): .data.a: expected string, got "
    )
