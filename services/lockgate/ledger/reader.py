"""Reads every partition of every topic, from where the ledger stands. Talks to Kafka only; commits nothing there.

Partitions are assigned by hand, and new ones are noticed by `look`. Every call has a bound.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from lockgate.ledger.chain import Record, encode_headers
from lockgate.ledger.store import Partition
from lockgate.messages.topics import CHECKPOINTS, TOPICS
from lockgate.runtime import header_names
from lockgate.runtime.bounded import close

CALL_SECONDS: Final = 15.0
CLOSE_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.25
GATHER_MS: Final = 200
GATHER_BYTES: Final = 64 << 10
"""A fetch waits for so much, for so long: nobody waits for the ledger, and what comes together shares a transaction."""
KAFKA_ERRORS: Final = (KafkaError, TimeoutError, OSError)
READ: Final = tuple(name for name in TOPICS if name != CHECKPOINTS.name)

log = structlog.get_logger("lockgate.ledger")


class TopicWentBackError(Exception):
    """A topic holds other records under offsets that the ledger has already: it was deleted and made again."""


async def partitions(bootstrap: str, prefix: str) -> dict[str, list[int]]:
    """The partitions of each of our topics that exists, by its name without prefix. Raises KAFKA_ERRORS.

    All topics are asked for, since asking for one by name can create it.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(CALL_SECONDS * 1000))
    try:
        async with asyncio.timeout(CALL_SECONDS):
            await admin.start()
            described = await admin.describe_topics()
    finally:
        await stop(admin)
    return _ours(
        {topic["topic"]: [part["partition"] for part in topic["partitions"]] for topic in described}, prefix
    )


def _ours(parts: Mapping[str, Iterable[int]], prefix: str) -> dict[str, list[int]]:
    return {name: sorted(parts[prefix + name]) for name in TOPICS if parts.get(prefix + name)}


def consumer(bootstrap: str, *, fetch_wait_ms: int, fetch_bytes: int = 1) -> AIOKafkaConsumer:
    """A consumer of no group, which sees every record, those of aborted transactions too.

    `fetch_wait_ms`: how long the broker may hold a fetch open until it has `fetch_bytes`. A new assignment waits for
    the one before it.
    """
    header_names.install()
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="lockgate-ledger",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_uncommitted",
        max_partition_fetch_bytes=8 << 20,
        fetch_max_wait_ms=fetch_wait_ms,
        fetch_min_bytes=fetch_bytes,
        request_timeout_ms=int(CALL_SECONDS * 1000),
    )


async def start(reader: AIOKafkaConsumer) -> None:
    async with asyncio.timeout(CALL_SECONDS):
        await reader.start()
    # Its background task must have begun before `stop`, which would raise CancelledError otherwise (aiokafka 0.14).
    await asyncio.sleep(0)


async def stop(client: AIOKafkaConsumer | AIOKafkaAdminClient) -> None:
    """Closes a client within a bound, whatever it says."""
    ending = client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop()
    if trouble := await close(ending, CLOSE_SECONDS):
        log.info("a client did not close well", trouble=trouble)


def as_record(raw: Any, prefix: str) -> Record:
    time = -1 if raw.timestamp is None else raw.timestamp
    name = raw.topic.removeprefix(prefix)
    return Record(name, raw.partition, raw.offset, time, raw.key, encode_headers(raw.headers), raw.value)


class Reader:
    """`positions` (the next offset of each partition) moves with what `poll` returned."""

    def __init__(self, bootstrap: str, prefix: str, positions: Mapping[Partition, int]) -> None:
        self._prefix = prefix
        self._consumer = consumer(bootstrap, fetch_wait_ms=GATHER_MS, fetch_bytes=GATHER_BYTES)
        self._assigned: set[TopicPartition] = set()
        self.positions = dict(positions)
        self.checkpoint_parts = 0
        self.skipped = 0

    async def start(self) -> None:
        await start(self._consumer)
        await self.look()

    async def close(self) -> None:
        await stop(self._consumer)

    async def look(self) -> None:
        """Notices new topics and partitions, and reads them from their beginning.

        Asks over the consumer's own connection, so that it can be cancelled at any time.
        """
        async with asyncio.timeout(CALL_SECONDS):
            cluster = await self._consumer._client.fetch_all_metadata()  # noqa: SLF001  # aiokafka shows names only
        found = _ours({name: cluster.partitions_for_topic(name) for name in cluster.topics()}, self._prefix)
        self.checkpoint_parts = len(found.get(CHECKPOINTS.name, ()))
        wanted = {TopicPartition(self._prefix + name, part) for name in READ for part in found.get(name, ())}
        if wanted <= self._assigned:
            return
        self._assigned |= wanted
        self._consumer.assign(list(self._assigned))
        for assigned in self._assigned:
            known = self.positions.get(self._partition(assigned))
            if known is not None:
                self._consumer.seek(assigned, known)

    async def poll(self, most: int) -> list[Record]:
        """Up to `most` new records, in the order of each partition. TopicWentBackError, KAFKA_ERRORS."""
        if not self._assigned:
            await asyncio.sleep(POLL_SECONDS)
            return []
        async with asyncio.timeout(CALL_SECONDS):
            batches = await self._consumer.getmany(timeout_ms=int(POLL_SECONDS * 1000), max_records=most)
        return [
            self._expected(as_record(raw, self._prefix))
            for assigned in sorted(batches)
            for raw in batches[assigned]
        ]

    def lag(self) -> int:
        """How many records the topics have that were not returned yet, as far as the brokers have said."""
        ends = {assigned: self._consumer.highwater(assigned) for assigned in self._assigned}
        return sum(
            max(0, end - self.positions.get(self._partition(assigned), 0))
            for assigned, end in ends.items()
            if end is not None
        )

    def _expected(self, record: Record) -> Record:
        where = (record.topic, record.part)
        expected = self.positions.get(where)
        if expected is not None and record.offset < expected:
            raise TopicWentBackError(
                f"{self._prefix}{record.topic}/{record.part} has a record at offset {record.offset}, and the ledger"
                f" stands at {expected}: the topic was deleted and made again, or its broker lost records. Give the"
                " topic another name (LOCKGATE_TOPIC_PREFIX) and a new ledger, and keep this one as evidence."
            )
        missed = record.offset - (expected or 0)
        if missed and expected is not None:
            self.skipped += missed
            log.warning(
                "offsets skipped", topic=record.topic, part=record.part, after=expected, missed=missed
            )
        self.positions[where] = record.offset + 1
        return record

    def _partition(self, assigned: TopicPartition) -> Partition:
        return assigned.topic.removeprefix(self._prefix), assigned.partition
