"""How many records a second the ledger appends, and `verify` checks: its chain alone, and compared with Kafka."""

import asyncio
import time
from collections.abc import Iterator

import uvloop
from aiokafka import AIOKafkaProducer

from lockgate.ledger.findings import Sound
from lockgate.ledger.signing import key_id
from lockgate.ledger.verify import verify
from lockgate.messages.message import encode
from tests.bench.figures import Figure
from tests.bench.worlds import a_world
from tests.support.ledgers import Bench
from tests.support.toy_world import said

RECORDS = 40_000
REASON = "the pilot bakes: " + "x" * 600  # such an event has 1.1 KB, as most have


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields the figures; there is nothing more to print with `profile`."""
    del profile
    with a_world() as world:
        ledger = Bench(world.kafka.bootstrap, world.database, world.marks, ledger_sign_records=1000)
        yield from uvloop.run(_measured(ledger))


async def _measured(ledger: Bench) -> list[Figure]:
    await ledger.create("verdicts")
    await _fill(ledger)
    began = time.perf_counter()
    await ledger.appended(RECORDS)
    figures = [Figure("ledger-append", RECORDS / (time.perf_counter() - began), "records/s")]
    for name, kafka in (("ledger-verify", None), ("ledger-verify-with-kafka", ledger.bootstrap)):
        trusted = {key_id(ledger.signer.public_key()): ledger.signer.public_key()}
        began, used = time.perf_counter(), time.process_time()
        report = await verify(ledger.dsn, kafka=kafka, prefix=ledger.prefix, trusted=trusted)
        took, cpu = time.perf_counter() - began, time.process_time() - used
        if not (report.sound and isinstance(report.chain, Sound) and report.chain.records == RECORDS):
            raise AssertionError(report.sentence)
        figures += [
            Figure(name, RECORDS / took, "records/s"),
            Figure(f"{name}-cpu", cpu / RECORDS * 1e6, "us/record"),
        ]
    return figures


async def _fill(ledger: Bench) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=ledger.bootstrap, max_batch_size=1 << 19, linger_ms=5)
    await producer.start()
    try:
        headers, value = encode(said(1, REASON))
        sent = [
            await producer.send(
                ledger.prefix + "verdicts", value, key=b"shop", partition=i % 2, headers=list(headers)
            )
            for i in range(RECORDS)
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
