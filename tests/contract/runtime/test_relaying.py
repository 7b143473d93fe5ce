"""The relay alone, on a real database, with a broker that only writes down what it is sent."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest
from aiokafka.errors import KafkaError

from lockgate.runtime.batch import Batch, Out
from lockgate.runtime.bounded import end
from lockgate.runtime.producer import Producer
from lockgate.runtime.relay import Relay
from lockgate.runtime.store import Store
from tests.support.eventually import eventually
from tests.support.servers import PostgresUnderTest

SCHEMA = "rollback"


class Noted:
    """A producer: what was sent, as (topic, key), in order."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    async def connect(self) -> None:
        pass

    async def send(self, topic: str, part: int, records: Sequence[Out]) -> int:
        assert {record.part for record in records} == {part}
        self.sent += [(topic, (record.key or b"").decode()) for record in records]
        return 0

    async def close(self) -> None:
        pass


def decided(key: str) -> Batch:
    """A batch with one decision under a new key, of one event."""
    batch = Batch(keys={key: (0, 1, 1)})
    for topic in ("rollback.journal", "rollbacks"):
        batch.out.append(Out(0, topic, key.encode(), (), b"{}"))
    return batch


@asynccontextmanager
async def relays(
    postgres: PostgresUnderTest, noted: Noted, count: int, *, silent_seconds: float = 10.0
) -> AsyncIterator[tuple[Store, list[Relay]]]:
    """A schema, and so many relays that have tried to take its partition 0."""
    dsn = postgres.fresh_database()
    store = await Store.open(dsn, SCHEMA)
    made = [Relay(dsn, store, cast("Producer", noted), silent_seconds=silent_seconds) for _ in range(count)]
    try:
        for relay in made:
            relay.own({0})
            assert await relay.drain(5.0)
        yield store, made
    finally:
        for relay in made:
            await relay.close()
        await store.close()


async def test_two_relays_of_one_partition_publish_each_record_once(postgres: PostgresUnderTest) -> None:
    noted = Noted()
    async with relays(postgres, noted, 2) as (store, made):
        for key in ("first", "second"):
            await store.apply(decided(key))
        for relay in made:
            assert await relay.drain(5.0)
    assert sorted(key for _, key in noted.sent) == ["first", "first", "second", "second"]


async def test_what_was_decided_is_in_the_journal_before_it_is_said(postgres: PostgresUnderTest) -> None:
    noted = Noted()
    async with relays(postgres, noted, 1) as (store, [relay]):
        batch = decided("first")
        batch.keys["second"] = (0, 1, 1)
        batch.out += decided("second").out
        await store.apply(batch)
        assert await relay.drain(5.0)
    assert noted.sent == [
        ("rollback.journal", "first"),
        ("rollback.journal", "second"),
        ("rollbacks", "first"),
        ("rollbacks", "second"),
    ]


async def test_an_event_does_not_wait_for_the_dead_letters_of_its_transaction(
    postgres: PostgresUnderTest,
) -> None:
    noted = Noted()
    async with relays(postgres, noted, 1) as (store, [relay]):
        batch = decided("first")
        for key in (b"bad", b"worse"):
            batch.out.insert(0, Out(0, "rollback.deadletters", key, (), b"\xff"))
        await store.apply(batch)
        assert await relay.drain(5.0)
    assert noted.sent == [
        ("rollback.journal", "first"),
        ("rollbacks", "first"),
        ("rollback.deadletters", "worse"),
        ("rollback.deadletters", "bad"),
    ]


async def test_an_event_does_not_wait_for_the_dead_letters_of_another_partition(
    postgres: PostgresUnderTest,
) -> None:
    noted = Noted()
    async with relays(postgres, noted, 1) as (store, [relay]):
        relay.own({0, 1, 2})
        assert await relay.drain(5.0)
        letters = [Out(part, "rollback.deadletters", b"bad", (), b"\xff") for part in (0, 2)]
        batch = Batch(out=[*letters, Out(1, "rollbacks", b"first", (), b"{}")])
        _, bases = await store.apply(batch)
        relay.hand_over(bases, batch.out)
        assert await relay.drain(5.0)
    assert noted.sent == [
        ("rollbacks", "first"),
        ("rollback.deadletters", "bad"),
        ("rollback.deadletters", "bad"),
    ]


class Together(Noted):
    """A broker that answers no send before so many are under way, and refuses those of partition 0."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._under_way = asyncio.Barrier(count)

    async def send(self, topic: str, part: int, records: Sequence[Out]) -> int:
        await self._under_way.wait()
        if part == 0:
            raise KafkaError("refused")
        return await super().send(topic, part, records)


async def test_what_was_handed_over_goes_to_all_partitions_at_once_and_again_if_one_is_refused(
    postgres: PostgresUnderTest,
) -> None:
    noted = Noted()
    async with relays(postgres, noted, 1) as (store, [relay]):
        relay.own({0, 1, 2})
        assert await relay.drain(5.0)
        relay._producer = together = Together(3)  # type: ignore[assignment]  # as the others here
        batch = Batch(out=[Out(part, "rollbacks", f"of {part}".encode(), (), b"{}") for part in range(3)])
        _, bases = await store.apply(batch)
        relay.hand_over(bases, batch.out)
        assert not await relay.drain(5.0)
        assert sorted(key for _, key in together.sent) == ["of 1", "of 2"]
        assert [row["sent"] for row in await store.fetch("select sent from relay")] == [0, 0, 0]
        relay._producer = cast("Producer", noted)
        await relay.close()
        assert await relay.drain(5.0)
    assert sorted(key for _, key in noted.sent) == ["of 0", "of 1", "of 2"]


async def test_what_was_sent_is_marked_before_its_partition_is_given_back(
    postgres: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockgate.runtime.relay.MARK_SECONDS", math.inf)
    noted = Noted()
    async with relays(postgres, noted, 1) as (store, [relay]):

        async def marked() -> bool:
            return [row["sent"] for row in await store.fetch("select sent from relay")] == [2]

        running = asyncio.create_task(relay.run())
        try:
            await store.apply(decided("first"))
            await eventually(lambda: len(noted.sent) == 2)
            assert not await marked()
            relay.own(set())
            await eventually(marked)
        finally:
            await end([running])


async def test_a_relay_that_hangs_between_two_messages_to_the_database_loses_its_partition(
    postgres: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockgate.runtime.relay.COMMAND_SECONDS", 1.0)
    noted = Noted()
    async with relays(postgres, noted, 2, silent_seconds=1.0) as (store, [hung, other]):
        assert hung._connection is not None
        await hung._connection.prepare("select $1::int")  # and it never says what comes next
        await store.apply(decided("first"))

        async def published() -> bool:
            return await other.drain(5.0) and bool(noted.sent)

        await eventually(published)
    assert noted.sent == [("rollback.journal", "first"), ("rollbacks", "first")]


async def test_nothing_is_published_from_a_database_that_is_in_doubt(postgres: PostgresUnderTest) -> None:
    noted = Noted()
    async with relays(postgres, noted, 1) as (store, [relay]):
        await store.apply(decided("first"))
        store.doubt.went_back("an offset", 2, 1)
        assert not await relay.drain(5.0)
        assert noted.sent == []
        store.doubt.looked(store.doubt.generation)
        assert await relay.drain(5.0)
        assert [key for _, key in noted.sent] == ["first", "first"]


async def test_an_outbox_that_knows_less_than_was_sent_puts_the_database_in_doubt(
    postgres: PostgresUnderTest,
) -> None:
    async with relays(postgres, Noted(), 1) as (store, [relay]):
        await store.apply(decided("first"))
        assert await relay.drain(5.0)
        await store.fetch("update relay set next_seq = 0, sent = 0")
        assert not store.doubt.suspect
        assert not await relay.drain(5.0)
        assert store.doubt.suspect


class Journalled(Noted):
    """Its journal ends where nothing of a restored database can."""

    async def send(self, topic: str, part: int, records: Sequence[Out]) -> int:
        await super().send(topic, part, records)
        return 77 if topic == "rollback.journal" else 0


@pytest.mark.parametrize("ends", ["by a stop", "because its partition is given back"])
async def test_what_was_sent_is_not_marked_in_a_database_that_was_restored_meanwhile(
    postgres: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """Else the recovery would begin behind what was lost."""
    monkeypatch.setattr("lockgate.runtime.relay.MARK_SECONDS", math.inf)
    noted = Journalled()
    async with relays(postgres, noted, 1) as (store, [relay]):
        running = asyncio.create_task(relay.run())
        await store.apply(decided("first"))
        await eventually(lambda: len(noted.sent) == 2)
        assert await marked(store) == (0, 2, 0), "it is to be marked later"
        await store.fetch("update relay set next_seq = 0")
        await store.fetch("delete from outbox")
        store.doubt.went_back("an offset", 2, 1)
        if ends == "by a stop":
            await end([running])
            assert not await relay.drain(5.0)
        else:
            relay.own(set())
            store.doubt.looked(store.doubt.generation)
            await eventually(lambda: not relay._lanes)
            await end([running])
        assert await marked(store) == (0, 0, 0)


async def marked(store: Store) -> tuple[int, ...]:
    """What the only partition's relay noted: sent up to, written up to, and the end of the journal."""
    ((sent, written, journal),) = await store.fetch("select sent, next_seq, journal from relay")
    return sent, written, journal
