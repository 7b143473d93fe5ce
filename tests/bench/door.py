"""How many deliveries the door takes, and how soon: a process of it on one core, alerts of which each is an event.

Against a bare endpoint that sends every body to Kafka as it is (`bare`), in alternation: as fast as 16 senders can, and at a
steady 500 deliveries a second.
"""

import asyncio
import itertools
import json
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import uvloop

from lockgate.embedded import Kafka
from lockgate.embedded.ports import free_ports
from lockgate.intake.door.callers import Role
from lockgate.intake.door.routes import TOPICS
from lockgate.runtime.kafka_topics import ensure_topics
from lockgate.runtime.settings import ProcessSettings
from tests.bench.figures import Figure
from tests.bench.latency import percentiles
from tests.support.deliveries import bearer, payload
from tests.support.door_process import answers, door_process, process
from tests.support.eventually import eventually

SENDERS = 16
ROUND = 1000
ROUNDS = 5
PACE = 500.0
PACED = 2500
WARM = 500

Url = str


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields the figures; there is nothing more to print with `profile`."""
    del profile
    with tempfile.TemporaryDirectory() as folder, Kafka(Path(folder) / "kafka") as kafka:
        rates, times = uvloop.run(_measured(kafka.bootstrap))
    yield Figure("door-deliveries", max(rates[0]), "a second", max(rates[1]))
    yield from percentiles("door-at-500", *times)


async def _measured(
    bootstrap: str,
) -> tuple[tuple[list[float], list[float]], tuple[list[float], list[float]]]:
    prefix = f"bench-{secrets.token_hex(4)}."
    await ensure_topics(ProcessSettings(kafka=bootstrap, topic_prefix=prefix), TOPICS)
    bodies = _bodies()
    async with (
        _door(bootstrap, prefix) as door,
        _bare(bootstrap, prefix + "anomalies") as bare,
        _client() as client,
    ):
        urls: tuple[Url, Url] = (door, bare)
        for url in urls:
            await _round(client, url, bodies, WARM)
        rates: tuple[list[float], list[float]] = ([], [])
        for _, (kept, url) in itertools.product(range(ROUNDS), zip(rates, urls, strict=True)):
            kept.append(ROUND / await _round(client, url, bodies, ROUND))
        times = [await _paced(client, url, bodies) for url in urls]
    return rates, (times[0], times[1])


async def _round(client: aiohttp.ClientSession, url: Url, bodies: Iterator[bytes], count: int) -> float:
    """Seconds that so many deliveries take."""
    left = iter(range(count))
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(SENDERS):
            group.create_task(_sender(client, url, bodies, left))
    return time.perf_counter() - began


async def _sender(
    client: aiohttp.ClientSession, url: Url, bodies: Iterator[bytes], left: Iterator[int]
) -> None:
    for _ in left:
        await _deliver(client, url, next(bodies))


async def _paced(client: aiohttp.ClientSession, url: Url, bodies: Iterator[bytes]) -> list[float]:
    """Milliseconds of each delivery, from when it was due, whatever became of those before it."""
    times: list[float] = []

    async def one(due: float) -> None:
        await _deliver(client, url, next(bodies))
        times.append((time.perf_counter() - due) * 1000)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(PACED):
            due = began + number / PACE
            await asyncio.sleep(due - time.perf_counter())
            group.create_task(one(due))
    return times[WARM:]


async def _deliver(client: aiohttp.ClientSession, url: Url, body: bytes) -> None:
    async with client.post(url, data=body, headers=bearer(Role.MONITORING)) as answer:
        if answer.status != 202:
            raise RuntimeError(f"{url} answered {answer.status}: {await answer.text()}")
        await answer.read()


def _bodies() -> Iterator[bytes]:
    """Alertmanager's groups of one alert, each another one."""
    group = payload("alertmanager/firing")
    alert = group["alerts"][0]
    for number in itertools.count():
        yield json.dumps({**group, "alerts": [{**alert, "fingerprint": f"{number:016x}"}]}).encode()


@asynccontextmanager
async def _client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        yield client


@asynccontextmanager
async def _door(bootstrap: str, prefix: str) -> AsyncIterator[Url]:
    async with door_process(bootstrap, prefix) as door:
        yield f"{door.url}/v1/alertmanager"


@asynccontextmanager
async def _bare(bootstrap: str, topic: str) -> AsyncIterator[Url]:
    (port,) = free_ports(1)
    async with process(("-m", "tests.bench.bare", bootstrap, topic, str(port)), {}):
        await eventually(lambda: answers(f"http://127.0.0.1:{port}/", 405))
        yield f"http://127.0.0.1:{port}/"
