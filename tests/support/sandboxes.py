"""Clients of a running sandbox for tests: a Kubernetes client of a region, Prometheus queries, bounded waiting."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from kubernetes_asyncio import client

from lockgate.sandbox import Sandbox

GOOD = "sha256:" + "1" * 64
NEXT = "sha256:" + "2" * 64
BAD = "sha256:" + "3" * 64
NAMESPACE = "shop"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_SHORTEST, _LONGEST = 0.02, 0.2  # seconds between two looks, for each costs those who are waited for


@asynccontextmanager
async def kubernetes(
    sandbox: Sandbox, region: str, token: str | None = None
) -> AsyncIterator[client.ApiClient]:
    """A kubernetes_asyncio client with the region's token (or another)."""
    place = sandbox.directory()["regions"][region]
    settings = client.Configuration(host=place["kubernetes"])
    settings.api_key = {"BearerToken": f"Bearer {place['token'] if token is None else token}"}
    async with client.ApiClient(settings) as api:
        yield api


async def refused(call: Awaitable[Any]) -> tuple[int, str, str]:
    """(status, reason, message) of a call that must fail."""
    try:
        answer = await call
    except client.ApiException as error:
        body = json.loads(error.body) if error.body else {}
        return error.status, body.get("reason", ""), body.get("message", "")
    raise AssertionError(f"not refused: {answer}")


async def until(check: Callable[[], Awaitable[Any]], seconds: float = 10.0) -> Any:
    """The first true answer of `check`, asked again and again for at most `seconds`, less often as time goes on."""
    pause = _SHORTEST
    async with asyncio.timeout(seconds):
        while not (answer := await check()):
            await asyncio.sleep(pause)
            pause = min(1.3 * pause, _LONGEST)
        return answer


async def get_json(url: str, **parameters: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url, params=parameters) as answer:
        return answer.status, await answer.json(content_type=None)


async def send_json(method: str, url: str, body: Any = None) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as answer:
        return answer.status, await answer.json(content_type=None)


def web(image: str = "app:v1", replicas: int = 2, **metadata: Any) -> dict[str, Any]:
    """A Deployment to apply."""
    container = {"name": "c", "image": image}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", **metadata},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
        },
    }


# The generated client's annotations know neither plain dicts nor `_content_type`, which its code takes.


def apps_api(api: client.ApiClient) -> Any:
    return client.AppsV1Api(api)


def core_api(api: client.ApiClient) -> Any:
    return client.CoreV1Api(api)


def custom_api(api: client.ApiClient) -> Any:
    return client.CustomObjectsApi(api)


class Web:
    """The Deployment `web` of a region, through a client."""

    def __init__(self, api: client.ApiClient) -> None:
        self.apps = apps_api(api)
        self.api = api

    async def apply(self, body: dict[str, Any], manager: str = "cd", **options: Any) -> dict[str, Any]:
        name = body["metadata"]["name"]
        answer = await self.apps.patch_namespaced_deployment(
            name, NAMESPACE, body, field_manager=manager, _content_type=APPLY, **options
        )
        return self.plain(answer)

    async def patch(self, body: Any, content_type: str, **options: Any) -> dict[str, Any]:
        answer = await self.apps.patch_namespaced_deployment(
            "web", NAMESPACE, body, _content_type=content_type, **options
        )
        return self.plain(answer)

    async def read(self) -> dict[str, Any]:
        return self.plain(await self.apps.read_namespaced_deployment("web", NAMESPACE))

    def plain(self, answer: Any) -> dict[str, Any]:
        found = self.api.sanitize_for_serialization(answer)
        assert isinstance(found, dict)
        return found


def image_of(deployment: dict[str, Any]) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])
