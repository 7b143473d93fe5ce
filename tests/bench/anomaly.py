"""From an incident in Kafka to the write that takes the share away in the last of 100 regions, and to the last order.

A canary has a quarter of the traffic in 100 regions of the sandbox, which one deployer serves. Monitoring writes an incident to
Kafka; the verifier blames the release, the coordinator orders every region back, the deployer writes. The clock begins before the
incident is sent. The writes are seen by watches on the regions' API servers, what services say by a consumer of its own.
"""

import asyncio
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from lockgate.messages.deployments import PilotDeployed
from lockgate.messages.releases import ReleaseClosed
from lockgate.messages.rollbacks import ReleaseHalted, RollbackOrdered
from lockgate.messages.verdicts import VerdictReached
from lockgate.runtime.service import partition_of
from lockgate.runtime.settings import ProcessSettings
from tests.bench.figures import Figure
from tests.bench.hop import reading_ends
from tests.support.many import clusters, everywhere, many, names, processor_seconds
from tests.support.plans import watch, wave
from tests.support.seen_writes import ROUTES, Written, seen_writes
from tests.support.story import Story
from tests.support.whole import Whole, opened

REGIONS = 100
ROUNDS = 40
WARM = 2
"""Rounds that do not count: the first release meets every object for the first time."""

PODS = 2
SHARE = 0.25
PATIENCE = 300.0

SAID = {
    kind.type.encode(): name
    for kind, name in (
        (VerdictReached, "verdict"),
        (ReleaseHalted, "halt"),
        (RollbackOrdered, "order"),
    )
}


class Heard:
    """When the first and the last of each kind of event was read, and how many there were, since it was forgotten."""

    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.counts = Counter[str]()
        self._news = asyncio.Event()

    def forget(self) -> None:
        self.first.clear()
        self.last.clear()
        self.counts.clear()

    async def all_of(self, name: str, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.counts[name] < count:
                self._news.clear()
                await self._news.wait()

    async def listen(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            name = SAID.get(dict(record.headers).get("ce_type", b""))
            if name is not None:
                now = time.perf_counter()
                self.first.setdefault(name, now)
                self.last[name] = now
                self.counts[name] += 1
                self._news.set()


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields the figures: p50 and p99 of the rounds, and the middle of each part of the way.

    With `profile` it prints what each process used of the processor until the last write, by the average of a round.
    """
    measured = uvloop.run(_measured())
    if profile:
        sys.stdout.write(costs(measured))
    yield from figures("anomaly", measured)


@dataclass(frozen=True, slots=True)
class Measured:
    """`parts` of the rounds that count, in ms, and the `seconds` of the processor that these took, by kind of process."""

    parts: list[dict[str, float]]
    seconds: Counter[str]


def costs(measured: Measured) -> str:
    rounds = len(measured.parts)
    each = {kind: round(1000 * seconds / rounds) for kind, seconds in measured.seconds.most_common()}
    return f"milliseconds of the processor until the last write: {each}\n"


def figures(prefix: str, measured: Measured) -> Iterator[Figure]:
    for name in ("order-last", "write-last"):
        times = [parts[name] for parts in measured.parts]
        for percent in (50, 99):
            value = statistics.quantiles(times, n=100, method="inclusive")[percent - 1]
            yield Figure(f"{prefix}-to-{name}-of-{REGIONS}-p{percent}", value, "ms")
    for name in ("verdict-first", "halt-first", "order-first", "write-first"):
        yield Figure(
            f"{prefix}-to-{name}-p50", statistics.median(parts[name] for parts in measured.parts), "ms"
        )
    yield Figure(f"{prefix}-rounds", len(measured.parts), "rounds")


async def _measured() -> Measured:
    regions = names(REGIONS)
    async with opened(None, shape=many(REGIONS)) as whole, clusters(whole.local.sandbox) as reader:
        story = whole.story("blamed")
        await reader.runs(story, "v1", PODS, regions)
        async with seen_writes(whole.local.sandbox, story.application, regions, ROUTES) as written:
            return await rounds(whole, story, written, regions, ROUNDS)


async def rounds(
    whole: Whole, story: Story, written: Written, regions: tuple[str, ...], count: int
) -> Measured:
    """So many rounds that count, of an application that runs everywhere."""
    canary = {"canary": [SHARE], "wait": "2h"}
    rest = {"strategy": canary, "max-parallel": len(regions), "budget": "10m", "retry": 3}
    await story.plans(wave("all", *regions, **rest), watch("1h"))
    async with _heard(whole, story.application) as heard:
        found = [await _round(story, f"v{number + 2}", heard, written) for number in range(WARM + count)]
    return Measured(
        [parts for parts, _ in found[WARM:]], sum((cost for _, cost in found[WARM:]), Counter[str]())
    )


async def _round(
    story: Story, version: str, heard: Heard, written: Written
) -> tuple[dict[str, float], Counter[str]]:
    """Milliseconds from before the incident was sent, of each part; and the processor seconds of each kind of process."""
    release = await story.announces(version)
    await written.all_have(SHARE, story.regions, PATIENCE)
    await everywhere(story, PilotDeployed, release, story.regions, PATIENCE)
    await story.telling.forget()
    heard.forget()
    used, began = processor_seconds(), time.perf_counter()
    await story.alarms(f"{story.application}-{version}", "production")
    await heard.all_of("order", len(story.regions))
    await written.all_have(0.0, story.regions, PATIENCE)
    cost = Counter(processor_seconds())
    cost.subtract(used)
    ends = {
        **{f"{name}-first": at for name, at in heard.first.items()},
        "order-last": heard.last["order"],
        "write-first": min(written.changed.values()),
        "write-last": max(written.changed.values()),
    }
    await story.hears(ReleaseClosed, release=release, within=PATIENCE)
    return {name: (at - began) * 1000 for name, at in ends.items()}, cost


@asynccontextmanager
async def _heard(whole: Whole, application: str) -> AsyncIterator[Heard]:
    """What the verifier and the coordinator say of an application."""
    part = partition_of(application, ProcessSettings(kafka=whole.local.servers.kafka).partitions)
    places = [TopicPartition(whole.prefix + name, part) for name in ("verdicts", "rollbacks")]
    consumer = await reading_ends(whole.local.servers.kafka, *places)
    heard = Heard()
    listening = asyncio.create_task(heard.listen(consumer))
    try:
        yield heard
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await consumer.stop()
