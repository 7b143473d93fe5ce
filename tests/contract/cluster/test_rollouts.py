"""The Deployment controller: revisions, waves, deadlines, and pods that do not come up."""

from typing import Any

import pytest

from lockgate.deployer.rollout import RolledOut, Rolling, TimedOut, rollout_status, waiting_reasons
from tests.support.controlplane.behaviours import Acts, digest
from tests.support.places import MERGE, PATIENCE, STRATEGIC, Json, Place, replaced, web
from tests.support.sandboxes import until

REVISION = "deployment.kubernetes.io/revision"
IMAGE = "/spec/template/spec/containers/0/image"


def image(acts: Acts = Acts.READY, number: int = 1) -> str:
    return f"registry.example/web@{digest(acts, number)}"


def conditions(deployment: Json) -> dict[str, tuple[str, str]]:
    return {
        each["type"]: (each["status"], each["reason"])
        for each in deployment["status"].get("conditions") or ()
    }


async def pods(place: Place, of: str = "") -> list[Json]:
    found = (await place.find("pods", labelSelector="app=web")).obj()["items"]
    alive = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    return [pod for pod in alive if not of or pod["spec"]["containers"][0]["image"] == of]


def ready(found: list[Json]) -> int:
    return sum(
        any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in pod["status"].get("conditions") or ()
        )
        for pod in found
    )


async def settled(place: Place) -> Json:
    """The Deployment once `kubectl rollout status` would say that it is rolled out."""

    async def done() -> Any:
        found = await place.read("deployments", "web")
        return found if rollout_status(found) == RolledOut(found["spec"]["replicas"]) else None

    found: Json = await until(done, PATIENCE)
    return found


async def running(place: Place, replicas: int = 4, **spec: Any) -> Json:
    body = web(image(), replicas)
    body["spec"] |= spec
    await place.create("deployments", body)
    return await settled(place)


async def test_a_new_deployment_comes_up(place: Place) -> None:
    found = await running(place, 3)
    assert found["metadata"]["annotations"] == {REVISION: "1"}
    status = found["status"]
    assert {key: value for key, value in status.items() if key != "conditions"} == {
        "observedGeneration": 1,
        "replicas": 3,
        "updatedReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
        "terminatingReplicas": 0,
    }

    async def complete() -> bool:
        return conditions(await place.read("deployments", "web")) == {
            "Available": ("True", "MinimumReplicasAvailable"),
            "Progressing": ("True", "NewReplicaSetAvailable"),
        }

    await until(complete, PATIENCE)


async def test_pods_belong_to_a_replica_set_that_is_named_by_a_hash(place: Place) -> None:
    deployment = await running(place, 1)
    pod = (await pods(place))[0]
    owner = pod["metadata"]["ownerReferences"][0]
    mark = pod["metadata"]["labels"]["pod-template-hash"]
    assert owner["name"] == f"web-{mark}"
    assert pod["metadata"]["name"].startswith(f"web-{mark}-")
    replica_set = await place.read("replicasets", owner["name"])
    assert (owner["kind"], owner["uid"], owner["controller"]) == (
        "ReplicaSet",
        replica_set["metadata"]["uid"],
        True,
    )
    assert replica_set["metadata"]["ownerReferences"][0]["uid"] == deployment["metadata"]["uid"]
    assert replica_set["metadata"]["annotations"] == {
        REVISION: "1",
        "deployment.kubernetes.io/desired-replicas": "1",
        "deployment.kubernetes.io/max-replicas": "2",
    }
    assert replica_set["spec"]["selector"] == {"matchLabels": {"app": "web", "pod-template-hash": mark}}


async def test_a_new_image_is_the_next_revision_and_an_old_one_comes_back_as_a_newer(place: Place) -> None:
    await running(place, 2)
    seen = []
    for number in (2, 1):
        await place.patch("deployments", "web", [replaced(IMAGE, image(number=number))])
        seen.append((await settled(place))["metadata"]["annotations"][REVISION])
    assert seen == ["2", "3"]
    sets = (await place.find("replicasets")).obj()["items"]
    assert sorted((each["metadata"]["annotations"][REVISION], each["spec"]["replicas"]) for each in sets) == [
        ("2", 0),
        ("3", 2),
    ]


async def test_what_is_no_part_of_the_template_is_no_new_revision(place: Place) -> None:
    await running(place, 1)
    await place.patch("deployments", "web", {"metadata": {"annotations": {"note": "x"}}}, MERGE)
    await place.patch("deployments", "web", {"spec": {"minReadySeconds": 1}}, MERGE)
    found = await settled(place)
    assert found["metadata"]["annotations"][REVISION] == "1"
    assert len((await place.find("replicasets")).obj()["items"]) == 1


async def test_pods_are_replaced_in_waves_that_keep_enough_of_them_ready(place: Place) -> None:
    await running(place, 4)
    await place.patch("deployments", "web", [replaced(IMAGE, image(Acts.SLOW))])
    fewest, most = 4, 4

    async def done() -> bool:
        nonlocal fewest, most
        found = await place.read("deployments", "web")
        fewest = min(fewest, found["status"].get("availableReplicas", 0))
        most = max(most, found["status"].get("replicas", 0))
        return rollout_status(found) == RolledOut(4)

    await until(done, PATIENCE)
    assert (fewest, most) == (3, 5)


async def test_an_image_that_is_never_ready_exceeds_the_deadline_with_old_pods_serving(place: Place) -> None:
    await running(place, 4, progressDeadlineSeconds=2)
    bad = image(Acts.NEVER_READY)
    await place.patch("deployments", "web", [replaced(IMAGE, bad)])

    async def timed_out() -> Any:
        found = await place.read("deployments", "web")
        return found if isinstance(rollout_status(found), TimedOut) else None

    found = await until(timed_out, PATIENCE)
    assert conditions(found)["Progressing"] == ("False", "ProgressDeadlineExceeded")
    assert (ready(await pods(place, image())), ready(await pods(place, bad))) == (3, 0)
    assert len(await pods(place, bad)) == 2
    assert "ContainersNotReady in 2 pods" in waiting_reasons(found, await pods(place))
    await place.patch("deployments", "web", [replaced(IMAGE, image())])
    back = await settled(place)
    assert conditions(back)["Progressing"][0] == "True"
    assert ready(await pods(place, image())) == 4


async def test_a_roll_out_goes_on_after_its_deadline_if_pods_get_ready(place: Place) -> None:
    await running(place, 2, progressDeadlineSeconds=1, minReadySeconds=0)
    await place.patch("deployments", "web", [replaced(IMAGE, image(Acts.NEVER_READY))])

    async def timed_out() -> bool:
        return isinstance(rollout_status(await place.read("deployments", "web")), TimedOut)

    await until(timed_out, PATIENCE)
    await place.patch("deployments", "web", [replaced(IMAGE, image(number=3))])
    assert conditions(await settled(place))["Progressing"][0] == "True"


@pytest.mark.parametrize(
    ("acts", "phase", "reason"),
    [
        (Acts.CRASHES, "Running", "CrashLoopBackOff"),
        (Acts.MISSING, "Pending", "ImagePullBackOff"),
        (Acts.HOMELESS, "Pending", "Unschedulable"),
        (Acts.NEVER_READY, "Running", "ContainersNotReady"),
    ],
)
async def test_pods_that_do_not_come_up_say_why(place: Place, acts: Acts, phase: str, reason: str) -> None:
    await running(place, 4)
    await place.patch("deployments", "web", [replaced(IMAGE, image(acts))])

    async def said() -> bool:
        text = waiting_reasons(await place.read("deployments", "web"), await pods(place))
        return f"{reason} in 2 pods" in text

    await until(said, PATIENCE)
    assert {pod["status"]["phase"] for pod in await pods(place, image(acts))} == {phase}
    assert isinstance(rollout_status(await place.read("deployments", "web")), Rolling)


async def test_a_crashing_container_is_started_again_and_again(place: Place) -> None:
    await place.create("deployments", web(image(Acts.CRASHES), 1))

    async def twice() -> Any:
        statuses = [
            each for pod in await pods(place) for each in pod["status"].get("containerStatuses") or ()
        ]
        return statuses[0] if statuses and statuses[0]["restartCount"] >= 2 else None

    status = await until(twice, PATIENCE)
    assert status["ready"] is False
    assert status["lastState"]["terminated"]["exitCode"] == 1


async def test_a_deleted_pod_is_replaced(place: Place) -> None:
    await running(place, 2)
    name = (await pods(place))[0]["metadata"]["name"]
    assert (await place.delete("pods", name)).status == 200

    async def replaced_by_another() -> bool:
        found = await pods(place)
        return ready(found) == 2 and name not in {pod["metadata"]["name"] for pod in found}

    await until(replaced_by_another, PATIENCE)


async def test_recreate_ends_all_old_pods_first(place: Place) -> None:
    await running(place, 2, strategy={"type": "Recreate"})
    await place.patch("deployments", "web", [replaced(IMAGE, image(Acts.SLOW))])
    both = 0

    async def done() -> bool:
        nonlocal both
        found = await pods(place)
        images = {pod["spec"]["containers"][0]["image"] for pod in found}
        both += len(images) > 1
        return images == {image(Acts.SLOW)} and ready(found) == 2

    await until(done, PATIENCE)
    assert both == 0


async def test_a_paused_deployment_changes_no_pod_until_it_goes_on(place: Place) -> None:
    await running(place, 2, progressDeadlineSeconds=60)
    await place.patch("deployments", "web", {"spec": {"paused": True}}, MERGE)
    await place.patch("deployments", "web", [replaced(IMAGE, image(number=2))])

    async def observed() -> Any:
        found = await place.read("deployments", "web")
        seen = found["status"]["observedGeneration"] == found["metadata"]["generation"]
        return found if seen and "updatedReplicas" not in found["status"] else None

    found = await until(observed, PATIENCE)
    assert conditions(found)["Progressing"] == ("Unknown", "DeploymentPaused")
    assert len(await pods(place, image())) == 2
    await place.patch("deployments", "web", {"spec": {"paused": None}}, MERGE)
    await settled(place)
    assert len(await pods(place, image(number=2))) == 2


async def test_empty_replica_sets_are_kept_up_to_the_limit(place: Place) -> None:
    await running(place, 1, revisionHistoryLimit=1)
    for number in (2, 3, 4):
        await place.patch("deployments", "web", [replaced(IMAGE, image(number=number))])
        await settled(place)

    async def revisions() -> bool:
        sets = (await place.find("replicasets")).obj()["items"]
        return sorted(each["metadata"]["annotations"][REVISION] for each in sets) == ["3", "4"]

    await until(revisions, PATIENCE)


async def test_an_annotation_of_the_template_is_a_new_revision_of_the_same_image(place: Place) -> None:
    await running(place, 2)
    before = {pod["metadata"]["uid"] for pod in await pods(place)}
    template = {
        "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}
    }
    await place.patch("deployments", "web", template, STRATEGIC)
    found = await settled(place)
    assert found["metadata"]["annotations"][REVISION] == "2"
    assert not before & {pod["metadata"]["uid"] for pod in await pods(place)}
