"""Reads the topics and hands records to the engine; takes partitions over and gives them back.

FastStream's broker makes and owns the consumer; the records are taken from it raw, since its parser trips over
hostile headers and its batches wait when they need not (docs/decisions/0002). Kafka's committed offset is only a
hint: on assignment the consumer seeks to the offsets in PostgreSQL.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from lockgate.messages.topics import Topic
from lockgate.runtime.backoff import Backoff
from lockgate.runtime.checks import Record
from lockgate.runtime.engine import Engine
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.settings import RuntimeSettings
from lockgate.runtime.store import RETRYABLE, ConflictError

log = structlog.get_logger()

MAX_RECORDS = 500
HINT_SECONDS = 1.0
ANSWER_SECONDS = 5.0

KAFKA_ERRORS: tuple[type[Exception], ...] = (KafkaError, TimeoutError, OSError)


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """`stale` means that what the engine remembers must be dropped before anything else is handled."""

    def __init__(
        self, settings: RuntimeSettings, group: str, reads: tuple[Topic, ...], engine: Engine
    ) -> None:
        self._prefix = settings.topic_prefix
        self._engine = engine
        self._assigned: set[int] = set()
        self._backoff = Backoff(0.05, 5.0)
        self._listeners: list[Callable[[set[int]], Awaitable[None]]] = []
        self.stale = True
        self.fresh = asyncio.Event()
        self._broker = KafkaBroker(
            settings.kafka,
            client_id=group,
            allow_auto_create_topics=False,
            logger=None,
            request_timeout_ms=10_000,
        )
        self._subscriber = self._broker.subscriber(
            *(self._prefix + topic.name for topic in reads),
            group_id=group,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            listener=self,
            partition_assignment_strategy=(RangePartitionAssignor,),
            # Handlers are short; a long outage of PostgreSQL must not cost the membership (aiokafka#1187).
            max_poll_interval_ms=3_600_000,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=1_000,
        )

    @property
    def consumer(self) -> Any:
        """The aiokafka consumer; there once started."""
        return self._subscriber.consumer

    def on_owned(self, listener: Callable[[set[int]], Awaitable[None]]) -> None:
        """Calls back with the partitions each time that the engine has taken them over, and with none before."""
        self._listeners.append(listener)

    async def start(self) -> None:
        await self._broker.start()

    async def close(self, seconds: float) -> None:
        """Leaves the group. Bounded, since a broker that is away would let it hang."""
        try:
            async with asyncio.timeout(seconds):
                await self._hint()
                await self._broker.stop()
        except KAFKA_ERRORS as error:
            log.warning("the consumer did not leave its group in time", error=repr(error))

    def mark_stale(self) -> None:
        self.stale = True
        self.fresh.clear()

    async def run(self) -> None:
        """Reads until it is cancelled. Errors of Kafka and PostgreSQL are retried for ever, with capped backoff."""
        hinted = asyncio.get_running_loop().time()
        while True:
            try:
                if self.stale:
                    await self._restore()
                found = await self.consumer.getmany(timeout_ms=500, max_records=MAX_RECORDS)
                if found and not self.stale:
                    await self._handle([self._record(r) for records in found.values() for r in records])
                if asyncio.get_running_loop().time() - hinted > HINT_SECONDS:
                    await self._hint()
                    hinted = asyncio.get_running_loop().time()
                self._backoff.reset()
            except ConflictError as conflict:
                METRICS.conflicts.inc()
                log.info("another replica was first; starting over", conflict=str(conflict))
                self.mark_stale()
            except (*KAFKA_ERRORS, *RETRYABLE) as error:
                log.warning("reading will be tried again", error=repr(error), delay=self._backoff.peek)
                self.mark_stale()
                await self._backoff.wait()

    async def _handle(self, records: list[Record]) -> None:
        async with self._engine.lock:
            if not self.stale:
                try:
                    await self._engine.take_records(records)
                except BaseException:
                    self.mark_stale()
                    raise

    async def _restore(self) -> None:
        """Drops what is remembered and takes the assigned partitions over from the database."""
        async with self._engine.lock:
            parts = set(self._assigned)
            offsets = await self._engine.restore(parts)
            for (topic, part), offset in offsets.items():
                self.consumer.seek(TopicPartition(self._prefix + topic, part), offset)
            self.stale = self._assigned != parts
        if not self.stale and parts:
            for listener in self._listeners:
                await listener(parts)
            self.fresh.set()
        if not parts:
            await asyncio.sleep(0.05)  # no partitions yet: nothing to read

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        del revoked  # the eager protocol takes all of them
        self.mark_stale()
        async with self._engine.lock:
            self._assigned = set()
            self._engine.owned = set()
        METRICS.partitions.set(0)
        for listener in self._listeners:
            await listener(set())

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.mark_stale()
        self._assigned = {tp.partition for tp in assigned}
        METRICS.partitions.set(len(self._assigned))
        log.info("partitions assigned", partitions=sorted(self._assigned))

    async def ends(self, parts: set[int]) -> dict[tuple[str, int], int]:
        """Where the topics of some partitions end now. One of KAFKA_ERRORS if that cannot be said in time."""
        places = [place for place in self._engine.next if place[1] in parts]
        wanted = {TopicPartition(self._prefix + topic, part): (topic, part) for topic, part in places}
        found = await asyncio.wait_for(self.consumer.end_offsets(list(wanted)), ANSWER_SECONDS)
        return {wanted[tp]: end for tp, end in found.items()}

    async def _hint(self) -> None:
        if not self.stale and self._engine.next:
            places = {TopicPartition(self._prefix + t, p): n for (t, p), n in self._engine.next.items()}
            try:
                await asyncio.wait_for(self.consumer.commit(places), ANSWER_SECONDS)
            except KAFKA_ERRORS as error:
                log.debug("the offset hint was not committed", error=repr(error))

    def _record(self, raw: Any) -> Record:
        topic = raw.topic.removeprefix(self._prefix)
        return Record(topic, raw.partition, raw.offset, raw.key, tuple(raw.headers), raw.value)
