"""From an announced artifact to the first write to a region, through the whole system; and what idle services weigh.

CI's event goes through intake, verifier and deployer, each a process of its own, to the first change of the region's
Deployment, as a watch on its API server tells it. Beside it, on the same servers and in alternation, a raw chain of
three consumers with as many commits (the deployer commits its decision, and its intent before it writes) and sends.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import psutil  # type: ignore[import-untyped]  # psutil ships no types
import uvloop
from aiokafka import TopicPartition

from lockgate.messages.message import encode
from tests.bench.figures import Figure
from tests.bench.hop import make_topics, one, reading_ends
from tests.bench.latency import interleaved, percentiles
from tests.bench.raw import raw_chain
from tests.support.plans import watch, wave
from tests.support.story import Story
from tests.support.toy_world import said
from tests.support.whole import Whole, opened

TURNS = 40
WARM = 4
REGION = "eu-north"
COMMITS = (1, 1, 2)
WRITE_SECONDS = 60.0
IDLE_SECONDS = 5.0
SERVICES = ("intake", "verifier", "rollback", "ledger", "deployer-eu")


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields the figures; there is nothing more to print with `profile`."""
    del profile
    figures, ours, raw = uvloop.run(_measured())
    yield from figures
    yield from percentiles("chain-to-first-write", ours[WARM:], raw[WARM:])


async def _measured() -> tuple[list[Figure], list[float], list[float]]:
    async with opened(None) as whole:
        await asyncio.sleep(IDLE_SECONDS)
        idle = [Figure(f"idle-memory-{name}", _memory(whole, name), "MiB") for name in SERVICES]
        stories = [whole.story(f"bench-{n}") for n in range(TURNS)]
        for story in stories:
            await story.begins(wave("rest", REGION), watch("1h"))
        servers = whole.local.servers
        topics = [f"{whole.prefix}raw-{secrets.token_hex(2)}-{n}" for n in range(len(COMMITS) + 1)]
        await make_topics(servers.kafka, *topics)
        copies = await reading_ends(servers.kafka, TopicPartition(topics[-1], 0))
        headers, value = encode(said(1))

        async def raw(_number: int) -> None:
            await whole.producer.send(topics[0], value, partition=0, headers=list(headers))
            await one(copies)

        try:
            async with raw_chain(servers.kafka, servers.postgres, topics, COMMITS), _writes(whole) as written:

                async def ours(number: int) -> None:
                    await _released(stories[number], written)

                return idle, *await interleaved(TURNS, ours, raw)
        finally:
            await copies.stop()


def _memory(whole: Whole, name: str) -> float:
    """The process's share of memory (PSS), in MiB: what it shares with others is divided among them."""
    return float(psutil.Process(whole.service(name).pid).memory_full_info().pss) / 2**20


async def _released(story: Story, written: "asyncio.Queue[str]") -> None:
    while not written.empty():
        written.get_nowait()
    await story.says_published("v2")
    async with asyncio.timeout(WRITE_SECONDS):
        while await written.get() != story.application:
            pass


@asynccontextmanager
async def _writes(whole: Whole) -> AsyncIterator["asyncio.Queue[str]"]:
    """The names of the region's Deployments, each time that one is changed, as soon as its API server says so."""
    place = whole.local.sandbox.regions[REGION]
    url = f"{place['kubernetes']}/apis/apps/v1/namespaces/{place['namespace']}/deployments"
    changed: asyncio.Queue[str] = asyncio.Queue()
    headers = {"Authorization": f"Bearer {place['token']}"}
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        async with session.get(url) as answer:
            version = (await answer.json())["metadata"]["resourceVersion"]
        asked = {"watch": "1", "resourceVersion": version}
        async with session.get(url, params=asked) as answer:

            async def listen() -> None:
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] == "MODIFIED":
                        changed.put_nowait(event["object"]["metadata"]["name"])

            listening = asyncio.create_task(listen())
            try:
                yield changed
            finally:
                listening.cancel()
