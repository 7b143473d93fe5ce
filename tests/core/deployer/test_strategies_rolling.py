"""The rolling strategy and roll-out status: the exact writes, and what is refused before any of them."""

from typing import Any

import pytest

from lockgate.deployer.objects import digest_of, running_digest, with_digest
from lockgate.deployer.reports import Deployed, Failed, Fenced
from lockgate.deployer.rollout import RolledOut, Rolling, TimedOut, rollout_status, waiting_reasons
from lockgate.deployer.strategies.given import Kind, Patch, Region, Stuck, Target, Wait
from lockgate.deployer.strategies.rolling import rolling
from lockgate.messages.values import Workload
from tests.support.deployer import (
    NEW,
    OLD,
    deployment,
    fence,
    marks,
    route,
    route_marks,
    service,
)
from tests.support.deployer import target as step_of
from tests.support.deployer_cluster import Held

IMAGE = f"registry.example/payments@{NEW}"


def target(at: str = "7.0.2", **changes: Any) -> Target:
    return step_of(at, **changes)


def region(live: dict[str, Any] | None, **changes: Any) -> Region:
    given: dict[str, Any] = {"deployment": live, "service": service(), "route": route(("payments", 1))}
    return Region(**{**given, **changes})


def test_first_contact_is_one_patch_on_exactly_the_object_that_was_read() -> None:
    assert rolling(target(), region(deployment())) == Patch(
        Kind.DEPLOYMENT,
        "payments",
        [
            {"op": "test", "path": "/metadata/resourceVersion", "value": "41"},
            {
                "op": "add",
                "path": "/metadata/annotations",
                "value": {
                    "lockgate.dev/application": "payments",
                    "lockgate.dev/container": "app",
                    "lockgate.dev/found": OLD,
                    "lockgate.dev/fence": "0.0.0",
                },
            },
        ],
    )


def test_first_contact_keeps_the_annotations_that_are_there() -> None:
    step = rolling(target(), region(deployment(marks={"team": "money"})))
    assert isinstance(step, Patch)
    assert [each["path"] for each in step.operations] == [
        "/metadata/resourceVersion",
        "/metadata/annotations/lockgate.dev~1application",
        "/metadata/annotations/lockgate.dev~1container",
        "/metadata/annotations/lockgate.dev~1fence",
        "/metadata/annotations/lockgate.dev~1found",
    ]


def test_the_deployment_is_one_patch_under_the_fence_that_was_read() -> None:
    live = deployment(marks=marks("6.0.4", "release-6"))
    assert rolling(target(), region(live)) == Patch(
        Kind.DEPLOYMENT,
        "payments",
        [
            {"op": "test", "path": "/metadata/uid", "value": "d-1"},
            {"op": "test", "path": "/metadata/annotations/lockgate.dev~1fence", "value": "6.0.4"},
            {"op": "add", "path": "/metadata/annotations/lockgate.dev~1fence", "value": "7.0.2"},
            {"op": "add", "path": "/metadata/annotations/lockgate.dev~1found", "value": OLD},
            {"op": "add", "path": "/metadata/annotations/lockgate.dev~1release", "value": "release-7"},
            {"op": "test", "path": "/spec/template/spec/containers/1/name", "value": "app"},
            {"op": "replace", "path": "/spec/template/spec/containers/1/image", "value": IMAGE},
        ],
    )


def test_what_was_found_stays_noted_over_the_attempts_of_one_release() -> None:
    live = deployment(image=IMAGE, marks=marks("7.0.1"))
    step = rolling(target(), region(live))
    assert isinstance(step, Patch)
    assert "/metadata/annotations/lockgate.dev~1found" not in [each["path"] for each in step.operations]


def test_a_region_that_runs_the_digest_already_only_gets_the_fence() -> None:
    step = rolling(target(), region(deployment(image=IMAGE, marks=marks("6.0.1", "release-6"))))
    assert isinstance(step, Patch)
    assert not [each for each in step.operations if str(each["path"]).startswith("/spec")]


def test_it_goes_on_observing_where_its_fence_and_digest_are_there() -> None:
    live = deployment(image=IMAGE, marks=marks("7.0.2"))
    live["status"] |= {"updatedReplicas": 1, "replicas": 5}
    step = rolling(target(), region(live, route=route(("payments", 1), marks=route_marks("7.0.2"))))
    assert isinstance(step, Wait)
    assert (step.updated, step.wanted) == (1, 4)
    assert step.reason == "payments: 1 of 4 pods are of the new version."


@pytest.mark.parametrize("seen", ["7.0.3", "7.1.0", "8.0.0"])
@pytest.mark.parametrize("on_route", [False, True])
def test_a_newer_fence_on_anything_ends_it_before_a_write(seen: str, on_route: bool) -> None:
    live = deployment(marks=marks("7.0.1" if on_route else seen))
    way = route(("payments", 1), marks=route_marks(seen if on_route else "7.0.1"))
    step = rolling(target(), region(live, route=way))
    assert isinstance(step, Fenced)
    assert step.live == fence(seen)


NOTHING_DONE: list[tuple[dict[str, Any] | None, dict[str, Any], str]] = [
    (None, {}, "There is no Deployment payments in eu-west"),
    (deployment(replicas=0), {}, "has 0 replicas: scale it up"),
    (deployment(paused=True), {}, "is paused: resume it"),
    (deployment(), {"service": None}, "There is no Service payments"),
    (deployment(), {"route": None}, "There is no HTTPRoute payments"),
    (
        deployment(marks={**marks("1.0.0"), "lockgate.dev/application": "billing"}),
        {},
        "belongs to the application billing",
    ),
    (deployment(marks=marks("seven")), {}, "is 'seven' and no fence"),
    (deployment(marks={"argocd.argoproj.io/tracking-id": "x"}), {}, "ignoreDifferences"),
]


@pytest.mark.parametrize(("live", "changes", "why"), NOTHING_DONE)
def test_what_cannot_be_deployed_is_said_with_what_to_do(
    live: dict[str, Any] | None, changes: dict[str, Any], why: str
) -> None:
    step = rolling(target(), region(live, **changes))
    assert isinstance(step, Failed)
    assert why in step.reason


def test_a_container_that_does_not_exist_is_said() -> None:
    workload = Workload(deployment="payments", container="web", service="payments")
    step = rolling(target(workload=workload), region(deployment()))
    assert isinstance(step, Failed)
    assert "has no container web" in step.reason


def test_a_workload_that_argo_cd_handed_over_is_deployed() -> None:
    handed = {"argocd.argoproj.io/tracking-id": "x", "lockgate.dev/image": "handed-over"}
    assert isinstance(rolling(target(), region(deployment(marks=handed))), Patch)


def test_a_failed_roll_out_of_the_same_digest_is_begun_again_with_new_pods() -> None:
    live = deployment(image=IMAGE, marks=marks("7.0.1"))
    live["status"]["conditions"] = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]
    step = rolling(target(), region(live))
    assert isinstance(step, Patch)
    assert step.operations[-1] == {
        "op": "add",
        "path": "/spec/template/metadata/annotations",
        "value": {"lockgate.dev/restarted": "7.0.2"},
    }


def test_a_roll_out_that_kubernetes_gave_up_is_stuck() -> None:
    live = deployment(image=IMAGE, marks=marks("7.0.2"))
    live["status"]["conditions"] = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]
    step = rolling(target(), region(live, route=route(("payments", 1), marks=route_marks("7.0.2"))))
    assert isinstance(step, Stuck)
    assert "no progress for 300 s" in step.reason


def test_undisturbed_it_is_four_writes_and_done() -> None:
    held = Held()
    assert held.carry_out(rolling, target()) == Deployed()
    assert (held.image, held.weights) == (IMAGE, [("payments", 1)])


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        (f"registry.example:5000/shop/payments@{OLD}", f"registry.example:5000/shop/payments@{NEW}"),
        ("registry.example:5000/shop/payments:1.2", f"registry.example:5000/shop/payments@{NEW}"),
        (f"registry.example/payments:1.2@{OLD}", f"registry.example/payments@{NEW}"),
        ("payments", f"payments@{NEW}"),
        ("localhost:5000/payments", f"localhost:5000/payments@{NEW}"),
    ],
)
def test_only_the_digest_of_an_image_changes(image: str, wanted: str) -> None:
    assert with_digest(image, NEW) == wanted


def test_an_image_by_tag_names_no_digest_but_its_ready_pods_do() -> None:
    live = deployment(image="payments:1.2")

    def pod(image_id: str, *, ready: bool = True) -> dict[str, Any]:
        status = {"name": "app", "ready": ready, "imageID": image_id}
        labels = {"app": "payments", "tier": "backend"}
        return {"metadata": {"name": "p", "labels": labels}, "status": {"containerStatuses": [status]}}

    assert digest_of("payments:1.2") is None
    assert running_digest(live, "app", [pod(f"docker.io/payments@{OLD}"), pod("", ready=False)]) == OLD
    assert running_digest(live, "app", [pod(f"p@{OLD}"), pod(f"p@{NEW}")]) is None
    assert running_digest(live, "app", []) is None


def status(**counts: Any) -> dict[str, Any]:
    live = deployment()
    live["status"] = {"observedGeneration": 3, **counts}
    return live


ROLLOUTS: list[tuple[dict[str, Any], type]] = [
    (status(observedGeneration=2, replicas=4, updatedReplicas=4, availableReplicas=4), Rolling),
    (status(), Rolling),
    (status(replicas=5, updatedReplicas=3, availableReplicas=4), Rolling),
    (status(replicas=5, updatedReplicas=4, availableReplicas=5), Rolling),
    (status(replicas=4, updatedReplicas=4, availableReplicas=3), Rolling),
    (status(replicas=4, updatedReplicas=4, availableReplicas=4), RolledOut),
    (status(conditions=[{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]), TimedOut),
    (
        status(
            observedGeneration=2, conditions=[{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]
        ),
        Rolling,
    ),
]


@pytest.mark.parametrize(("live", "outcome"), ROLLOUTS)
def test_roll_out_status_follows_kubectl(live: dict[str, Any], outcome: type) -> None:
    assert type(rollout_status(live)) is outcome


def test_waiting_pods_are_counted_by_reason() -> None:
    def pod(name: str, **container: Any) -> dict[str, Any]:
        labels = {"app": "payments", "tier": "backend"}
        statuses = [{"name": "app", "state": container}]
        return {"metadata": {"name": name, "labels": labels}, "status": {"containerStatuses": statuses}}

    crash = {"reason": "CrashLoopBackOff", "message": "back-off 10s"}
    pods = [
        pod("a", waiting=crash),
        pod("b", waiting=crash),
        pod("c", waiting={"reason": "ImagePullBackOff"}),
        pod("d", waiting={"reason": "ContainerCreating"}),
        pod("e", running={}),
        pod("f", running={}),
    ]
    again = {"restartCount": 3, "ready": False, "lastState": {"terminated": {"exitCode": 137}}}
    pods[-1]["status"]["containerStatuses"][0] |= again
    assert waiting_reasons(deployment(), pods) == (
        "Waiting pods: CrashLoopBackOff in 2 pods (a: back-off 10s); ImagePullBackOff in 1 pod (c: no message); "
        "Crashing in 1 pod (f: app was started again 3 times, last exit code 137)."
    )
