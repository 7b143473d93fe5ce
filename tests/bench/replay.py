"""How many decisions a second `replay` recomputes: the topics read from Kafka, and then decided and compared.

Beside it the processor time of a decision, which a busy machine changes less than the rate.
"""

import asyncio
import cProfile
import gc
import pstats
import sys
import time
from collections.abc import Iterator

import asyncpg
import uvloop

from lockgate.runtime.replay import replay
from lockgate.runtime.replay_deciding import Replayable
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
    """Yields the figures. `profile` also prints where the time goes."""
    with a_world() as world:
        asyncio.run(_handled(world))
        gc.freeze()
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        began, used = time.perf_counter(), time.process_time()
        report = _replayed(world)
        took, cpu = time.perf_counter() - began, time.process_time() - used
        profiler.disable()
    if report.exit_code != 0 or sum(writer.equal for writer in report.writers) != DECISIONS:
        raise AssertionError(f"not all of {DECISIONS} decisions are equal: {report}")
    if profile:
        pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(45)
    yield Figure("replay", DECISIONS / took, "decisions/s")
    yield Figure("replay-cpu", cpu / DECISIONS * 1e6, "us/decision")


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


def _replayed(world: World) -> Report:
    service = toy()
    with Spool() as spool:
        uvloop.run(read_topics(world.kafka.bootstrap, world.prefix, spool))
        again = Replayable(service.name, service.identity.version, lambda _settings: service.core)
        return replay(spool, [again])
