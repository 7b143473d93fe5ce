"""How many events a second one service handles, from the topic through decision and commit to the topic.

Beside it the processor time that an event costs the service, which a busy machine changes less than the rate.
"""

import asyncio
import cProfile
import pstats
import sys
import time
from collections.abc import Iterator

import asyncpg
import psutil  # type: ignore[import-untyped]  # psutil ships no types
import uvloop

from lockgate.messages.message import encode
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import read
from lockgate.runtime.service import partition_of
from tests.bench.figures import Figure
from tests.bench.worlds import a_world
from tests.support.toy import toy
from tests.support.toy_world import PARTITIONS, World, said

KEYS = 500
EVENTS_PER_KEY = 60
READS = 5_000
WARM = 0.2  # of the events are handled before the clock is started: first reads of all keys, a cold cache


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields the figures. `profile` also prints where the time of the whole loop goes, and runs it in this process."""
    yield Figure("runtime-read", _reads(), "events/s")
    with a_world() as world:
        if profile:
            profiler = cProfile.Profile()
            rate, _ = uvloop.run(_whole_loop(world, profiler))
            yield Figure("runtime-whole-loop", rate, "events/s")
            pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(45)
            return
        rate, cpu = uvloop.run(_whole_loop(world, None))
        yield Figure("runtime-whole-loop", rate, "events/s")
        yield Figure("runtime-whole-loop-cpu", cpu, "us/event")


def _reads() -> float:
    """Checking and decoding alone."""
    headers, value = encode(said(1))
    record = Record("verdicts", 0, 0, b"shop", headers, value)
    began = time.perf_counter()
    for _ in range(READS):
        read(record)
    return READS / (time.perf_counter() - began)


async def _whole_loop(world: World, profiler: cProfile.Profile | None) -> tuple[float, float]:
    """Events a second, and microseconds of the service's processor an event.

    The topic is filled first, so that no generator takes from the cores.
    """
    await (await world.serving(toy())).leave()
    await fill(world)
    total = KEYS * EVENTS_PER_KEY
    connection = await asyncpg.connect(world.database, server_settings={"search_path": "rollback"})
    try:
        if profiler is None:
            serving = psutil.Process((await world.process()).pid)
        else:
            await world.serving(toy())
            serving = psutil.Process()
        async with asyncio.timeout(300):
            warm = await published(connection, int(WARM * total))
            began, used = time.perf_counter(), _used(serving)
            if profiler is not None:
                profiler.enable()
            handled = await published(connection, total) - warm
            if profiler is not None:
                profiler.disable()
            return handled / (time.perf_counter() - began), (_used(serving) - used) / handled * 1e6
    finally:
        await world.close()
        await connection.close()


async def published(connection: "asyncpg.Connection[object]", events: int) -> int:
    """Waits until the answers to so many events are acknowledged; each has a journal record as well."""
    while True:
        sent = await connection.fetchval("select coalesce(sum(sent), 0)::bigint from relay")
        if sent >= 2 * events:
            return int(sent) // 2
        await asyncio.sleep(0.02)


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def fill(world: World) -> None:
    """Writes KEYS x EVENTS_PER_KEY events for the toy."""
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
