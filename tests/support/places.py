"""One region behind one API server, the sandbox's or a real one, as tests of the contract between them see it.

Requests and answers are plain: a status and a JSON body, so that each word of an answer can be compared.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from pydantic import SecretStr
from yarl import URL

from lockgate.deployer.settings import RegionSettings
from lockgate.sandbox import Sandbox, Settings
from tests.support.controlplane import ControlPlane, Tenant
from tests.support.controlplane.behaviours import sandbox_images

Json = dict[str, Any]

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
PATIENCE = 40.0
"""Seconds within which a cluster does what it must, on a machine that does much else."""
FORGETTING = 300
"""Seconds until an API server that is hammered with changes has forgotten a version. Its own memory goes back to its
start, until 100 changes came and the oldest is older than 75 s; it grows while more come in less.
"""
_ENDLESS = aiohttp.ClientTimeout(total=None)
WRONG_UID = "00000000-0000-0000-0000-000000000000"

_GROUPS = {
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "httproutes": "/apis/gateway.networking.k8s.io/v1",
    "virtualservices": "/apis/networking.istio.io/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "featureflags": "/apis/core.openfeature.dev/v1beta1",
    "jobs": "/apis/batch/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any

    @property
    def reason(self) -> str:
        return str(self.body.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))

    @property
    def refusal(self) -> tuple[int, str, str]:
        return self.status, self.reason, self.message

    @property
    def fields(self) -> list[str]:
        """The field paths that a refusal names."""
        return [each.get("field", "") for each in (self.body.get("details") or {}).get("causes") or ()]

    def obj(self) -> Json:
        """The object of an answer that must be a success."""
        assert self.status in (200, 201), self.body
        found: Json = self.body
        return found


class Place:
    """A namespace with nothing in it. `deployer` and `owner` are the tokens of what a deployer and a test may do."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        namespace: str,
        *,
        owner: str,
        deployer: str,
        forget: Callable[[], Awaitable[None]],
        authority: Path | None = None,
    ) -> None:
        self.url, self.namespace, self.owner, self.deployer = url, namespace, owner, deployer
        self.forget = forget  # from now on the server knows no version from before
        self._http, self._authority = http, authority

    def path(self, plural: str, name: str = "", namespace: str | None = None) -> str:
        """`plural` may name a subresource of an object: `deployments`, `web/scale`."""
        group = _GROUPS.get(plural, "/api/v1")
        return f"{group}/namespaces/{namespace or self.namespace}/{plural}" + (f"/{name}" if name else "")

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        token: str | None = None,
        **query: Any,
    ) -> Answer:
        """`body`: JSON, or bytes as they are."""
        bearer = self.owner if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        if body is not None:
            headers["Content-Type"] = content_type
        data = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
        async with self._http.request(
            method, self._url(path, query), data=data, headers=headers, allow_redirects=False
        ) as answer:
            raw = await answer.read()
            return Answer(answer.status, orjson.loads(raw) if raw.startswith((b"{", b"[")) else raw.decode())

    async def create(self, plural: str, body: Any, **query: Any) -> Answer:
        return await self.ask("POST", self.path(plural), body, **query)

    async def read(self, plural: str, name: str) -> Json:
        return (await self.ask("GET", self.path(plural, name))).obj()

    async def find(self, plural: str, **query: Any) -> Answer:
        return await self.ask("GET", self.path(plural), **query)

    async def apply(
        self, plural: str, body: Json, manager: str = "cd", *, force: bool = False, **query: Any
    ) -> Answer:
        path = self.path(plural, body["metadata"]["name"])
        forced = {"force": "true"} if force else {}
        return await self.ask(
            "PATCH", path, body, content_type=APPLY, fieldManager=manager, **forced, **query
        )

    async def patch(
        self, plural: str, name: str, body: Any, content_type: str = JSON_PATCH, **query: Any
    ) -> Answer:
        return await self.ask("PATCH", self.path(plural, name), body, content_type=content_type, **query)

    async def replace(self, plural: str, name: str, body: Any, **query: Any) -> Answer:
        return await self.ask("PUT", self.path(plural, name), body, **query)

    async def delete(self, plural: str, name: str, options: Json | None = None, **query: Any) -> Answer:
        return await self.ask("DELETE", self.path(plural, name), options, **query)

    async def watch(self, plural: str, count: int, **query: Any) -> list[tuple[str, Json]]:
        """The first `count` lines of a watch, as (type, object); fewer if the server ends it."""
        heard: list[tuple[str, Json]] = []
        async with asyncio.timeout(20), aclosing(self.follow(plural, **query)) as lines:
            async for line in lines:
                heard.append(line)
                if len(heard) == count:
                    break
        return heard

    async def follow(self, plural: str, **query: Any) -> AsyncGenerator[tuple[str, Json]]:
        """The lines of a watch until the server ends it."""
        url = self._url(self.path(plural), {"watch": "true", **query})
        headers = {"Authorization": f"Bearer {self.owner}"}
        async with self._http.get(url, headers=headers, timeout=_ENDLESS) as answer:
            if answer.status != 200:
                yield "REFUSED", await answer.json()
                return
            while line := await answer.content.readline():
                event = orjson.loads(line)
                yield event["type"], event["object"]

    def region(self, name: str) -> RegionSettings:
        """What a deployer is told, to serve this as the region `name`."""
        return RegionSettings(
            region=name,
            namespace=self.namespace,
            url=self.url,
            token=SecretStr(self.deployer),
            ca_file=self._authority,
        )

    def _url(self, path: str, query: Mapping[str, Any]) -> URL:
        text = urlencode({key.removesuffix("_"): value for key, value in query.items()})
        return URL(f"{self.url}{path}{'?' if text else ''}{text}", encoded=True)


@asynccontextmanager
async def sandboxed() -> AsyncIterator[Place]:
    """A region of a sandbox of its own."""
    settings = Settings(
        regions=("eu-west",), scrape_seconds=5.0, rate=0.0, backoff_seconds=0.2, images=sandbox_images()
    )
    async with Sandbox(settings) as sandbox, aiohttp.ClientSession() as http:
        found = sandbox.directory()["regions"]["eu-west"]

        async def forget() -> None:
            sandbox.regions["eu-west"].store.forget()

        yield Place(
            http,
            found["kubernetes"],
            found["namespace"],
            owner=found["token"],
            deployer=found["token"],
            forget=forget,
        )


@asynccontextmanager
async def served(plane: ControlPlane) -> AsyncIterator[Place]:
    """A new namespace of a real control plane."""
    async with of_tenant(plane, await asyncio.to_thread(plane.tenant, "shop")) as place:
        yield place


@asynccontextmanager
async def of_tenant(plane: ControlPlane, tenant: Tenant) -> AsyncIterator[Place]:
    """The namespace of a tenant."""
    trust = ssl.create_default_context(cafile=str(tenant.authority))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as http:

        async def forget() -> None:
            await asyncio.to_thread(plane.forget)

        yield Place(
            http,
            tenant.url,
            tenant.namespace,
            owner=tenant.owner,
            deployer=tenant.deployer,
            forget=forget,
            authority=tenant.authority,
        )


def web(image: str = "app:v1", replicas: int = 2, *, name: str = "web", **metadata: Any) -> Json:
    """A Deployment."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, **metadata},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": image}]},
            },
        },
    }


def config(name: str = "settings", data: Mapping[str, str] | None = None, **metadata: Any) -> Json:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": dict(data or {}),
    }


def service(name: str = "web", port: int = 80, **metadata: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, **metadata},
        "spec": {"selector": {"app": name}, "ports": [{"port": port}]},
    }


def route(*weights: int, name: str = "web", **metadata: Any) -> Json:
    """An HTTPRoute of one rule, with a Service for each weight: web-0, web-1, …"""
    backends = [{"name": f"web-{at}", "port": 80, "weight": weight} for at, weight in enumerate(weights)]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, **metadata},
        "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{"backendRefs": backends}]},
    }


def virtual_service(*weights: int, name: str = "web", **metadata: Any) -> Json:
    """The same as a VirtualService, with a rule before it that redirects."""
    routes = [{"destination": {"host": f"web-{at}"}, "weight": weight} for at, weight in enumerate(weights)]
    redirect = {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/"}}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, **metadata},
        "spec": {"hosts": ["web"], "http": [redirect, {"route": routes}]},
    }


def autoscaler(floor: int, most: int, name: str = "payments", **metadata: Any) -> Json:
    """Of the Deployment of this name. Nobody scales by it: that is for a test to do."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, **metadata},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": floor,
            "maxReplicas": most,
        },
    }


def image_of(deployment: Json) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def replaced(path: str, value: Any) -> Json:
    """One operation of a JSON Patch."""
    return {"op": "replace", "path": path, "value": value}


def holds(path: str, value: Any) -> Json:
    return {"op": "test", "path": path, "value": value}
