"""A door as a process of its own, for benches and long runs: every role has its token, GitHub its secret, and no rate counts."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp

from lockgate.embedded.ports import free_ports
from lockgate.intake.door.callers import Role, hash_of
from tests.support.deliveries import SECRET, TOKENS
from tests.support.eventually import eventually


class DoorProcess(NamedTuple):
    """Where it is, and where its metrics are."""

    port: int
    health: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def requests(self) -> dict[str, int]:
        """How many requests ended in each outcome."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.health}/metrics") as answer,
        ):
            lines = (await answer.text()).splitlines()
        found: dict[str, int] = {}
        for line in lines:
            if line.startswith("lockgate_door_requests_total{"):
                outcome = line.split('outcome="')[1].split('"')[0]
                found[outcome] = found.get(outcome, 0) + round(float(line.rsplit(" ", 1)[1]))
        return found


@asynccontextmanager
async def door_process(bootstrap: str, prefix: str) -> AsyncIterator[DoorProcess]:
    """It is ready when this yields, and gone afterwards."""
    port, health = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "secret"
        secret.write_bytes(SECRET)
        callers: list[dict[str, str]] = [
            {"name": f"a-{role}", "role": role, "token": hash_of(token)} for role, token in TOKENS.items()
        ]
        callers.append({"name": "hub", "role": Role.CI, "secret_file": str(secret)})
        settings = {
            "LOCKGATE_KAFKA": bootstrap,
            "LOCKGATE_TOPIC_PREFIX": prefix,
            "LOCKGATE_HTTP_PORT": str(health),
            "LOCKGATE_DOOR_PORT": str(port),
            "LOCKGATE_DOOR_RATE": "1000000",
            "LOCKGATE_DOOR_BURST": "1000000",
            "LOCKGATE_DOOR_CALLERS": json.dumps(callers),
            "LOCKGATE_LOG_LEVEL": "ERROR",
        }
        async with process(("-m", "lockgate.cli.run", "door"), settings) as pid:
            await eventually(lambda: answers(f"http://127.0.0.1:{health}/readyz", 200))
            yield DoorProcess(port, health, pid)


async def answers(url: str, status: int) -> bool:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status == status


@asynccontextmanager
async def process(arguments: Sequence[str], settings: Mapping[str, str]) -> AsyncIterator[int]:
    """A Python process with more in its environment; killed at the end. Yields its id."""
    running = await asyncio.create_subprocess_exec(sys.executable, *arguments, env={**os.environ, **settings})
    try:
        yield running.pid
    finally:
        running.kill()
        await running.wait()
