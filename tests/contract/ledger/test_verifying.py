"""What somebody does to the ledger's database or to a topic is found, on a real Kafka and a real PostgreSQL."""

from pathlib import Path

import pytest

from lockgate.ledger.chain import Head, Link, Record, extend
from lockgate.ledger.comparison import Match
from lockgate.ledger.findings import Changed, Displaced, Finding, Removed, Resealed, Sound, Truncated
from lockgate.ledger.verify import verify
from tests.support.ledgers import Bench
from tests.support.servers import KafkaUnderTest, PostgresUnderTest


@pytest.fixture
async def bench(kafka: KafkaUnderTest, postgres: PostgresUnderTest, tmp_path: Path) -> Bench:
    """Twelve records in one partition, and heads signed at 5, 10 and 12."""
    made = Bench(kafka.bootstrap, postgres.fresh_database(), tmp_path, ledger_batch=5, ledger_sign_records=5)
    await made.create("plans", "checkpoints", partitions=1)
    await made.produce("plans", *[b"value %d" % n for n in range(1, 13)])
    await made.appended(12)
    return made


@pytest.mark.parametrize(
    ("statements", "finding"),
    [
        (["update ledger.records set value = 'forged' where seq = 4"], Changed(4, "plans/0@3")),
        (["update ledger.records set key = null where seq = 4"], Changed(4, "plans/0@3")),
        (["update ledger.records set time = time + 1 where seq = 4"], Changed(4, "plans/0@3")),
        (["update ledger.records set chain = leaf where seq = 4"], Displaced(4, "plans/0@3")),
        (["delete from ledger.records where seq = 4"], Removed(4)),
        (["delete from ledger.records where seq > 7"], Truncated(7, 12)),
        (
            [
                "update ledger.records set seq = 1000 where seq = 4",
                "update ledger.records set seq = 4 where seq = 6",
                "update ledger.records set seq = 6 where seq = 1000",
            ],
            Displaced(4, "plans/0@5"),
        ),
    ],
)
async def test_what_a_superuser_does_to_the_table_is_found_and_named(
    bench: Bench, statements: list[str], finding: Finding
) -> None:
    await bench.tamper(*statements)
    report = await bench.verified()
    assert report.chain == finding
    assert not report.sound


def _written(link: Link) -> str:
    value = (link.record.value or b"").hex()
    return (
        f"update ledger.records set value = '\\x{value}', leaf = '\\x{link.leaf.hex()}',"  # noqa: S608  # a test's own
        f" chain = '\\x{link.chain.hex()}' where seq = {link.seq}"
    )


async def test_a_change_with_everything_hashed_again_is_found_by_the_signed_heads_and_by_the_topics(
    bench: Bench,
) -> None:
    rows = await bench.rows("select * from ledger.records order by seq")
    records = [
        Record(r["topic"], r["part"], r["offset"], r["time"], r["key"], r["headers"], r["value"])
        for r in rows
    ]
    records[6] = Record("plans", 0, 6, records[6].time, b"k", b"", b"forged")
    _, links = extend(Head(), records)
    await bench.tamper(*(_written(link) for link in links))
    alone = await verify(bench.dsn, trusted={})
    assert isinstance(alone.chain, Sound)
    report = await bench.verified()
    assert report.chain == Resealed(5, 10)
    assert report.topics is not None
    assert report.topics.bad == (("plans/0@6", Match.DIFFERENT),)


async def test_a_record_that_the_ledger_lost_is_missing_there(bench: Bench) -> None:
    await bench.tamper("delete from ledger.records where seq = 12")
    report = await bench.verified()
    assert report.topics is not None
    assert report.topics.bad == (("plans/0@11", Match.MISSING_IN_LEDGER),)
    assert report.chain == Truncated(11, 12)


async def test_a_record_that_kafka_never_had_is_missing_there(bench: Bench) -> None:
    await bench.tamper('update ledger.records set "offset" = 500 where seq = 12')
    report = await bench.verified()
    assert report.topics is not None
    assert report.topics.bad == (
        ("plans/0@11", Match.MISSING_IN_LEDGER),
        ("plans/0@500", Match.MISSING_IN_KAFKA),
    )


async def test_records_below_the_log_start_may_be_missing_in_kafka(bench: Bench) -> None:
    await bench.expire("plans", 0, 9)
    report = await bench.verified()
    assert report.sound
    assert report.topics is not None
    assert (report.topics.expired, report.topics.counts[Match.EQUAL]) == (9, 3)


async def test_records_that_the_ledger_has_not_read_yet_are_no_loss(bench: Bench) -> None:
    await bench.produce("plans", b"later", b"later")
    report = await bench.verified()
    assert report.sound
    assert report.topics is not None
    assert report.topics.lag == 2
