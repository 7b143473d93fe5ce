"""POST, and what no API server takes: names that are too long, bodies that are malformed, values out of range."""

from typing import Any

import pytest

from tests.support.places import WRONG_UID, Place, config, service, web


async def test_a_new_object_gets_what_the_server_gives(place: Place) -> None:
    made = await place.create("deployments", web(replicas=0, uid=WRONG_UID, generation=9))
    assert made.status == 201
    metadata = made.body["metadata"]
    assert metadata["uid"] != WRONG_UID
    assert (metadata["generation"], metadata["namespace"]) == (1, place.namespace)
    assert metadata["creationTimestamp"].endswith("Z")
    assert made.body["status"] == {}
    assert "annotations" not in metadata


async def test_a_deployment_gets_kubernetes_defaults(place: Place) -> None:
    body = web()
    del body["spec"]["replicas"]
    spec = (await place.create("deployments", body)).obj()["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (1, 10, 600)
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    pod = spec["template"]["spec"]
    assert {key: value for key, value in pod.items() if key != "containers"} == {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }
    assert pod["containers"] == [
        {
            "name": "c",
            "image": "app:v1",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
        }
    ]


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("app", "Always"),
        ("app:latest", "Always"),
        ("app:v1", "IfNotPresent"),
        ("app@sha256:" + "1" * 64, "IfNotPresent"),
    ],
)
async def test_only_an_image_that_may_move_is_always_pulled(place: Place, image: str, policy: str) -> None:
    made = (await place.create("deployments", web(image, replicas=0))).obj()
    assert made["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == policy


async def test_a_service_gets_an_address_and_keeps_it(place: Place) -> None:
    made = (await place.create("services", service())).obj()
    address = made["spec"]["clusterIP"]
    assert made["spec"]["clusterIPs"] == [address]
    assert made["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert (made["spec"]["type"], made["spec"]["sessionAffinity"]) == ("ClusterIP", "None")
    put = (await place.replace("services", "web", service(labels={"a": "b"}))).obj()
    assert put["spec"]["clusterIP"] == address


async def test_a_second_object_of_a_name_is_refused(place: Place) -> None:
    await place.create("deployments", web(replicas=0))
    again = await place.create("deployments", web(replicas=0))
    assert again.refusal == (409, "AlreadyExists", 'deployments.apps "web" already exists')
    assert again.body["details"] == {"name": "web", "group": "apps", "kind": "deployments"}


async def test_a_resource_version_on_what_is_created_is_refused(place: Place) -> None:
    refused = await place.create("configmaps", config(resourceVersion="7"))
    assert (refused.status, refused.message) == (
        500,
        "resourceVersion should not be set on objects to be created",
    )


async def test_a_dry_run_creates_nothing(place: Place) -> None:
    assert (await place.create("configmaps", config(), dryRun="All")).status == 201
    assert (await place.find("configmaps", labelSelector="!kubernetes.io/none")).status == 200
    assert (await place.ask("GET", place.path("configmaps", "settings"))).status == 404


async def test_a_generated_name_is_its_beginning_and_five_characters(place: Place) -> None:
    body = config(labels={"made": "here"})
    body["metadata"] = {"generateName": "settings-"}
    made = (await place.create("configmaps", body)).obj()["metadata"]
    assert made["name"].startswith("settings-")
    assert len(made["name"]) == len("settings-") + 5


BODIES: dict[str, tuple[str, Any, int, str]] = {
    "no JSON": ("configmaps", b"{", 400, "BadRequest"),
    "a list": ("configmaps", b"[]", 400, "BadRequest"),
    "a text": ("configmaps", b'"x"', 400, "BadRequest"),
    "another kind": ("configmaps", {**config(), "kind": "Secret"}, 400, "BadRequest"),
    "another version": ("deployments", {**web(), "apiVersion": "apps/v2"}, 400, "BadRequest"),
    "metadata as text": ("configmaps", {**config(), "metadata": "x"}, 400, "BadRequest"),
    "spec as text": ("deployments", {**web(), "spec": "x"}, 400, "BadRequest"),
    "a label as number": ("configmaps", config(labels={"a": 1}), 400, "BadRequest"),
    "data as number": ("configmaps", {**config(), "data": {"a": 1}}, 400, "BadRequest"),
    "another namespace": ("configmaps", config(namespace="other"), 400, "BadRequest"),
    "no name": ("configmaps", {**config(), "metadata": {}}, 422, "Invalid"),
}


@pytest.mark.parametrize("case", BODIES)
async def test_a_body_that_is_no_such_object_is_refused(place: Place, case: str) -> None:
    plural, body, status, reason = BODIES[case]
    refused = await place.create(plural, body)
    assert (refused.status, refused.reason) == (status, reason), refused.body


def deployment(path: str, value: Any, **metadata: Any) -> dict[str, Any]:
    """A Deployment with one field changed; `path` in dots, list places as numbers."""
    body = web(**metadata)
    *parents, last = path.split(".")
    at: Any = body
    for part in parents:
        at = at[int(part)] if part.isdigit() else at[part]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return body


CONTAINER = "spec.template.spec.containers.0"
TYPES = {
    "replicas as text": ("spec.replicas", "two"),
    "replicas as fraction": ("spec.replicas", 1.5),
    "containers as object": ("spec.template.spec.containers", {"name": "c"}),
    "image as number": (f"{CONTAINER}.image", 7),
    "selector as text": ("spec.selector", "app=web"),
    "labels as list": ("spec.template.metadata.labels", ["a"]),
    "an environment as text": (f"{CONTAINER}.env", "A=1"),
}


@pytest.mark.parametrize("case", TYPES)
async def test_a_field_of_a_wrong_type_is_400(place: Place, case: str) -> None:
    refused = await place.create("deployments", deployment(*TYPES[case]))
    assert (refused.status, refused.reason) == (400, "BadRequest"), refused.body


VALUES: dict[str, tuple[str, Any, str]] = {
    "replicas below zero": ("spec.replicas", -1, "spec.replicas"),
    "no selector": ("spec.selector", None, "spec.selector"),
    "a selector of other pods": (
        "spec.selector.matchLabels",
        {"app": "other"},
        "spec.template.metadata.labels",
    ),
    "no containers": ("spec.template.spec.containers", [], "spec.template.spec.containers"),
    "no image": (f"{CONTAINER}.image", "", "spec.template.spec.containers[0].image"),
    "no container name": (f"{CONTAINER}.name", "", "spec.template.spec.containers[0].name"),
    "a container name in capitals": (f"{CONTAINER}.name", "App", "spec.template.spec.containers[0].name"),
    "a strategy that is none": ("spec.strategy", {"type": "Blue"}, "spec.strategy"),
    "a percentage that is none": (
        "spec.strategy",
        {"rollingUpdate": {"maxSurge": "many"}},
        "spec.strategy.rollingUpdate.maxSurge",
    ),
    "a roll-out that cannot move": (
        "spec.strategy",
        {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}},
        "spec.strategy.rollingUpdate.maxUnavailable",
    ),
    "a deadline before pods are available": (
        "spec.minReadySeconds",
        600,
        "spec.progressDeadlineSeconds",
    ),
    "a restart policy for jobs": (
        "spec.template.spec.restartPolicy",
        "Never",
        "spec.template.spec.restartPolicy",
    ),
    "a label value that is too long": (
        "spec.template.metadata.labels.x",
        "v" * 64,
        "spec.template.labels",
    ),
}


@pytest.mark.parametrize("case", VALUES)
async def test_a_value_that_cannot_be_is_422_and_names_its_field(place: Place, case: str) -> None:
    path, value, field = VALUES[case]
    refused = await place.create("deployments", deployment(path, value))
    assert (refused.status, refused.reason) == (422, "Invalid"), refused.body
    assert field in refused.fields


async def test_two_containers_of_one_name_are_refused(place: Place) -> None:
    body = web()
    body["spec"]["template"]["spec"]["containers"] *= 2
    refused = await place.create("deployments", body)
    assert (refused.status, refused.fields) == (422, ["spec.template.spec.containers[1].name"])


NAMES = {
    "a deployment's longest": ("deployments", "a" * 253, 201),
    "a deployment's too long": ("deployments", "a" * 254, 422),
    "a service's longest": ("services", "a" * 63, 201),
    "a service's too long": ("services", "a" * 64, 422),
    "a service's with a dot": ("services", "a.b", 422),
    "a service's from a digit": ("services", "1a", 201),
    "capitals": ("deployments", "Web", 422),
    "an underscore": ("deployments", "web_1", 422),
    "a hyphen at the end": ("deployments", "web-", 422),
    "a hyphen at the beginning": ("services", "-web", 422),
    "a dot beside a hyphen": ("configmaps", "a.-b", 422),
}


@pytest.mark.parametrize("case", NAMES)
async def test_a_name_is_taken_or_refused_by_the_rules_of_its_kind(place: Place, case: str) -> None:
    plural, name, status = NAMES[case]
    bodies = {"deployments": web(replicas=0), "services": service(), "configmaps": config()}
    body = bodies[plural]
    body["metadata"]["name"] = name
    answer = await place.create(plural, body)
    assert answer.status == status, answer.body
    assert status == 201 or answer.fields == ["metadata.name"]


MARKS: dict[str, tuple[dict[str, Any], str]] = {
    "a label value of 64": ({"labels": {"a": "v" * 64}}, "metadata.labels"),
    "a label value with a space": ({"labels": {"a": "b c"}}, "metadata.labels"),
    "a label key of 64": ({"labels": {"k" * 64: "v"}}, "metadata.labels"),
    "a label key with two slashes": ({"labels": {"a/b/c": "v"}}, "metadata.labels"),
    "an annotation key with a space": ({"annotations": {"a b": "v"}}, "metadata.annotations"),
    "an annotation key of 64": ({"annotations": {"k" * 64: "v"}}, "metadata.annotations"),
    "annotations of 256 KiB": ({"annotations": {"a": "v" * 262144}}, "metadata.annotations"),
}


@pytest.mark.parametrize("case", MARKS)
async def test_labels_and_annotations_have_their_limits(place: Place, case: str) -> None:
    metadata, field = MARKS[case]
    refused = await place.create("configmaps", config(**metadata))
    assert (refused.status, refused.reason, refused.fields) == (422, "Invalid", [field])


async def test_an_annotation_may_hold_almost_256_kib_and_any_text(place: Place) -> None:
    annotations = {"lockgate.dev/fence": "1.0.1", "note": "ü \n" + "v" * 262000}
    made = (await place.create("configmaps", config(annotations=annotations))).obj()
    assert made["metadata"]["annotations"] == annotations


PORTS = {"zero": 0, "above the highest": 65536}


@pytest.mark.parametrize("case", PORTS)
async def test_a_port_out_of_range_is_refused(place: Place, case: str) -> None:
    refused = await place.create("services", service(port=PORTS[case]))
    assert refused.status == 422
    assert "spec.ports[0].port" in refused.fields


async def test_a_service_without_ports_is_refused(place: Place) -> None:
    body = service()
    body["spec"]["ports"] = []
    refused = await place.create("services", body)
    assert (refused.status, refused.fields) == (422, ["spec.ports"])


async def test_a_selector_never_changes(place: Place) -> None:
    await place.create("deployments", web(replicas=0))
    moved = web(replicas=0)
    moved["spec"]["selector"]["matchLabels"] = {"app": "other"}
    moved["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    refused = await place.replace("deployments", "web", moved)
    assert (refused.status, refused.fields) == (422, ["spec.selector"])
    assert "field is immutable" in refused.message
