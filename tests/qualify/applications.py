"""Intake with 10,000 applications and ten artifacts in the queue of each: what it weighs, and how long it takes to admit one more.

Two intakes, each a process of its own with topics and a database of its own, on one broker and one PostgreSQL with the
settings of production. One is full; the other has a hundred applications, and nothing waits there. Then artifacts are
announced to both in turn, one at a time and at the same rate, so that a busy machine is busy for both. An admission lasts
from the announcement until *queued* is read. In each intake every application has a release under way, so that what is
announced waits; whom it is of is drawn, so of the full one mostly somebody of whom its process remembers nothing.
"""

import asyncio
import json
import os
import random
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from lockgate.cli.local.child import Child
from lockgate.cli.local.system import SERVICE_MODULE
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.message import Message, event_id
from lockgate.messages.plans import PlanPublished
from lockgate.messages.values import EVERY, Place
from tests.bench.hop import ANSWER_SECONDS, reading_ends
from tests.bench.latency import WARM, Turn, interleaved
from tests.bench.worlds import a_world
from tests.qualify.progress import say
from tests.support.plans import WHOLE, plan_of
from tests.support.processes import mib
from tests.support.toy_world import PARTITIONS, World
from tests.support.whole import STARTED, cdevent

MOST_MIB = 300.0
MOST_SLOWER = 2.0
"""The p99 of an admission by the full intake, as a multiple of that by the other one."""

FEW = 100
"""Applications of the intake that is called empty."""

PACE = 0.02
"""Seconds between the beginnings of two announcements, which are to the one and to the other."""

AT_ONCE = 1000
LOOK_EVERY = 1.0
SAID_EVERY = 15
STUCK = 120.0
"""Seconds without any progress."""

REGIONS = tuple(dict.fromkeys(region for stage in WHOLE for region in stage.get("regions", ())))
DEPLOYER = "deployer-one"


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    with a_world() as world:
        return asyncio.run(qualify(world, **numbers))


@dataclass
class Intake:
    """One intake at work."""

    world: World
    child: Child
    producer: AIOKafkaProducer
    applications: tuple[str, ...]
    filling: dict[str, Any] = field(default_factory=dict)
    """How many plans and artifacts a second it took in, and what it had in memory afterwards."""

    async def begins(self) -> None:
        """Its regions are registered, and each application has a plan that keeps all that waits."""
        await self.world.send(*map(_registered, range(1, len(REGIONS) + 1)))
        await self.until("region", len(REGIONS))
        plans = (
            (app, {"plan": plan_of(app, *WHOLE, queue={"supersede": False}), "author": "somebody"})
            for app in self.applications
        )
        began = time.monotonic()
        await self._send_all("plans", (cdevent(PlanPublished.type, app, plan) for app, plan in plans))
        await self.until("plan", len(self.applications))
        self._filled("plans", len(self.applications), began)

    async def announced(self, rounds: int) -> None:
        """So many artifacts of each application, one application after the other, and then all once more."""
        events = (announcement(app, n) for n in range(rounds) for app in self.applications)
        count, began = rounds * len(self.applications), time.monotonic()
        await self._send_all("artifacts", events)
        await self.until("release", count)
        self._filled("artifacts", count, began)

    def _filled(self, what: str, count: int, began: float) -> None:
        took = time.monotonic() - began
        self.filling[what] = {"per_second": round(count / took, 1), "memory_mib": mib(self.child.pid)}

    async def _send_all(self, topic: str, events: Iterator[dict[str, Any]]) -> None:
        while some := [event for _, event in zip(range(AT_ONCE), events, strict=False)]:
            await asyncio.gather(*[await self.send(topic, event) for event in some])

    async def send(self, topic: str, event: dict[str, Any]) -> Any:
        headers = [("content-type", b"application/json")]
        return await self.producer.send(
            self.world.prefix + topic, json.dumps(event).encode(), headers=headers
        )

    async def until(self, kind: str, expected: int) -> None:
        """Waits until it has so many rows of a kind, and has published all that it said. AssertionError if it gets no further."""
        began = progressed = time.monotonic()
        found, unsent = -1, 1
        while found < expected or unsent:
            await asyncio.sleep(LOOK_EVERY)
            before = (found, -unsent)
            found = await self._number("select count(*) from intake.rows where kind = $1", kind)
            unsent = await self._number("select coalesce(sum(next_seq - sent), 0) from intake.relay")
            progressed = time.monotonic() if (found, -unsent) > before else progressed
            if int(time.monotonic() - began) % SAID_EVERY == 0:
                say(f"{found} of {expected} {kind} rows, {unsent} records to publish; {mib(self.child.pid)}")
            assert time.monotonic() < progressed + STUCK, (
                f"{found} of {expected} {kind} rows; intake said last: {self.child.log.read_text()[-2000:]}"
            )
        assert found == expected, f"{found} {kind} rows, not {expected}"
        say(f"{expected} {kind} rows after {time.monotonic() - began:.0f} s; {mib(self.child.pid)}")

    async def _number(self, sql: str, *arguments: Any) -> int:
        connection = await asyncpg.connect(self.world.database, timeout=30.0)
        try:
            return int(await connection.fetchval(sql, *arguments, timeout=60.0))
        finally:
            await connection.close()

    async def dead_letters(self) -> int:
        async with self._reading("intake.deadletters") as consumer:
            ends = await consumer.end_offsets(consumer.assignment())
        return sum(ends.values())

    @asynccontextmanager
    async def _reading(self, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
        """What is written on a topic from now on."""
        places = [TopicPartition(self.world.prefix + topic, part) for part in range(PARTITIONS)]
        consumer = await reading_ends(self.world.kafka.bootstrap, *places)
        try:
            yield consumer
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def admissions(self, chosen: Sequence[str]) -> AsyncIterator[Turn]:
        """Turns of announcing the next artifact of whoever is next, until it is said to be queued."""
        async with self._reading("releases") as answers:

            async def turn(number: int) -> None:
                await self.send("artifacts", announcement(chosen[number], AT_ONCE + number))
                async with asyncio.timeout(ANSWER_SECONDS):
                    answer = await answers.getone()
                assert answer.key == chosen[number].encode(), f"{chosen[number]} was not answered next"
                assert b"release.queued" in answer.value, answer.value[:500]

            yield turn


def announcement(application: str, number: int) -> dict[str, Any]:
    purl = f"pkg:oci/{application}@sha256%3A{number + 1:064x}?tag=v{number + 1}"
    return cdevent(ArtifactPublished.type, purl, {})


def _registered(number: int) -> Message[Any]:
    place = Place(region=REGIONS[number - 1], deployer=DEPLOYER, cluster="c", namespace="production")
    return Message(
        body=RegionRegistered(place=place),
        id=event_id(DEPLOYER, EVERY, number),
        source=f"/lockgate/{DEPLOYER}",
        key=EVERY,
        at="2026-11-24T12:00:00.000Z",
        writer=DEPLOYER,
        number=number,
    )


@asynccontextmanager
async def started(world: World, applications: int) -> AsyncIterator[Intake]:
    home = world.marks / world.prefix.rstrip(".")
    home.mkdir()
    settings = world.settings()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LOCKGATE_")},
        "LOCKGATE_KAFKA": settings.kafka,
        "LOCKGATE_POSTGRES": world.database,
        "LOCKGATE_TOPIC_PREFIX": settings.topic_prefix,
        "LOCKGATE_PARTITIONS": str(settings.partitions),
    }
    child = Child("intake", SERVICE_MODULE, ("intake",), environment, home)
    child.start()
    try:
        await asyncio.to_thread(child.wait_ready, STARTED)
        async with world.producer() as producer:
            names = tuple(f"app-{number}" for number in range(applications))
            intake = Intake(world, child, producer, names)
            await intake.begins()
            yield intake
    finally:
        await asyncio.to_thread(child.stop)


def beside(world: World) -> World:
    """Another world on the same servers."""
    return World(world.kafka, world.postgres, world.marks, world.postgres.fresh_database())


async def qualify(world: World, applications: int, waiting: int, turns: int) -> dict[str, Any]:
    """`waiting` artifacts wait in the queue of each application, behind a release that is under way."""
    load = os.getloadavg()[0]
    async with started(beside(world), FEW) as empty:
        await empty.announced(1)
        async with started(world, applications) as full:
            await full.announced(1 + waiting)
            times = await _admitted(empty, full, turns)
            weights = {name: mib(each.child.pid) for name, each in (("empty", empty), ("full", full))}
            dead = await full.dead_letters()
    percentiles = {
        name: {f"p{percent}": _percentile(each, percent) for percent in (50, 99)}
        for name, each in zip(("empty", "full"), times, strict=True)
    }
    figures = {
        "load_before": round(load, 1),
        "queued": applications * waiting,
        "filling": full.filling,
        "memory_mib": weights,
        "admission_ms": percentiles,
        "p99_ratio": round(percentiles["full"]["p99"] / percentiles["empty"]["p99"], 2),
    }
    return {**figures, "violations": _missed(figures, dead)}


async def _admitted(empty: Intake, full: Intake, turns: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each admission by the one and by the other."""
    chance = random.Random(1)
    chosen = [[chance.choice(intake.applications) for _ in range(WARM + turns)] for intake in (empty, full)]
    async with empty.admissions(chosen[0]) as few, full.admissions(chosen[1]) as many:
        times = await interleaved(WARM + turns, few, many, pace=PACE)
    return times[0][WARM:], times[1][WARM:]


def _percentile(times: list[float], percent: int) -> float:
    return round(statistics.quantiles(times, n=100, method="inclusive")[percent - 1], 1)


def _missed(figures: Mapping[str, Any], dead: int) -> list[str]:
    wrong = []
    if (peak := figures["memory_mib"]["full"]["peak_rss"]) > MOST_MIB:
        wrong.append(f"intake had {peak} MiB; at most {MOST_MIB:.0f} are allowed")
    if (ratio := figures["p99_ratio"]) > MOST_SLOWER:
        wrong.append(
            f"the p99 of an admission is {ratio} times that of an empty intake; at most {MOST_SLOWER}"
        )
    if dead:
        wrong.append(f"{dead} events became dead letters")
    return wrong
