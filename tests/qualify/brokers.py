"""One of three brokers killed under load, again and again: min.insync.replicas is 2, so nothing may be lost or stop for long.

While releases run and artifacts that nobody claims come in, each broker in its turn is killed, and started again once
the releases have ended. A probe writes to a topic of its own all the while: its longest wait is the gap.
"""

import asyncio
import contextlib
import random
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from lockgate.cli.local.system import Servers
from lockgate.embedded.postgres import Postgres
from lockgate.messages.deployments import DeploymentStarted
from tests.qualify.progress import say
from tests.support.audit import Expected, audit
from tests.support.brokers import Broker, Brokers, three
from tests.support.crashes import PATIENCE
from tests.support.eventually import eventually
from tests.support.feed import Unclaimed, beside
from tests.support.plans import REST, watch, wave
from tests.support.story import Story
from tests.support.whole import Whole, opened

TOGETHER = 3
"""So many releases run at once."""

PER_SECOND = 50.0
"""So many artifacts come in beside them, which nobody claims; each is answered."""

STAGES = (wave("rest", *REST, **{"max-parallel": 2, "budget": "120s"}), watch("2s"))
IN_TIME = 60.0
LOGS = Path("build") / "qualification" / "brokers-logs"


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    return asyncio.run(qualify(numbers["kills"], numbers["seed"]))


async def qualify(kills: int, seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    ended: list[Expected] = []
    violations: list[str] = []
    settled: list[float] = []
    probe = Probe()
    with tempfile.TemporaryDirectory(prefix="lockgate-brokers-") as folder, three(Path(folder)) as brokers:
        await probe.prepare(brokers.bootstrap)
        with Postgres(Path(folder) / "postgres", durable=False) as postgres:
            servers = Servers(brokers.bootstrap, postgres.dsn())
            async with opened(None, servers, more={"LOCKGATE_REPLICATION": "3"}) as whole:
                async with beside(probe.run(), Unclaimed(whole, PER_SECOND).run()):
                    for number in range(1, kills + 1):
                        broker = brokers.brokers[chance.choice(list(brokers.brokers))]
                        try:
                            settled.append(await _one(whole, brokers, broker, ended))
                        except (AssertionError, TimeoutError) as error:
                            say(f"kill {number}: {error}")
                            violations.append(f"kill {number}: {error}"[:2000])
                            _keep_logs(whole)
                            break
                        say(
                            f"{number}/{kills}: settled in {settled[-1]:.1f} s, longest gap {probe.longest:.1f} s"
                        )
                if not violations:  # else a broker is away still
                    # Nothing more comes in: the ledger has to have it all.
                    violations += await audit(whole, *ended)
    return {
        "kills": len(settled),
        "releases": len(ended),
        "longest_seconds_to_settle": round(max(settled, default=0.0), 1),
        "longest_gap_seconds": round(probe.longest, 1),
        "probes": probe.count,
        "violations": violations,
    }


def _keep_logs(whole: Whole) -> None:
    """What the services said goes with the run's folder."""
    LOGS.mkdir(parents=True, exist_ok=True)
    for log in whole.local.home.glob("*.log"):
        shutil.copy(log, LOGS)
    say(f"what the services said is in {LOGS}")


async def _one(whole: Whole, brokers: Brokers, broker: Broker, ended: list[Expected]) -> float:
    """Releases with one kill in their midst. Seconds from the kill until all had ended."""
    stories = [whole.story("many") for _ in range(TOGETHER)]
    await asyncio.gather(*(story.begins(*STAGES) for story in stories))
    releases = await asyncio.gather(*(story.announces("v2") for story in stories))
    await asyncio.gather(*(story.hears(DeploymentStarted, within=PATIENCE) for story in stories))
    broker.kill()
    killed = time.monotonic()
    await asyncio.gather(*(_ends(story, release) for story, release in zip(stories, releases, strict=True)))
    took = time.monotonic() - killed
    assert not broker.running, "the broker was there again before the releases had ended"
    ended += [Expected(story, 1, "v2") for story in stories]
    await asyncio.to_thread(broker.start)
    await eventually(lambda: _all_kept(brokers), within=IN_TIME)
    return took


async def _ends(story: Story, release: str) -> None:
    await story.completes(release, within=IN_TIME)


async def _all_kept(brokers: Brokers) -> bool:
    return not await brokers.missing()


class Probe:
    """Writes again and again; `longest` is the longest time from one answer to the next."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.count = 0
        self._bootstrap = ""

    async def prepare(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic("probe", 1, 3)])
        finally:
            await admin.close()

    async def run(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", metadata_max_age_ms=1000)
        await producer.start()
        try:
            before = time.monotonic()
            while True:
                with contextlib.suppress(KafkaError):
                    await producer.send_and_wait("probe", b"?", partition=0)
                    now = time.monotonic()
                    self.longest, self.count, before = max(self.longest, now - before), self.count + 1, now
                await asyncio.sleep(0.05)
        finally:
            await producer.stop()
