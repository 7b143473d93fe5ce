"""The next batch is decided while one is written; if that one fails, nothing that builds on it is written."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from lockgate.runtime.backoff import Backoff
from lockgate.runtime.batch import Batch
from lockgate.runtime.clock import Clock
from lockgate.runtime.committing import Committing
from lockgate.runtime.handling import Handling
from lockgate.runtime.store import ConflictError, Store
from lockgate.runtime.workers import Workers
from tests.support.eventually import eventually
from tests.support.hands import Hands
from tests.support.mutation import Gate, returned
from tests.support.servers import PostgresUnderTest
from tests.support.toy import toy
from tests.support.toy_world import PATIENCE, World, said

STALL = 60.0
"""Seconds that the machine may stand still without a rebalance, which would wait for the gate, and all else for it."""


async def _decided_ahead(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Gate, list[str]]:
    """The second event is being written, which the gate holds, and the third has been decided; and all that were decided.

    Nobody looks for work meanwhile, as every second: who does waits for what is being written, and the third event for him.
    """
    looks_no_more = asyncio.Event()

    async def nothing(_workers: Workers) -> None:
        looks_no_more.set()

    monkeypatch.setattr(Workers, "_round", nothing)
    await eventually(looks_no_more.is_set)  # the look that was under way is over
    taken = returned(monkeypatch, Handling, "take")
    gate = Gate(monkeypatch, Store, "apply")
    await world.send(said(2))
    await gate.holds()
    before = len(taken)
    await world.send(said(3))
    await eventually(lambda: len(taken) > before)
    return gate, taken


async def test_the_next_events_are_decided_while_some_are_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.serving(session_seconds=STALL)
    await world.send(said(1))
    await world.hears("verifier 1")
    gate, _ = await _decided_ahead(world, monkeypatch)
    assert await world.heard() == ["verifier 1"]
    gate.open()
    await world.hears("verifier 1", "verifier 2", "verifier 3")


@pytest.mark.parametrize(
    "error",
    [
        ConflictError("another was first"),
        asyncpg.PostgresConnectionError("gone"),
        asyncpg.DataError("no such value"),
    ],
    ids=["another replica was first", "the database went away", "the batch cannot be written"],
)
async def test_what_was_decided_ahead_of_a_failure_is_decided_again(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    await world.serving(session_seconds=STALL)
    await world.send(said(1))
    await world.hears("verifier 1")
    apply = Store.apply
    failed: list[object] = []

    async def failing_once(store: Store, batch: Batch, **named: Any) -> Any:
        if not failed:
            failed.append(dict(batch.marks))
            raise error
        return await apply(store, batch, **named)

    monkeypatch.setattr(Store, "apply", failing_once)
    gate, taken = await _decided_ahead(world, monkeypatch)
    gate.open()
    await world.hears("verifier 1", "verifier 2", "verifier 3")
    assert failed == [{("verifier", "shop"): 2}]
    assert len(taken) >= len(("2", "3", "2 again", "3 again"))
    assert await world.query("select decisions from keys where key = 'shop'") == [(3,)]


async def test_an_event_that_cannot_be_written_is_found_among_those_decided_ahead(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.serving(session_seconds=STALL)
    await world.send(said(1))
    await world.hears("verifier 1")
    apply = Store.apply

    async def refusing(store: Store, batch: Batch, **named: Any) -> Any:
        if any(body is not None and b"verifier 2" in body for _, body in batch.rows.values()):
            raise asyncpg.DataError("no such value")
        return await apply(store, batch, **named)

    monkeypatch.setattr(Store, "apply", refusing)
    gate, _ = await _decided_ahead(world, monkeypatch)
    await world.send(said(1, key="other"))
    gate.open()
    await world.hears("verifier 1", key="other")

    async def waits() -> bool:
        found = await world.query("select number, reason from parked order by number")
        return [tuple(row) for row in found] == [(2, "decide"), (3, "order")]

    await eventually(waits)
    assert await world.heard() == ["verifier 1"]


async def test_no_work_begins_once_the_service_stops(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hands = Hands()
    replica = await world.serving(toy(open_work=hands.opened), session_seconds=STALL)
    await world.send(said(1, "work v first"))
    await eventually(lambda: hands.began == ["first"])
    gate = Gate(monkeypatch, Store, "apply")
    left = returned(monkeypatch, Workers, "close")
    await world.send(said(2, "work w late"))
    await gate.holds()
    replica.stop.set()
    await eventually(lambda: left)
    gate.open()
    await asyncio.wait_for(replica.task, PATIENCE)
    assert hands.began == ["first"]
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("toy ")] == []


async def test_tries_grow_rarer_while_nothing_can_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.serving(session_seconds=STALL)
    await world.send(said(1))
    await world.hears("verifier 1")
    delays: list[float] = []
    wait = Backoff.wait

    async def noting(backoff: Backoff) -> None:
        delays.append(backoff.peek)
        await wait(backoff)

    async def refusing(_store: Store, _batch: Batch, **_named: Any) -> Any:
        raise asyncpg.ReadOnlySQLTransactionError("read-only")

    monkeypatch.setattr(Backoff, "wait", noting)
    monkeypatch.setattr(Store, "apply", refusing)
    await world.send(said(2))
    await eventually(lambda: delays and max(delays) >= 0.8)


async def test_a_broker_that_answers_late_does_not_keep_the_culprit_from_being_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.serving(session_seconds=STALL)
    await world.send(said(1))
    await world.hears("verifier 1")
    apply, seek, getmany = Store.apply, AIOKafkaConsumer.seek, AIOKafkaConsumer.getmany
    sought: list[object] = []
    late: list[object] = []

    async def refusing(store: Store, batch: Batch, **named: Any) -> Any:
        if any(body is not None and b"verifier 2" in body for _, body in batch.rows.values()):
            raise asyncpg.DataError("no such value")
        return await apply(store, batch, **named)

    def seeking(consumer: Any, *given: Any) -> None:
        sought.append(given)
        seek(consumer, *given)

    async def answering(consumer: Any, *given: Any, **named: Any) -> Any:
        if sought:  # after a seek the first poll is over before there is an answer
            late.extend(sought)
            sought.clear()
            return {}
        return await getmany(consumer, *given, **named)

    monkeypatch.setattr(Store, "apply", refusing)
    monkeypatch.setattr(AIOKafkaConsumer, "seek", seeking)
    monkeypatch.setattr(AIOKafkaConsumer, "getmany", answering)
    await world.send(said(2), said(1, key="other"))
    await eventually(lambda: world.query("select 1 from parked"))
    await world.hears("verifier 1", key="other")
    assert late


@pytest.fixture
async def store(postgres: PostgresUnderTest) -> AsyncIterator[Store]:
    opened = await Store.open(postgres.fresh_database(), "rollback")
    yield opened
    await opened.close()


def _one(key: str) -> Batch:
    return Batch(keys={key: (0, 1, 0)})


async def test_whoever_is_alone_waits_for_what_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    committing = Committing(store, Clock(), lambda _: None)
    gate = Gate(monkeypatch, Store, "apply")
    await committing.begin(_one("shop"))

    async def alone() -> dict[str, tuple[int, int]]:
        async with committing.alone():
            return await store.load_keys(["shop"])

    seen = asyncio.create_task(alone())
    await gate.holds()
    assert not seen.done()
    gate.open()
    assert await seen == {"shop": (1, 0)}


async def test_nothing_is_written_after_a_failure_until_all_is_read_again(store: Store) -> None:
    committing = Committing(store, Clock(), lambda _: None)
    lost: list[Exception] = []
    committing.on_lost = lost.append
    await store.apply(_one("shop"))
    await committing.begin(_one("shop"))
    with pytest.raises(ConflictError, match="before could not be written"):
        await committing.begin(_one("other"))
    assert [type(error) for error in lost] == [ConflictError]
    with pytest.raises(ConflictError, match="before could not be written"):
        await committing.write(_one("other"))
    assert await store.load_keys(["other"]) == {}
    await committing.start_over()
    await committing.write(_one("other"))
    assert await store.load_keys(["other"]) == {"other": (1, 0)}


async def test_a_stop_does_not_wait_for_ever_for_what_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    committing = Committing(store, Clock(), lambda _: None)
    gate = Gate(monkeypatch, Store, "apply")
    await committing.begin(_one("shop"))
    await gate.holds()
    await committing.close(0.01)
    assert committing.idle
