"""A database that was restored to an earlier time is made whole from the journal, and nothing is decided again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lockgate.messages.values import EVERY
from lockgate.runtime.batch import Out
from lockgate.runtime.decider import sealed
from lockgate.runtime.producer import Producer
from lockgate.runtime.recovering import Recovery
from lockgate.runtime.recovery import RecoveryError
from lockgate.runtime.service import partition_of
from lockgate.runtime.workers import Report, WorkFunction
from tests.contract.runtime.test_hostile_records import incident
from tests.support.eventually import eventually
from tests.support.toy import toy
from tests.support.toy_world import PARTITIONS, World, accepted, said


async def announce(world: World, id_: str) -> None:
    """An incident of an application, as monitoring writes it. It is decided under `*` first, then passed on."""
    async with world.producer() as producer:
        await producer.send_and_wait(
            world.prefix + "anomalies", json.dumps(incident(id_)).encode(), partition=0
        )


async def state(world: World) -> list[tuple[object, ...]]:
    """What the database has, but for what is measured in time or belongs to one replica."""
    tables = (
        "select key, decisions, events from keys order by 1",
        "select key, kind, id, version, body from rows order by 1, 2, 3",
        "select writer, key, number from marks order by 1, 2",
        "select source, id from seen order by 1, 2",
        "select key, name, part, due, grace, body, causes, set_by from timers order by 1, 2",
        "select key, name, part, kind, body, causes, set_by from work order by 1, 2",
        "select topic, part, next from offsets order by 1, 2",
    )
    return [tuple(row) for table in tables for row in await world.query(table)]


async def decided_once(world: World) -> None:
    """No decision has two records that differ, and none is missing."""
    numbers: dict[str, dict[int, bytes]] = {}
    for record in await world.records("rollback.journal"):
        body = json.loads(record.value or b"")
        before = numbers.setdefault(body["key"], {}).setdefault(body["number"], record.value or b"")
        assert before == record.value, f"decision {body['number']} of {body['key']} was made twice"
    for key, found in numbers.items():
        assert sorted(found) == list(range(1, len(found) + 1)), key


def losing(monkeypatch: pytest.MonkeyPatch, lost: Callable[[str, int], bool]) -> list[str]:
    """The broker is told nothing of these (topic, partition), and the relay believes that it was. What was lost."""
    there, gone = Producer.send, list[str]()

    async def send(self: Producer, topic: str, part: int, records: Sequence[Out]) -> int:
        if lost(topic, part):
            gone.extend(f"{topic} {(record.key or b'').decode()}" for record in records)
            return 0
        return await there(self, topic, part, records)

    monkeypatch.setattr(Producer, "send", send)
    return gone


async def backed_up(world: World) -> str:
    """A copy of the database as it is after one event."""
    first = await world.serving()
    await world.send(said(1))
    await world.hears("verifier 1")
    await first.leave()
    return world.postgres.copy(world.database)


@asynccontextmanager
async def working() -> AsyncIterator[Mapping[str, WorkFunction]]:
    """The toy's work is done at once, but for what is to go on for ever."""

    async def work(body: dict[str, Any], _report: Report) -> dict[str, Any]:
        if body["argument"] == "for-ever":
            await asyncio.Event().wait()
        return {"said": body["argument"]}

    yield {"toy": work}


@pytest.mark.parametrize(
    "shared", [False, True], ids=["a journal of its own", "a journal that others write to"]
)
async def test_what_the_database_lost_is_applied_and_nothing_is_decided_again(
    world: World, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    monkeypatch.setattr(Recovery, "_is_shared", shared)
    first = await world.serving(toy(open_work=working))
    await world.send(said(1), said(2, "timer a 3600"), said(3, "work early for-ever"))
    await world.hears("verifier 1", "verifier 2", "verifier 3")
    await first.leave()
    earlier = world.postgres.copy(world.database)
    second = await world.serving(toy(open_work=working))
    scripts = (
        "cancel a",
        "timer b 0.05",
        "timer deadline 3600 5",
        "work job done",
        "work late for-ever",
        "unwork early",
    )
    await world.send(*(said(number, script) for number, script in enumerate(scripts, start=4)))
    await announce(world, "one")
    await eventually(lambda: _all_heard(world, 3 + len(scripts) + 3))
    await second.leave()
    before, heard = await state(world), await world.heard()
    world.database = earlier
    assert await state(world) != before
    third = await world.serving(toy(open_work=working))
    await eventually(lambda: _is_state(world, before))
    await announce(world, "one")  # a repeat of what was decided in the time that was lost
    await world.send(said(4 + len(scripts)))
    await world.hears(*heard, f"verifier {4 + len(scripts)}")
    await third.leave()
    await decided_once(world)


async def test_an_event_that_was_decided_and_not_sent_is_sent_then(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = await backed_up(world)
    with monkeypatch.context() as patched:
        gone = losing(patched, lambda topic, _part: topic == "rollbacks")
        second = await world.serving()
        await world.send(said(2), said(3))
        await world.until("select sum(sent) from relay", 6)
        await second.leave()
    assert gone == ["rollbacks shop"] * 2
    assert await world.heard() == ["verifier 1"]
    world.database = earlier
    await world.serving()
    await world.send(said(4))
    await world.hears("verifier 1", "verifier 2", "verifier 3", "verifier 4")
    await decided_once(world)


@pytest.mark.parametrize("seen", [EVERY, "shop"])
async def test_of_what_was_decided_under_two_keys_the_half_that_nobody_saw_is_decided_then(
    world: World, monkeypatch: pytest.MonkeyPatch, seen: str
) -> None:
    earlier = await backed_up(world)
    with monkeypatch.context() as patched:
        gone = losing(patched, lambda _topic, part: part != partition_of(seen, PARTITIONS))
        second = await world.serving()
        await announce(world, "one")
        await world.until("select count(*) from seen", 1)
        await eventually(lambda: len(gone) == 2)
        await second.leave()
    world.database = earlier
    await world.serving()
    await announce(world, "two")
    await world.hears("verifier 1", "incident outage", "incident outage")
    assert await world.heard(EVERY) == ["incident outage"] * 2
    await decided_once(world)


async def test_an_event_under_every_key_that_nobody_saw_decided_is_not_jumped_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = await backed_up(world)
    with monkeypatch.context() as patched:
        gone = losing(patched, lambda _topic, part: part == partition_of(EVERY, PARTITIONS))
        second = await world.serving()
        await world.send(accepted(1, "fourth"), accepted(2, "shop"))
        await world.hears("verifier 1", "region 2")
        await eventually(lambda: len(gone) == 6)
        await second.leave()
    world.database = earlier
    await world.serving()
    await world.hears("region 1", "region 2", key=EVERY)
    await world.hears("region 1", key="fourth")
    assert await world.heard() == ["verifier 1", "region 2"]
    await decided_once(world)


async def test_a_decision_that_somebody_else_wrote_into_a_shared_journal_is_not_applied(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recovery, "_is_shared", True)
    first = await world.serving()
    await world.send(said(1))
    await world.hears("verifier 1")
    await first.leave()
    mine = next(record for record in await world.records("rollback.journal") if record.key == b"shop")
    body = {
        **json.loads(mine.value or b""),
        "number": 2,
        "rows": [["tally", "", {"handled": ["whatever I like"]}]],
    }
    del body["sha256"]
    async with world.producer() as producer:
        await producer.send_and_wait(
            world.prefix + "rollback.journal", sealed(body), key=b"shop", partition=mine.partition
        )
    second = world.start()
    with pytest.raises(RecoveryError, match="cannot be told from one that was forged"):
        await second.task
    world.replicas.remove(second)


async def test_a_database_that_is_restored_under_a_running_replica_is_looked_at_before_anything_is_written(
    world: World,
) -> None:
    earlier = await backed_up(world)
    await world.serving()
    await world.send(said(2), said(3))
    await world.hears("verifier 1", "verifier 2", "verifier 3")
    world.postgres.replace(world.database, earlier)
    await world.send(said(4))
    await world.hears("verifier 1", "verifier 2", "verifier 3", "verifier 4")
    assert await world.number("select decisions from keys where key = 'shop'") == 4
    await decided_once(world)


async def test_tables_that_are_put_back_within_the_same_database_are_noticed_by_what_they_know_less(
    world: World,
) -> None:
    first = await world.serving()
    await world.send(said(1))
    await world.hears("verifier 1")
    tables = ("offsets", "keys", "rows", "marks", "seen", "timers", "work", "parked", "outbox", "relay")
    await world.until("select sum(sent) from relay", 2)
    for table in tables:
        await world.query(f"create table saved_{table} as table {table}")
    await world.send(said(2), said(3))
    await world.hears("verifier 1", "verifier 2", "verifier 3")
    back = [f"delete from {t}; insert into {t} select * from saved_{t};" for t in tables]  # noqa: S608  # names from above
    await world.query(f"do $$ begin {' '.join(back)} end $$")
    await world.send(said(4))
    await world.hears("verifier 1", "verifier 2", "verifier 3", "verifier 4")
    assert await world.number("select decisions from keys where key = 'shop'") == 4
    await first.leave()
    await decided_once(world)


async def test_a_database_that_was_lost_whole_is_made_anew_from_the_journal(world: World) -> None:
    first = await world.serving()
    await world.send(said(1), said(2, "timer a 3600"), said(1, key="other"))
    await world.hears("verifier 1", "verifier 2")
    await world.hears("verifier 1", key="other")
    await first.leave()
    before = await state(world)
    world.database = world.postgres.fresh_database()
    await world.serving()
    await eventually(lambda: _is_state(world, before))
    await decided_once(world)


async def _all_heard(world: World, count: int) -> bool:
    return len(await world.heard()) == count


async def _is_state(world: World, expected: list[tuple[object, ...]]) -> bool:
    assert await state(world) == expected
    return True


async def test_a_journal_that_ends_before_what_the_database_knew_of_it_is_named(world: World) -> None:
    await backed_up(world)
    await world.query("update relay set journal = 1000")
    second = world.start()
    with pytest.raises(RecoveryError, match="and the database knew it up to 1000: the topic was deleted"):
        await second.task
    world.replicas.remove(second)
