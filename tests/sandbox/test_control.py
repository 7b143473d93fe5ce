"""The control port, the faults of a region's API, and the sandbox as a process of its own."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import aiohttp
import pytest
from pydantic import ValidationError

from lockgate.sandbox import Sandbox, Settings
from tests.support.sandboxes import (
    BAD,
    GOOD,
    NAMESPACE,
    core_api,
    get_json,
    kubernetes,
    refused,
    send_json,
    until,
)


async def pods(sandbox: Sandbox, region: str) -> int:
    async with kubernetes(sandbox, region) as api:
        return len((await core_api(api).list_namespaced_pod(NAMESPACE)).items)


async def test_an_application_is_installed_in_the_regions_named(sandbox: Sandbox) -> None:
    control = sandbox.directory()["control"]
    body = {"digest": GOOD, "replicas": 3, "regions": ["eu-north"]}
    assert (await send_json("PUT", f"{control}/workloads/payments", body))[0] == 200
    await sandbox.settled()
    assert (await pods(sandbox, "eu-north"), await pods(sandbox, "eu-west")) == (3, 0)
    assert (await send_json("PUT", f"{control}/workloads/payments", body))[0] == 409
    unknown = {"digest": GOOD, "regions": ["mars"]}
    assert (await send_json("PUT", f"{control}/workloads/orders", unknown))[0] == 404


async def test_an_images_behaviour_is_registered_listed_and_forgotten(sandbox: Sandbox) -> None:
    control = sandbox.directory()["control"]
    await send_json("PUT", f"{control}/images/{BAD}", {"error_rate": 0.3, "fault_from_share": 0.5})
    _, images = await get_json(f"{control}/images")
    assert (images[BAD]["error_rate"], sandbox.behaviour(BAD).fault_from_share) == (0.3, 0.5)
    await send_json("DELETE", f"{control}/images/{BAD}")
    assert sandbox.behaviour(BAD).error_rate == 0


async def test_a_behaviour_that_makes_no_sense_is_400_and_names_the_field(sandbox: Sandbox) -> None:
    control = sandbox.directory()["control"]
    for wrong, field in (({"error_rate": 3}, "error_rate"), ({"explodes": True}, "explodes")):
        status, body = await send_json("PUT", f"{control}/images/{BAD}", wrong)
        assert (status, body["error"][0]["loc"]) == (400, [field])


async def test_the_directory_names_every_place(sandbox: Sandbox) -> None:
    _, directory = await get_json(sandbox.directory()["control"])
    assert directory == sandbox.directory()
    assert set(directory["regions"]["eu-west"]) == {"kubernetes", "token", "namespace", "ingress"}


async def test_a_region_that_is_down_refuses_connections_and_comes_back_as_it_was(sandbox: Sandbox) -> None:
    sandbox.install("payments", GOOD, replicas=2)
    await sandbox.settled()
    place = sandbox.directory()
    fault = f"{place['control']}/faults/kubernetes/eu-west"
    async with kubernetes(sandbox, "eu-west") as api:
        core = core_api(api)
        await core.list_namespaced_pod(NAMESPACE)  # a connection that is kept
        await send_json("PUT", fault, {"mode": "down"})
        with pytest.raises(aiohttp.ClientError):
            await core.list_namespaced_pod(NAMESPACE)
        with pytest.raises(aiohttp.ClientConnectorError):
            await get_json(place["regions"]["eu-west"]["kubernetes"])
        assert await pods(sandbox, "eu-north") == 2
        await send_json("DELETE", fault)
        assert len((await core.list_namespaced_pod(NAMESPACE)).items) == 2


async def test_a_region_can_answer_errors_or_slowly(sandbox: Sandbox) -> None:
    fault = f"{sandbox.directory()['control']}/faults/kubernetes/eu-west"
    async with kubernetes(sandbox, "eu-west") as api:
        core = core_api(api)
        for status, reason in ((500, "InternalError"), (429, "TooManyRequests")):
            await send_json("PUT", fault, {"mode": "error", "status": status})
            assert (await refused(core.list_namespaced_pod(NAMESPACE)))[:2] == (status, reason)
        await send_json("PUT", fault, {"mode": "slow", "seconds": 0.3})
        begin = asyncio.get_running_loop().time()
        await core.list_namespaced_pod(NAMESPACE)
        assert asyncio.get_running_loop().time() - begin >= 0.3


async def test_a_lost_answer_is_a_write_that_was_done(sandbox: Sandbox) -> None:
    fault = f"{sandbox.directory()['control']}/faults/kubernetes/eu-west"
    await send_json("PUT", fault, {"mode": "lost", "methods": ["POST"], "times": 1})
    async with kubernetes(sandbox, "eu-west") as api:
        core = core_api(api)
        with pytest.raises(aiohttp.ClientError):
            await core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "a"}})
        assert (await core.read_namespaced_config_map("a", NAMESPACE)).metadata.name == "a"
        again = core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "a"}})
        assert (await refused(again))[:2] == (409, "AlreadyExists")


async def test_a_deleted_pod_lingers_for_its_time_and_serves_no_more() -> None:
    async with Sandbox(Settings(regions=("eu-west",), termination_seconds=0.4)) as sandbox:
        sandbox.install("payments", GOOD, replicas=2)
        await sandbox.settled()
        region = sandbox.regions["eu-west"]
        name = min(region.routing().pods)
        async with kubernetes(sandbox, "eu-west") as api:
            core = core_api(api)
            await core.delete_namespaced_pod(name, NAMESPACE)
            lingering = await core.read_namespaced_pod(name, NAMESPACE)
            assert lingering.metadata.deletion_timestamp is not None
            assert name not in {pod.name for pod in region.routing().services["payments"].ready}

            async def gone() -> bool:
                found = await core.list_namespaced_pod(NAMESPACE)
                return name not in {pod.metadata.name for pod in found.items} and len(found.items) == 2

            await until(gone)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_SANDBOX_REGIONS", '["eu", {"name": "us", "namespace": "store"}]')
    monkeypatch.setenv("LOCKGATE_SANDBOX_IMAGES", f'{{"{BAD}": {{"error_rate": 0.1}}}}')
    settings = Settings()
    assert [(region.name, region.namespace) for region in settings.regions] == [
        ("eu", "shop"),
        ("us", "store"),
    ]
    assert settings.images[BAD].error_rate == 0.1


async def test_prometheus_can_be_down(sandbox: Sandbox) -> None:
    place = sandbox.directory()
    await send_json("PUT", f"{place['control']}/faults/prometheus", {"mode": "down"})
    with pytest.raises(aiohttp.ClientConnectorError):
        await get_json(f"{place['prometheus']}/-/ready")
    _, faults = await get_json(f"{place['control']}/faults")
    assert faults["prometheus"]["mode"] == "down"
    await send_json("DELETE", f"{place['control']}/faults/prometheus")
    assert (await get_json(f"{place['prometheus']}/api/v1/query", query="up"))[0] == 200


async def test_the_same_seed_gives_the_same_identities() -> None:
    seen = []
    for _ in range(2):
        async with Sandbox(Settings(regions=("eu-west",), seed=7)) as sandbox:
            sandbox.install("payments", GOOD, replicas=3)
            await sandbox.settled()
            names = sorted(sandbox.regions["eu-west"].routing().pods)
            seen.append((names, sandbox.directory()["regions"]["eu-west"]["token"]))
    assert seen[0] == seen[1]


def test_regions_need_names_of_their_own() -> None:
    with pytest.raises(ValidationError, match="name of its own"):
        Settings(regions=("eu", "eu"))


async def test_as_a_process_it_prints_its_directory_and_ends_on_a_signal(tmp_path: Path) -> None:
    settings = tmp_path / "sandbox.json"
    workload = {"application": "payments", "digest": GOOD, "replicas": 1}
    settings.write_text(json.dumps({"regions": ["eu-west"], "workloads": [workload]}))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lockgate.sandbox", str(settings), stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            directory = json.loads(await process.stdout.readline())
        _, whole = await get_json(directory["control"])
        assert whole["regions"]["eu-west"].pop("token")
        assert directory == whole, "what is printed ends in a log: it has no token"
    finally:
        process.terminate()
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_wrong_settings_end_the_process_with_a_sentence(tmp_path: Path) -> None:
    settings = tmp_path / "sandbox.json"
    settings.write_text('{"regionz": []}')
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lockgate.sandbox", str(settings), stdout=PIPE, stderr=PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"cannot read the sandbox's settings" in errors
    assert b"regionz" in errors
