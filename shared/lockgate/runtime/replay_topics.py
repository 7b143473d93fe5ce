"""Reads all topics once into a spool, for a replay. No consumer group, no trace on the brokers.

Ends are looked up in an order that makes the picture whole although services go on writing: first those of the
events, then the journals' (an event's journal record is published before it), then the events' again (an input is
there before its journal record). Talks to Kafka; every wait has a bound.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from lockgate.messages.topics import TOPICS, Kind
from lockgate.runtime import header_names
from lockgate.runtime.checks import Record
from lockgate.runtime.record_hash import printable
from lockgate.runtime.replay_records import Span, Spool

CALL_SECONDS = 15.0
STALL_SECONDS = 30.0
CLOSE_SECONDS = 5.0
AT_ONCE = 2000
FETCH_BYTES = 256 * 1024

KAFKA_ERRORS = (KafkaError, TimeoutError, OSError)
Ends = Mapping[TopicPartition, int]
Progress = Callable[[int, int], None]
"""Records read, and records in all."""


class ReadError(Exception):
    """The topics could not be read to their ends. The message says which, and why."""


async def read_topics(
    bootstrap: str,
    prefix: str,
    spool: Spool,
    *,
    journals: Collection[str] | None = None,
    progress: Progress = lambda _done, _all: None,
) -> None:
    """Fills the spool with everything that replays need: inlets, internal topics, and journals (None: all).

    ReadError if Kafka cannot be reached, or gives nothing for half a minute.
    """
    try:
        await _read(bootstrap, prefix, spool, journals, progress)
    except KAFKA_ERRORS as error:
        reason = f"{type(error).__name__} {error}".strip()
        raise ReadError(f"the topics on {bootstrap} cannot be read: {reason}") from error


async def _read(
    bootstrap: str, prefix: str, spool: Spool, journals: Collection[str] | None, progress: Progress
) -> None:
    found = await _partitions(bootstrap, prefix)
    events = [p for p in found if TOPICS[p.topic.removeprefix(prefix)].kind in {Kind.INLET, Kind.INTERNAL}]
    wanted = [p for p in found if _is_journal(p, prefix, journals)]
    if not wanted:
        raise ReadError(f"there is no journal with the prefix {prefix!r} on {bootstrap}: check both")
    async with _consumer(bootstrap) as consumer:
        begins = await consumer.beginning_offsets([*events, *wanted])
        settled = await consumer.end_offsets(events)
        settled |= await consumer.end_offsets(wanted)
        ends = {**settled, **await consumer.end_offsets(events)}
        read, total = 0, sum(ends[p] - begins[p] for p in ends)
        for p, end in ends.items():
            span = Span(begins[p], settled[p], end)
            spool.open_partition(p.topic.removeprefix(prefix), p.partition, span)
        async for records in _to_the_ends(consumer, prefix, begins, ends):
            for record in records:
                spool.add(record)
            read += len(records)
            progress(read, total)
        now = await consumer.beginning_offsets(list(ends))
        for p, begin in now.items():
            spool.begin_later(p.topic.removeprefix(prefix), p.partition, begin)


def _is_journal(part: TopicPartition, prefix: str, services: Collection[str] | None) -> bool:
    topic = TOPICS[part.topic.removeprefix(prefix)]
    return topic.kind is Kind.JOURNAL and (services is None or topic.writer in services)


async def _partitions(bootstrap: str, prefix: str) -> list[TopicPartition]:
    """Those of our topics that exist. All are asked for, since asking for one by name can create it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(CALL_SECONDS * 1000))
    async with asyncio.timeout(CALL_SECONDS):
        try:
            await admin.start()
            described = await admin.describe_topics()
        finally:
            await admin.close()
    return [
        TopicPartition(topic["topic"], part["partition"])
        for topic in described
        if topic["topic"].startswith(prefix) and topic["topic"].removeprefix(prefix) in TOPICS
        for part in sorted(topic["partitions"], key=lambda part: int(part["partition"]))
    ]


@contextlib.asynccontextmanager
async def _consumer(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    header_names.install()  # else one record with a name that is not UTF-8 keeps all others from being read
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="lockgate-replay",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_uncommitted",
        request_timeout_ms=int(CALL_SECONDS * 1000),
        max_partition_fetch_bytes=FETCH_BYTES,  # of each of many partitions; a larger record comes all the same
        fetch_max_wait_ms=10,  # nothing is waited for: everything is there already
    )
    try:
        async with asyncio.timeout(CALL_SECONDS):
            await consumer.start()
        # Its background task must have begun before `stop`, which would raise CancelledError otherwise (aiokafka 0.14).
        await asyncio.sleep(0)
        yield consumer
    finally:
        with contextlib.suppress(*KAFKA_ERRORS):
            async with asyncio.timeout(CLOSE_SECONDS):
                await consumer.stop()


async def _to_the_ends(
    consumer: AIOKafkaConsumer, prefix: str, begins: Ends, ends: Ends
) -> AsyncIterator[Sequence[Record]]:
    """The records of all partitions, in batches, up to the ends that were looked up."""
    left = {p: begin for p, begin in begins.items() if begin < ends[p]}
    consumer.assign(list(left))
    for p, begin in left.items():
        consumer.seek(p, begin)
    silent = asyncio.get_running_loop().time()
    while left:
        async with asyncio.timeout(CALL_SECONDS):
            batches = await consumer.getmany(*left, timeout_ms=250, max_records=AT_ONCE)
            for p in list(left):
                if await consumer.position(p) >= ends[p]:
                    del left[p]
        now = asyncio.get_running_loop().time()
        if batches:
            silent = now
        elif left and now - silent > STALL_SECONDS:
            names = ", ".join(f"{p.topic}/{p.partition}" for p in left)
            raise ReadError(f"nothing came for {STALL_SECONDS:.0f} s from {names}")
        for p in sorted(batches):
            yield [_record(raw, prefix) for raw in batches[p] if raw.offset < ends[p]]


def _record(raw: object, prefix: str) -> Record:
    topic, key, value = raw.topic, raw.key, raw.value  # type: ignore[attr-defined]  # aiokafka has no types
    partition, offset, found = raw.partition, raw.offset, raw.headers  # type: ignore[attr-defined]  # as above
    headers = tuple((printable(name), bytes_) for name, bytes_ in found)
    return Record(topic.removeprefix(prefix), partition, offset, key, headers, value)
