"""What a replica remembers of the rows is bounded by how many and by how large they are, and what others may change is not kept."""

import asyncio
from collections.abc import Collection, Sequence
from typing import cast

import pytest

from lockgate.messages.decision import RowKey
from lockgate.messages.values import EVERY
from lockgate.runtime import remembered
from lockgate.runtime.decider import ABSENT, Loaded
from lockgate.runtime.remembered import Remembered
from lockgate.runtime.state import State
from lockgate.runtime.store import Store
from tests.support.toy import Tally, core

SHOP, TILL, ALL = (RowKey(key, "tally", "") for key in ("shop", "till", EVERY))
ROW = Loaded(1, Tally())


def test_they_are_too_many_once_there_is_one_more_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MAX_ROWS", 2)
    rows = Remembered()
    for name in (SHOP, TILL, SHOP):
        rows.put(name, ROW, 10, passing=False)
        assert not rows.is_too_much
    rows.put(ALL, ABSENT, 0, passing=False)
    assert rows.is_too_much


def test_they_are_too_large_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MAX_BYTES", 100)
    rows = Remembered()
    rows.put(SHOP, ROW, 60, passing=False)
    rows.put(TILL, ROW, 40, passing=False)
    assert not rows.is_too_much
    rows.put(TILL, ROW, 41, passing=False)
    assert rows.is_too_much


def test_a_row_that_is_written_again_counts_as_large_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MAX_BYTES", 100)
    rows = Remembered()
    for size in (90, 95, 100, 5):
        rows.put(SHOP, ROW, size, passing=False)
        assert not rows.is_too_much
    assert rows.bytes == 5


def test_what_is_forgotten_counts_no_more() -> None:
    rows = Remembered()
    rows.put(SHOP, ROW, 30, passing=False)
    rows.put(ALL, ROW, 70, passing=True)
    rows.forget_passing()
    assert rows.rows == {SHOP: ROW}
    assert rows.bytes == 30
    rows.put(ALL, ROW, 7, passing=True)
    rows.clear()
    rows.forget_passing()
    assert (rows.rows, rows.bytes) == ({}, 0)


class Database:
    async def load_keys(self, keys: Collection[str]) -> dict[str, tuple[int, int]]:
        return dict.fromkeys(keys, (3, 3))

    async def load_rows(self, names: Sequence[RowKey]) -> dict[RowKey, tuple[int, bytes]]:
        return dict.fromkeys(names, (3, b'{"handled":["before"]}'))

    async def load_marks(self, keys: Collection[str]) -> dict[tuple[str, str], int]:
        return {("intake", key): 4 for key in keys}


@pytest.fixture
def state() -> State:
    """Of a replica that decides for the shop alone."""
    return State(cast("Store", Database()), core(), lambda key: key == "shop")


def test_after_a_batch_rows_and_marks_that_another_replica_may_change_are_forgotten(state: State) -> None:
    asyncio.run(state.need(("shop", "till"), ("shop", "till"), (SHOP, TILL), ()))
    state.mark(("verifier", "till"), 9)  # read in this batch
    state.mark(("verifier", "shop"), 9)
    state.remember(RowKey("till", "tally", "new"), ROW, 2)
    assert state.forgets
    state.forget_foreign()
    assert set(state.rows) == {SHOP}
    assert state.marks == {("intake", "shop"): 4, ("verifier", "shop"): 9}
    assert state.keys == {"shop": (3, 3)}
    assert not state.forgets


def test_what_was_forgotten_so_is_loaded_and_forgotten_again(state: State) -> None:
    for _ in range(2):
        asyncio.run(state.need(("till",), ("till",), (TILL,), ()))
        assert state.rows[TILL] == Loaded(3, Tally(handled=("before",)))
        assert state.marks == {("intake", "till"): 4}
        state.forget_foreign()
        assert not state.rows
        assert not state.marks


def test_what_others_may_have_changed_since_is_forgotten_when_its_counters_are_loaded() -> None:
    """The counters say how old the rows may be that are written; those that were read before them may be older."""
    rows = Remembered()
    for name, passing in ((ALL, True), (SHOP, True), (TILL, False)):
        rows.put(name, ROW, 10, passing=passing)
    rows.forget_passing_of([EVERY, "till"])
    assert (list(rows.rows), rows.bytes) == ([SHOP, TILL], 20)
    rows.forget_passing()
    assert (list(rows.rows), rows.bytes) == ([TILL], 10)


class Shared:
    """A database in which the row of `*` is changed by another replica after it was read first."""

    def __init__(self) -> None:
        self.version = 1

    async def load_rows(self, names: Sequence[RowKey]) -> dict[RowKey, tuple[int, bytes]]:
        return dict.fromkeys(names, (self.version, b'{"handled":[]}'))

    async def load_keys(self, keys: Collection[str]) -> dict[str, tuple[int, int]]:
        return dict.fromkeys(keys, (self.version, 0))


async def test_a_row_is_never_older_than_the_counters_by_which_its_write_is_guarded() -> None:
    database = Shared()
    state = State(cast("Store", database), core(), lambda key: key != EVERY)
    await state.need_rows([ALL])
    database.version = 2
    await state.need_keys([EVERY])
    await state.need_rows([ALL])
    assert (state.keys[EVERY], state.rows[ALL].version) == ((2, 0), 2)
