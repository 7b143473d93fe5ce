"""A hundred thousand hostile requests at a door of its own process: never a 5xx but 503, no defect, and memory stays flat.

The broker is there all the time, so a 503 could only be a defect of the door; it counts those itself.
"""

import asyncio
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil  # type: ignore[import-untyped]  # psutil ships no types

from lockgate.embedded import Kafka
from tests.support.door_fuzz import Request, hostile
from tests.support.door_process import DoorProcess, door_process
from tests.support.growth import Sample, growth

SENDERS = 8
LOOK = 100
"""Requests between two looks at the memory."""


def measure(arguments: Mapping[str, int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, Kafka(Path(folder) / "kafka") as kafka:
        return asyncio.run(_qualified(kafka.bootstrap, arguments["requests"], arguments["seed"]))


@dataclass
class Seen:
    """What was answered, and what the door weighed in MiB at which time."""

    statuses: Counter[int] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)


async def _qualified(bootstrap: str, requests: int, seed: int) -> dict[str, Any]:
    seen = Seen()
    async with door_process(bootstrap, f"fuzz-{secrets.token_hex(4)}.") as door:
        left, began = iter(range(requests)), time.monotonic()
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(_sender(session, door, ((n, hostile(n, seed)) for n in left), seen))
        seconds = time.monotonic() - began
        outcomes = await door.requests()
    memory = growth([(at - began, size) for at, size in seen.samples], seconds)
    wrong = [*_wrong(seen.statuses, outcomes, requests), *(f"memory {each}" for each in memory.wrong())]
    return {
        "statuses": {str(status): count for status, count in sorted(seen.statuses.items())},
        "outcomes": dict(sorted(outcomes.items())),
        "requests_a_second": round(requests / seconds),
        "memory_mib": {"first": memory.first, "last": memory.last, "series": memory.series},
        "violations": wrong,
    }


async def _sender(
    session: aiohttp.ClientSession, door: DoorProcess, requests: Iterator[tuple[int, Request]], seen: Seen
) -> None:
    process = psutil.Process(door.pid)
    for number, request in requests:
        url = door.url + request.path
        async with session.request(request.method, url, data=request.body, headers=request.headers) as answer:
            await answer.read()
            seen.statuses[answer.status] += 1
        if number % LOOK == 0:
            seen.samples.append((time.monotonic(), process.memory_info().rss / 2**20))


def _wrong(statuses: Counter[int], outcomes: Mapping[str, int], requests: int) -> Iterator[str]:
    yield from (f"{count} answers of {status}" for status, count in statuses.items() if status >= 500)
    if defects := outcomes.get("defect", 0):
        yield f"{defects} requests met a defect of the door"
    if (answered := statuses.total()) != requests:
        yield f"{answered} of {requests} requests were answered"
    if statuses[202] < requests / 10 or not {200, 400, 401, 403, 404, 422} <= statuses.keys():
        yield f"the requests did not get everywhere: {dict(statuses)}"
