"""Requests that somebody really sends: through the API server's service proxy and through the ingress."""

import asyncio
from typing import Any

import aiohttp

from lockgate.sandbox import Behaviour, Sandbox
from lockgate.sandbox.sample import image
from tests.support.sandboxes import (
    BAD,
    GOOD,
    MERGE,
    NAMESPACE,
    apps_api,
    core_api,
    custom_api,
    get_json,
    kubernetes,
    refused,
    until,
    web,
)


async def installed(sandbox: Sandbox, behaviour: Behaviour | None = None) -> None:
    sandbox.set_image(GOOD, behaviour)
    sandbox.install("payments", GOOD, replicas=2, rate=0)
    await sandbox.settled()


async def through_proxy(sandbox: Sandbox, path: str, method: str = "GET") -> tuple[int, Any]:
    place = sandbox.directory()["regions"]["eu-west"]
    url = f"{place['kubernetes']}/api/v1/namespaces/{NAMESPACE}/services/{path}"
    headers = {"Authorization": f"Bearer {place['token']}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, url, json={"amount": 1} if method == "POST" else None) as answer,
    ):
        return answer.status, await answer.json()


async def test_the_service_proxy_reaches_a_pod_by_port_name_or_number(sandbox: Sandbox) -> None:
    await installed(sandbox)
    for reference in ("payments:http", "payments:80", "payments", "http:payments:80"):
        status, body = await through_proxy(sandbox, f"{reference}/proxy/pay", "POST")
        assert (status, body["digest"], body["path"]) == (200, GOOD, "/pay")


async def test_the_kubernetes_client_sends_probes_too(sandbox: Sandbox) -> None:
    await installed(sandbox)
    async with kubernetes(sandbox, "eu-west") as api:
        core = core_api(api)
        answer = await core.connect_get_namespaced_service_proxy_with_path(
            "payments:80", NAMESPACE, "healthz", _preload_content=False
        )
        assert answer.status == 200


async def test_an_unknown_service_is_404_and_an_unknown_port_503(sandbox: Sandbox) -> None:
    await installed(sandbox)
    for reference, answer in (
        ("nobody:80", (404, "NotFound")),
        ("payments:81", (503, "ServiceUnavailable")),
    ):
        status, body = await through_proxy(sandbox, f"{reference}/proxy/")
        assert (status, body["reason"]) == answer


async def test_a_service_without_ready_pods_is_503(sandbox: Sandbox) -> None:
    await installed(sandbox, Behaviour())
    sandbox.set_image(GOOD, Behaviour(never_ready=True))

    async def none_ready() -> bool:
        return not sandbox.regions["eu-west"].routing().services["payments"].ready

    await until(none_ready)
    status, body = await through_proxy(sandbox, "payments:80/proxy/")
    assert (status, body["message"]) == (503, 'no endpoints available for service "payments"')


async def test_a_bad_image_answers_errors_and_its_fixed_statuses(sandbox: Sandbox) -> None:
    await installed(sandbox, Behaviour(error_rate=1.0, answers={"/healthz": 200, "/old": 410}))
    statuses = [
        (await through_proxy(sandbox, f"payments:80/proxy/{path}"))[0] for path in ("pay", "healthz", "old")
    ]
    assert statuses == [500, 200, 410]


async def test_the_latency_of_the_image_is_felt(sandbox: Sandbox) -> None:
    await installed(sandbox, Behaviour(latency_ms=150, latency_spread=0))
    begin = asyncio.get_running_loop().time()
    await through_proxy(sandbox, "payments:80/proxy/")
    assert asyncio.get_running_loop().time() - begin >= 0.15


async def test_probes_are_counted_in_the_pods_metrics(sandbox: Sandbox) -> None:
    await installed(sandbox)
    for _ in range(7):
        await through_proxy(sandbox, "payments:80/proxy/pay")
    url = f"{sandbox.directory()['prometheus']}/api/v1/query"

    async def counted() -> bool:
        query = 'http_server_request_duration_seconds_count{region="eu-west"}'
        _, body = await get_json(url, query=query)
        return sum(float(each["value"][1]) for each in body["data"]["result"]) == 7

    await until(counted)


async def test_the_ingress_finds_a_service_by_path_and_a_route_by_host(sandbox: Sandbox) -> None:
    await installed(sandbox)
    ingress = sandbox.directory()["regions"]["eu-west"]["ingress"]
    status, body = await get_json(f"{ingress}/services/{NAMESPACE}/payments/pay")
    assert (status, body["application"], body["path"]) == (200, "payments", "/pay")
    async with aiohttp.ClientSession() as session:
        for host, expected in (("payments.example", 200), ("payments", 200), ("nobody.example", 502)):
            async with session.get(f"{ingress}/pay", headers={"Host": host}) as answer:
                assert answer.status == expected


async def test_the_ingress_follows_the_routes_weights(sandbox: Sandbox) -> None:
    await installed(sandbox)
    async with kubernetes(sandbox, "eu-west") as api:
        pilot = web(image("payments", BAD), replicas=1)
        await apps_api(api).create_namespaced_deployment(NAMESPACE, pilot)
        service = {
            "metadata": {"name": "pilot"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
        }
        await core_api(api).create_namespaced_service(NAMESPACE, service)
        await sandbox.settled()
        backends = [
            {"name": name, "port": 80, "weight": weight} for name, weight in (("payments", 0), ("pilot", 1))
        ]
        await custom_api(api).patch_namespaced_custom_object(
            "gateway.networking.k8s.io",
            "v1",
            NAMESPACE,
            "httproutes",
            "payments",
            {"spec": {"rules": [{"backendRefs": backends}]}},
            _content_type=MERGE,
        )
    ingress = sandbox.directory()["regions"]["eu-west"]["ingress"]
    async with (
        aiohttp.ClientSession(headers={"Host": "payments.example"}) as session,
        session.get(f"{ingress}/") as answer,
    ):
        assert (await answer.json())["digest"] == BAD


async def test_a_flag_in_a_config_map_switches_a_fault_off(sandbox: Sandbox) -> None:
    await installed(sandbox, Behaviour(error_rate=1.0, fault_with_flag="new-checkout"))
    on = '{"flags":{"new-checkout":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"}}}'
    async with kubernetes(sandbox, "eu-west") as api:
        core = core_api(api)
        await core.create_namespaced_config_map(
            NAMESPACE, {"metadata": {"name": "flags"}, "data": {"flags.json": on}}
        )
        assert (await through_proxy(sandbox, "payments:80/proxy/"))[0] == 500
        off = {"data": {"flags.json": on.replace("ENABLED", "DISABLED")}}
        await core.patch_namespaced_config_map("flags", NAMESPACE, off, _content_type=MERGE)
        assert (await through_proxy(sandbox, "payments:80/proxy/"))[0] == 200
        assert (await refused(core.read_namespaced_config_map("none", NAMESPACE)))[0] == 404
