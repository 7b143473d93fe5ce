"""Reads the topics and hands records to the engine; takes partitions over and gives them back.

Kafka's committed offset is only a hint: on assignment the consumer seeks to the offsets in PostgreSQL. Whatever
cannot be read or written is found and put aside, so that it blocks nothing else.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from lockgate.messages.topics import Topic
from lockgate.runtime.backoff import Backoff
from lockgate.runtime.engine import Engine
from lockgate.runtime.faults import Point, reach
from lockgate.runtime.fetched import items_of
from lockgate.runtime.gathering import Gathering
from lockgate.runtime.kafka_topics import lost
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.portion import Portion
from lockgate.runtime.reading import Item
from lockgate.runtime.recovering import Recovery
from lockgate.runtime.settings import RuntimeSettings
from lockgate.runtime.store import RETRYABLE, STARTING_OVER, ConflictError
from lockgate.runtime.subscription import KAFKA_ERRORS, Subscription

log = structlog.get_logger()

READ_SECONDS = 0.5
HINT_SECONDS = 1.0
SETTLE_SECONDS = 0.5
ANSWER_SECONDS = 5.0


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """`stale` means that what the engine remembers must be dropped before anything else is handled. The
    recovery comes before anything is remembered anew.

    `failing` means that Kafka could not be read from the last time that it was tried.
    """

    def __init__(
        self,
        settings: RuntimeSettings,
        group: str,
        reads: tuple[Topic, ...],
        engine: Engine,
        recovery: Recovery,
    ) -> None:
        self._prefix = settings.topic_prefix
        self._engine = engine
        self._recovery = recovery
        self._topics = [topic.name for topic in reads]
        self._assigned: set[int] = set()
        self._careful: dict[tuple[str, int], int] = {}  # up to here one by one: a batch could not be written
        self._gathering = Gathering()
        self._portion = Portion()
        self._lost: Exception | None = None
        engine.committing.on_lost = self._lose
        self._settled = self._hinted = 0.0
        self._backoff = Backoff(0.05, 5.0)
        self._listeners: list[Callable[[set[int]], Awaitable[None]]] = []
        self.stale = True
        self.failing = False
        self.fresh = asyncio.Event()
        self._subscription = Subscription(
            settings, group, tuple(self._prefix + topic for topic in self._topics), self
        )

    @property
    def consumer(self) -> Any:
        """The aiokafka consumer; there once started."""
        return self._subscription.consumer

    @property
    def member(self) -> str:
        """Its id in the consumer group; empty while it has none."""
        return self._subscription.member

    def on_owned(self, listener: Callable[[set[int]], Awaitable[None]]) -> None:
        """Calls back with the partitions each time that the engine has taken them over, and with none before."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """One of KAFKA_ERRORS if the broker is away; then it can be tried again."""
        await self._subscription.start()

    async def close(self, seconds: float) -> None:
        """Leaves the group. Bounded, since a broker that is away would let it hang."""
        try:
            async with asyncio.timeout(seconds / 2):
                await self._hint()
        except TimeoutError:
            log.debug("the offset hint was not committed in time")
        await self._subscription.stop(seconds / 2)

    def _lose(self, error: Exception) -> None:
        """What was decided ahead could not be written: nothing that builds on it may be believed."""
        self._lost = error
        self.mark_stale()

    def mark_stale(self) -> None:
        self.stale = True
        self.fresh.clear()

    async def run(self) -> None:
        """Reads until it is cancelled. Errors of Kafka and PostgreSQL are retried for ever, with capped backoff.

        TopicError if a topic does not have what was handled from it already: it is not the same topic any more.
        """
        while True:
            writes = self._engine.committing.writes
            try:
                await self._round()
                if self._engine.committing.writes > writes:  # a batch that was only begun proves nothing
                    self._backoff.reset()
                    self._portion.written()
                self.failing = False
            except ConflictError as conflict:
                METRICS.conflicts.inc()
                log.info("another replica was first; starting over", conflict=str(conflict))
                self.mark_stale()
                await self._backoff.wait()
            except (*KAFKA_ERRORS, *RETRYABLE) as error:
                log.warning("reading will be tried again", error=repr(error), delay=self._backoff.peek)
                self.failing = isinstance(error, KafkaError)
                if isinstance(error, TimeoutError):
                    self._portion.late()
                self.mark_stale()
                await self._backoff.wait()

    async def _round(self) -> None:
        if self._lost is not None:
            await self._recover_lost()
        if self._recovery.needed:
            self.mark_stale()
        if self.stale:
            await self._restore()
        careful, loop = self._is_careful, asyncio.get_running_loop()
        found = await self.consumer.getmany(
            timeout_ms=int(1000 * self._gathering.left(loop.time(), READ_SECONDS)) + 1,
            max_records=1 if careful else self._portion.most,
        )
        now = loop.time()
        if found:
            reach(Point.FETCHED)
        items = await items_of(found, self._prefix)
        if not careful:
            items = self._gathering.due(items, now)
        if items or (self._engine.has_parked and not self._gathering):
            await self._handle(items)
        if not self._gathering and now - self._settled > SETTLE_SECONDS:  # else the consumer is ahead by it
            await self._settle()
            self._settled = now
        if now - self._hinted > HINT_SECONDS:
            await self._hint()
            self._hinted = now

    async def _handle(self, items: Sequence[Item]) -> None:
        async with self._engine.committing.lock:
            if self.stale:
                return
            careful, self._portion.taken = self._is_careful, len(items)
            try:
                await self._engine.take_records(items, release=not careful, ahead=not careful)
            except STARTING_OVER:
                self.mark_stale()
                if self._lost is None:  # else that is what went wrong, and the next round deals with it
                    raise
            except Exception as error:  # noqa: BLE001  # logged there
                self.mark_stale()
                await self._isolate(items if careful else (), error)
            except BaseException:
                self.mark_stale()
                raise

    async def _recover_lost(self) -> None:
        """Deals with what was decided ahead and could not be written, as if it had been written at once."""
        async with self._engine.alone():
            error, self._lost = self._lost, None
            if isinstance(error, STARTING_OVER):
                raise error
            if error is not None:
                await self._isolate((), error)

    async def _isolate(self, items: Sequence[Item], error: Exception) -> None:
        """What cannot be written is taken again, one record at a time; the one that is to blame is parked."""
        log.error("a batch cannot be written; its records are handled one by one", exc_info=error)
        decided = dict(self._engine.next)
        await self._engine.restore(set(self._assigned))
        self._lost = None  # also what failed while the restore waited for it
        if items:
            await self._engine.set_aside(items[0].record, f"cannot be written: {error!r}")
        else:
            await self._engine.release_one_by_one()
            self._careful = decided

    @property
    def _is_careful(self) -> bool:
        """Whether what comes next was in a batch that could not be written."""
        next_ = self._engine.next
        return any(next_.get(place, end) < end for place, end in self._careful.items())

    async def _settle(self) -> None:
        """Moves over what is no record (markers of transactions), and finds topics that lost what was read."""
        async with self._engine.committing.lock:
            if self.stale:
                return
            over = {}
            for (topic, part), next_ in self._engine.next.items():
                at = TopicPartition(self._prefix + topic, part)
                async with asyncio.timeout(ANSWER_SECONDS):
                    position = await self.consumer.position(at)
                if position < next_:
                    raise lost(self._prefix + topic, part, position, next_)
                if position > next_:
                    over[topic, part] = position
            if over:
                log.info("offsets without records are passed over", places=[[*k, v] for k, v in over.items()])
                try:
                    await self._engine.pass_over(over)
                except BaseException:
                    self.mark_stale()
                    raise

    async def _restore(self) -> None:
        """Drops what is remembered and takes the assigned partitions over from the database."""
        async with self._engine.alone():
            self.stale = False  # whatever happens from here on marks it again
            self._gathering = Gathering()  # what waited there is read again
            try:
                restored = await self._recovery.run()
                parts = set(self._assigned)
                offsets = await self._engine.restore(parts)
                for (topic, part), offset in offsets.items():
                    self.consumer.seek(TopicPartition(self._prefix + topic, part), offset)
            except BaseException:
                self.mark_stale()
                raise
        if parts and not self.stale:
            reach(Point.RESTORED)
            for listener in self._listeners:
                if restored:  # whatever they remember is of another database
                    await listener(set())
                await listener(parts)
            if not self.stale:
                self.fresh.set()
        if not parts:
            await asyncio.sleep(0.05)  # no partitions yet: nothing to read

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        del revoked  # the eager protocol takes all of them
        self.mark_stale()
        self._assigned = set()
        async with self._engine.alone():
            self._engine.owned = set()
        METRICS.partitions.set(0)
        for listener in self._listeners:
            await listener(set())

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Takes what is assigned of every topic: while replicas read different topics, some is only of a few."""
        self.mark_stale()
        counts = Counter(tp.partition for tp in assigned)
        self._assigned = {part for part, count in counts.items() if count == len(self._topics)}
        METRICS.partitions.set(len(self._assigned))
        log.info("partitions assigned", partitions=sorted(self._assigned))
        reach(Point.ASSIGNED)

    async def ends(self, parts: set[int]) -> dict[tuple[str, int], int]:
        """Where the topics of some partitions end now. One of KAFKA_ERRORS if that cannot be said in time."""
        wanted = {
            TopicPartition(self._prefix + topic, part): (topic, part)
            for topic in self._topics
            for part in parts
        }
        async with asyncio.timeout(ANSWER_SECONDS):
            found = await self.consumer.end_offsets(list(wanted))
        return {wanted[tp]: end for tp, end in found.items()}

    async def _hint(self) -> None:
        """Tells the group how far it is written."""
        written = self._engine.committing.offsets
        places = {
            TopicPartition(self._prefix + t, p): written[t, p]
            for t, p in self._engine.next
            if (t, p) in written
        }
        if places and not self.stale:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self.consumer.commit(places)
                reach(Point.OFFSETS_HINTED)
            except KAFKA_ERRORS as error:
                log.debug("the offset hint was not committed", error=repr(error))
