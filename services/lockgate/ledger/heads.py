"""Signed heads on their way to the topic `checkpoints` and back. Talks to Kafka only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.partitioner import murmur2

from lockgate.ledger.reader import CALL_SECONDS, consumer, partitions, start, stop
from lockgate.ledger.store import SignedHead
from lockgate.ledger.walk import NumberedHead
from lockgate.messages.checkpoints import HeadSigned
from lockgate.messages.message import Message, UnreadableError, decode, encode, event_id
from lockgate.messages.topics import CHECKPOINTS
from lockgate.messages.values import EVERY
from lockgate.runtime.batch import Out
from lockgate.runtime.producer import Producer

WRITER = CHECKPOINTS.writer
IDLE_SECONDS = 30.0


def as_event(number: int, head: HeadSigned, at: datetime) -> SignedHead:
    """The event of a signed head. Its bytes depend on the arguments alone, so that it can be sent again."""
    message = Message(
        body=head,
        id=event_id(WRITER, EVERY, number),
        source=f"/lockgate/{WRITER}",
        key=EVERY,
        at=at.isoformat(timespec="milliseconds"),
        writer=WRITER,
        number=number,
    )
    headers, value = encode(message)
    return SignedHead(number, head.sequence, headers, value)


async def publish(producer: Producer, heads: Sequence[SignedHead], parts: int) -> None:
    """Returns when the broker has acknowledged all. Raises what `Producer.send` raises."""
    part = (murmur2(EVERY.encode()) & 0x7FFF_FFFF) % parts
    out = [Out(part, CHECKPOINTS.name, EVERY.encode(), head.headers, head.value) for head in heads]
    await producer.send(CHECKPOINTS.name, part, out)


async def read_heads(bootstrap: str, prefix: str, *, last: int | None = None) -> list[NumberedHead]:
    """The heads on the topic, or those among the `last` records of each partition. Raises KAFKA_ERRORS.

    What is no head of the ledger's is left out: its signature is what makes a head one, not its place.
    """
    found: list[NumberedHead] = []
    parts = (await partitions(bootstrap, prefix)).get(CHECKPOINTS.name, [])
    async with reading(bootstrap) as reader:
        for part in parts:
            at = TopicPartition(prefix + CHECKPOINTS.name, part)
            begin, end = await bounds(reader, at)
            begin = begin if last is None else max(begin, end - last)
            async for batch in stretches(reader, at, begin, end):
                found += [head for raw in batch if (head := _head(raw)) is not None]
    return found


def _head(raw: Any) -> NumberedHead | None:
    try:
        headers = {name.lower(): value for name, value in raw.headers if value is not None}
        message = decode(EVERY, headers, raw.value or b"")
    except UnreadableError:
        return None
    is_ours = isinstance(message.body, HeadSigned) and message.writer == WRITER and message.key == EVERY
    return (message.number, message.body) if is_ours and message.number else None  # type: ignore[return-value]  # as is_ours says


@contextlib.asynccontextmanager
async def reading(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A reader of one stretch after the other; it never waits for records that are not there yet."""
    reader = consumer(bootstrap, fetch_wait_ms=10)
    try:
        await start(reader)
        yield reader
    finally:
        await stop(reader)


async def bounds(reader: AIOKafkaConsumer, at: TopicPartition) -> tuple[int, int]:
    """The log start, and the offset after the last record."""
    async with asyncio.timeout(CALL_SECONDS):
        begin = await reader.beginning_offsets([at])
        end = await reader.end_offsets([at])
    return begin[at], end[at]


async def stretches(
    reader: AIOKafkaConsumer, at: TopicPartition, begin: int, end: int
) -> AsyncIterator[list[Any]]:
    """All raw records of a partition from `begin` up to and without `end`, in batches. TimeoutError if it stalls."""
    if begin >= end:
        return
    reader.assign([at])
    reader.seek(at, begin)
    position = begin
    while position < end:
        async with asyncio.timeout(IDLE_SECONDS):
            batch: list[Any] = []
            while not batch and position < end:
                batch = (await reader.getmany(timeout_ms=250, max_records=1000)).get(at, [])
                position = await reader.position(at)
        if wanted := [raw for raw in batch if raw.offset < end]:
            yield wanted
