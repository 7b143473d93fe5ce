"""What waits is looked at when it may go on, and only then: how much else waits costs a batch nothing."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from lockgate.messages.cdevent import MOST_CAUSES
from lockgate.messages.message import encode
from lockgate.messages.topics import ROLLBACKS, VERDICTS
from lockgate.messages.values import EVERY, Cause
from lockgate.runtime import handling
from lockgate.runtime.batch import Batch, ParkedRow
from lockgate.runtime.checks import Record
from lockgate.runtime.deciding import Deciding, Identity
from lockgate.runtime.handling import LOOKED_UP, Handling
from lockgate.runtime.parking import Hold, hold
from lockgate.runtime.reading import Item, Rejected, read
from lockgate.runtime.state import State
from lockgate.runtime.store import Store
from lockgate.runtime.waiting import Waiting
from tests.support.toy import core
from tests.support.toy_world import said

WHO = Identity("rollback", "rollback", "v1", (VERDICTS,), ROLLBACKS)
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Database:
    """Marks that other replicas move; else it is empty. Counts the keys that are asked for."""

    def __init__(self) -> None:
        self.marks: dict[tuple[str, str], int] = {}
        self.asked = 0

    async def load_keys(self, _keys: Sequence[str]) -> dict[str, tuple[int, int]]:
        return {}

    async def load_rows(self, _rows: Sequence[Any]) -> dict[Any, Any]:
        return {}

    async def load_marks(self, keys: Collection[str]) -> dict[tuple[str, str], int]:
        self.asked += len(keys)
        return {mark: number for mark, number in self.marks.items() if mark[1] in keys}


class Replica:
    """One that decides for every key but those that begin with `far`. `looked` counts the events looked at."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.database, self.looked, self.offset = Database(), 0, 0
        self.state = State(cast("Store", self.database), core(), lambda key: not key.startswith("far"))
        deciding = Deciding(WHO, core(), self.state, lambda _key: 0)
        self.handling = Handling(WHO, core(), self.state, deciding)
        patch.setattr(handling, "hold", self._hold)

    def _hold(self, *given: Any) -> Hold | None:
        self.looked += 1
        return hold(*given)

    def item(self, number: int, key: str, *after: Cause) -> Item:
        self.offset += 1
        headers, value = encode(said(number, key=key, after=after))
        return read(Record("verdicts", 0, self.offset, key.encode(), headers, value))

    def batch(self, *items: Item) -> list[str]:
        """The keys of what waits no longer."""
        return asyncio.run(self._batch(items))

    async def _batch(self, items: Sequence[Item]) -> list[str]:
        batch = Batch()
        for item in items:
            await self.state.need_marks({str(item.record.key, "utf-8")} if item.record.key else set())
            await self.handling.take(batch, item, NOON)
        released = await self.handling.release(batch, NOON)
        self.state.forget_foreign()
        return [(record.key or b"").decode() for record in released]


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> Replica:
    return Replica(monkeypatch)


@pytest.mark.parametrize("forged", [10, 1000])
def test_a_batch_looks_at_nothing_that_cannot_go_on(replica: Replica, forged: int) -> None:
    causes = [Cause("verifier", "shop", 10**9), Cause("verifier", "nobody", 7)]
    replica.batch(*(replica.item(1, f"forged-{n}", causes[n % 2]) for n in range(forged)))
    replica.looked = replica.database.asked = 0
    assert replica.batch(replica.item(1, "shop")) == []
    assert replica.looked == 1  # the event of the batch itself
    assert replica.database.asked == 0  # the key is known already, and no other is asked for
    assert len(replica.state.parked.queues) == forged


def test_what_waits_goes_on_with_the_batch_that_brings_its_cause(replica: Replica) -> None:
    replica.batch(replica.item(1, "b", Cause("verifier", "a", 2)), replica.item(2, "b"))
    replica.batch(replica.item(1, "c", Cause("verifier", "b", 2), Cause("verifier", "a", 1)))
    assert replica.batch(replica.item(1, "a")) == []
    assert replica.batch(replica.item(2, "a")) == ["b", "b", "c"]
    assert not replica.state.parked.queues


def test_a_cause_that_another_replica_handles_is_found_although_very_many_are_waited_for(
    replica: Replica,
) -> None:
    count = 3 * LOOKED_UP
    replica.batch(*(replica.item(1, f"k{n}", Cause("verifier", f"far-{n}", 1)) for n in range(count)))
    last = f"far-{count - 1}"
    replica.database.marks["verifier", last] = 1
    replica.database.asked = 0
    released = [replica.batch() for _ in range(3)]
    assert replica.database.asked <= 3 * LOOKED_UP
    assert [key for keys in released for key in keys] == [f"k{count - 1}"]


def test_an_event_that_names_many_numbers_of_one_mark_is_not_looked_at_for_each(replica: Replica) -> None:
    replica.batch(replica.item(1, "forged", *(Cause("verifier", "shop", number) for number in range(1, 61))))
    replica.looked = 0
    for number in range(1, 60):
        assert replica.batch(replica.item(number, "shop")) == []
    assert replica.looked == 59  # the events of the batches themselves
    assert replica.batch(replica.item(60, "shop")) == ["forged"]


def test_an_event_that_names_more_causes_than_any_can_have_is_not_read() -> None:
    causes = tuple(Cause("verifier", "shop", number) for number in range(1, MOST_CAUSES + 2))
    headers, value = encode(said(1, key="forged", after=causes))
    item = read(Record("verdicts", 0, 1, b"forged", headers, value))
    assert isinstance(item, Rejected)
    assert "after" in item.detail


def test_what_all_applications_share_is_looked_up_with_every_batch(replica: Replica) -> None:
    replica.state.parked = Waiting(lambda _key: False)
    waiting = replica.state.parked
    for number in range(3 * LOOKED_UP):
        waiting.until(("verifier", f"k{number}"), ("verifier", f"far-{number}"), 1)
    waiting.until(("verifier", "shop"), ("intake", EVERY), 7)
    for _ in range(3):
        assert EVERY in waiting.elsewhere(LOOKED_UP)


def test_asking_for_the_same_again_and_again_is_remembered_once() -> None:
    waiting, mark = Waiting(lambda _key: True), ("verifier", "cause")
    waiting.add(parked(1))
    waiting.take_due()
    for _ in range(50):
        waiting.until(("verifier", "shop"), mark, 3)
    assert len(waiting._until[mark]) == 1
    waiting.told(mark, 3)
    assert waiting.take_due() == [("verifier", "shop")]


def test_a_mark_that_is_read_from_the_database_wakes_what_waits_for_it(replica: Replica) -> None:
    replica.batch(replica.item(1, "b", Cause("verifier", "a", 1)))
    replica.state._forget_cached()
    replica.database.marks["verifier", "a"] = (
        1  # another replica was given the record, on a partition that is not its own
    )
    assert replica.batch(replica.item(2, "a")) == ["b"]


def parked(number: int, reason: Hold = Hold.CAUSE, key: str = "shop") -> ParkedRow:
    return ParkedRow(
        Record("verdicts", 0, number, key.encode(), (), b"{}"), "verifier", key, number, reason, ""
    )


def test_how_many_wait_for_which_reason_is_known_without_looking() -> None:
    waiting = Waiting(lambda _key: True)
    for row in (parked(3), parked(2, Hold.ORDER), parked(1, Hold.DECIDE, "other")):
        waiting.add(row)
    waiting.replace_first(("verifier", "shop"), parked(2, Hold.DECIDE))
    assert [waiting.count(reason) for reason in (Hold.CAUSE, Hold.ORDER, Hold.DECIDE)] == [1, 0, 2]
    waiting.drop_first(("verifier", "shop"))
    waiting.drop_first(("verifier", "other"))
    assert [waiting.count(reason) for reason in (Hold.CAUSE, Hold.ORDER, Hold.DECIDE)] == [1, 0, 0]
    assert waiting.has_key("shop")
    assert not waiting.has_key("other")


def test_the_one_with_the_lowest_number_is_the_first_and_is_looked_at() -> None:
    waiting, name = Waiting(lambda _key: True), ("verifier", "shop")
    waiting.add(parked(7))
    assert waiting.take_due() == [name]
    waiting.add(parked(8))
    assert waiting.take_due() == []
    waiting.add(parked(6))
    assert waiting.take_due() == [name]
    assert [row.number for row in waiting.queues[name]] == [6, 7, 8]
