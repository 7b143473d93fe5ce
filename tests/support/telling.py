"""Everything that the services say, read from the topics while it is said, in the order of its arrival."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from lockgate.messages.message import Message, decode
from lockgate.messages.payload import Payload
from lockgate.messages.registry import payloads_of
from lockgate.messages.topics import TOPICS, Kind
from lockgate.runtime import header_names
from lockgate.runtime.bounded import close
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import Readable, read

CLOSE_SECONDS = 10.0

_INTERNAL = tuple(topic.name for topic in TOPICS.values() if topic.kind is Kind.INTERNAL)
_DEAD = tuple(topic.name for topic in TOPICS.values() if topic.kind is Kind.DEAD)


@dataclass(frozen=True, slots=True)
class Told:
    """One record of an internal topic."""

    topic: str
    value: bytes
    message: Message[Payload]

    @property
    def body(self) -> Payload:
        return self.message.body

    def __str__(self) -> str:
        body = self.body.model_dump(mode="json", by_alias=True)
        names = ("stage", "region", "action", "outcome", "waitingFor", "code", "digest", "reason")
        said = ", ".join(f"{name}={body[name]}" for name in names if body.get(name))
        return f"{self.message.at} {self.message.writer}: {type(self.body).__name__}({said})"


class Telling:
    """`all` grows while it listens; `dead` are the values in the services' dead-letter topics.

    `tolerant`: what is no event is passed over, where others than the services write to their topics.
    """

    def __init__(self, bootstrap: str, prefix: str, *, tolerant: bool = False) -> None:
        if tolerant:
            header_names.install()
        self._tolerant = tolerant
        self.all: list[Told] = []
        self._by_key: dict[str, list[Told]] = defaultdict(list)
        self.dead: list[ConsumerRecord] = []
        self._prefix = prefix
        self._news = asyncio.Condition()
        self._consumer = AIOKafkaConsumer(
            *(prefix + name for name in (*_INTERNAL, *_DEAD)),
            bootstrap_servers=bootstrap,
            auto_offset_reset="earliest",
        )
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        # Tests that do not wait keep the loop from turning for so long that a request counts as timed out at the end.
        await close(self._consumer.stop(), CLOSE_SECONDS)

    async def first(self, matches: Callable[[Told], bool], seconds: float) -> Told:
        """The first record that matches, said already or said in time. TimeoutError otherwise."""
        found: list[Told] = []
        looked = 0

        def said() -> bool:
            nonlocal looked
            fresh, looked = self.all[looked:], len(self.all)
            found.extend(told for told in fresh if matches(told))
            return bool(found) or self._broken()

        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(said)
        if not found and self._listening is not None:
            self._listening.result()  # raises what ended the listening
        return found[0]

    async def catch_up(self, seconds: float = 20.0) -> None:
        """Until everything that is on the topics now has been heard."""
        places = self._consumer.assignment()
        ends = await self._consumer.end_offsets(list(places))
        async with asyncio.timeout(seconds):
            for place, end in ends.items():
                while await self._consumer.position(place) < end:  # noqa: ASYNC110  # the consumer tells nobody
                    await asyncio.sleep(0.01)
        async with self._news:  # what was fetched is taken before this turn
            return

    async def forget(self) -> None:
        """Lets go of everything that was heard, in a run of hours. Nobody may wait for anything meanwhile."""
        async with self._news:
            self.all.clear()
            self._by_key.clear()

    def of(self, application: str) -> Iterator[Told]:
        return iter(self._by_key.get(application, ()))

    def _broken(self) -> bool:
        return self._listening is not None and self._listening.done()

    async def _listen(self) -> None:
        try:
            while True:
                await self._hear()
        finally:
            with contextlib.suppress(RuntimeError):
                async with self._news:
                    self._news.notify_all()

    async def _hear(self) -> None:
        try:
            found: dict[Any, list[ConsumerRecord]] = await self._consumer.getmany(timeout_ms=200)
        except KafkaError:  # a paused broker: it goes on by itself
            await asyncio.sleep(0.2)
            return
        if not found:
            return
        async with self._news:
            for record in (record for records in found.values() for record in records):
                self._take(record)
            self._news.notify_all()

    def _take(self, record: ConsumerRecord) -> None:
        topic = record.topic.removeprefix(self._prefix)
        if topic in _DEAD:
            self.dead.append(record)
            return
        if self._tolerant and not _is_event(topic, record):
            return
        message = decode(record.key.decode(), dict(record.headers), record.value, payloads_of(topic))
        told = Told(topic, record.value, message)
        self.all.append(told)
        self._by_key[message.key].append(told)


def _is_event(topic: str, record: ConsumerRecord) -> bool:
    given = (topic, record.partition, record.offset, record.key, record.headers, record.value)
    return isinstance(read(Record(*given)), Readable)
