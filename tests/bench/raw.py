"""The baseline of a hop: `python -m tests.bench.raw KAFKA POSTGRES SOURCE TARGET COMMITS` until it is killed.

What nobody can do without: take a record, commit it to PostgreSQL (so many times), send it on and have it
acknowledged. Nothing is checked, decoded, decided, deduplicated or journalled. A process of its own, as a service is.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition


@asynccontextmanager
async def raw_chain(
    bootstrap: str, dsn: str, topics: Sequence[str], commits: Sequence[int]
) -> AsyncIterator[None]:
    """A process for each step from one topic to the next, with so many commits each."""
    processes = []
    try:
        for (source, target), count in zip(pairwise(topics), commits, strict=True):
            command = (sys.executable, "-m", "tests.bench.raw", bootstrap, dsn, source, target, str(count))
            process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            processes.append(process)
            if process.stdout is None or await process.stdout.readline() != b"ready\n":
                raise RuntimeError(f"the raw step from {source} to {target} did not start")
        yield
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _step(bootstrap: str, dsn: str, source: str, target: str, commits: int) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table if not exists raw (value bytea)")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await consumer.start()
    await producer.start()
    consumer.assign([TopicPartition(source, 0)])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                for _ in range(commits):
                    await connection.execute("insert into raw values ($1)", record.value)
                await producer.send_and_wait(target, record.value, headers=list(record.headers), partition=0)


def main(bootstrap: str, dsn: str, source: str, target: str, commits: str) -> None:
    uvloop.run(_step(bootstrap, dsn, source, target, int(commits)))


if __name__ == "__main__":
    main(*sys.argv[1:])
