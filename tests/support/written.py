"""Everything that is on the topics, read once by a client of our own that shares nothing with the services' readers."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from lockgate.messages.topics import TOPICS, Kind


@dataclass(frozen=True, slots=True)
class Line:
    """One record. `body` is its JSON, or None where it is none (dead letters)."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    body: dict[str, Any] | None

    @property
    def own(self) -> dict[str, Any]:
        """Where our events carry writer, key and number."""
        found: dict[str, Any] = (self.body or {}).get("customData", {}).get("lockgate", {})
        return found

    @property
    def id(self) -> str:
        return str((self.body or {})["context"]["id"])

    @property
    def name(self) -> str:
        """The event's type without what all of ours have in common: release.completed, service.upgraded."""
        full = str((self.body or {})["context"]["type"]).rsplit(".", 3)[0]
        return full.removeprefix("dev.cdevents.").removeprefix("dev.cdeventsx.lockgate-")

    @property
    def said(self) -> dict[str, Any]:
        """What the event says, wherever its type keeps it."""
        body = self.body or {}
        found: dict[str, Any] = body["customData"].get("payload") or body["subject"]["content"]
        return found


@dataclass
class Written:
    """Each topic's lines, partition by partition in the order of their offsets."""

    lines: dict[str, list[Line]] = field(default_factory=dict)

    def of(self, kind: Kind) -> Iterator[Line]:
        for name, topic in TOPICS.items():
            if topic.kind is kind:
                yield from self.lines.get(name, ())

    def events(self) -> Iterator[Line]:
        return self.of(Kind.INTERNAL)

    def decisions(self) -> Iterator[Line]:
        return self.of(Kind.JOURNAL)


async def written(bootstrap: str, prefix: str, names: Iterable[str] = TOPICS) -> Written:
    """Reads these topics, or all, from their beginning to the end that they have now."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        found = Written()
        for name in names:
            parts = consumer.partitions_for_topic(prefix + name) or await _partitions(consumer, prefix + name)
            places = sorted(TopicPartition(prefix + name, part) for part in parts)
            found.lines[name] = await _read(consumer, name, places)
        return found
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client._wait_on_metadata(topic)
    return set(consumer.partitions_for_topic(topic) or ())


async def _read(consumer: AIOKafkaConsumer, name: str, places: list[TopicPartition]) -> list[Line]:
    if not places:
        return []
    consumer.assign(places)
    ends = await consumer.end_offsets(places)
    lines: list[Line] = []
    for place in places:
        await consumer.seek_to_beginning(place)
        while await consumer.position(place) < ends[place]:
            for records in (await consumer.getmany(place, timeout_ms=500)).values():
                lines += [_line(name, record) for record in records]
    return lines


def _line(topic: str, record: ConsumerRecord) -> Line:
    value = record.value or b""
    try:
        body = json.loads(value)
    except ValueError:
        body = None
    key = (record.key or b"").decode(errors="replace")
    return Line(topic, record.partition, record.offset, key, value, body)
