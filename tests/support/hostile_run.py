"""Writes hostile records and good announcements to the topics at a given pace, and keeps what was written where.

Every record is sent by a client that has no respect for anything. Talks to Kafka only.
"""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiokafka import AIOKafkaProducer

from lockgate.messages.artifacts import ArtifactPublished
from lockgate.runtime.deadletter import Reason
from lockgate.runtime.record_hash import printable
from tests.support.hostile_batches import Rec, batch, send_batch
from tests.support.hostile_drafts import Raw, digest_of
from tests.support.hostile_kind import Ends
from tests.support.whole import Whole, cdevent

PARTITIONS = 4
TICK = 0.1
MAX_BATCH = 900_000
MOST_HEADERS = 64
"""That a dead letter keeps."""

RELEASED_EVERY = 25
"""Of so many good announcements one becomes a release."""

WRITTEN_BY_BROKERS = 43
"""Bytes at the beginning of a batch into which a broker writes, but for its length."""

Drawn = tuple[str, list[tuple[Raw, Ends]]]
"""The name of a kind, and records of it with their fates."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A hostile record where it lies. Of its value only the hash is kept; `id` is its event's, if it can have one."""

    kind: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes
    fate: Ends
    id: str

    @property
    def place(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Good:
    """An announcement that was acknowledged, with the broker's time (ms)."""

    id: str
    at: int


@dataclass
class Written:
    hostile: list[Sent] = field(default_factory=list)
    alone: list[Good] = field(default_factory=list)
    mixed: list[Good] = field(default_factory=list)


def hash_of(value: bytes | None, *, whole: bool = False) -> bytes:
    """Of a value, or of a whole batch as nobody but its writer wrote it."""
    own = (value[8:12] + value[WRITTEN_BY_BROKERS:]) if whole and value else value
    return hashlib.sha256(b"none" if own is None else own).digest()


class Writer:
    """`story` are the applications that have plans; all other announcements are of packages that nobody claims."""

    def __init__(
        self, whole: Whole, good: Random, hostile: Random, packages: Sequence[str], rough: AIOKafkaProducer
    ) -> None:
        self._whole = whole
        self._good_chance, self._hostile_chance = good, hostile
        self._packages = packages
        self._rough = rough
        self._one_by_one: dict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        self.written = Written()

    async def alone(self, count: int, rate: float) -> None:
        self.written.alone += await self._good(count, rate)

    async def mixed(self, count: int, rate: float, source: Iterator[Drawn], hostile: int) -> None:
        """So many good ones at a rate, and in the same time so many hostile ones."""
        good, _ = await asyncio.gather(
            self._good(count, rate), self._hostile(source, hostile, hostile / (count / rate))
        )
        self.written.mixed += good

    # --- good ones --------------------------------------------------------------------------------------------

    async def _good(self, count: int, rate: float) -> list[Good]:
        sending = [asyncio.ensure_future(self._announced(number)) async for number in _paced(count, rate)]
        return list(await asyncio.gather(*sending))

    async def _announced(self, number: int) -> Good:
        event = cdevent(ArtifactPublished.type, self._package(number), {})
        sent = await self._whole.producer.send_and_wait(
            self._whole.prefix + "artifacts",
            json.dumps(event).encode(),
            headers=[("content-type", b"application/json")],
        )
        return Good(event["context"]["id"], sent.timestamp)

    def _package(self, number: int) -> str:
        name = f"nobody-{self._good_chance.getrandbits(64):x}"
        if number % RELEASED_EVERY == RELEASED_EVERY // 2:
            planned = self._packages[number // RELEASED_EVERY % len(self._packages)]
            return f"pkg:oci/{planned}@{digest_of(name).replace(':', '%3A')}"
        return f"pkg:oci/{name}@{digest_of(name).replace(':', '%3A')}"

    # --- hostile ones -----------------------------------------------------------------------------------------

    async def _hostile(self, source: Iterator[Drawn], count: int, rate: float) -> None:
        sending: list[asyncio.Future[None]] = []
        left = count
        async for many in _ticks(count, rate):
            found: dict[tuple[str, int], list[tuple[str, Raw, Ends]]] = defaultdict(list)
            size = 0
            while size < min(many, left):
                name, records = next(source)
                part = self._hostile_chance.randrange(PARTITIONS)
                found[records[0][0].topic, part] += [(name, raw, fate) for raw, fate in records]
                size += len(records)
            left -= size
            sending += [
                asyncio.ensure_future(self._send(topic, part, group))
                for (topic, part), records in found.items()
                for group in _groups(records)
            ]
        await asyncio.gather(*sending)

    async def _send(self, topic: str, part: int, group: Sequence[tuple[str, Raw, Ends]]) -> None:
        first = group[0][1]
        raw = first.batch or batch([Rec(raw.value, raw.key, raw.headers) for _, raw, _ in group])
        async with self._one_by_one[topic, part]:  # aiokafka gives up on those that wait for one another
            base = await send_batch(self._rough, self._whole.prefix + topic, part, raw)
        self.written.hostile += [
            _sent(name, record, fate, part, base + at) for at, (name, record, fate) in enumerate(group)
        ]


def _sent(name: str, raw: Raw, fate: Ends, part: int, offset: int) -> Sent:
    headers = tuple(
        (printable(header.decode("utf-8", "surrogateescape")), value)
        for header, value in raw.headers[:MOST_HEADERS]
        if value is not None
    )
    value = hash_of(raw.batch, whole=True) if fate is Reason.BATCH else hash_of(raw.value)
    return Sent(name, raw.topic, part, offset, raw.key, headers, value, fate, _id(raw.value))


def _id(value: bytes | None) -> str:
    """The id that whoever reads it as well as can be may take it for."""
    try:
        body: Any = json.loads(value or b"")
        return str(body.get("data", body)["context"]["id"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ""


def _groups(records: Sequence[tuple[str, Raw, Ends]]) -> Iterator[list[tuple[str, Raw, Ends]]]:
    """What can lie in one batch; in order."""
    group: list[tuple[str, Raw, Ends]] = []
    size = 0
    for record in records:
        raw = record[1]
        weighs = MAX_BATCH if raw.batch else _weight(raw)
        if group and size + weighs > MAX_BATCH:
            yield group
            group, size = [], 0
        group.append(record)
        size += weighs
    if group:
        yield group


def _weight(raw: Raw) -> int:
    return (
        100 + len(raw.value or b"") + sum(len(name) + len(value or b"") + 20 for name, value in raw.headers)
    )


async def _paced(count: int, rate: float) -> AsyncIterator[int]:
    """Numbers, each at its time; what is late does not wait."""
    began = asyncio.get_running_loop().time()
    for number in range(count):
        if (wait := began + number / rate - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(wait)
        yield number


async def _ticks(count: int, rate: float) -> AsyncIterator[int]:
    """How many are due, tick by tick, until all were."""
    began, given = asyncio.get_running_loop().time(), 0
    while given < count:
        await asyncio.sleep(TICK)
        due = min(count, int((asyncio.get_running_loop().time() - began) * rate))
        if due > given:
            yield due - given
            given = due


@asynccontextmanager
async def writing(
    whole: Whole, good: Random, hostile: Random, packages: Sequence[str]
) -> AsyncIterator[Writer]:
    rough = AIOKafkaProducer(
        bootstrap_servers=whole.local.servers.kafka,
        acks=1,
        max_request_size=4 << 20,
        request_timeout_ms=60_000,
    )
    await rough.start()
    try:
        yield Writer(whole, good, hostile, packages, rough)
    finally:
        await rough.stop()
