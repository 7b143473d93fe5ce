"""Each condition of the transaction is needed: without it, a batch that is late is written, and its test says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources

import asyncpg
import pytest

from lockgate.runtime.store import Store
from tests.contract.runtime import test_stale_batches as stale
from tests.support.mutation import changed, fails
from tests.support.servers import PostgresUnderTest

GUARDS = {
    "an offset moved": (stale.test_an_offset_that_moved, "n <> cardinality(topics)"),
    "a key moved": (stale.test_a_key_that_is_gone, "n + m <> cardinality(kkey)"),
    "a timer is gone": (
        stale.test_a_timer_that_was_fired_or_set_again,
        "n <> jsonb_array_length(extra->'fired')",
    ),
    "work is gone": (stale.test_work_that_was_replaced, "n <> jsonb_array_length(extra->'reported')"),
    "seen before": (
        stale.test_an_inlet_event_that_another_replica_took,
        "n <> jsonb_array_length(extra->'seen')",
    ),
    "an event does not wait any more": (
        stale.test_an_event_that_does_not_wait_any_more,
        "n <> jsonb_array_length(extra->'unpark')",
    ),
    "a redrive was answered": (
        stale.test_a_redrive_that_was_answered,
        "n <> jsonb_array_length(extra->'redriven')",
    ),
}
"""What the transaction refuses -> the check, and the condition that refuses."""


@pytest.mark.parametrize("guard", GUARDS)
async def test_a_guard_of_the_transaction(postgres: PostgresUnderTest, guard: str) -> None:
    check, condition = GUARDS[guard]
    async with unguarded(postgres, (condition, "false")) as store:
        await fails(check(store), "DID NOT RAISE")


async def test_the_mark_that_never_goes_back(postgres: PostgresUnderTest) -> None:
    highest = ("greatest({schema}.marks.number, excluded.number)", "excluded.number")
    async with unguarded(postgres, highest) as store:
        await fails(stale.test_a_mark_never_goes_back(store), "5")


@asynccontextmanager
async def unguarded(postgres: PostgresUnderTest, change: tuple[str, str]) -> AsyncIterator[Store]:
    """A store whose transaction lacks one condition."""
    dsn = postgres.fresh_database()
    store = await Store.open(dsn, "rollback")
    connection = await asyncpg.connect(dsn)
    try:
        source = changed(_function(change[0]), change).replace(
            "create function", "create or replace function"
        )
        await connection.execute(source.replace("{schema}", store.schema))
        await store.begin_offsets([(*stale.PLACE, 0)])
        yield store
    finally:
        await connection.close()
        await store.close()


def _function(holding: str) -> str:
    """The newest definition of the function of the migrations that holds this text."""
    files = sorted(resources.files("lockgate.runtime").joinpath("migrations").iterdir(), key=lambda f: f.name)
    found = [part for file in files if file.name.endswith(".sql") for part in _definitions(file.read_text())]
    return next(function for function in reversed(found) if holding in function)


def _definitions(sql: str) -> list[str]:
    starts = sql.split("create ")
    return [
        "create " + part.partition("end $$;")[0] + "end $$;"
        for part in starts
        if part.startswith(("function", "or replace"))
    ]
