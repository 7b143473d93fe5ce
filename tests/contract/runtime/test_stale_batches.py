"""A batch of a replica that is late is refused as a whole: one test for each thing that another was first at."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lockgate.messages.decision import RowKey
from lockgate.runtime.batch import Batch, Out, ParkedRow, Redriven, TimerRow, WorkRow
from lockgate.runtime.checks import Record
from lockgate.runtime.store import ConflictError, Store
from tests.support.servers import PostgresUnderTest

LATER = datetime(2126, 1, 1, tzinfo=UTC)
PLACE = ("releases", 0)


@pytest.fixture
async def store(postgres: PostgresUnderTest) -> AsyncIterator[Store]:
    opened = await Store.open(postgres.fresh_database(), "rollback")
    await opened.begin_offsets([(*PLACE, 0)])
    yield opened
    await opened.close()


def deciding(key: str, base: int) -> Batch:
    """A batch that decides once under a key, and leaves a trace in every table."""
    batch = Batch()
    batch.keys[key] = (base, base + 1, base + 1)
    batch.rows[RowKey(key, "tally", "")] = (base + 1, b"{}")
    batch.out.append(Out(0, "rollbacks", key.encode(), (), b"{}"))
    batch.marks["intake", key] = base + 1
    batch.timers[key, "a"] = TimerRow(key, "a", 0, LATER, 0.0, {}, (), base + 1)
    batch.work[key, "w"] = WorkRow(key, "w", 0, "toy", {}, (), base + 1)
    return batch


async def contents(store: Store) -> dict[str, list[tuple[object, ...]]]:
    tables = ("offsets", "keys", "rows", "marks", "seen", "timers", "work", "parked", "outbox", "relay")
    return {table: [tuple(row) for row in await store.fetch(f"select * from {table}")] for table in tables}  # noqa: S608  # names from above


async def refused(store: Store, batch: Batch, why: str) -> None:
    before = await contents(store)
    with pytest.raises(ConflictError, match=why):
        await store.apply(batch)
    assert await contents(store) == before


async def test_a_batch_that_is_in_time_is_written(store: Store) -> None:
    await store.apply(deciding("shop", 0))
    at, bases = await store.apply(deciding("shop", 1))
    assert bases == {0: 1}
    assert at.tzinfo is not None
    assert await store.load_keys(["shop"]) == {"shop": (2, 2)}
    assert await store.load_marks(["shop"]) == {("intake", "shop"): 2}


async def test_an_event_that_does_not_wait_any_more(store: Store) -> None:
    row = ParkedRow(Record(*PLACE, 4, b"shop", (), b"{}"), "intake", "shop", 4, "decide", "raised")
    await store.apply(Batch(park={row.place: row}))
    await store.apply(Batch(unpark={row.place: None}))
    released = deciding("shop", 0)
    released.unpark[row.place] = None
    await refused(store, released, "an event does not wait any more")
    await refused(store, Batch(repark={row.place: row}), "an event does not wait any more")


async def test_what_waits_on_keeps_the_time_since_when(store: Store) -> None:
    row = ParkedRow(Record(*PLACE, 4, b"shop", (), b"{}"), "intake", "shop", 4, "decide", "raised")
    await store.apply(Batch(park={row.place: row}))
    (before,) = (await contents(store))["parked"]
    await store.apply(Batch(repark={row.place: replace(row, reason="undecodable", detail="newer")}))
    (after,) = (await contents(store))["parked"]
    assert [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]] == [
        ("decide", "undecodable"),
        ("raised", "newer"),
    ]


async def test_a_redrive_that_was_answered(store: Store) -> None:
    await store.fetch(
        "insert into redrives (writer, key, part, asked_by) values ('intake', 'shop', 0, 'a test')"
    )
    (asked,) = await store.open_redrives([0])
    assert await store.open_redrives([1]) == []
    await store.apply(Batch(redriven={asked.id: Redriven(1, 0)}))
    late = deciding("shop", 0)
    late.redriven[asked.id] = Redriven(0, 1, 4, "decide", "raised")
    await refused(store, late, "a redrive was answered")
    assert await store.open_redrives([0]) == []


async def test_an_offset_that_moved(store: Store) -> None:
    ahead, late = Batch(), deciding("shop", 0)
    ahead.consume(Record("releases", 0, 4, None, (), None), 0)
    await store.apply(ahead)
    late.consume(Record("releases", 0, 2, None, (), None), 0)
    await refused(store, late, "an offset moved")


async def test_a_guarded_offset_that_moved(store: Store) -> None:
    ahead, late = Batch(), deciding("shop", 0)
    ahead.consume(Record("releases", 0, 4, None, (), None), 0)
    await store.apply(ahead)
    late.guard(PLACE, 0)
    await refused(store, late, "an offset moved")


@pytest.mark.parametrize("base", [0, 2], ids=["that it thought new", "that it thought further on"])
async def test_a_key_that_another_replica_decided_under(store: Store, base: int) -> None:
    await store.apply(deciding("shop", 0))
    late = deciding("shop", base)
    late.consume(Record("releases", 0, 0, None, (), None), 0)
    await refused(store, late, "a key moved")


async def test_a_key_that_is_gone(store: Store) -> None:
    await refused(store, deciding("shop", 3), "a key moved")


async def test_a_timer_that_was_fired_or_set_again(store: Store) -> None:
    await store.apply(deciding("shop", 0))
    await store.apply(deciding("shop", 1))
    late = deciding("other", 0)
    late.fired["shop", "a"] = 1
    await refused(store, late, "a timer is gone")


async def test_work_that_was_replaced(store: Store) -> None:
    await store.apply(deciding("shop", 0))
    await store.apply(deciding("shop", 1))
    late = deciding("other", 0)
    late.reported["shop", "w"] = 1
    await refused(store, late, "work is gone")


async def test_an_inlet_event_that_another_replica_took(store: Store) -> None:
    first, late = deciding("shop", 0), deciding("other", 0)
    first.seen["ci", "1"] = late.seen["ci", "1"] = None
    await store.apply(first)
    await refused(store, late, "seen before")


async def test_a_mark_never_goes_back(store: Store) -> None:
    for number in (7, 5):
        batch = Batch(marks={("intake", "shop"): number}, keys={f"key{number}": (0, 1, 0)})
        await store.apply(batch)
    assert await store.load_marks(["shop"]) == {("intake", "shop"): 7}
