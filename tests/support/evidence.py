"""What must hold of everything that was written, whatever was killed meanwhile."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from lockgate.ledger.reader import READ, partitions
from lockgate.ledger.signing import trusted
from lockgate.ledger.verify import Report, verify
from tests.support.telling import Told
from tests.support.whole import Whole

Numbered = dict[tuple[str, str | None, str], dict[int, set[bytes]]]
"""(topic, writer, key) -> number -> the different values that were written under it."""


def numbered(told: Iterable[Told]) -> Numbered:
    found: Numbered = defaultdict(lambda: defaultdict(set))
    for each in told:
        assert each.message.number is not None
        found[each.topic, each.message.writer, each.message.key][each.message.number].add(each.value)
    return found


def gaps(told: Iterable[Told]) -> list[str]:
    """Where a writer's numbers for a key are not 1, 2, 3 …"""
    return [
        f"{where} has {sorted(numbers)}"
        for where, numbers in numbered(told).items()
        if sorted(numbers) != list(range(1, len(numbers) + 1))
    ]


def contradictions(told: Iterable[Told]) -> list[str]:
    """Where one number stands for two different events."""
    return [
        f"{where} has {len(values)} events with the number {number}"
        for where, numbers in numbered(told).items()
        for number, values in numbers.items()
        if len(values) > 1
    ]


async def parked(whole: Whole) -> list[str]:
    """What waits in any service's database, with the reason."""
    connection = await asyncpg.connect(whole.local.servers.postgres)
    try:
        tables = await connection.fetch(
            "select table_schema from information_schema.tables where table_name = 'parked'"
        )
        found: list[str] = []
        for schema in (row["table_schema"] for row in tables):
            rows = await connection.fetch(f'select topic, writer, key, reason from "{schema}".parked')  # noqa: S608  # a schema's name, from the catalogue
            found += [f"{schema}: {tuple(row)}" for row in rows]
        assert len(tables) >= len(whole.local.shape.deployers) + 3, "a service has no table of what waits"
        return found
    finally:
        await connection.close()


async def ledger_report(whole: Whole) -> Report:
    """The ledger's verification, once it has recorded everything that was written so far."""
    ends = await _ends(whole)
    async with asyncio.timeout(30.0):
        while await _positions(whole) != ends:
            await asyncio.sleep(0.1)
            ends = await _ends(whole)
    keys = trusted([whole.local.home / "ledger.pem.pub"])
    servers = whole.local.servers
    return await verify(servers.postgres, kafka=servers.kafka, prefix=whole.prefix, trusted=keys)


async def records_and_offsets(whole: Whole) -> tuple[int, int]:
    """How many records the ledger has, and how many were written to the topics that it reads, at one moment."""
    async with asyncio.timeout(30.0):
        while True:
            before = await _ends(whole)
            count, written = await _recorded(whole), await _ends(whole)
            if before == written == await _positions(whole):
                return count, sum(written.values())


async def _recorded(whole: Whole) -> int:
    connection = await asyncpg.connect(whole.local.servers.postgres)
    try:
        return int(await connection.fetchval("select count(*) from ledger.records"))
    finally:
        await connection.close()


async def _positions(whole: Whole) -> dict[tuple[str, int], int]:
    connection = await asyncpg.connect(whole.local.servers.postgres)
    try:
        rows = await connection.fetch("select topic, part, next from ledger.positions where next > 0")
        return {(row["topic"], row["part"]): row["next"] for row in rows}
    finally:
        await connection.close()


async def _ends(whole: Whole) -> dict[tuple[str, int], int]:
    found = await partitions(whole.local.servers.kafka, whole.prefix)
    places = [(name, part) for name in READ for part in found.get(name, ())]
    consumer = AIOKafkaConsumer(bootstrap_servers=whole.local.servers.kafka)
    await consumer.start()
    try:
        at = {place: TopicPartition(whole.prefix + place[0], place[1]) for place in places}
        ends = await consumer.end_offsets(list(at.values()))
        return {place: ends[at[place]] for place in places if ends[at[place]]}
    finally:
        await consumer.stop()
