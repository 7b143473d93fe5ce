"""Each safeguard of the mechanism is needed: with it all is well, and without it the same case goes wrong.

Nothing here waits in vain, and no race decides: see tests/support/cases.py.
"""

import asyncio
import json
from collections.abc import Sequence

import pytest

from lockgate.deployer.cluster import Cluster
from lockgate.deployer.strategies import production
from lockgate.runtime import handling, parking
from lockgate.runtime.batch import Out
from lockgate.runtime.deciding import Deciding
from lockgate.runtime.handling import Handling
from lockgate.runtime.reader import Reader
from lockgate.runtime.relay import Relay
from lockgate.runtime.store import Store
from lockgate.runtime.timers import Timers
from lockgate.runtime.workers import Workers
from lockgate.sandbox import Sandbox, Settings
from tests.contract.runtime import test_effect_once as effects
from tests.contract.runtime import test_hostile_records as hostile
from tests.contract.runtime import test_relaying as relaying
from tests.support import cases
from tests.support.deployer import NEW, OLD, OTHER, artifact, grant
from tests.support.deployer_at_work import at_work
from tests.support.mutation import Gate, fails, without
from tests.support.servers import PostgresUnderTest
from tests.support.toy import toy
from tests.support.toy_world import World

WITH, WITHOUT = "shop", "cart"
"""The applications of the two runs of a case."""


def unheld(monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str]) -> None:
    """One reason less for which an event is not decided at once."""
    without(monkeypatch, parking, "hold", *changes)
    monkeypatch.setattr(handling, "hold", parking.hold)


# --- what is decided, and when ----------------------------------------------------------------------------------


async def test_the_high_water_mark(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.serving()
    assert await cases.sent_twice(world, WITH) == ["verifier 1"]
    unheld(monkeypatch, ("number <= mark:", "False:"))
    assert await cases.sent_twice(world, WITHOUT) == ["verifier 1", "verifier 1"]


async def test_waiting_for_causes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.serving()
    assert await cases.before_its_cause(world, WITH) == ["intake 1", "verifier 1"]
    unheld(monkeypatch, ("for cause in message.after:", "for cause in ():"))
    assert await cases.before_its_cause(world, WITHOUT) == ["verifier 1", "intake 1"]


async def test_noticing_a_gap_in_the_numbers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.serving()
    assert await cases.after_a_gap_in_numbers(world, WITH) == ["verifier 1"]
    unheld(monkeypatch, ("number > mark + 1:", "False:"))
    assert await cases.after_a_gap_in_numbers(world, WITHOUT) == ["verifier 1", "verifier 3"]


async def test_the_inbox_of_inlets(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def comes_twice(key: str) -> list[str]:
        event = hostile.incident(f"of {key}")
        event["subject"]["content"]["service"]["id"] = key
        before, raw = await world.number(cases.READ), json.dumps(event).encode()
        await hostile.inlet(world, (b"", raw, []), (b"", raw, []))
        await world.until(cases.READ, before + 2)
        return await cases.decided(world, key)

    await world.serving()
    assert await comes_twice(WITH) == ["incident outage"]
    taken = ("if id_ in self._state.seen or id_ in batch.seen:", "if False:")
    without(monkeypatch, Handling, "_take_inlet", taken, ("batch.seen[id_] = None", "pass"))
    assert await comes_twice(WITHOUT) == ["incident outage", "incident outage"]


async def test_parking_what_the_core_cannot_take(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.serving(toy(broken=True))
    assert await cases.where_the_core_raises(world, WITH) == [(2, "decide"), (3, "order")]
    without(
        monkeypatch,
        Handling,
        "_decide_or_park",
        ("self._park(batch, _stuck(record, message, error))", "pass"),
    )
    lost = await cases.where_the_core_raises(world, WITHOUT)
    assert lost == [(3, "gap")], "the second event waits nowhere, and was not decided"


async def test_dead_letters(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def published_for(hostile_value: bytes) -> int:
        read, sent = await world.number(cases.READ), await world.number("select sum(next_seq) from relay")
        await hostile.inlet(world, (b"shop", hostile_value, []))
        await world.until(cases.READ, read + 1)
        return await world.number("select sum(next_seq) from relay") - sent

    await world.serving()
    assert await published_for(b"\xff\xfe") == 1
    assert [letter.value for letter in await hostile.dead(world, 1)] == [b"\xff\xfe"]
    without(monkeypatch, Handling, "_bury", ("batch.out.append(", "str("))
    assert await published_for(b"\xff\xff") == 0


async def test_seeking_to_the_offsets_of_the_database(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await cases.where_kafka_is_ahead(world, WITH) == ["verifier 1", "verifier 2"]
    without(
        monkeypatch,
        Reader,
        "_restore",
        ("self.consumer.seek(TopicPartition(self._prefix + topic, part), offset)", "pass"),
    )
    assert await cases.where_kafka_is_ahead(world, WITHOUT) == ["verifier 1"]


# --- what acts by itself: timers and work -------------------------------------------------------------------------


async def test_reading_on_before_a_timer_fires(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.serving()
    fired = await cases.due_before_the_backlog_is_read(world, WITH, monkeypatch)
    assert fired == ["verifier 1", "verifier 2"]
    without(monkeypatch, Timers, "_round", (" and self._progress.caught_up(asked.ends)", ""))
    fired = await cases.due_before_the_backlog_is_read(world, WITHOUT, monkeypatch)
    assert fired == ["verifier 1", "timer a", "verifier 2"]


async def test_catching_up_before_work_begins(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await cases.ready_before_the_backlog_is_read(world, WITH, monkeypatch) == []
    asked = ("not await self._progress.read_up_to(ends, READ_SECONDS)", "False")
    without(monkeypatch, Workers, "_catch_up", asked, (" and self._progress.caught_up(ends)", ""))
    assert await cases.ready_before_the_backlog_is_read(world, WITHOUT, monkeypatch) == ["cancelled"]


async def test_grace_after_a_gap_in_reading(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await cases.due_after_a_gap_in_reading(world, WITH) == ["timer a"]
    without(monkeypatch, Timers, "_due", ("and not self._is_graced(timer)", ""))
    assert await cases.due_after_a_gap_in_reading(world, WITHOUT) == ["timer deadline", "timer a"]


# --- what is published --------------------------------------------------------------------------------------------


async def test_the_journal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    written = "batch.out.append(Out(part, JOURNALS[self._who.service].name, raw, (), made.decision.journal))"
    without(monkeypatch, Deciding, "_publish", (written, "pass"))
    await fails(effects.test_every_event_was_decided_in_the_journal(world), "decided by no record")


async def test_the_journal_before_the_events(
    postgres: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, Relay, "_send", ("if r.topic in _JOURNALS]", "if r.topic not in _JOURNALS]"))
    check = relaying.test_what_was_decided_is_in_the_journal_before_it_is_said(postgres)
    await fails(check, "rollbacks")


async def test_the_lock_of_the_relay(postgres: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = ("select pg_try_advisory_lock(hashtext($1), $2)", "select $1 <> '' and $2 >= 0")
    without(monkeypatch, Relay, "_take_lanes", lock)
    await fails(
        relaying.test_two_relays_of_one_partition_publish_each_record_once(postgres),
        "At index 2 diff: 'first' != 'second'",
    )


class Broker(relaying.Noted):
    """A broker; while the first batch is sent to it, a second one is committed."""

    def __init__(self) -> None:
        super().__init__()
        self.store: Store | None = None

    async def send(self, topic: str, part: int, records: Sequence[Out]) -> int:
        end = await super().send(topic, part, records)
        if self.store is not None:
            store, self.store = self.store, None
            await store.apply(relaying.decided("second"))
        return end

    @property
    def said(self) -> list[str]:
        return [key for topic, key in self.sent if topic == "rollbacks"]


async def test_the_order_of_the_relay(postgres: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    async def published() -> list[str]:
        broker = Broker()
        async with relaying.relays(postgres, broker, 1) as (store, [relay]):
            for key in ("first", "second"):
                await store.apply(relaying.decided(key))
            assert await relay.drain(5.0)
        return broker.said

    assert await published() == ["first", "second"]
    without(monkeypatch, Relay, "_read", ("order by seq limit", "order by seq desc limit"))
    assert await published() == ["second", "first"]


async def test_pruning_only_what_was_sent(
    postgres: PostgresUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def published() -> list[str]:
        broker = Broker()
        async with relaying.relays(postgres, broker, 1) as (store, [relay]):
            broker.store = store
            await store.apply(relaying.decided("first"))
            for _ in range(2):
                assert await relay.drain(5.0)
        assert broker.store is None, "nothing was committed while the first was sent"
        return broker.said

    monkeypatch.setattr("lockgate.runtime.relay.PRUNE_SECONDS", 0.0)
    assert await published() == ["first", "second"]
    without(monkeypatch, Relay, "_prune", (" and o.seq < r.sent", ""))
    assert await published() == ["first"]


# --- what a late deployer is refused by the cluster ---------------------------------------------------------------


async def test_the_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await _overtaken(monkeypatch) == f"registry.example/payments@{OTHER}"
    guard = '_test(pointer("metadata", "annotations", marks.fence), seen),'
    without(monkeypatch, production, "fenced", (guard, ""))
    assert await _overtaken(monkeypatch) == f"registry.example/payments@{NEW}"


async def _overtaken(monkeypatch: pytest.MonkeyPatch) -> str:
    """A deployer hangs between looking and writing, and a newer release is deployed meanwhile. The image at last."""
    settings = Settings(regions=("eu-west",), scrape_seconds=1.0, rate=0.0)
    async with Sandbox(settings) as sandbox, at_work(sandbox) as late, at_work(sandbox) as newer:
        sandbox.install("payments", OLD, replicas=2, rate=0.0)
        await sandbox.settled()
        await late.step(grant("6.0.1", artifact=artifact(OLD), release="release-6"))
        with monkeypatch.context() as patch:
            gate = Gate(patch, Cluster, "patch")
            step = asyncio.create_task(late.step(grant("7.0.1")))
            await gate.holds()
        deployed = await newer.step(grant("8.0.1", artifact=artifact(OTHER), release="release-8"))
        assert deployed == {"outcome": "deployed"}
        gate.open()
        assert (await step)[
            "outcome"
        ] == "fenced"  # the next look at the newer fence is too late for the image
        return await late.image()
