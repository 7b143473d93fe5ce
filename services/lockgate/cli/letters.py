"""Dead letters as they lie on their topics: found, and taken apart again. Talks to Kafka only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from lockgate.cli.following import past
from lockgate.cli.kafka import UnreachableError, called, fetched_raw, known_topics, reading
from lockgate.messages.message import Headers
from lockgate.messages.topics import DEAD_LETTERS
from lockgate.runtime.checks import Record
from lockgate.runtime.deadletter import original


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `part` and `offset` are its own; `of` is where the record lies that could not be read."""

    topic: str
    part: int
    offset: int
    at: datetime
    of: str
    reason: str
    detail: str
    key: bytes | None
    size: int
    """Of the original value, in bytes."""
    headers: Headers = ()
    value: bytes | None = None

    @property
    def place(self) -> str:
        return f"{self.topic}/{self.part}/{self.offset}"

    @property
    def service(self) -> str:
        return self.topic.partition(".")[0]


class NoLetterError(Exception):
    """There is no dead letter of this name. The message says what would be one."""


async def letters(
    kafka: str, prefix: str, services: Sequence[str], since: float | None, reason: str | None = None
) -> list[Letter]:
    """The dead letters of some services without their bytes, the oldest first."""
    known = await known_topics(kafka)
    topics = [topic for service in services if prefix + (topic := DEAD_LETTERS[service].name) in known]
    if not topics:
        raise UnreachableError(
            f"Kafka at {kafka} has no topic of dead letters ({', '.join(prefix + DEAD_LETTERS[s].name for s in services)}):"
            " start Lockgate's services there once, since they create the topics, or name another prefix with"
            " --prefix or LOCKGATE_TOPIC_PREFIX"
        )
    async with reading(kafka, prefix, topics) as consumer:

        async def fetch() -> list[Letter]:
            return [opened(raw, prefix, whole=False) for raw in await fetched_raw(kafka, consumer)]

        found = await past(kafka, consumer, since, fetch)
    chosen = [letter for letter in found if reason in {None, letter.reason}]
    return sorted(chosen, key=lambda letter: (letter.at, letter.service, letter.part, letter.offset))


async def letter_at(kafka: str, prefix: str, place: str) -> Letter:
    """The dead letter at TOPIC/PARTITION/OFFSET, with its bytes. NoLetterError if there is none."""
    topic, part, offset = _parsed(prefix, place)
    async with reading(kafka, prefix, (topic,)) as consumer:
        at = TopicPartition(prefix + topic, part)
        if at not in consumer.assignment():
            raise NoLetterError(f"the topic {prefix + topic} has no partition {part}")
        consumer.pause(*(consumer.assignment() - {at}))
        first = (await called(kafka, consumer.beginning_offsets([at])))[at]
        end = (await called(kafka, consumer.end_offsets([at])))[at]
        if not first <= offset < end:
            raise NoLetterError(
                f"there is no dead letter at {place}: its topic has the offsets {first} to {end - 1}"
                if first < end
                else f"there is no dead letter at {place}: that partition of the topic is empty"
            )
        consumer.seek(at, offset)
        while await _position(kafka, consumer, at) < end:
            for raw in await fetched_raw(kafka, consumer):
                if raw.offset == offset:
                    return opened(raw, prefix)
                raise NoLetterError(f"there is no record at {place}; the next one is at offset {raw.offset}")
    raise NoLetterError(f"there is no record at {place}")


def opened(raw: Any, prefix: str, *, whole: bool = True) -> Letter:
    """A dead letter taken apart; without its bytes unless it is to be `whole`."""
    topic = raw.topic.removeprefix(prefix)
    found = original(Record(topic, raw.partition, raw.offset, raw.key, tuple(raw.headers), raw.value))
    return Letter(
        topic,
        raw.partition,
        raw.offset,
        datetime.fromtimestamp(raw.timestamp / 1000, UTC),
        found.place,
        found.reason,
        found.detail,
        found.key,
        len(found.value or b""),
        found.headers if whole else (),
        found.value if whole else None,
    )


async def _position(kafka: str, consumer: AIOKafkaConsumer, at: TopicPartition) -> int:
    position: int = await called(kafka, consumer.position(at))
    return position


def _parsed(prefix: str, place: str) -> tuple[str, int, int]:
    topics = {topic.name for topic in DEAD_LETTERS.values()}
    match place.removeprefix(prefix).split("/"):
        case [topic, part, offset] if topic in topics and part.isdecimal() and offset.isdecimal():
            return topic, int(part), int(offset)
        case _:
            raise NoLetterError(
                f"{place!r} names no dead letter: write TOPIC/PARTITION/OFFSET as `lockgate deadletters list` shows"
                f" it, or its number there. The topics are {', '.join(sorted(topics))}"
            )
