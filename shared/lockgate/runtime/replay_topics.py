"""Reads all topics once into a spool, for a replay. No consumer group, no trace on the brokers.

Ends are looked up in an order that makes the picture whole although services go on writing: first those of the
events, then the journals' (an event's journal record is published before it), then the events' again (an input is
there before its journal record). Talks to Kafka; every wait has a bound.
"""

import asyncio
from collections.abc import Callable, Collection

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from lockgate.messages.topics import TOPICS, Kind
from lockgate.runtime.replay_records import Span, Spool
from lockgate.runtime.topic_scan import CALL_SECONDS, KAFKA_ERRORS, ReadError, consumer, to_the_ends

Progress = Callable[[int, int], None]
"""Records read, and records in all."""


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
    except ReadError:
        raise
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
    async with consumer(bootstrap, "lockgate-replay", partitions=len(events) + len(wanted)) as client:
        begins = await client.beginning_offsets([*events, *wanted])
        settled = await client.end_offsets(events)
        settled |= await client.end_offsets(wanted)
        ends = {**settled, **await client.end_offsets(events)}
        read, total = 0, sum(ends[p] - begins[p] for p in ends)
        for p, end in ends.items():
            span = Span(begins[p], settled[p], end)
            spool.open_partition(p.topic.removeprefix(prefix), p.partition, span)
        async for records in to_the_ends(client, prefix, begins, ends):
            for record in records:
                spool.add(record)
            read += len(records)
            progress(read, total)
        now = await client.beginning_offsets(list(ends))
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
