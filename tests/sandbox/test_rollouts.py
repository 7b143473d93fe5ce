"""Rollouts seen through a Kubernetes client: good, never ready, crashing, missing images."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from kubernetes_asyncio import client

from lockgate.sandbox import Behaviour, Sandbox
from lockgate.sandbox.sample import image
from tests.support.sandboxes import (
    BAD,
    GOOD,
    NAMESPACE,
    NEXT,
    STRATEGIC,
    apps_api,
    core_api,
    kubernetes,
    until,
)


class Payments:
    def __init__(self, api: client.ApiClient) -> None:
        self.apps, self.core = apps_api(api), core_api(api)

    async def release(self, digest: str, **spec: Any) -> None:
        container = {"name": "app", "image": image("payments", digest)}
        patch = {"spec": {**spec, "template": {"spec": {"containers": [container]}}}}
        await self.apps.patch_namespaced_deployment("payments", NAMESPACE, patch, _content_type=STRATEGIC)

    async def progressing(self) -> str:
        found = await self.apps.read_namespaced_deployment("payments", NAMESPACE)
        reasons = [each.reason for each in found.status.conditions if each.type == "Progressing"]
        return str(reasons[0])

    async def pods(self, digest: str) -> list[Any]:
        found = await self.core.list_namespaced_pod(NAMESPACE, label_selector="app=payments")
        return [pod for pod in found.items if pod.spec.containers[0].image.endswith(digest)]

    async def waiting(self, digest: str) -> list[Any]:
        states = [
            pod.status.container_statuses[0]
            for pod in await self.pods(digest)
            if pod.status.container_statuses
        ]
        return [state for state in states if state.state.waiting]

    async def timed_out(self) -> bool:
        return await self.progressing() == "ProgressDeadlineExceeded"


@pytest_asyncio.fixture
async def payments(sandbox: Sandbox) -> AsyncIterator[Payments]:
    sandbox.install("payments", GOOD, replicas=4)
    await sandbox.settled()
    async with kubernetes(sandbox, "eu-west") as api:
        yield Payments(api)


def ready(pods: list[Any]) -> int:
    return sum(
        any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or ()) for pod in pods
    )


async def test_a_good_image_replaces_every_pod(sandbox: Sandbox, payments: Payments) -> None:
    sandbox.set_image(NEXT, Behaviour(start_seconds=0.05))
    await payments.release(NEXT)
    await sandbox.settled()
    assert ready(await payments.pods(NEXT)) == 4
    assert await payments.pods(GOOD) == []


async def test_pods_belong_to_a_replica_set_with_the_templates_hash(
    sandbox: Sandbox, payments: Payments
) -> None:
    pod = (await payments.pods(GOOD))[0]
    owner = pod.metadata.owner_references[0]
    replica_set = await payments.apps.read_namespaced_replica_set(owner.name, NAMESPACE)
    assert (owner.kind, owner.uid) == ("ReplicaSet", replica_set.metadata.uid)
    assert replica_set.metadata.owner_references[0].kind == "Deployment"
    template_hash = pod.metadata.labels["pod-template-hash"]
    assert owner.name == f"payments-{template_hash}"
    assert replica_set.spec.selector.match_labels["pod-template-hash"] == template_hash
    assert pod.metadata.name.startswith(f"{owner.name}-")


async def test_an_image_that_takes_time_is_not_ready_before(sandbox: Sandbox, payments: Payments) -> None:
    sandbox.set_image(NEXT, Behaviour(start_seconds=0.4))
    begin = asyncio.get_running_loop().time()
    await payments.release(NEXT)
    await sandbox.settled()
    # Two waves at least: three of four must serve throughout, and five are the most.
    assert asyncio.get_running_loop().time() - begin >= 0.8


async def test_an_image_that_is_never_ready_times_out_with_old_pods_serving(
    sandbox: Sandbox, payments: Payments
) -> None:
    sandbox.set_image(BAD, Behaviour(never_ready=True))
    await payments.release(BAD, progressDeadlineSeconds=1)
    await until(payments.timed_out)
    assert ready(await payments.pods(BAD)) == 0
    assert ready(await payments.pods(GOOD)) == 3
    await payments.release(GOOD)
    await sandbox.settled()
    assert ready(await payments.pods(GOOD)) == 4


async def test_a_crashing_image_is_started_again_and_backs_off(sandbox: Sandbox, payments: Payments) -> None:
    sandbox.set_image(BAD, Behaviour(start_seconds=5, crash_after_seconds=0.02))
    await payments.release(BAD, progressDeadlineSeconds=1)

    async def looping() -> bool:
        states = await payments.waiting(BAD)
        return any(
            state.restart_count >= 2 and state.state.waiting.reason == "CrashLoopBackOff" for state in states
        )

    await until(looping)
    await until(payments.timed_out)
    assert ready(await payments.pods(GOOD)) == 3


async def test_a_missing_image_stays_pending(sandbox: Sandbox, payments: Payments) -> None:
    sandbox.set_image(BAD, Behaviour(missing=True))
    await payments.release(BAD, progressDeadlineSeconds=1)

    async def backing_off() -> bool:
        states = await payments.waiting(BAD)
        return [state.state.waiting.reason for state in states] == ["ImagePullBackOff"] * 2

    await until(backing_off)
    assert {pod.status.phase for pod in await payments.pods(BAD)} == {"Pending"}
    await until(payments.timed_out)


async def test_a_running_image_can_go_bad(sandbox: Sandbox, payments: Payments) -> None:
    sandbox.set_image(GOOD, Behaviour(never_ready=True))

    async def none_ready() -> bool:
        return ready(await payments.pods(GOOD)) == 0

    await until(none_ready)


async def test_a_deleted_deployment_takes_its_replica_sets_and_pods_along(
    sandbox: Sandbox, payments: Payments
) -> None:
    await payments.apps.delete_namespaced_deployment("payments", NAMESPACE)
    assert await payments.pods(GOOD) == []
    sets = await payments.apps.list_namespaced_replica_set(NAMESPACE)
    assert sets.items == []


async def test_a_deleted_pod_is_replaced(sandbox: Sandbox, payments: Payments) -> None:
    gone = (await payments.pods(GOOD))[0].metadata.name
    await payments.core.delete_namespaced_pod(gone, NAMESPACE)

    async def replaced() -> bool:
        pods = await payments.pods(GOOD)
        return ready(pods) == 4 and gone not in {pod.metadata.name for pod in pods}

    await until(replaced)


async def test_the_other_region_is_not_touched(sandbox: Sandbox, payments: Payments) -> None:
    await payments.release(NEXT)
    await sandbox.settled()
    async with kubernetes(sandbox, "eu-north") as api:
        assert len(await Payments(api).pods(GOOD)) == 4
