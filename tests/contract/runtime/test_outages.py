"""Kafka or PostgreSQL away, at the start and later: nothing is lost, nothing is done twice, and it goes on by itself."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from lockgate.embedded import Kafka, Postgres
from lockgate.runtime.timers import Timers
from tests.support.eventually import eventually
from tests.support.hands import Hands
from tests.support.mutation import Gate
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


@asynccontextmanager
async def gone(_world: World, database: Postgres) -> AsyncIterator[None]:
    """Killed, and started again in the end."""
    await asyncio.to_thread(database.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(database.start)


@asynccontextmanager
async def silent(world: World, database: Postgres) -> AsyncIterator[None]:
    """Every connection stays open, and nothing is answered."""
    backends = await world.query("select pid from pg_stat_activity where application_name like 'lockgate-%'")
    database.pause()
    for (pid,) in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for (pid,) in backends:
            os.kill(pid, signal.SIGCONT)
        database.resume()


async def test_postgres_answers_nothing_for_a_while(world: World, database: Postgres) -> None:
    replica = await world.serving()
    await world.send(said(1))
    await world.hears("verifier 1")
    async with silent(world, database):
        await world.send(said(2))
        with pytest.raises(AssertionError, match="not within"):
            await world.hears("verifier 1", "verifier 2", within=1.0)
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


@pytest.mark.parametrize("outage", [gone, silent])
async def test_a_deadline_set_on_others_gets_its_grace_after_postgres_was_away(
    world: World,
    database: Postgres,
    outage: Callable[[World, Postgres], AbstractAsyncContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What others are to report may have waited for the same PostgreSQL."""
    monkeypatch.setattr("lockgate.runtime.timers.SILENT_SECONDS", 0.5)
    await world.serving()
    await world.send(said(1, "timer deadline 0 3"))
    await world.hears("verifier 1", "timer deadline")  # the grace of the start itself is over
    await world.send(said(2, "timer deadline 600 3"), said(3, "timer a 600"))
    await world.until("select count(*) from timers", 2)
    with monkeypatch.context() as patch:
        rounds = Gate(patch, Timers, "_round")
        await rounds.holds()
        for name in ("deadline", "a"):
            await world.query("update timers set due = clock_timestamp() where name = $1", name)
        async with outage(world, database):
            rounds.open()
            with pytest.raises(AssertionError, match="not within"):
                await eventually(lambda: world.query("select 1"), within=1.5)
    before = ("verifier 1", "timer deadline", "verifier 2", "verifier 3")
    await world.hears(*before, "timer a", "timer deadline")
