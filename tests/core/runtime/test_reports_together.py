"""Reports that wait at the same time are one transaction; one that cannot be taken keeps back no other."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from lockgate.runtime.batch import WorkRow
from lockgate.runtime.engine import Engine
from lockgate.runtime.reader import Reader
from lockgate.runtime.reporting import MOST, Fate, Reporting
from lockgate.runtime.store import ConflictError, Store


def work(name: str) -> WorkRow:
    return WorkRow("shop", name, 0, "deploy", {}, (), 1)


class Mechanism:
    """Store, reader and engine: what was taken together, and what is wrong with whom."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.fresh = asyncio.Event()
        self.fresh.set()
        self.stale = False
        self.owned = {0}
        self.together: list[list[str]] = []
        self.gone: set[str] = set()
        self.poison: set[str] = set()
        self.conflicts = 0
        self.passed_over: set[str] = set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        async with self.lock:
            yield

    async def wanted_work(self, rows: Sequence[WorkRow]) -> set[tuple[str, str]]:
        return {(row.key, row.name) for row in rows if row.name not in self.gone}

    async def take_reports(
        self, reports: Sequence[tuple[WorkRow, Mapping[str, Any], bool]]
    ) -> set[tuple[str, str]]:
        names = [row.name for row, _, _ in reports]
        if self.conflicts:
            self.conflicts -= 1
            raise ConflictError("another replica was first")
        if bad := self.poison & set(names):
            raise ValueError(f"the core cannot take {bad}")
        self.together.append(names)
        return {("shop", name) for name in names if name not in self.passed_over}

    def mark_stale(self) -> None:
        self.stale = True

    def reporting(self) -> Reporting:
        return Reporting(cast(Store, self), cast(Reader, self), cast(Engine, self))


async def said(mechanism: Mechanism, reporting: Reporting, *names: str) -> list[Fate | BaseException]:
    """What becomes of reports that are handed over while somebody else has the engine."""
    async with mechanism.lock:
        tasks = [
            asyncio.create_task(reporting.hand_over(work(name), {}, final=True), name=name) for name in names
        ]
        for _ in range(3):
            await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_those_that_wait_are_taken_together_and_one_of_each_piece_of_work() -> None:
    mechanism = Mechanism()
    fates = await said(mechanism, mechanism.reporting(), "a", "b", "a", "c")
    assert fates == [Fate.TAKEN] * 4
    assert mechanism.together == [["a", "b", "c"], ["a"]]


async def test_a_single_one_waits_for_nobody() -> None:
    mechanism = Mechanism()
    assert await mechanism.reporting().hand_over(work("a"), {}, final=False) is Fate.TAKEN
    assert mechanism.together == [["a"]]


async def test_no_company_is_larger_than_what_is_decided_at_once() -> None:
    mechanism = Mechanism()
    names = [f"w{number}" for number in range(MOST + 10)]
    assert set(await said(mechanism, mechanism.reporting(), *names)) == {Fate.TAKEN}
    assert sorted(len(company) for company in mechanism.together) == [10, MOST]
    assert sorted(name for company in mechanism.together for name in company) == sorted(names)


async def test_what_is_not_wanted_any_more_is_told_so_and_keeps_back_no_other() -> None:
    mechanism = Mechanism()
    mechanism.gone = {"b"}
    assert await said(mechanism, mechanism.reporting(), "a", "b", "c") == [
        Fate.TAKEN,
        Fate.UNWANTED,
        Fate.TAKEN,
    ]
    assert mechanism.together == [["a", "c"]]


async def test_work_of_a_partition_that_is_not_ours_any_more_is_not_reported() -> None:
    mechanism = Mechanism()
    mechanism.owned = set()
    assert await said(mechanism, mechanism.reporting(), "a", "b") == [Fate.UNWANTED] * 2
    assert mechanism.together == []


async def test_after_a_conflict_all_are_handed_over_again_and_the_reader_starts_over() -> None:
    mechanism = Mechanism()
    mechanism.conflicts = 1
    assert await said(mechanism, mechanism.reporting(), "a", "b") == [Fate.AGAIN] * 2
    assert mechanism.stale


async def test_while_the_reader_starts_over_nothing_is_decided() -> None:
    mechanism = Mechanism()
    mechanism.stale = True
    assert await said(mechanism, mechanism.reporting(), "a", "b") == [Fate.AGAIN] * 2
    assert mechanism.together == []


async def test_where_one_cannot_be_decided_each_goes_alone_and_only_that_one_raises() -> None:
    mechanism = Mechanism()
    mechanism.poison = {"b"}
    reporting = mechanism.reporting()
    assert await said(mechanism, reporting, "a", "b", "c") == [Fate.AGAIN] * 3
    assert mechanism.stale
    mechanism.stale = False
    first, second, third = await said(mechanism, reporting, "a", "b", "c")
    assert (first, str(second), mechanism.stale) == (Fate.TAKEN, "the core cannot take {'b'}", True)
    assert third is Fate.AGAIN  # the reader starts over first
    assert mechanism.together == [["a"]]
    mechanism.stale = False
    assert await said(mechanism, reporting, "c", "a", "d") == [Fate.TAKEN] * 3
    assert mechanism.together == [["a"], ["c"], ["a", "d"]]


async def test_one_whose_work_was_replaced_by_another_report_is_looked_at_again() -> None:
    mechanism = Mechanism()
    mechanism.passed_over = {"b"}
    assert await said(mechanism, mechanism.reporting(), "a", "b") == [Fate.TAKEN, Fate.AGAIN]


async def test_one_that_is_cancelled_while_it_waits_is_not_handed_over() -> None:
    mechanism = Mechanism()
    reporting = mechanism.reporting()
    async with mechanism.lock:
        tasks = [asyncio.create_task(reporting.hand_over(work(name), {}, final=True)) for name in "abc"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
    assert [await tasks[0], await tasks[2]] == [Fate.TAKEN] * 2
    assert mechanism.together == [["a", "c"]]
