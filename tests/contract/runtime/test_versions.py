"""Rows are never older than the counter of their key: that counter is the version by which they are written."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from lockgate.messages.values import EVERY
from lockgate.runtime.checks import Record
from lockgate.runtime.clock import Clock
from lockgate.runtime.engine import Engine, Wiring
from lockgate.runtime.reading import read
from lockgate.runtime.service import partition_of
from lockgate.runtime.store import ConflictError, Store
from tests.contract.runtime.test_hostile_records import incident
from tests.support.servers import PostgresUnderTest
from tests.support.toy import Tally, core, toy
from tests.support.toy_world import PARTITIONS


@pytest.fixture
async def stores(postgres: PostgresUnderTest) -> AsyncIterator[tuple[Store, Store]]:
    """Those of two replicas."""
    dsn = postgres.fresh_database()
    ours, theirs = await Store.open(dsn, "rollback"), await Store.open(dsn, "rollback")
    yield ours, theirs
    await ours.close()
    await theirs.close()


async def _engine(store: Store, part: int) -> Engine:
    """That of a toy which names its row under `*` beforehand, as the cores of the services do."""
    service, table = toy(), core()
    shared = {kind: replace(on, touches=lambda _: ((Tally, ""),)) for kind, on in table.shared.items()}
    wiring = Wiring(store, Clock(), lambda key: partition_of(key, PARTITIONS), lambda _: None)
    engine = Engine(service.identity, replace(table, shared=shared), wiring)
    await engine.restore({part})
    return engine


def _incident(name: str, part: int) -> Record:
    """Each of another application, so that only `*` is decided for by both."""
    raw = incident(name)
    raw["subject"]["id"] = name
    raw["subject"]["content"]["service"]["id"] = next(
        key for key in ("shop", "cart", "other", "till") if partition_of(key, PARTITIONS) == part
    )
    return Record("anomalies", part, 0, None, (), json.dumps(raw).encode())


async def test_what_another_replica_decided_between_two_reads_is_not_overwritten(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = await _engine(stores[0], 0), await _engine(stores[1], 1)
    rows_read, held = asyncio.Event(), list[str]()
    load_rows, load_keys = Store.load_rows, Store.load_keys

    async def noting(store: Store, *given: Any) -> Any:
        found = await load_rows(store, *given)
        if store is stores[0]:
            rows_read.set()
        return found

    async def late(store: Store, *given: Any) -> Any:
        """Our counters are slower than our rows, if those are read at the same time; meanwhile the other decides."""
        if store is stores[0] and not held:
            held.append("counters")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await rows_read.wait()
            async with theirs.alone():
                await theirs.take_records([read(_incident("two", 1))])
        return await load_keys(store, *given)

    monkeypatch.setattr(Store, "load_rows", noting)
    monkeypatch.setattr(Store, "load_keys", late)
    async with ours.alone():
        try:
            await ours.take_records([read(_incident("one", 0))])
        except ConflictError:
            await ours.restore({0})
            await ours.take_records([read(_incident("one", 0))])
    assert held == ["counters"]
    (body,) = await stores[0].fetch("select body from rows where key = $1", EVERY)
    assert sorted(json.loads(body["body"])["handled"]) == ["incident one", "incident two"]
    assert (await load_keys(stores[0], [EVERY]))[EVERY][0] == 2
