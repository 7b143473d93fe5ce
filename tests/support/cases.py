"""Cases in which a safeguard of the mechanism decides what becomes of an event, a timer or a piece of work.

Each returns what the toy has decided under a key. It ends with something that happens with the safeguard and
without it (all was read, the loop has gone round), so nothing waits in vain; and where a safeguard is about what is
not read yet, the reader is held with the record in its hands.
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.values import Cause
from lockgate.runtime.reader import Reader
from lockgate.runtime.service import partition_of
from lockgate.runtime.timers import Timers
from lockgate.runtime.workers import Workers
from tests.support.eventually import eventually
from tests.support.hands import Hands
from tests.support.mutation import Gate, returned
from tests.support.toy import toy
from tests.support.toy_world import PARTITIONS, Replica, World, completed, said

READ = "select sum(next) from offsets"
HANDLED = "select next from offsets where topic = 'verdicts'"
UNSENT = "select sum(next_seq - sent) from relay"


async def leaves(world: World, replica: Replica) -> None:
    """Once all is published: a client that is stopped while it starts leaves a connection, and so a warning."""
    await world.until(UNSENT, 0)
    await replica.leave()


async def decided(world: World, key: str) -> list[str]:
    """What was decided under a key, in order, as its row has it; and all is published."""
    await world.until(UNSENT, 0)
    rows = await world.query("select body from rows where key = $1 and kind = 'tally'", key)
    return list(json.loads(rows[0]["body"])["handled"]) if rows else []


async def takes(world: World, *messages: Message[Payload]) -> None:
    """The toy has taken these events: what becomes of each is committed."""
    before = await world.number(READ)
    await world.send(*messages)
    await world.until(READ, before + len(messages))


async def sent_twice(world: World, key: str) -> list[str]:
    await takes(world, said(1, key=key), said(1, key=key))
    return await decided(world, key)


async def before_its_cause(world: World, key: str) -> list[str]:
    await takes(world, said(1, key=key, after=[Cause("intake", key, 1)]))
    await takes(world, completed(1, key=key))
    return await decided(world, key)


async def after_a_gap_in_numbers(world: World, key: str) -> list[str]:
    await takes(world, said(1, key=key), said(3, key=key))
    return await decided(world, key)


async def where_the_core_raises(world: World, key: str) -> list[tuple[Any, ...]]:
    """What waits, with its reason; the first event is decided in any case."""
    await takes(world, said(1, key=key), said(2, "boom", key=key), said(3, key=key))
    assert await decided(world, key) == ["verifier 1"]
    rows = await world.query('select number, reason from parked where key = $1 order by "offset"', key)
    return [tuple(row) for row in rows]


async def where_kafka_is_ahead(world: World, key: str) -> list[str]:
    """The group's offset in Kafka says more than was handled, as after a restored backup of the database."""
    first = await world.serving()
    await takes(world, said(1, key=key))
    await leaves(world, first)
    before, part = await world.number(READ), partition_of(key, PARTITIONS)
    await world.send(said(2, key=key))
    end = 1 + await world.number(f"{HANDLED} and part = {part}")
    place = TopicPartition(world.prefix + "verdicts", part, end)
    await eventually(lambda: asyncio.to_thread(_hint, world, place))
    second = await world.serving()
    await world.until(READ, before + 1)
    await leaves(world, second)
    return await decided(world, key)


def _hint(world: World, place: TopicPartition) -> bool:
    """Sets the toy's offset in Kafka. KafkaException while a member of its group is still there."""
    admin = AdminClient({"bootstrap.servers": world.kafka.bootstrap})
    wanted = ConsumerGroupTopicPartitions(world.prefix + "rollback", [place])
    (change,) = admin.alter_consumer_group_offsets([wanted]).values()
    (changed,) = change.result(5.0).topic_partitions
    return bool(changed.error is None)


async def due_before_the_backlog_is_read(
    world: World, key: str, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """A timer falls due, and what cancels it is written but not read."""
    await takes(world, said(1, "timer a 600", key=key))
    read = await world.number(READ)
    with monkeypatch.context() as patch:
        gate, rounds = Gate(patch, Reader, "_handle"), returned(patch, Timers, "_fire")
        await world.send(said(2, "cancel a", key=key))
        await gate.holds()
        await world.query("update timers set due = clock_timestamp() where key = $1", key)
        await eventually(lambda: rounds)
        assert await world.number(READ) == read, "what cancels the timer was read before it was looked at"
        gate.open()
        await world.until(READ, read + 1)
    return await decided(world, key)


async def ready_before_the_backlog_is_read(
    world: World, key: str, monkeypatch: pytest.MonkeyPatch
) -> Sequence[str]:
    """A service starts with a piece of work, and what cancels that is written but not read. What was begun."""
    earlier, later = Hands(), Hands()
    first = await world.serving(toy(open_work=earlier.opened))
    await takes(world, said(1, "work w cancelled", key=key))
    await eventually(lambda: earlier.began)
    await leaves(world, first)
    read = await world.number(READ)
    with monkeypatch.context() as patch:
        patch.setattr(
            "lockgate.runtime.workers.READ_SECONDS", 0.2
        )  # so long it waits for the reader, each time
        gate, steps = Gate(patch, Reader, "_handle"), returned(patch, Workers, "_catch_up", "_round")
        await world.send(said(2, "unwork w", key=key))
        second = await world.serving(toy(open_work=later.opened))
        await gate.holds()
        await eventually(lambda: "_round" in steps[steps.index("_catch_up") :])
        assert await world.number(READ) == read, "what cancels the work was read before it was looked at"
        gate.open()
        await world.until(READ, read + 1)
        await leaves(world, second)
    return later.began


async def due_after_a_gap_in_reading(world: World, key: str) -> list[str]:
    """A deadline set on others and a timer fall due while nobody reads. What fired once the timer has."""
    first = await world.serving()
    await takes(world, said(1, "timer deadline 600 600", key=key), said(2, "timer a 600", key=key))
    await leaves(world, first)
    for timer in ("deadline", "a"):
        due = "update timers set due = clock_timestamp() where key = $1 and name = $2"
        await world.query(due, key, timer)
    second = await world.serving()

    async def fired() -> list[str]:
        found = await decided(world, key)
        return found if found[-1] == "timer a" else []

    found: list[str] = await eventually(fired)
    await leaves(world, second)
    return found[2:]
