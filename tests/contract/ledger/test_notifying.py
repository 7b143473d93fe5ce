"""People are told of what the ledger records: real Kafka, real PostgreSQL, real receivers on loopback.

At least once with the same id, in the order of the ledger; and whoever does not answer holds nobody back.
"""

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from prometheus_client import generate_latest

from lockgate.ledger.notifying import notifier
from lockgate.ledger.notifying.metrics import METRICS
from lockgate.ledger.notifying.notifier import notifying
from lockgate.ledger.notifying.receivers import Receiver
from lockgate.messages.message import Message, encode, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import DebtCleared, ReleaseHeld, RollbackOrdered
from lockgate.messages.topics import TOPICS
from lockgate.messages.values import Fence, Workload
from lockgate.runtime.metrics import REGISTRY
from tests.support.eventually import eventually
from tests.support.ledgers import Bench
from tests.support.pager import PATH, Pager, pager
from tests.support.servers import KafkaUnderTest, PostgresUnderTest

SECRET = "a secret that signs bodies"
OURS: dict[str, Any] = {"application": "payments", "release": "0d5f7a52-0f57-5d8a-9d8e-1f4f3f0f8a11"}
NUMBERS = itertools.count(1)


@pytest.fixture
def bench(kafka: KafkaUnderTest, postgres: PostgresUnderTest, tmp_path: Path) -> Bench:
    return Bench(kafka.bootstrap, postgres.fresh_database(), tmp_path)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again soon."""
    monkeypatch.setattr(notifier, "FIRST_RETRY_SECONDS", 0.05)


def cleared(region: str) -> DebtCleared:
    return DebtCleared(**OURS, region=region, reason="It answered the order at last.")


def sampled(name: str, receiver: str) -> float | None:
    """What whoever scrapes the process reads."""
    return REGISTRY.get_sample_value(name, {"receiver": receiver})


def what(region: str) -> str:
    return f"payments (release {OURS['release']}) does not run in {region} any more"


async def happens(bench: Bench, body: Payload, *, at: datetime | None = None, number: int = 0) -> None:
    """Somebody writes an event as its service does. With the number of an earlier one it is that event again."""
    writer, number = TOPICS[body.topic].writer, number or next(NUMBERS)
    said = (at or datetime.now(UTC)).isoformat()
    message = Message(body, event_id(writer, "payments", number), "/x", "payments", said, writer, number)
    headers, value = encode(message)
    await bench.produce(body.topic, value, key=b"payments", headers=headers)


class Told:
    """An installation that tells: receivers by name, whose addresses lie in files."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self._bench, self._folder = bench, folder

    def receiver(self, name: str, to: Pager, **changes: Any) -> Receiver:
        file = self._folder / name
        file.write_text(to.url)
        return Receiver.model_validate({"name": name, "type": "webhook", "url_file": file, **changes})

    @asynccontextmanager
    async def telling(self, *receivers: Receiver, **changes: Any) -> AsyncIterator[None]:
        """A ledger that tells them, which has begun to."""
        await self._bench.create("rollbacks", "checkpoints", partitions=1)
        async with self._bench.running(), notifying(self._bench.settings(notify=receivers, **changes)):
            await self.ready()
            yield

    async def ready(self) -> None:
        await eventually(lambda: self._bench.rows("select 1 from ledger.notifying"))


@pytest.fixture
def told(bench: Bench, tmp_path: Path) -> Told:
    return Told(bench, tmp_path)


async def test_people_are_told_once_of_each_event_in_the_order_of_the_ledger(
    bench: Bench, told: Told
) -> None:
    regions = [f"r{n}" for n in range(20)]
    async with pager() as ops, told.telling(told.receiver("in-order", ops)):
        for number, region in enumerate(regions, start=1_000_001):
            await happens(bench, cleared(region), number=number)
        await happens(bench, cleared("r0"), number=1_000_001)  # a relay that died repeats it
        await happens(bench, cleared("last"))
        await eventually(lambda: ops.whats[-1:] == [what("last")])
    assert ops.whats == [what(region) for region in [*regions, "last"]]
    assert len({call.id for call in ops.taken}) == 21


async def test_the_orders_to_many_regions_are_told_as_one(bench: Bench, told: Told) -> None:
    async with pager() as ops, told.telling(told.receiver("one-of-many", ops)):
        for region in ("eu-west", "us-east", "ap-south"):
            workload = Workload(deployment="payments", container="app", service="payments")
            order = RollbackOrdered(
                **OURS, region=region, deployer="d", namespace="shop", cluster="c1", workload=workload,
                fence=Fence(number=1, turn=2, grant=1), digest=None, bad="sha256:" + "03" * 32, deadline=60.0,
                reason="The stage pilot failed.",
            )  # fmt: skip
            await happens(bench, order)
        await happens(bench, cleared("last"))
        await eventually(lambda: ops.whats[-1:] == [what("last")])
    assert [call.says["kind"] for call in ops.taken] == ["rollback", "recovery"]


async def test_a_receiver_that_fails_gets_everything_in_its_order_when_it_is_back(
    bench: Bench, told: Told
) -> None:
    async with pager() as ops, told.telling(told.receiver("back-again", ops)):
        ops.answers = iter([500, 404, 302])
        for region in ("one", "two", "three"):
            await happens(bench, cleared(region))
        await eventually(lambda: len(ops.taken) == 3)
    assert ops.whats == [what(region) for region in ("one", "two", "three")]
    assert [call.says["what"] for call in ops.calls[:4]] == [what("one")] * 4
    assert len({call.id for call in ops.calls[:4]}) == 1
    assert METRICS.notices.labels("back-again", "failed")._value.get() == 3


async def test_a_receiver_that_hangs_holds_no_other_back(bench: Bench, told: Told) -> None:
    async with pager(hangs=True) as dead, pager() as ops:
        both = told.receiver("hangs", dead), told.receiver("answers", ops)
        async with told.telling(*both, notify_timeout=0.3):
            for region in ("one", "two", "three"):
                await happens(bench, cleared(region))
            await eventually(lambda: len(ops.taken) == 3 and len(dead.calls) >= 2)
            assert {call.says["what"] for call in dead.calls} == {what("one")}
            dead.open.set()
            await eventually(lambda: what("three") in dead.whats)
    assert list(dict.fromkeys(dead.whats)) == [what(region) for region in ("one", "two", "three")]


async def test_a_message_that_its_receiver_refuses_lets_the_next_go_first_and_is_told_when_it_is_taken(
    bench: Bench, told: Told
) -> None:
    """400 is also what a receiver says whose key was rotated on one side only."""
    async with pager() as ops, told.telling(told.receiver("choosy", ops)):
        ops.answers = iter([500, 400, 400, 503, 400])
        await happens(bench, cleared("one"))
        await happens(bench, cleared("two"))
        await eventually(lambda: len(ops.taken) == 2)
    assert ops.whats == [what("two"), what("one")]
    assert [call.says["what"] for call in ops.calls] == [what("one")] * 5 + [what("two"), what("one")]
    assert METRICS.notices.labels("choosy", "given-up")._value.get() == 0


async def test_an_event_that_cannot_be_written_keeps_nobody_from_being_told_of_the_others(
    bench: Bench, told: Told
) -> None:
    before = METRICS.defects._value.get()
    async with pager() as ops, told.telling(told.receiver("one-is-bad", ops)):
        await bench.rows(
            "create function ledger.refuses() returns trigger language plpgsql as"
            " $$ begin raise exception 'no such text' using errcode = '22021'; end $$"
        )
        await bench.rows(
            "create trigger refuses before insert on ledger.deliveries for each row"
            " when (new.notice like '%in bad any more%') execute function ledger.refuses()"
        )
        for region in ("one", "bad", "two"):
            await happens(bench, cleared(region))
        await eventually(lambda: what("two") in ops.whats)
    assert ops.whats == [what("one"), what("two")]
    assert METRICS.defects._value.get() == before + 1


async def test_what_was_taken_is_not_told_again_while_no_note_of_it_can_be_written(
    bench: Bench, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "STANDBY_SECONDS", 0.02)
    async with pager() as ops, told.telling(told.receiver("no-note", ops)):
        await bench.rows("create sequence ledger.tries")
        await bench.rows(
            "create function ledger.refuses() returns trigger language plpgsql as"
            " $$ begin perform nextval('ledger.tries'); raise exception 'no' using errcode = '53100'; end $$"
        )
        await bench.rows(
            "create trigger refuses before update on ledger.deliveries execute function ledger.refuses()"
        )
        await happens(bench, cleared("one"))
        await eventually(lambda: bench.rows("select 1 from ledger.tries where last_value >= 4"))
        assert len(ops.calls) == 1
        await bench.rows("drop trigger refuses on ledger.deliveries")
        await happens(bench, cleared("two"))
        await eventually(lambda: METRICS.notices.labels("no-note", "delivered")._value.get() == 2)
    assert [call.says["what"] for call in ops.calls] == [what("one"), what("two")]


async def test_what_a_dead_receiver_did_not_take_in_time_is_given_up_and_counted(
    bench: Bench, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "HOUSEKEEPING_SECONDS", 0.2)
    async with pager() as ops, told.telling(told.receiver("dead", ops)):
        ops.answers = itertools.repeat(500)
        await happens(bench, cleared("one"))
        await eventually(lambda: METRICS.waiting.labels("dead")._value.get() == 1)
        await bench.rows("update ledger.deliveries set at = at - interval '6 hours'")
        await eventually(lambda: METRICS.notices.labels("dead", "given-up")._value.get() == 1)
        assert await bench.rows("select * from ledger.deliveries") == []
        ops.answers = iter(())
        await happens(bench, cleared("two"))
        await eventually(lambda: ops.whats == [what("two")])
        await eventually(lambda: METRICS.waiting.labels("dead")._value.get() == 0)


async def test_nobody_is_told_of_yesterday_when_the_ledger_catches_up(bench: Bench, told: Told) -> None:
    async with pager() as ops, told.telling(told.receiver("catches-up", ops)):
        await happens(bench, cleared("yesterday"), at=datetime.now(UTC) - timedelta(days=1))
        await happens(bench, cleared("today"))
        await eventually(lambda: ops.taken)
    assert ops.whats == [what("today")]
    assert METRICS.notices.labels("catches-up", "stale")._value.get() == 1


async def test_who_begins_to_be_told_is_told_of_what_comes_alone(bench: Bench, told: Told) -> None:
    await bench.create("rollbacks", "checkpoints", partitions=1)
    await happens(bench, cleared("before"))
    await bench.appended(1)
    async with (
        pager() as ops,
        bench.running(),
        notifying(bench.settings(notify=(told.receiver("new", ops),))),
    ):
        await told.ready()
        await happens(bench, cleared("after"))
        await eventually(lambda: ops.taken)
    assert ops.whats == [what("after")]


async def test_one_process_tells_at_a_time_and_another_takes_over(bench: Bench, told: Told) -> None:
    async with pager() as ops:
        receivers = (told.receiver("two-processes", ops),)
        async with told.telling(*receivers), notifying(bench.settings(notify=receivers)):
            for region in ("one", "two"):
                await happens(bench, cleared(region))
            await eventually(lambda: len(ops.taken) == 2)
        assert len(ops.calls) == 2
        async with bench.running(), notifying(bench.settings(notify=receivers)):
            await happens(bench, cleared("three"))
            await eventually(lambda: len(ops.taken) == 3)
    assert ops.whats == [what(region) for region in ("one", "two", "three")]


async def test_whoever_watches_sees_that_nobody_tells_and_how_far_telling_is_behind(
    bench: Bench, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "HOUSEKEEPING_SECONDS", 0.2)
    writer = await asyncpg.connect(bench.dsn)
    async with pager() as ops, told.telling(told.receiver("watched", ops)):
        ops.answers = itertools.repeat(500)
        async with writer.transaction():
            await writer.execute("lock table ledger.notifying in exclusive mode")
            await happens(bench, cleared("one"))
            await eventually(lambda: METRICS.behind._value.get() == 1)
        await eventually(lambda: sampled("lockgate_notices_waiting", "watched") == 1)
        await eventually(lambda: METRICS.behind._value.get() == 0)
        assert METRICS.telling._value.get() == 1
    await writer.close()
    assert METRICS.telling._value.get() == 0
    assert sampled("lockgate_notices_waiting", "watched") is None
    assert sampled("lockgate_notices_oldest_seconds", "watched") is None


async def test_a_connection_that_is_cut_is_made_anew_and_nothing_is_lost(bench: Bench, told: Told) -> None:
    async with pager() as ops, told.telling(told.receiver("cut", ops)):
        await happens(bench, cleared("one"))
        await eventually(lambda: len(ops.taken) == 1)
        await bench.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lockgate-notices'"
            " and datname = current_database()"
        )
        await happens(bench, cleared("two"))
        await eventually(lambda: what("two") in ops.whats)


async def test_a_receiver_that_cannot_be_told_keeps_the_ledger_from_nothing(bench: Bench, told: Told) -> None:
    nowhere = Receiver(name="nowhere", type="slack", url_file=Path("/nowhere"))
    await bench.create("rollbacks", "checkpoints", partitions=1)
    async with bench.running() as ledger, notifying(bench.settings(notify=(nowhere,))):
        await told.ready()
        await happens(bench, cleared("one"))
        await eventually(lambda: METRICS.notices.labels("nowhere", "failed")._value.get() >= 1)
        assert (ledger.progress.sequence, ledger.progress.trouble) == (1, "")
    assert (await bench.verified()).sound


# --- processes that are killed ------------------------------------------------------------------------------------


class Process:
    """`lockgate run ledger`, with its log in a file."""

    def __init__(self, bench: Bench, folder: Path, to: Pager) -> None:
        (folder / "url").write_text(to.url)
        (folder / "secret").write_text(SECRET)
        self.log = folder / "log"
        receiver = {
            "name": "ops", "type": "webhook", "url_file": str(folder / "url"), "secret_file": str(folder / "secret"),
        }  # fmt: skip
        self.settings = {
            "LOCKGATE_KAFKA": bench.bootstrap,
            "LOCKGATE_TOPIC_PREFIX": bench.prefix,
            "LOCKGATE_PARTITIONS": "1",
            "LOCKGATE_POSTGRES": bench.dsn,
            "LOCKGATE_LEDGER_POSTGRES": bench.dsn,
            "LOCKGATE_LEDGER_KEY": str(folder / "ledger.pem"),
            "LOCKGATE_LEDGER_CREATE_KEY": "true",
            "LOCKGATE_LEDGER_LOOK_EVERY": "300ms",
            "LOCKGATE_NOTIFY": json.dumps([receiver]),
            "LOCKGATE_FAULT_LOG": str(folder / "faults"),
        }

    @asynccontextmanager
    async def running(self, fault: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LOCKGATE_")}
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "lockgate.cli.run", "ledger"),
                env=inherited | self.settings | {"LOCKGATE_FAULT": fault},
                stderr=log,
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()


async def test_a_ledger_that_is_killed_between_the_answer_and_its_note_tells_again_with_the_same_id(
    bench: Bench, told: Told, tmp_path: Path
) -> None:
    async with pager() as ops:
        process = Process(bench, tmp_path, ops)
        async with process.running("work-done:kill") as killed:
            await told.ready()
            await happens(bench, ReleaseHeld(**OURS, turn=1, reason="It is held by its plan."))
            assert await killed.wait() == -signal.SIGKILL
        assert len(ops.calls) == 1
        async with process.running():
            await eventually(lambda: len(ops.calls) == 2)
            await happens(bench, cleared("after"))
            await eventually(lambda: len(ops.calls) == 3)
    first, again, after = ops.calls
    assert (again.id, again.body) == (first.id, first.body)
    assert after.says["what"] == what("after")
    assert first.headers["webhook-signature"].startswith("v1,")


async def test_neither_address_nor_secret_gets_into_logs_metrics_tables_or_topics(
    bench: Bench, told: Told, tmp_path: Path
) -> None:
    async with pager() as ops:
        ops.answers = iter([500, 302, 400])
        process = Process(bench, tmp_path, ops)
        async with process.running():
            await told.ready()
            await happens(bench, cleared("one"))
            await eventually(lambda: ops.taken)
            (tmp_path / "url").write_text(f"http://127.0.0.1:1{PATH}")  # nobody listens there
            await happens(bench, cleared("two"))
            await eventually(lambda: "no answer: ClientConnectorError" in process.log.read_text())
            (tmp_path / "url").write_text(f"https://me:hunter2@127.0.0.1:1{PATH}")
            await eventually(lambda: "has a user" in process.log.read_text())
    rows = [
        str(dict(row))
        for table in ("notifying", "versions", "deliveries", "outbox", "head")
        for row in await bench.rows(f"select * from ledger.{table}")  # noqa: S608  # of the names above
    ]
    values = [bytes(row["value"]).decode() for row in await bench.rows("select value from ledger.records")]
    seen = "\n".join([process.log.read_text(), *rows, *values, generate_latest(REGISTRY).decode()])
    assert '"event": "told"' in seen
    assert "hunter2" not in seen
    assert SECRET not in seen
