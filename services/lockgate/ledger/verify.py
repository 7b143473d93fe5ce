"""Verifies the ledger: its table against its chain, against the signed heads, and against the topics.

Reads PostgreSQL and Kafka and writes to neither. The rules are in `walk` and `comparison`.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lockgate.ledger.alone import STATEMENT_SECONDS
from lockgate.ledger.chain import Link, Record
from lockgate.ledger.comparison import Comparison, compared
from lockgate.ledger.findings import Finding, Sound, Untrusted
from lockgate.ledger.heads import bounds, read_heads, reading, stretches
from lockgate.ledger.reader import READ, as_record, partitions
from lockgate.ledger.store import Partition
from lockgate.ledger.walk import Walk, checked_heads
from lockgate.messages.checkpoints import HeadSigned

_LINKS = 'select seq, topic, part, "offset", time, key, headers, value, leaf, chain from ledger.records order by seq'
_STORED = (
    'select "offset", leaf from ledger.records'
    ' where topic = $1 and part = $2 and "offset" >= $3 and "offset" < $4 order by "offset"'
)
_END = 1 << 62
_STEP = 10_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Report:
    """`topics` is None where no Kafka was given to compare with."""

    chain: Finding
    topics: Comparison | None = None

    @property
    def sound(self) -> bool:
        return isinstance(self.chain, Sound) and (self.topics is None or self.topics.sound)

    @property
    def sentence(self) -> str:
        return " ".join([self.chain.sentence, *([self.topics.sentence] if self.topics else [])])


async def verify(
    dsn: str, *, kafka: str | None = None, prefix: str = "", trusted: Mapping[str, Ed25519PublicKey]
) -> Report:
    """The report on the ledger in a database. Raises what asyncpg and aiokafka raise, and TimeoutError.

    The heads are read first, so that a ledger at work has at least what they say.
    """
    numbered = await read_heads(kafka, prefix) if kafka else []
    heads = checked_heads(numbered, trusted)
    connection = await asyncpg.connect(dsn, timeout=STATEMENT_SECONDS, command_timeout=STATEMENT_SECONDS)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            if isinstance(heads, Untrusted):
                return Report(heads)
            finding = await verify_chain(connection, heads)
            topics = await compare_topics(connection, kafka, prefix) if kafka else None
            return Report(finding, topics)
    finally:
        connection.terminate()


async def verify_chain(connection: "asyncpg.Connection[Any]", heads: tuple[HeadSigned, ...]) -> Finding:
    """Walks along the whole table, a few hundred rows at a time. Needs a transaction."""
    walk = Walk(heads)
    async with contextlib.aclosing(_read_ahead(await connection.cursor(_LINKS))) as batches:
        async for rows in batches:
            for seq, *fields, leaf, chain in rows:
                if broken := walk.step(Link(seq, Record(*fields), leaf, chain)):
                    return broken
    return walk.end()


async def _read_ahead(cursor: "asyncpg.cursor.Cursor[Any]") -> AsyncGenerator[Sequence[Any], None]:
    """The rows in batches; the database prepares the next one while the caller works on one."""
    coming = asyncio.create_task(cursor.fetch(_AT_ONCE))
    try:
        while rows := await coming:
            coming = asyncio.create_task(cursor.fetch(_AT_ONCE))
            await asyncio.sleep(0)  # so that it is asked for now
            yield rows
    finally:
        await asyncio.wait({coming})  # the connection does one thing at a time


async def compare_topics(connection: "asyncpg.Connection[Any]", bootstrap: str, prefix: str) -> Comparison:
    """Compares every partition that Kafka or the ledger knows."""
    rows = await connection.fetch("select topic, part, next from ledger.positions")
    positions: dict[Partition, int] = {(row["topic"], row["part"]): row["next"] for row in rows}
    found = await partitions(bootstrap, prefix)
    existing = {(name, part) for name in READ for part in found.get(name, ())}
    total = Comparison()
    async with reading(bootstrap) as reader:
        for where in sorted(existing | positions.keys()):
            at = TopicPartition(prefix + where[0], where[1])
            start, end = await bounds(reader, at) if where in existing else (0, 0)
            stands = positions.get(where, 0)
            total += Comparison(lag=max(0, end - max(start, stands)))
            total += await _stretch(connection, reader, at, where, start, min(end, stands))
    return total


async def _stretch(  # noqa: PLR0917  # one partition from one offset to another
    connection: "asyncpg.Connection[Any]",
    reader: AIOKafkaConsumer,
    at: TopicPartition,
    where: Partition,
    start: int,
    end: int,
) -> Comparison:
    name = f"{where[0]}/{where[1]}"
    expired = await connection.fetchval(
        'select count(*) from ledger.records where topic = $1 and part = $2 and "offset" < $3', *where, start
    )
    total, cursor = Comparison(expired=expired), start
    async for batch in stretches(reader, at, start, end):
        upto = batch[-1].offset + 1
        stored = await connection.fetch(_STORED, *where, cursor, upto)
        records = [as_record(raw, at.topic.removesuffix(where[0])) for raw in batch]
        total += compared([(row["offset"], row["leaf"]) for row in stored], records, name)
        cursor = upto
    while beyond := await connection.fetch(f"{_STORED} limit {_STEP}", *where, cursor, _END):
        total += compared([(row["offset"], row["leaf"]) for row in beyond], [], name)
        cursor = beyond[-1]["offset"] + 1
    return total
