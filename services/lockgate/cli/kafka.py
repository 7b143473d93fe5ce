"""The command line as a Kafka client: follows topics, and publishes what operators and CI would."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import Readable, read

KAFKA_ERRORS = (KafkaError, TimeoutError, OSError)
ANSWER_SECONDS = 15.0
WATCHED = ("releases", "verdicts", "deployments", "rollbacks")


class UnreachableError(Exception):
    """Kafka does not answer. The message names the address and says what to do."""


async def follow(
    kafka: str, prefix: str, topics: Iterable[str] = WATCHED, *, from_start: bool = True
) -> AsyncIterator[Message[Payload]]:
    """The events of some topics, as they come; those that cannot be read are passed over. Ends when it is closed."""
    names = [prefix + topic for topic in topics]
    consumer = AIOKafkaConsumer(
        *names,
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest" if from_start else "latest",
        metadata_max_age_ms=5_000,
    )
    await _started(consumer, kafka)
    try:
        async for raw in consumer:
            record = Record(
                raw.topic.removeprefix(prefix),
                raw.partition,
                raw.offset,
                raw.key,
                tuple(raw.headers),
                raw.value,
            )
            item = read(record)
            if isinstance(item, Readable):
                yield item.message
    finally:
        await asyncio.wait_for(consumer.stop(), ANSWER_SECONDS)


async def publish(kafka: str, prefix: str, topic: str, event: Mapping[str, Any]) -> str:
    """Writes one CDEvent to an inlet, in binary mode, and waits for the acknowledgement. Returns its id."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await _started(producer, kafka)
    context = event["context"]
    headers = {
        "ce_specversion": "1.0",
        "ce_id": context["id"],
        "ce_source": context["source"],
        "ce_type": context["type"],
        "content-type": "application/json",
    }
    try:
        sent = producer.send_and_wait(
            prefix + topic, json.dumps(event).encode(), headers=[(k, v.encode()) for k, v in headers.items()]
        )
        await asyncio.wait_for(sent, ANSWER_SECONDS)
    except KAFKA_ERRORS as error:
        raise UnreachableError(
            f"the topic {prefix + topic} on {kafka} did not take the event: {error!r}. See that Lockgate's services"
            " have been started there once, since they create the topics"
        ) from None
    finally:
        await asyncio.wait_for(producer.stop(), ANSWER_SECONDS)
    return str(context["id"])


def cdevent(
    type_: str, subject: str, content: Mapping[str, Any], source: str = "/lockgate/cli"
) -> dict[str, Any]:
    """A CDEvent of our own making, as CI, monitoring or an operator would write it."""
    context = {
        "specversion": "0.5.1",
        "id": str(uuid.uuid4()),
        "source": source,
        "type": type_,
        "timestamp": datetime.fromtimestamp(time.time(), UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
    }
    return {"context": context, "subject": {"id": subject, "content": dict(content)}}


async def _started(client: Any, kafka: str) -> None:
    try:
        await asyncio.wait_for(client.start(), ANSWER_SECONDS)
    except KAFKA_ERRORS as error:
        await asyncio.wait_for(client.stop(), ANSWER_SECONDS)
        raise UnreachableError(
            f"no Kafka broker answers at {kafka} ({type(error).__name__}): start one with `lockgate up`, or name"
            " yours with --kafka or LOCKGATE_KAFKA"
        ) from None
