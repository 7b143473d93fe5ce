"""The ledger on a real Kafka and a real PostgreSQL: everything is there once, with its bytes, and signed."""

import asyncio
import random
from pathlib import Path

import asyncpg
import pytest

from lockgate.ledger.appending import ForkError, Ledger
from lockgate.ledger.chain import decode_headers, encode_headers
from lockgate.ledger.comparison import Match
from lockgate.ledger.findings import Sound, Untrusted
from lockgate.ledger.heads import read_heads
from lockgate.ledger.reader import GATHER_BYTES, READ, Reader, TopicWentBackError
from lockgate.ledger.signing import is_signed
from tests.support.eventually import eventually
from tests.support.ledgers import Bench, until
from tests.support.servers import KafkaUnderTest, PostgresUnderTest


@pytest.fixture
def bench(kafka: KafkaUnderTest, postgres: PostgresUnderTest, tmp_path: Path) -> Bench:
    return Bench(kafka.bootstrap, postgres.fresh_database(), tmp_path)


async def test_every_record_of_every_topic_is_stored_but_the_checkpoints(bench: Bench) -> None:
    await bench.create(*READ, "checkpoints")
    for name in READ:
        await bench.produce(name, name.encode(), part=1)
    await bench.appended(len(READ))
    rows = await bench.rows("select topic, part, value from ledger.records")
    assert sorted((row["topic"], row["part"], row["value"]) for row in rows) == sorted(
        (name, 1, name.encode()) for name in READ
    )
    assert {"artifacts", "intake.journal", "deployer.deadletters"} <= set(READ)


async def test_records_that_come_one_by_one_are_read_together(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockgate.ledger.reader.GATHER_MS", 10_000)
    await bench.create("plans", partitions=1)
    reader = Reader(bench.bootstrap, bench.prefix, {})
    try:
        await reader.start()
        await bench.produce("plans", b"one", b"two")
        assert await reader.poll(10) == []
        await bench.produce("plans", bytes(GATHER_BYTES))
        found = await eventually(lambda: reader.poll(10))
    finally:
        await reader.close()
    assert [record.value for record in found] == [b"one", b"two", bytes(GATHER_BYTES)]


async def test_a_record_is_stored_with_its_raw_bytes(bench: Bench) -> None:
    await bench.create("artifacts")
    headers = [("a", b"\xff\x00"), ("a", b""), ("ü", None)]
    await bench.produce("artifacts", b"\xff\x00{", b"", None, key=b"\x00\xfe", headers=headers)
    await bench.appended(3)
    rows = await bench.rows("select * from ledger.records order by seq")
    assert [row["value"] for row in rows] == [b"\xff\x00{", b"", None]
    assert {row["key"] for row in rows} == {b"\x00\xfe"}
    assert decode_headers(rows[0]["headers"]) == tuple(headers)
    assert [(row["seq"], row["offset"]) for row in rows] == [(1, 0), (2, 1), (3, 2)]


async def test_a_record_whose_header_name_is_no_text_stops_nothing_and_keeps_its_bytes(bench: Bench) -> None:
    await bench.create("artifacts", "checkpoints", partitions=1)
    await bench.produce("artifacts", b"before")
    await bench.poison("artifacts", b"poison", header=b"\xff\xfe")
    await bench.produce("artifacts", b"after")
    await bench.appended(3)
    rows = await bench.rows("select value, headers from ledger.records order by seq")
    assert [row["value"] for row in rows] == [b"before", b"poison", b"after"]
    assert rows[1]["headers"] == encode_headers([("\udcff\udcfe", b"v")])
    assert b"\xff\xfe" in rows[1]["headers"]
    assert (await bench.verified()).sound


async def test_heads_are_signed_after_some_records_and_at_the_stop(bench: Bench) -> None:
    await bench.create("plans", "checkpoints")
    await bench.produce("plans", *[b"%d" % n for n in range(25)])
    ledger = await bench.appended(25, ledger_batch=10)
    heads = await read_heads(bench.bootstrap, bench.prefix)
    assert [number for number, _ in heads] == list(range(1, len(heads) + 1))
    assert heads[-1][1].sequence == 25
    assert len(heads) >= 2
    assert all(is_signed(head, bench.signer.public_key()) for _, head in heads)
    assert (ledger.progress.signed, ledger.progress.published) == (25, len(heads))


async def test_a_head_is_signed_after_some_time_and_not_again_while_nothing_is_appended(bench: Bench) -> None:
    await bench.create("plans", "checkpoints")
    await bench.produce("plans", b"one")
    async with bench.running(ledger_sign_every=0.2) as ledger:
        await until(lambda: ledger.progress.published == 1)
        await bench.produce("plans", b"two")
        await until(lambda: ledger.progress.published == 2)
    assert [head.sequence for _, head in await read_heads(bench.bootstrap, bench.prefix)] == [1, 2]


async def test_what_was_appended_verifies_against_heads_and_topics(bench: Bench) -> None:
    await bench.create("plans", "releases", "checkpoints")
    await bench.produce("plans", *[b"p"] * 30)
    await bench.produce("releases", *[b"r"] * 12, part=1)
    await bench.appended(42)
    report = await bench.verified()
    assert report.sound
    assert isinstance(report.chain, Sound)
    assert report.chain.records == 42
    assert report.chain.heads >= 1
    assert report.topics is not None
    assert report.topics.counts[Match.EQUAL] == 42
    assert report.sentence.startswith("The chain of 42 records is sound up to ")


async def test_it_goes_on_where_it_stopped(bench: Bench) -> None:
    await bench.create("plans", "checkpoints")
    for n in range(1, 4):
        await bench.produce("plans", b"%d" % n)
        await bench.appended(n)
    rows = await bench.rows("select seq, value from ledger.records order by seq")
    assert [(row["seq"], row["value"]) for row in rows] == [(1, b"1"), (2, b"2"), (3, b"3")]
    assert (await bench.verified()).sound


async def test_it_is_cut_off_at_any_moment_and_nothing_is_lost_or_there_twice(bench: Bench) -> None:
    await bench.create("plans", "releases", "checkpoints")
    draw = random.Random(3)  # seeded: the moments differ by the machine anyway
    producing = asyncio.create_task(bench.produce("plans", *[b"%d" % n for n in range(400)]))
    for _ in range(8):
        ledger = Ledger(bench.settings(ledger_batch=7, ledger_sign_records=5), bench.signer)
        task = asyncio.create_task(ledger.run(asyncio.Event()))
        done, _pending = await asyncio.wait([task], timeout=draw.uniform(0.1, 0.6))
        assert not done
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await producing
    await bench.appended(400)
    rows = await bench.rows('select value from ledger.records order by "offset"')
    assert [row["value"] for row in rows] == [b"%d" % n for n in range(400)]
    assert (await bench.verified()).sound


async def test_a_second_ledger_waits_and_takes_over(bench: Bench) -> None:
    await bench.create("plans", "checkpoints")
    async with bench.running() as second:
        await until(lambda: second.progress.leading)
        async with bench.running() as first:
            await bench.produce("plans", b"1")
            await until(lambda: second.progress.appended == 1)
            assert (first.progress.leading, first.progress.appended) == (False, 0)
            second_ends = await bench.rows(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
                " and database = (select oid from pg_database where datname = current_database())"
            )
            assert len(second_ends) == 1
            await bench.produce("plans", b"2")
            await until(lambda: first.progress.appended + second.progress.appended == 2)
    assert (await bench.verified()).sound


async def test_a_lost_connection_to_the_database_is_no_end(bench: Bench) -> None:
    await bench.create("plans", "checkpoints")
    async with bench.running() as ledger:
        await bench.produce("plans", b"1")
        await until(lambda: ledger.progress.appended == 1)
        await bench.rows(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lockgate-ledger'"
            " and datname = current_database()"
        )
        await bench.produce("plans", b"2")
        await until(lambda: ledger.progress.appended == 2)
    assert (await bench.verified()).sound


async def test_new_topics_and_partitions_are_noticed(bench: Bench) -> None:
    await bench.create("plans", "checkpoints", partitions=1)
    async with bench.running() as ledger:
        await bench.produce("plans", b"1")
        await until(lambda: ledger.progress.appended == 1)
        await bench.create("verdicts")
        await bench.produce("verdicts", b"2", part=1)
        await until(lambda: ledger.progress.appended == 2)
        await bench.widen("plans", 3)
        await bench.produce("plans", b"3", part=2)
        await until(lambda: ledger.progress.appended == 3)
        await bench.produce("plans", b"4")
        await until(lambda: ledger.progress.appended == 4)
        assert ledger.progress.lag == 0
    assert (await bench.verified()).sound


async def test_without_the_topic_checkpoints_it_appends_and_the_heads_wait(bench: Bench) -> None:
    await bench.create("plans")
    await bench.produce("plans", *[b"x"] * 10)
    async with bench.running() as ledger:
        await until(lambda: "there is no topic" in ledger.progress.trouble)
        assert (ledger.progress.appended, ledger.progress.signed, ledger.progress.published) == (10, 10, 0)
        await bench.create("checkpoints")
        await until(lambda: ledger.progress.published == 1)
        assert ledger.progress.trouble == ""


async def test_a_table_that_is_changed_is_refused_by_the_database(bench: Bench) -> None:
    await bench.create("plans", "checkpoints")
    await bench.produce("plans", b"1")
    await bench.appended(1)
    for statement in (
        "update ledger.records set value = 'x'",
        "delete from ledger.records",
        "truncate ledger.records",
    ):
        with pytest.raises(asyncpg.RaiseError, match="append only"):
            await bench.rows(statement)


async def test_a_database_of_an_earlier_time_is_not_sealed_again_silently(
    bench: Bench, postgres: PostgresUnderTest
) -> None:
    await bench.create("plans", "checkpoints")
    await bench.produce("plans", *[b"x"] * 10)
    await bench.appended(10)
    bench.dsn = postgres.fresh_database()
    with pytest.raises(
        ForkError, match=r"signed head 1 says that record 10 .* LOCKGATE_LEDGER_CONTINUE_AFTER=1"
    ):
        await bench.appended(10)
    await bench.produce("plans", *[b"y"] * 5)
    await bench.appended(15, ledger_continue_after=1)
    assert [number for number, _ in await read_heads(bench.bootstrap, bench.prefix)][:2] == [1, 2]
    await bench.produce("plans", b"z")
    await bench.appended(16)


async def test_a_head_signed_by_another_key_is_not_trusted(bench: Bench, tmp_path: Path) -> None:
    await bench.create("plans", "checkpoints")
    await bench.produce("plans", b"1")
    await bench.appended(1)
    bench.signer = Bench(bench.bootstrap, bench.dsn, tmp_path / "other").signer
    report = await bench.verified()
    assert isinstance(report.chain, Untrusted)
    assert not report.sound


async def test_a_topic_that_was_deleted_and_made_again_ends_the_ledger_with_a_sentence(bench: Bench) -> None:
    await bench.create("plans", "checkpoints", partitions=1)
    await bench.produce("plans", *[b"old"] * 3)
    await bench.appended(3)
    await bench.create("plans", partitions=1, delete=True)
    await bench.produce("plans", b"new")
    with pytest.raises(
        TopicWentBackError, match=r"plans/0 has a record at offset 0, and the ledger stands at 3"
    ):
        await bench.appended(4)


async def test_records_that_expired_before_they_were_read_are_counted_as_skipped(bench: Bench) -> None:
    await bench.create("plans", "checkpoints", partitions=1)
    await bench.produce("plans", *[b"x"] * 3)
    await bench.appended(3)
    await bench.produce("plans", *[b"y"] * 4)
    await bench.expire("plans", 0, 5)
    ledger = await bench.appended(5)
    assert ledger.progress.skipped == 2
    report = await bench.verified()
    assert report.sound
    assert report.topics is not None
    assert report.topics.expired == 3
