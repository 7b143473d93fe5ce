"""How many decisions a second `replay` recomputes: the topics read from Kafka, and then decided and compared.

Beside it by one process, and its processor time of a decision (without the reading), which a busy machine changes
less than the rate.
"""

import asyncio
import cProfile
import pstats
import sys
import time
from collections.abc import Iterator

import asyncpg
import uvloop

from lockgate.runtime.garbage import collect_seldom
from lockgate.runtime.replay import replay
from lockgate.runtime.replay_deciding import Replayable
from lockgate.runtime.replay_processes import processors, replay_side_by_side
from lockgate.runtime.replay_records import Spool
from lockgate.runtime.replay_report import Report
from lockgate.runtime.replay_topics import read_topics
from tests.bench.figures import Figure
from tests.bench.runtime import EVENTS_PER_KEY, KEYS, fill, published
from tests.bench.worlds import a_world
from tests.support.toy import toy
from tests.support.toy_world import World

DECISIONS = KEYS * EVENTS_PER_KEY


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields the figures. `profile` also prints where the time of the one process goes."""
    with a_world() as world:
        asyncio.run(_handled(world))
        collect_seldom()  # as the command does
        with Spool() as spool:
            began = time.perf_counter()
            uvloop.run(read_topics(world.kafka.bootstrap, world.prefix, spool))
            read = time.perf_counter() - began
            yield from _side_by_side(spool, read)
            yield from _by_one(spool, read, profile=profile)


def _side_by_side(spool: Spool, read: float) -> Iterator[Figure]:
    """As the command does it: by as many processes as there are processors."""
    began = time.perf_counter()
    _sound(replay_side_by_side(spool, [_again()], processes=processors()))
    yield Figure("replay", DECISIONS / (read + time.perf_counter() - began), "decisions/s")


def _by_one(spool: Spool, read: float, *, profile: bool) -> Iterator[Figure]:
    profiler = cProfile.Profile()
    if profile:
        profiler.enable()
    began, used = time.perf_counter(), time.process_time()
    report = replay(spool, [_again()])
    took, cpu = time.perf_counter() - began, time.process_time() - used
    profiler.disable()
    _sound(report)
    if profile:
        pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(45)
    yield Figure("replay-by-one-process", DECISIONS / (read + took), "decisions/s")
    yield Figure("replay-cpu", cpu / DECISIONS * 1e6, "us/decision")


def _sound(report: Report) -> None:
    if report.exit_code != 0 or sum(writer.equal for writer in report.writers) != DECISIONS:
        raise AssertionError(f"not all of {DECISIONS} decisions are equal: {report}")


async def _handled(world: World) -> None:
    """A toy service has decided on all events, and everything is published."""
    await (await world.serving(toy())).leave()
    await fill(world)
    connection = await asyncpg.connect(world.database, server_settings={"search_path": "rollback"})
    try:
        await world.process()
        async with asyncio.timeout(300):
            await published(connection, DECISIONS)
    finally:
        await world.close()
        await connection.close()


def _again() -> Replayable:
    service = toy()
    return Replayable(service.name, service.identity.version, lambda _settings: service.core)
