"""What is written to many regions of a sandbox, as watches on their API servers tell it: shares of a route, and any write at all."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from lockgate.cli.local.regions import Sandboxed

ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"

OURS = "lockgate.dev/"

Json = dict[str, Any]


@dataclass
class Written:
    """Region -> the clone's share of an application's traffic, and when it changed last; and when anything was written."""

    application: str
    shares: dict[str, float] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    writes: list[float] = field(default_factory=list)
    _known: dict[tuple[str, str], Json] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def holds(self, what: Callable[[], bool], seconds: float) -> None:
        """Until a condition on what is known here holds. TimeoutError if it does not in time."""
        async with asyncio.timeout(seconds):
            while not what():
                self._news.clear()
                await self._news.wait()

    async def all_have(self, share: float, regions: Iterable[str], seconds: float) -> None:
        """Until the clone has this share of the traffic in each of the regions."""
        wanted = tuple(regions)
        await self.holds(lambda: all(self.shares.get(region) == share for region in wanted), seconds)

    def take(self, region: str, line: bytes) -> None:
        now, event = time.perf_counter(), orjson.loads(line)
        obj = event["object"]
        if event["type"] == "BOOKMARK" or not obj["metadata"]["name"].startswith(self.application):
            return
        name = (region, f"{obj['kind']} {obj['metadata']['name']}")
        marks = obj["metadata"].get("annotations") or {}
        ours = {
            mark: value for mark, value in marks.items() if mark.startswith(OURS)
        }  # controllers write others
        wanted = {"spec": obj["spec"], "marks": ours}
        if self._known.get(name) != wanted or event["type"] == "DELETED":
            self._known[name] = wanted
            self.writes.append(now)
        if obj["kind"] == "HTTPRoute" and (share := _share(obj)) != self.shares.get(region):
            self.shares[region], self.changed[region] = share, now
        self._news.set()


def _share(route: Json) -> float:
    """Of all that is no clone's, the rest."""
    weights: dict[str, int] = {
        ref["name"]: ref["weight"] for rule in route["spec"]["rules"] for ref in rule["backendRefs"]
    }
    return 1 - weights[route["metadata"]["name"]] / sum(weights.values())


@asynccontextmanager
async def seen_writes(
    sandbox: Sandboxed, application: str, regions: Iterable[str], *kinds: str
) -> AsyncIterator[Written]:
    """Watches these kinds of objects in all of the regions; returns once it knows what there is."""
    written = Written(application)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
    )

    async def listen(region: str, kind: str) -> None:
        place = sandbox.regions[region]
        url = place["kubernetes"] + kind.format(place["namespace"]) + "?watch=1"
        async with session.get(url, headers={"Authorization": f"Bearer {place['token']}"}) as answer:
            async for line in answer.content:
                written.take(region, line)

    async with session:
        tasks = [asyncio.create_task(listen(region, kind)) for region in regions for kind in kinds]
        try:
            yield written
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
