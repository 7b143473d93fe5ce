"""Follows topics: first what was said since some time, in its order, and then what is said, until it is closed."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from lockgate.cli.kafka import UnreachableError, called, fetched, reading
from lockgate.cli.view.order import moment
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.runtime.offsets_since import offsets_since

WATCHED = ("releases", "verdicts", "deployments", "rollbacks")
T = TypeVar("T")
Wanted = Callable[[Message[Payload]], bool]

SILENT_SECONDS = 15.0  # without an event; then Kafka is asked whether it is there at all


@asynccontextmanager
async def follow(
    kafka: str,
    prefix: str,
    topics: Iterable[str] = WATCHED,
    *,
    since: float | None = None,
    wanted: Wanted | None = None,
) -> AsyncIterator[AsyncIterator[list[Message[Payload]]]]:
    """The events of some topics, each once: as the first list the past `since` seconds (None: all), then news.

    Of each that is read, only those that are `wanted` are kept.

    The lists are ordered by time. UnreachableError when Kafka cannot be reached, or not any more.
    A context and no mere generator: who has seen enough leaves it, and then the client is closed at once and here,
    not by whoever collects an abandoned generator while its event loop ends.
    """
    async with (
        reading(kafka, prefix, topics) as consumer,
        aclosing(_told(kafka, prefix, consumer, since, wanted or (lambda _: True))) as told,
    ):
        yield told


async def _told(
    kafka: str, prefix: str, consumer: AIOKafkaConsumer, since: float | None, wanted: Wanted
) -> AsyncGenerator[list[Message[Payload]], None]:
    last: dict[tuple[str, str], int] = {}

    async def fetch() -> Sequence[Message[Payload]]:
        return await fetched(kafka, prefix, consumer)

    before = await past(kafka, consumer, since, fetch, wanted)
    yield list(_once(sorted(before, key=moment), last))
    heard = time.monotonic()
    while True:
        if news := await fetch():
            heard = time.monotonic()
            yield list(_once(filter(wanted, news), last))
        elif time.monotonic() - heard > SILENT_SECONDS:
            await called(kafka, consumer.end_offsets(consumer.assignment()))
            heard = time.monotonic()


async def past(
    kafka: str,
    consumer: AIOKafkaConsumer,
    since: float | None,
    fetch: Callable[[], Awaitable[Sequence[T]]],
    wanted: Callable[[T], bool] = lambda _: True,
) -> list[T]:
    """What `fetch` makes of all that lies on the consumer's topics now and was written in the last `since` seconds, where it is `wanted`."""
    places = consumer.assignment()
    ends: dict[TopicPartition, int] = await called(kafka, consumer.end_offsets(places))
    if since is not None:
        at = max(int((time.time() - since) * 1000), 0)
        for place, offset in (await called(kafka, offsets_since(consumer, places, at, ends))).items():
            consumer.seek(place, offset)
    found_so_far: list[T] = []
    progressed = time.monotonic()
    while await _behind(kafka, consumer, ends):
        if news := await fetch():
            found_so_far += filter(wanted, news)
            progressed = time.monotonic()
        elif time.monotonic() - progressed > SILENT_SECONDS:
            raise UnreachableError(
                f"Kafka at {kafka} stopped answering while its topics were read: try again"
            )
    return found_so_far


async def _behind(kafka: str, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    for place, end in ends.items():
        if await called(kafka, consumer.position(place)) < end:
            return True
    return False


def _once(
    messages: Iterable[Message[Payload]], last: dict[tuple[str, str], int]
) -> Iterator[Message[Payload]]:
    """Without what a service sent again: its events of one key are numbered."""
    for message in messages:
        whose = (message.writer or "", message.key)
        if message.number is None or message.number > last.get(whose, -1):
            last[whose] = last.get(whose, -1) if message.number is None else message.number
            yield message
