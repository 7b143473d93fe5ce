"""Kafka or PostgreSQL away, at the start and later: nothing is lost, nothing is done twice, and it goes on by itself."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from lockgate.embedded import Kafka, Postgres
from tests.support.eventually import eventually
from tests.support.hands import Hands
from tests.support.outages import immediate
from tests.support.toy import toy
from tests.support.toy_world import World, said


@pytest.fixture
def broker(world: World) -> Kafka:
    if world.kafka.server is None:
        pytest.skip("a broker that is not ours is not killed")
    return world.kafka.server


@pytest.fixture
def database(world: World) -> Postgres:
    if world.postgres.server is None:
        pytest.skip("a server that is not ours is not killed")
    return world.postgres.server


@pytest.mark.parametrize("stop", [immediate, Postgres.kill], ids=["immediate", "killed"])
async def test_postgres_goes_and_comes_back(
    world: World, database: Postgres, stop: Callable[[Postgres], None]
) -> None:
    await world.serving()
    await world.send(said(1))
    await world.hears("verifier 1")
    await asyncio.to_thread(stop, database)
    try:
        assert not database.running
        await world.send(said(2), said(3))
        with pytest.raises(OSError, match="Connect call failed"):
            await world.query("select 1")
    finally:
        await asyncio.to_thread(database.start)
    await world.hears("verifier 1", "verifier 2", "verifier 3")
    assert [m.number for m in await world.answers()] == [1, 2, 3]


async def test_postgres_answers_nothing_for_a_while(world: World, database: Postgres) -> None:
    replica = await world.serving()
    await world.send(said(1))
    await world.hears("verifier 1")
    backends = await world.query("select pid from pg_stat_activity where application_name like 'lockgate-%'")
    database.pause()
    for (pid,) in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        await world.send(said(2))
        with pytest.raises(AssertionError, match="not within"):
            await world.hears("verifier 1", "verifier 2", within=1.0)
    finally:
        for (pid,) in backends:
            os.kill(pid, signal.SIGCONT)
        database.resume()
    await world.hears("verifier 1", "verifier 2", within=40.0)
    await replica.leave()


async def test_the_broker_is_killed_and_comes_back(world: World, broker: Kafka) -> None:
    replica = await world.serving()
    await world.send(said(1))
    await world.hears("verifier 1")
    await asyncio.to_thread(broker.kill)
    assert not broker.running
    await asyncio.to_thread(broker.start)
    await world.send(said(2), said(3))
    await world.hears("verifier 1", "verifier 2", "verifier 3", within=40.0)
    assert not replica.task.done()


async def test_what_was_committed_while_the_broker_was_away_is_published_later(
    world: World, broker: Kafka
) -> None:
    hands = Hands()
    await world.serving(toy(open_work=hands.opened))
    await world.send(said(1, "work w done"))
    await world.hears("verifier 1")
    await eventually(lambda: hands.began == ["done"])
    await asyncio.to_thread(broker.kill)
    try:
        hands.free.add("done")
        await world.until("select sum(next_seq - sent) from relay", 2)  # the journal record and the answer
    finally:
        await asyncio.to_thread(broker.start)
    await world.send(said(2))
    await world.hears("verifier 1", "result w done", "verifier 2", within=40.0)
    assert [m.number for m in await world.answers()] == [1, 2, 3]


@pytest.mark.parametrize("which", ["broker", "database"])
async def test_a_service_that_starts_while_a_server_is_away_waits_for_it(
    world: World, which: str, request: pytest.FixtureRequest
) -> None:
    server: Kafka | Postgres = request.getfixturevalue(which)
    await asyncio.to_thread(server.kill)
    try:
        replica = world.start()
        done, _ = await asyncio.wait({replica.task}, timeout=1.0)
        assert not done
        assert replica.running.port is None
    finally:
        await asyncio.to_thread(server.start)
    await eventually(lambda: replica.running.port)
    await world.send(said(1))
    await world.hears("verifier 1", within=40.0)


async def test_a_deadline_set_on_others_gets_its_grace_after_postgres_was_away(
    world: World, database: Postgres
) -> None:
    """What others are to report may have waited for the same PostgreSQL."""
    await world.serving()
    await world.send(said(1, "timer deadline 0 3"))
    await world.hears("verifier 1", "timer deadline")  # the grace of the start itself is over
    await world.send(said(2, "timer deadline 600 3"), said(3, "timer a 600"))
    await world.until("select count(*) from timers", 2)
    for timer, seconds in (("deadline", 1.0), ("a", 1.1)):
        due = "update timers set due = clock_timestamp() + make_interval(secs => $2) where name = $1"
        await world.query(due, timer, seconds)
    await asyncio.to_thread(database.kill)
    try:
        with pytest.raises(AssertionError, match="not within"):
            await eventually(lambda: database.running, within=1.5)
    finally:
        await asyncio.to_thread(database.start)
    before = ("verifier 1", "timer deadline", "verifier 2", "verifier 3")
    await world.hears(*before, "timer a", "timer deadline")
