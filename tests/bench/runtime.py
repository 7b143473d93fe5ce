"""How many events a second one service handles, from the topic through decision and commit to the topic."""

import asyncio
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import uvloop

from lockgate.embedded import Kafka, Postgres
from lockgate.messages.message import encode
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import read
from lockgate.runtime.service import partition_of
from tests.bench.figures import Figure
from tests.support.servers import KafkaUnderTest, PostgresUnderTest
from tests.support.toy import toy
from tests.support.toy_world import PARTITIONS, World, said

KEYS = 500
EVENTS_PER_KEY = 40
READS = 5_000


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields the figures. `profile` also prints where the time of the whole loop goes."""
    yield Figure("runtime-read", _reads(), "events/s")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = stack.enter_context(Kafka(folder / "kafka"))
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        database = PostgresUnderTest(postgres.dsn()).fresh_database()
        world = World(KafkaUnderTest(kafka.bootstrap), PostgresUnderTest(postgres.dsn()), folder, database)
        profiler = cProfile.Profile() if profile else None
        yield Figure("runtime-whole-loop", uvloop.run(_whole_loop(world, profiler)), "events/s")
        if profiler is not None:
            pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(25)


def _reads() -> float:
    """Checking and decoding alone."""
    headers, value = encode(said(1))
    record = Record("verdicts", 0, 0, b"shop", headers, value)
    began = time.perf_counter()
    for _ in range(READS):
        read(record)
    return READS / (time.perf_counter() - began)


async def _whole_loop(world: World, profiler: cProfile.Profile | None) -> float:
    """The topic is filled first, so that no generator takes from the cores."""
    first = await world.serving(toy())
    await first.leave()
    await _fill(world)
    expected = KEYS * EVENTS_PER_KEY
    connection = await asyncpg.connect(world.database, server_settings={"search_path": "rollback"})
    try:
        began = time.perf_counter()
        if profiler is not None:
            profiler.enable()
        replica = await world.serving(toy())
        async with asyncio.timeout(300):
            while await connection.fetchval("select coalesce(sum(sent), 0) from relay") < 2 * expected:  # noqa: ASYNC110  # in another process
                await asyncio.sleep(0.05)
        if profiler is not None:
            profiler.disable()
        took = time.perf_counter() - began
        await replica.leave()
    finally:
        await connection.close()
    return expected / took


async def _fill(world: World) -> None:
    async with world.producer() as producer:
        sent = []
        for number in range(1, EVENTS_PER_KEY + 1):
            for key in (f"app-{k}" for k in range(KEYS)):
                headers, value = encode(said(number, key=key))
                topic, part = world.prefix + "verdicts", partition_of(key, PARTITIONS)
                sent.append(
                    await producer.send(topic, value, key=key.encode(), partition=part, headers=list(headers))
                )
        await asyncio.gather(*sent)
