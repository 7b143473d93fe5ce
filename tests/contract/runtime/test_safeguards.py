"""Each safeguard of the mechanism is needed: without it, a named check of this folder fails, and says why.

The checks are the other tests of this folder; they pass with all safeguards in place.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

import pytest

from lockgate.runtime import handling, parking
from lockgate.runtime.deciding import Deciding
from lockgate.runtime.handling import Handling
from lockgate.runtime.relay import Relay
from lockgate.runtime.store import Store
from tests.contract.runtime import test_effect_once as effects
from tests.contract.runtime import test_hostile_records as hostile
from tests.contract.runtime import test_parking as waiting
from tests.contract.runtime import test_relaying as relaying
from tests.contract.runtime import test_stale_batches as stale
from tests.support import toy_world
from tests.support.eventually import eventually
from tests.support.mutation import changed, without
from tests.support.servers import PostgresUnderTest
from tests.support.toy_world import World

SOON = 4.0
"""Seconds that a check waits here for what will not come."""

Check = Callable[[], Awaitable[None]]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a check waits for in vain is given up soon."""

    async def impatient(condition: Callable[[], Any], *, within: float = SOON) -> Any:
        return await eventually(condition, within=min(within, SOON))

    for module in (toy_world, hostile):
        monkeypatch.setattr(module, "eventually", impatient)


async def fails(check: Awaitable[None], saying: str) -> None:
    """The check fails, for the reason that its safeguard is there for."""
    with pytest.raises((AssertionError, pytest.fail.Exception), match=saying):
        await check


async def test_the_high_water_mark(world: World, soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, parking, "hold", ("number <= mark:", "False:"))
    monkeypatch.setattr(handling, "hold", parking.hold)
    check = effects.test_an_event_that_is_sent_twice_is_handled_once(world)
    await fails(check, "'verifier 1', 'verifier 2', 'verifier 1'")


async def test_the_inbox_of_inlets(world: World, soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = ("if id_ in self._state.seen or id_ in batch.seen:", "if False:")
    without(monkeypatch, Handling, "_take_inlet", taken, ("batch.seen[id_] = None", "pass"))
    check = hostile.test_an_event_with_ids_longer_than_an_index_takes_is_handled_once(world)
    await fails(check, "'incident outage', 'incident outage'")


async def test_waiting_for_causes(world: World, soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, parking, "hold", ("for cause in message.after:", "for cause in ():"))
    monkeypatch.setattr(handling, "hold", parking.hold)
    check = effects.test_an_event_waits_for_its_cause_and_then_both_are_handled_in_order(world)
    await fails(check, "from parked', 0")


async def test_noticing_a_gap(world: World, soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, parking, "hold", ("number > mark + 1:", "False:"))
    monkeypatch.setattr(handling, "hold", parking.hold)
    check = waiting.test_a_missing_event_holds_those_behind_it_until_it_comes(world)
    await fails(check, "reason = 'gap'\", 0")


async def test_the_order_of_the_relay(world: World, soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    order = ("order by seq limit", "order by seq desc limit")
    without(monkeypatch, Relay, "_next_records", order)
    check = effects.test_what_is_killed_between_commit_and_publication_is_published_by_the_next_start(world)
    await fails(check, "a gap in the numbers on the topic")


async def test_the_journal(world: World, soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    written = "batch.out.append(Out(part, JOURNALS[self._who.service].name, raw, (), made.decision.journal))"
    without(monkeypatch, Deciding, "_publish", (written, "pass"))
    await fails(effects.test_every_event_was_decided_in_the_journal(world), "decided by no record")


async def test_the_lock_of_the_relay(postgres: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = ("select pg_try_advisory_lock(hashtext($1), $2)", "select $1 <> '' and $2 >= 0")
    without(monkeypatch, Relay, "_take_lanes", lock)
    await fails(
        relaying.test_two_relays_of_one_partition_publish_each_record_once(postgres),
        "At index 2 diff: 'first' != 'second'",
    )


async def test_the_journal_before_the_events(
    postgres: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, Relay, "_send_some", ("if r.topic in _FIRST", "if r.topic not in _FIRST"))
    check = relaying.test_what_was_decided_is_in_the_journal_before_it_is_said(postgres)
    await fails(check, "rollbacks")


async def test_dead_letters(world: World, soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, Handling, "_bury", ("batch.out.append(", "str("))
    check = hostile.test_hostile_records_are_dead_letters_with_their_original_bytes(world)
    await fails(check, "not within 4 s")


GUARDS = {
    "an offset moved": (stale.test_an_offset_that_moved, "n <> cardinality(topics)"),
    "a key moved": (stale.test_a_key_that_is_gone, "n <> cardinality(kkey)"),
    "a timer is gone": (
        stale.test_a_timer_that_was_fired_or_set_again,
        "n <> jsonb_array_length(extra->'fired')",
    ),
    "work is gone": (stale.test_work_that_was_replaced, "n <> jsonb_array_length(extra->'reported')"),
    "seen before": (
        stale.test_an_inlet_event_that_another_replica_took,
        "n <> jsonb_array_length(extra->'seen')",
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
    store = await Store.open(postgres.fresh_database(), "rollback")
    try:
        for function in _functions(change[0]):
            source = changed(function, change).replace("create function", "create or replace function")
            await store._fetch(source.replace("{schema}", store.schema))
        await store.begin_offsets([(*stale.PLACE, 0)])
        yield store
    finally:
        await store.close()


def _functions(holding: str) -> list[str]:
    """The newest definition of the function of the migrations that holds this text."""
    files = sorted(resources.files("lockgate.runtime").joinpath("migrations").iterdir(), key=lambda f: f.name)
    found = [part for file in files if file.name.endswith(".sql") for part in _definitions(file.read_text())]
    return [next(function for function in reversed(found) if holding in function)]


def _definitions(sql: str) -> list[str]:
    starts = sql.split("create ")
    return [
        "create " + part.partition("end $$;")[0] + "end $$;"
        for part in starts
        if part.startswith(("function", "or replace"))
    ]
