"""Watches: what they hear, how they resume, and when they are told that they are too late."""

import asyncio
from typing import Any

import aiohttp
import orjson
from kubernetes_asyncio import watch

from lockgate.sandbox import Sandbox, Settings
from tests.support.sandboxes import GOOD, NAMESPACE, NEXT, apps_api, core_api, kubernetes, send_json, until


async def config(core: Any, name: str, **labels: str) -> None:
    await core.create_namespaced_config_map(
        NAMESPACE, {"metadata": {"name": name, "labels": labels}, "data": {}}
    )


async def lines(sandbox: Sandbox, count: int, **parameters: Any) -> list[tuple[str, Any]]:
    """The first `count` lines of a ConfigMap watch, as (type, object); fewer where the server ends it."""
    place = sandbox.directory()["regions"]["eu-west"]
    url = f"{place['kubernetes']}/api/v1/namespaces/{NAMESPACE}/configmaps"
    headers = {"Authorization": f"Bearer {place['token']}"}
    found: list[tuple[str, Any]] = []
    async with (
        asyncio.timeout(10),
        aiohttp.ClientSession(headers=headers) as session,
        session.get(url, params={"watch": "1", **parameters}) as answer,
    ):
        assert answer.status == 200
        async for line in answer.content:
            event = orjson.loads(line)
            found.append((event["type"], event["object"]))
            if len(found) == count:
                break
    return found


def names(events: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(kind, obj["metadata"]["name"]) for kind, obj in events]


async def test_a_watch_begins_with_what_is_there_and_goes_on_with_what_comes(sandbox: Sandbox) -> None:
    async with kubernetes(sandbox, "eu-west") as api:
        core = core_api(api)
        await config(core, "a")
        listening = asyncio.create_task(lines(sandbox, 3))
        await config(core, "b")
        await core.delete_namespaced_config_map("a", NAMESPACE)
        heard = names(await listening)
    # Whether `b` was there already or came is the same to a watcher.
    assert heard == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]


async def test_a_watch_resumes_after_the_version_it_names(sandbox: Sandbox) -> None:
    async with kubernetes(sandbox, "eu-west") as api:
        core = core_api(api)
        await config(core, "a")
        version = (await core.list_namespaced_config_map(NAMESPACE)).metadata.resource_version
        await config(core, "b")
        await core.patch_namespaced_config_map(
            "a", NAMESPACE, {"data": {"x": "1"}}, _content_type="application/merge-patch+json"
        )
    heard = await lines(sandbox, 2, resourceVersion=version)
    assert names(heard) == [("ADDED", "b"), ("MODIFIED", "a")]
    versions = [int(obj["metadata"]["resourceVersion"]) for _, obj in heard]
    assert int(version) < versions[0] < versions[1]


async def test_an_object_that_leaves_the_selector_is_deleted_for_the_watcher(sandbox: Sandbox) -> None:
    async with kubernetes(sandbox, "eu-west") as api:
        core = core_api(api)
        await config(core, "a", tier="front")
        await config(core, "b", tier="back")
        version = (await core.list_namespaced_config_map(NAMESPACE)).metadata.resource_version
        for name, tier in (("a", "back"), ("b", "front")):
            await core.patch_namespaced_config_map(
                name,
                NAMESPACE,
                {"metadata": {"labels": {"tier": tier}}},
                _content_type="application/merge-patch+json",
            )
    heard = await lines(sandbox, 2, resourceVersion=version, labelSelector="tier=front")
    assert names(heard) == [("DELETED", "a"), ("ADDED", "b")]


async def test_a_version_that_is_forgotten_gets_410_inside_the_stream() -> None:
    async with Sandbox(Settings(regions=("eu-west",), history=5)) as sandbox:
        async with kubernetes(sandbox, "eu-west") as api:
            core = core_api(api)
            for number in range(20):
                await config(core, f"c{number}")
        kind, status = (await lines(sandbox, 1, resourceVersion="2"))[0]
    assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")
    assert status["message"].startswith("too old resource version: 2 (")


async def test_a_watch_ends_when_its_time_is_over(sandbox: Sandbox) -> None:
    assert await lines(sandbox, 99, timeoutSeconds="1") == []


async def test_a_client_library_follows_a_rollout(sandbox: Sandbox) -> None:
    sandbox.install("payments", GOOD, replicas=2)
    await sandbox.settled()
    async with kubernetes(sandbox, "eu-west") as api:
        apps = apps_api(api)
        version = (await apps.list_namespaced_deployment(NAMESPACE)).metadata.resource_version
        patch = [
            {
                "op": "replace",
                "path": "/spec/template/spec/containers/0/image",
                "value": f"registry.example/payments@{NEXT}",
            }
        ]
        await apps.patch_namespaced_deployment("payments", NAMESPACE, patch)
        async with asyncio.timeout(10), watch.Watch() as watcher:
            async for event in watcher.stream(
                apps.list_namespaced_deployment, NAMESPACE, resource_version=version
            ):
                status = event["object"].status
                reasons = {each.type: each.reason for each in status.conditions}
                if status.observed_generation == 2 and reasons["Progressing"] == "NewReplicaSetAvailable":
                    break
    assert (status.updated_replicas, status.available_replicas) == (2, 2)


async def test_a_fault_cuts_a_running_watch(sandbox: Sandbox) -> None:
    listening = asyncio.create_task(lines(sandbox, 99))
    region = sandbox.regions["eu-west"]

    async def watched() -> bool:
        return bool(region.watchers)

    await until(watched)
    await send_json("PUT", f"{sandbox.directory()['control']}/faults/kubernetes/eu-west", {"mode": "down"})
    result = await asyncio.gather(listening, return_exceptions=True)
    assert isinstance(result[0], aiohttp.ClientError)
