"""Reads partitions once, up to where they ended when it began. No consumer group, no trace on the brokers.

Talks to Kafka; every wait has a bound.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from lockgate.runtime import header_names
from lockgate.runtime.batch import Place
from lockgate.runtime.bounded import begin, close
from lockgate.runtime.checks import Record
from lockgate.runtime.record_hash import printable_headers

CALL_SECONDS = 15.0
STALL_SECONDS = 30.0
CLOSE_SECONDS = 5.0
AT_ONCE = 2000
FETCH_BYTES = (
    256 << 10,
    4 << 20,
)  # of each partition at once, at least and at most; a larger record comes all the same
ALL_FETCH_BYTES = 32 << 20

KAFKA_ERRORS = (KafkaError, TimeoutError, OSError)
Ends = Mapping[TopicPartition, int]


class ReadError(TimeoutError):
    """The topics could not be read to their ends. The message says which, and why."""


@contextlib.asynccontextmanager
async def consumer(bootstrap: str, name: str, *, partitions: int = 0) -> AsyncIterator[AIOKafkaConsumer]:
    """A client that is closed at the end. Of few `partitions` more is fetched at once (0: it is not known how many)."""
    least, most = FETCH_BYTES
    header_names.install()  # else one record with a name that is not UTF-8 keeps all others from being read
    client = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=name,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_uncommitted",
        request_timeout_ms=int(CALL_SECONDS * 1000),
        max_partition_fetch_bytes=max(least, min(most, ALL_FETCH_BYTES // partitions))
        if partitions
        else least,
        fetch_max_wait_ms=10,  # nothing is waited for: everything is there already
    )
    try:
        await begin(client.start(), CALL_SECONDS)
        # Its background task must have begun before `stop`, which would raise CancelledError otherwise (aiokafka 0.14).
        await asyncio.sleep(0)
        yield client
    finally:
        await close(client.stop(), CLOSE_SECONDS)


async def to_the_ends(
    client: AIOKafkaConsumer, prefix: str, begins: Ends, ends: Ends
) -> AsyncIterator[Sequence[Record]]:
    """The records of all partitions, in batches, up to the ends that were looked up."""
    left = {p: offset for p, offset in begins.items() if offset < ends[p]}
    client.assign(list(left))
    for p, offset in left.items():
        client.seek(p, offset)
    silent = asyncio.get_running_loop().time()
    while left:
        async with asyncio.timeout(CALL_SECONDS):
            batches = await client.getmany(*left, timeout_ms=250, max_records=AT_ONCE)
            for p in list(left):
                if await client.position(p) >= ends[p]:
                    del left[p]
        now = asyncio.get_running_loop().time()
        if batches:
            silent = now
        elif left and now - silent > STALL_SECONDS:
            names = ", ".join(f"{p.topic}/{p.partition}" for p in left)
            raise ReadError(f"nothing came for {STALL_SECONDS:.0f} s from {names}")
        for p in sorted(batches):
            yield [as_record(raw, prefix) for raw in batches[p] if raw.offset < ends[p]]


async def records_at(client: AIOKafkaConsumer, prefix: str, places: Collection[Place]) -> dict[Place, Record]:
    """The records at these places; those that are not there any more are left out."""
    wanted: dict[TopicPartition, list[int]] = {}
    for topic, part, offset in places:
        wanted.setdefault(TopicPartition(prefix + topic, part), []).append(offset)
    if not wanted:
        return {}
    first: Ends = await client.beginning_offsets(list(wanted))
    last: Ends = await client.end_offsets(list(wanted))
    begins = {part: max(first[part], min(offsets)) for part, offsets in wanted.items()}
    ends = {part: min(last[part], max(offsets) + 1) for part, offsets in wanted.items()}
    found: dict[Place, Record] = {}
    async for records in to_the_ends(client, prefix, begins, ends):
        found.update({place: record for record in records if (place := place_of(record)) in places})
    return found


def place_of(record: Record) -> Place:
    return (record.topic, record.partition, record.offset)


def as_record(raw: object, prefix: str) -> Record:
    topic, key, value = raw.topic, raw.key, raw.value  # type: ignore[attr-defined]  # aiokafka has no types
    partition, offset, found = raw.partition, raw.offset, raw.headers  # type: ignore[attr-defined]  # as above
    return Record(topic.removeprefix(prefix), partition, offset, key, printable_headers(found), value)
