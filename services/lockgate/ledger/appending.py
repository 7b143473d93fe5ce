"""The ledger at work: read, append, sign, publish, until it is told to stop.

One process leads (it holds the lock); any other waits to take over. Whatever fails for a time is tried again from
what PostgreSQL says; what would break the chain stops the process with a sentence.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import structlog

from lockgate.ledger.chain import Head, extend
from lockgate.ledger.heads import as_event, publish, read_heads
from lockgate.ledger.reader import KAFKA_ERRORS, Reader
from lockgate.ledger.settings import Settings
from lockgate.ledger.signing import Signer
from lockgate.ledger.store import HeadMovedError, SignedHead, State, Store
from lockgate.runtime.backoff import Backoff
from lockgate.runtime.bounded import unless
from lockgate.runtime.faults import Point, reach
from lockgate.runtime.producer import PRODUCER_ERRORS, Producer

STANDBY_SECONDS = 1.0

DATABASE_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that ends inside of a COPY (seen)
)

log = structlog.get_logger("lockgate.ledger")


class ForkError(Exception):
    """The table is not the one whose heads were signed. It is never sealed again silently."""


@dataclass(slots=True)
class Progress:
    """What the ledger has done since it started; for /metrics and health.

    `sequence` and `signed` are record numbers, `lag` and `skipped` are records, `trouble` is empty while all is well.
    """

    leading: bool = False
    appended: int = 0
    sequence: int = 0
    signed: int = 0
    published: int = 0
    lag: int = 0
    skipped: int = 0
    trouble: str = ""


class Ledger:
    def __init__(self, settings: Settings, signer: Signer) -> None:
        self._settings = settings
        self._signer = signer
        self.progress = Progress()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then it signs and publishes what it has appended, within `ledger_stop` seconds.

        ForkError and TopicWentBackError end it: they need a person.
        """
        backoff = Backoff(0.5, 30.0)
        while not stop.is_set():
            try:
                await self._lead_or_wait(stop, backoff)
            except (*KAFKA_ERRORS, *DATABASE_ERRORS, HeadMovedError) as error:
                self.progress.trouble = f"{type(error).__name__}: {error}"
                log.warning("starting over", trouble=self.progress.trouble, seconds=backoff.peek)
                await unless(stop, backoff.wait())
            finally:
                self.progress.leading = False

    async def _lead_or_wait(self, stop: asyncio.Event, backoff: Backoff) -> None:
        store = await Store.lead(self._settings.ledger_postgres)
        if store is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STANDBY_SECONDS):
                    await stop.wait()
            return
        try:
            reach(Point.LANE_TAKEN)
            state = await self._checked(store)
            reach(Point.RESTORED)
            async with self._open(store, state) as leading:
                backoff.reset()
                self.progress.leading, self.progress.trouble = True, ""
                while not stop.is_set():
                    await leading.turn(stop)
                async with asyncio.timeout(self._settings.ledger_stop):
                    await leading.finish()
        finally:
            store.close()

    @contextlib.asynccontextmanager
    async def _open(self, store: Store, state: State) -> AsyncIterator["Leading"]:
        settings = self._settings
        reader = Reader(settings.kafka, settings.topic_prefix, state.positions)
        producer = Producer(settings.kafka, settings.topic_prefix, "lockgate-ledger")
        try:
            await reader.start()
            yield Leading(settings, self._signer, store, state, reader, producer, self.progress)
        finally:
            await reader.close()
            await producer.close()

    async def _checked(self, store: Store) -> State:
        """The state, once it is known to continue what was signed last."""
        state = await store.state()
        settings = self._settings
        heads = await read_heads(settings.kafka, settings.topic_prefix, last=100)
        if not heads:
            return state
        number, newest = max(heads, key=lambda numbered: numbered[0])
        chain = await store.chain_at(newest.sequence)
        if number <= state.heads and chain is not None and chain.hex() == newest.head:
            return state
        if settings.ledger_continue_after != number:
            raise ForkError(
                f"signed head {number} says that record {newest.sequence} has the hash {newest.head[:16]}, and this"
                f" database has {chain.hex()[:16] if chain else 'no such record'} and {state.heads} heads: it was"
                " restored to an earlier time, replaced, or tampered with. Restore the right one; or accept that the"
                f" chain forks here, which `verify` will always show, with LOCKGATE_LEDGER_CONTINUE_AFTER={number}."
            )
        log.error("the chain forks here, as the settings accept", after_head=number, records=state.head.seq)
        await store.continue_after(number)
        return await store.state()


class Leading:
    """One term of leadership. Any error ends it; the next one begins with what is stored."""

    def __init__(  # noqa: PLR0917  # made in one place, by the names of its arguments
        self,
        settings: Settings,
        signer: Signer,
        store: Store,
        state: State,
        reader: Reader,
        producer: Producer,
        progress: Progress,
    ) -> None:
        self._settings, self._signer, self._store = settings, signer, store
        self._reader, self._producer, self._progress = reader, producer, progress
        self._head, self._signed, self._heads = state.head, state.signed, state.heads
        self._unsent = True
        now = asyncio.get_running_loop().time()
        self._look_at = now + settings.ledger_look_every
        self._sign_at = now + settings.ledger_sign_every
        self._publish_at = now
        self._pause = 1.0
        self._say()

    async def turn(self, stop: asyncio.Event) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._look_at:
            self._look_at = now + self._settings.ledger_look_every
            await unless(stop, self._reader.look())  # a broker that is away lets it wait for long
        records = await self._reader.poll(self._settings.ledger_batch)
        if records:
            reach(Point.FETCHED)
            if self._signed == self._head.seq:
                self._sign_at = now + self._settings.ledger_sign_every
            head, links = extend(self._head, records)
            positions = {(r.topic, r.part): self._reader.positions[r.topic, r.part] for r in records}
            signed = (
                self._sign(head) if head.seq - self._signed >= self._settings.ledger_sign_records else None
            )
            reach(Point.BEFORE_COMMIT)
            await self._store.append(self._head, links, positions, signed)
            reach(Point.AFTER_COMMIT)
            self._progress.appended += len(links)
            self._moved(head, signed)
        elif self._signed < self._head.seq and now >= self._sign_at:
            await self._sign_head()
        if self._unsent and now >= self._publish_at:
            await self._publish()
        self._say()

    async def finish(self) -> None:
        """Signs what is not signed yet, and publishes what is not published yet."""
        if self._signed < self._head.seq:
            await self._sign_head()
        if self._unsent:
            await self._publish()
        self._say()

    async def _sign_head(self) -> None:
        signed = self._sign(self._head)
        await self._store.sign(self._head, signed)
        self._moved(self._head, signed)

    def _sign(self, head: Head) -> SignedHead:
        return as_event(self._heads + 1, self._signer.signed(head), datetime.now(UTC))

    def _moved(self, head: Head, signed: SignedHead | None) -> None:
        self._head = head
        if signed is not None:
            self._signed, self._heads, self._unsent = signed.sequence, signed.number, True
            self._sign_at = asyncio.get_running_loop().time() + self._settings.ledger_sign_every

    async def _publish(self) -> None:
        """A topic that cannot be written to does not keep the ledger from appending: it is tried again later."""
        heads = await self._store.unacknowledged()
        if not heads:
            self._unsent = False
            return
        try:
            if not self._reader.checkpoint_parts:
                raise TimeoutError(f"there is no topic {self._settings.topic_prefix}checkpoints yet")
            await publish(self._producer, heads, self._reader.checkpoint_parts)
        except PRODUCER_ERRORS as error:
            self._progress.trouble = f"signed heads cannot be published: {type(error).__name__}: {error}"
            log.warning("signed heads wait", trouble=self._progress.trouble, seconds=self._pause)
            self._publish_at = asyncio.get_running_loop().time() + self._pause
            self._pause = min(self._pause * 2, 60.0)
            return
        self._pause, self._progress.trouble = 1.0, ""
        reach(Point.SENT)
        await self._store.acknowledge([head.number for head in heads])
        reach(Point.MARKED)
        self._progress.published += len(heads)

    def _say(self) -> None:
        progress = self._progress
        progress.sequence, progress.signed = self._head.seq, self._signed
        progress.lag, progress.skipped = self._reader.lag(), self._reader.skipped
