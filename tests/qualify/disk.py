"""The disk of PostgreSQL, then that of Kafka, full for a while in the middle of two releases, and freed again.

One release is good and is being deployed, the other is being taken back; artifacts that nobody claims come in beside
them. A run counts only if the server itself says that it was refused space before a release ended. The operator of this
run frees the disk and starts what had stopped itself. The judge is tests/support/outages.py; everything else that was
said is replayed as well. `budget` is what a region may take: longer than the disk is full, or regions whose deployers
could not answer are rightly given up.
"""

import asyncio
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lockgate.cli.local.system import DATABASE, Servers
from lockgate.embedded import EmbeddedError, Kafka, Postgres
from tests.qualify.progress import say
from tests.support.audit import replayed
from tests.support.disks import REFUSED, Disk, KafkaOnDisk, NoDiskError, PostgresOnDisk, small_disk
from tests.support.eventually import eventually
from tests.support.feed import Unclaimed, beside
from tests.support.outages import Underway, lasts
from tests.support.servers import KafkaUnderTest, PostgresUnderTest
from tests.support.whole import Whole, opened
from tests.support.written import written

MEBIBYTES = 256
PER_SECOND = 50.0
"""Artifacts beside the releases, so that both servers soon need more space."""

REFUSED_WITHIN = 60.0


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    try:
        return asyncio.run(qualify(float(numbers["seconds"]), float(numbers["budget"])))
    except NoDiskError as error:
        sys.exit(f"disk: {error}")


async def qualify(seconds: float, budget: float) -> dict[str, Any]:
    """Each server's disk once, each time in a system of its own."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # our clients miss the broker, too
    load = os.getloadavg()[0]
    figures: dict[str, Any] = {
        "full_seconds": seconds,
        "budget_seconds": budget,
        "load_before": round(load, 1),
    }
    violations: list[str] = []
    for what in ("postgres", "kafka"):
        try:
            figures[what], wrong = await _one(what, seconds, budget)
        except (AssertionError, TimeoutError, EmbeddedError) as error:
            figures[what], wrong = None, [str(error)[:2000]]
        violations += [f"{what}: {sentence}" for sentence in wrong]
        say(f"{what}: {figures[what]}, violations: {wrong}")
    return {**figures, "violations": violations}


async def _one(what: str, seconds: float, budget: float) -> tuple[dict[str, Any], list[str]]:
    """Figures and what was wrong."""
    async with _system(what) as (whole, server, disk):
        releases = await Underway.begun(whole, f"full-{what}", budget)
        unclaimed, operator = Unclaimed(whole, PER_SECOND), Operator(whole)
        async with beside(unclaimed.run(), operator.run()):
            figures = await _filled(server, disk, releases, seconds)
            freed = time.monotonic()
            await asyncio.to_thread(server.start)  # nothing happens if it had not stopped itself
            figures["seconds_until_the_server_answered"] = round(time.monotonic() - freed, 1)
            figures["seconds_to_settle"] = round(await releases.settles(freed), 1)
        await whole.mend()
        figures["artifacts_beside"] = len(unclaimed.sent)
        figures["services_started_again"] = dict(operator.started)
        await eventually(lambda: _answered(whole, unclaimed), within=REFUSED_WITHIN)
        wrong = [*await releases.wrong(), *await replayed(whole, None)]
        return figures, wrong + unclaimed.wrong(await written(whole.local.servers.kafka, whole.prefix))


async def _filled(server: Kafka | Postgres, disk: Disk, releases: Underway, seconds: float) -> dict[str, Any]:
    """The disk is full for so long from the server's first complaint. AssertionError if nobody needed the space."""
    before = _refusals(server)
    async with disk.full():
        began = time.monotonic()
        await eventually(lambda: _refusals(server) > before, within=REFUSED_WITHIN)
        met = time.monotonic()
        assert releases.ended() == [], "void: a release had ended before the disk was full"
        await lasts(seconds)
        assert disk.left == 0, f"void: {disk.left} bytes were free again"
        return {
            "seconds_until_it_was_met": round(met - began, 1),
            "refusals_in_its_log": _refusals(server) - before,
            "stopped_itself": not server.running,
            "releases_that_ended_meanwhile": len(releases.ended()),
        }


def _refusals(server: Kafka | Postgres) -> int:
    return server.log.read_bytes().count(REFUSED)


async def _answered(whole: Whole, unclaimed: Unclaimed) -> bool:
    found = await written(whole.local.servers.kafka, whole.prefix)
    return not unclaimed.lost(found)


class Operator:
    """Starts a service again that ended by itself, as a supervisor does. `started` counts them."""

    def __init__(self, whole: Whole) -> None:
        self._whole = whole
        self.started: Counter[str] = Counter()

    async def run(self) -> None:
        while True:
            for child in self._whole.local.ended():
                self.started[child.name] += 1
                await asyncio.to_thread(child.start)
            await asyncio.sleep(1.0)


@asynccontextmanager
async def _system(what: str) -> AsyncIterator[tuple[Whole, Kafka | Postgres, Disk]]:
    """The whole system, with one of its servers on a small disk."""
    with (
        tempfile.TemporaryDirectory(prefix="lockgate-full-") as name,
        small_disk(MEBIBYTES) as disk,
        KafkaOnDisk(Path(name) / "kafka", disk) if what == "kafka" else Kafka(Path(name) / "kafka") as kafka,
        PostgresOnDisk(Path(name) / "postgres", disk)
        if what == "postgres"
        else Postgres(Path(name) / "postgres") as postgres,
    ):
        postgres.create_database(DATABASE)
        servers = Servers(kafka.bootstrap, postgres.dsn(DATABASE))
        given = (KafkaUnderTest(kafka.bootstrap, kafka), PostgresUnderTest(servers.postgres, postgres))
        async with opened(given[0], servers, postgres=given[1]) as whole:
            yield whole, kafka if what == "kafka" else postgres, disk
