"""The ledger while Kafka or PostgreSQL is away, on servers that are really killed and started again."""

import asyncio
import time
from pathlib import Path

import pytest

from lockgate.ledger.reader import Reader
from tests.support.ledgers import Bench, until
from tests.support.servers import KafkaUnderTest, PostgresUnderTest, unavailable


@pytest.fixture
def bench(kafka: KafkaUnderTest, postgres: PostgresUnderTest, tmp_path: Path) -> Bench:
    return Bench(kafka.bootstrap, postgres.fresh_database(), tmp_path)


async def test_a_broker_that_is_killed_and_comes_back_loses_nothing(
    bench: Bench, kafka: KafkaUnderTest
) -> None:
    if (server := kafka.server) is None:
        unavailable("This test kills the broker, which is not its own.", "run it with the embedded one")
    await bench.create("plans", "checkpoints")
    await bench.produce("plans", *[b"before"] * 20)
    async with bench.running() as ledger:
        await until(lambda: ledger.progress.published >= 1)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await bench.produce("plans", *[b"after"] * 20)
        await until(lambda: ledger.progress.sequence == 40)
    assert (await bench.verified()).sound


async def test_a_database_that_is_killed_and_comes_back_loses_nothing(
    bench: Bench, postgres: PostgresUnderTest
) -> None:
    if (server := postgres.server) is None:
        unavailable(
            "This test kills the database server, which is not its own.", "run it with the embedded one"
        )
    await bench.create("plans", "checkpoints")
    await bench.produce("plans", *[b"before"] * 20)
    async with bench.running() as ledger:
        await until(lambda: ledger.progress.sequence == 20)
        await asyncio.to_thread(server.kill)
        await bench.produce("plans", *[b"after"] * 20)
        await until(lambda: bool(ledger.progress.trouble))
        await asyncio.to_thread(server.start)
        await until(lambda: ledger.progress.sequence == 40)
        assert ledger.progress.trouble == ""
    assert (await bench.verified()).sound


async def test_a_stop_is_bounded_while_the_broker_does_not_answer(
    bench: Bench, kafka: KafkaUnderTest
) -> None:
    if (server := kafka.server) is None:
        unavailable("This test pauses the broker, which is not its own.", "run it with the embedded one")
    await bench.create("plans", "checkpoints")
    await bench.produce("plans", b"1")
    try:
        async with bench.running(ledger_stop=1.0) as ledger:
            await until(lambda: ledger.progress.sequence == 1)
            await asyncio.to_thread(server.pause)
            began = time.monotonic()
        assert time.monotonic() - began < 12
    finally:
        await asyncio.to_thread(server.resume)
    await bench.produce("plans", b"2")
    await bench.appended(2)
    assert (await bench.verified()).sound


async def test_a_stop_does_not_wait_for_a_look_for_new_topics(
    bench: Bench, kafka: KafkaUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (server := kafka.server) is None:
        unavailable("This test pauses the broker, which is not its own.", "run it with the embedded one")
    looks, look = 0, Reader.look

    async def noted(reader: Reader) -> None:
        nonlocal looks
        looks += 1
        await look(reader)

    monkeypatch.setattr(Reader, "look", noted)
    await bench.create("plans", "checkpoints")
    try:
        async with bench.running(ledger_stop=1.0) as ledger:
            await until(lambda: ledger.progress.leading)
            await asyncio.to_thread(server.pause)
            before = looks
            await until(lambda: looks > before)
            began = time.monotonic()
        assert time.monotonic() - began < 12
    finally:
        await asyncio.to_thread(server.resume)
