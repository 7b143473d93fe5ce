"""A stop is graceful and has a bound, whatever is away."""

import asyncio
import signal
import time

import pytest

from tests.support.eventually import eventually
from tests.support.toy_world import World, said


async def test_a_stopped_service_has_published_what_it_committed(world: World) -> None:
    replica = await world.serving()
    await world.send(*(said(n) for n in range(1, 301)))
    await world.until("select sum(next) from offsets", 300)
    await replica.leave()
    assert await world.heard() == [f"verifier {n}" for n in range(1, 301)]
    assert await world.number("select sum(next_seq - sent) from relay") == 0


async def test_a_process_ends_with_zero_at_sigterm(world: World) -> None:
    process = await world.process()
    await eventually(lambda: world.query("select 1 from offsets"))
    await world.send(said(1))
    await world.hears("verifier 1")
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10.0) == 0


async def test_a_stop_while_the_broker_answers_nothing_keeps_its_bound(world: World) -> None:
    if world.kafka.server is None:
        pytest.skip("a broker that is not ours is not paused")
    replica = await world.serving(stop_seconds=5.0)
    await world.send(said(1))
    await world.hears("verifier 1")
    world.kafka.server.pause()
    try:
        began = time.monotonic()
        await replica.leave()
        assert time.monotonic() - began < 5.0 + 5.0
    finally:
        world.kafka.server.resume()


async def test_a_process_ends_in_time_while_the_broker_answers_nothing(world: World) -> None:
    if world.kafka.server is None:
        pytest.skip("a broker that is not ours is not paused")
    process = await world.process()
    await eventually(lambda: world.query("select 1 from offsets"))
    await world.send(said(1))
    await world.hears("verifier 1")
    world.kafka.server.pause()
    try:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 13.0)
    finally:
        world.kafka.server.resume()


async def test_a_service_that_still_waits_for_postgres_stops_at_once(world: World) -> None:
    world.database = "postgresql://nobody@127.0.0.1:1/none"
    replica = world.start()
    done, _ = await asyncio.wait({replica.task}, timeout=1.0)
    assert not done
    await asyncio.wait_for(replica.leave(), 3.0)
