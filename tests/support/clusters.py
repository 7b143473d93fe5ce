"""Many regions on one real control plane: a namespace each, with an application in it, and one watch of all their routes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from lockgate.cli.local.kubeconfig import Clusters
from lockgate.sandbox.sample import objects
from tests.support.commands import waited_for
from tests.support.controlplane import ControlPlane, Tenant
from tests.support.seen_writes import Written

SEVERAL = 8
"""Namespaces that are filled, or asked for, at a time."""
INSTALLED_WITHIN = 180.0
NO_METRICS = "http://127.0.0.1:9"

PATHS = (
    "/apis/apps/v1/namespaces/{}/deployments",
    "/api/v1/namespaces/{}/services",
    "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes",
)
"""Of what `objects` makes, in its order."""

Json = dict[str, Any]


def tenants(plane: ControlPlane, regions: Iterable[str]) -> dict[str, Tenant]:
    """Region -> a namespace of its own. They are made one after another: each takes some twenty requests."""
    return {region: plane.tenant(region) for region in regions}


def clusters_of(found: dict[str, Tenant]) -> Clusters:
    """As `lockgate up --kubeconfig` would read them; nothing has metrics."""
    regions = {
        region: {
            "kubernetes": tenant.url,
            "namespace": tenant.namespace,
            "token": tenant.deployer,
            "ca_file": str(tenant.authority),
        }
        for region, tenant in found.items()
    }
    return Clusters(NO_METRICS, regions)


def installed(
    plane: ControlPlane,
    found: dict[str, Tenant],
    application: str,
    digest: str,
    pods: int,
    *,
    progress_deadline: int = 600,
) -> None:
    """The application with so many pods in each of the namespaces, with a Service and a route; all are ready then."""

    def install(tenant: Tenant) -> None:
        made = objects(application, digest, pods)
        made[0]["spec"]["progressDeadlineSeconds"] = progress_deadline
        for path, obj in zip(PATHS, made, strict=True):
            plane.admin.ask("POST", path.format(tenant.namespace), obj)

    def ready(tenant: Tenant) -> None:
        path = f"{PATHS[0].format(tenant.namespace)}/{application}"
        waited_for(
            lambda: plane.admin.ask("GET", path).get("status", {}).get("readyReplicas") == pods,
            INSTALLED_WITHIN,
            lambda: f"{tenant.namespace} does not have {pods} pods",
        )

    with ThreadPoolExecutor(SEVERAL) as pool:
        list(pool.map(install, found.values()))
        list(pool.map(ready, found.values()))


@asynccontextmanager
async def routes_seen(
    plane: ControlPlane, found: dict[str, Tenant], application: str
) -> AsyncIterator[Written]:
    """What is written to the application's routes, by one watch over all namespaces."""
    written = Written(application)
    regions = {tenant.namespace: region for region, tenant in found.items()}
    tls = ssl.create_default_context(cafile=str(plane.admin.authority))
    url = f"{plane.admin.url}/apis/gateway.networking.k8s.io/v1/httproutes?watch=1"

    async def listen() -> None:
        headers = {"Authorization": f"Bearer {plane.admin.token}"}
        async with session.get(url, headers=headers, ssl=tls) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                namespace = orjson.loads(line)["object"]["metadata"].get("namespace")
                if namespace in regions:
                    written.take(regions[namespace], line)

    async def always() -> None:
        """A watch that the server ends, as it does with those that read slowly, is begun anew."""
        while True:
            await listen()

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        listening = asyncio.create_task(always())
        try:
            yield written
        finally:
            listening.cancel()
            (ended,) = await asyncio.gather(listening, return_exceptions=True)
            # Not if it was cancelled. Without the watch nothing is seen, and all waits are in vain.
            if isinstance(ended, Exception):
                raise ended
