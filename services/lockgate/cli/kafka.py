"""The command line as a Kafka client: publishes what operators, CI and monitoring would, and waits for intake's answer.

`following` reads the topics. Every call to Kafka is bounded; one that fails is an UnreachableError with a sentence.
"""

import asyncio
import contextlib
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from lockgate.cli.view.order import moment
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.runtime import header_names
from lockgate.runtime.bounded import close
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import Readable, read

KAFKA_ERRORS = (KafkaError, TimeoutError, OSError, ValueError)  # ValueError: an address that is none
CALL_SECONDS = 10.0
ANSWER_SECONDS = 30.0

_ADDRESS = re.compile(r"\('([^']*)', (\d+), <[^>]*>\)")
"""A broker's address as aiokafka writes it in an error, with the family of its socket."""

T = TypeVar("T")
Yes = TypeVar("Yes", bound=Payload)
No = TypeVar("No", bound=Payload)


class UnreachableError(Exception):
    """Kafka does not answer, or not as it must. The message names the address and says what to do."""


async def ask(  # noqa: PLR0917  # where, what, and the two answers
    kafka: str,
    prefix: str,
    topic: str,
    event: Mapping[str, Any],
    yes: type[Yes],
    no: type[No],
    is_about_it: Callable[[Message[Payload]], bool] = lambda _message: False,
) -> Yes | No | None:
    """Publishes an event to an inlet and waits for intake's answer to it; None if none came in ANSWER_SECONDS.

    It is an answer if it links to the event, or else if `is_about_it` says so: what came of slow work has no link.
    """
    async with reading(kafka, prefix, ("releases",)) as consumer:
        await called(kafka, consumer.seek_to_end())  # the answer lies behind what is there now
        id_ = await publish(kafka, prefix, topic, event)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    for message in await fetched(kafka, prefix, consumer):
                        if isinstance(message.body, yes | no) and (
                            id_ in message.links or is_about_it(message)
                        ):
                            return message.body
    return None


async def publish(kafka: str, prefix: str, topic: str, event: Mapping[str, Any]) -> str:
    """Writes one CDEvent to an inlet, in binary mode, and waits for the acknowledgement. Returns its id."""
    context = event["context"]
    headers = {
        "ce_specversion": "1.0",
        "ce_id": context["id"],
        "ce_source": context["source"],
        "ce_type": context["type"],
        "content-type": "application/json",
    }
    async with _started(kafka, AIOKafkaProducer(bootstrap_servers=kafka, acks="all")) as producer:
        sent = producer.send_and_wait(
            prefix + topic, json.dumps(event).encode(), headers=[(k, v.encode()) for k, v in headers.items()]
        )
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await sent
        except KAFKA_ERRORS as error:
            raise UnreachableError(
                f"the topic {prefix + topic} on {kafka} did not take the event ({named(error)}): see that"
                " Lockgate's services have been started there once, since they create the topics"
            ) from None
    return str(context["id"])


def cdevent(
    type_: str, subject: str, content: Mapping[str, Any], source: str = "/lockgate/cli"
) -> dict[str, Any]:
    """A CDEvent of our own making, as CI, monitoring or an operator would write it."""
    now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    context = {
        "specversion": "0.5.1",
        "id": str(uuid.uuid4()),
        "source": source,
        "type": type_,
        "timestamp": now.replace("+00:00", "Z"),
    }
    return {"context": context, "subject": {"id": subject, "content": dict(content)}}


@contextlib.asynccontextmanager
async def reading(kafka: str, prefix: str, topics: Iterable[str]) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of all partitions of some topics, at their beginning. UnreachableError if a topic is missing."""
    names = [prefix + topic for topic in topics]
    known = await known_topics(kafka)
    if missing := [name for name in names if name not in known]:
        raise UnreachableError(
            f"Kafka at {kafka} has no topic {', '.join(missing)}: start Lockgate's services there once, since they"
            " create the topics, or name another prefix with --prefix or LOCKGATE_TOPIC_PREFIX"
        )
    header_names.install()  # else one record that no honest client writes keeps all others from being read
    consumer = AIOKafkaConsumer(
        *names,
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        metadata_max_age_ms=5_000,
    )
    async with _started(kafka, consumer):
        yield consumer


async def known_topics(kafka: str) -> set[str]:
    """The names of all topics, with their prefixes."""
    async with _started(kafka, AIOKafkaConsumer(bootstrap_servers=kafka)) as anyone:
        found: set[str] = await called(kafka, anyone.topics())
    return found


async def fetched_raw(kafka: str, consumer: AIOKafkaConsumer) -> list[Any]:
    """The next records as the client gives them, after half a second at most."""
    try:
        found = await consumer.getmany(timeout_ms=500)
    except KAFKA_ERRORS as error:
        raise UnreachableError(f"reading from Kafka at {kafka} failed: {named(error)}") from None
    return [raw for raws in found.values() for raw in raws]


async def fetched(kafka: str, prefix: str, consumer: AIOKafkaConsumer) -> list[Message[Payload]]:
    """The next events by their time, after half a second at most; what cannot be read is passed over."""
    raws = await fetched_raw(kafka, consumer)
    messages = (message for raw in raws for message in _readable(raw, prefix))
    return sorted(messages, key=moment)


async def called(kafka: str, call: Awaitable[T]) -> T:
    """The answer to a call. UnreachableError if it fails, or takes longer than CALL_SECONDS."""
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await call
    except KAFKA_ERRORS as error:
        raise UnreachableError(unanswered(kafka, error)) from None


def unanswered(kafka: str, error: BaseException) -> str:
    """What to say and to do where no broker answers."""
    return (
        f"no Kafka broker answers at {kafka} ({named(error)}): start one with `lockgate up`, or name yours"
        " with --kafka or LOCKGATE_KAFKA"
    )


@contextlib.asynccontextmanager
async def _started(kafka: str, client: T) -> AsyncIterator[T]:
    """A client that is connected, and stopped afterwards; a broker that is gone does not keep it from that."""
    some: Any = client
    try:
        await called(kafka, some.start())
        yield client
    finally:
        await close(some.stop(), CALL_SECONDS)


def _readable(raw: Any, prefix: str) -> Iterator[Message[Payload]]:
    topic = raw.topic.removeprefix(prefix)
    item = read(Record(topic, raw.partition, raw.offset, raw.key, tuple(raw.headers), raw.value))
    if isinstance(item, Readable):
        yield item.message


def named(error: BaseException) -> str:
    """The kind of an error, and what it says, if anything."""
    kind, says = type(error).__name__, _ADDRESS.sub(r"\1:\2", str(error))
    return says if says.startswith(kind) else f"{kind}: {says}" if says else kind
