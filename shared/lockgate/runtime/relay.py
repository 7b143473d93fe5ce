"""Publishes what was committed: journal records first, then events, in the order of the outbox, and dead letters behind them.

One relay per (service, output partition) holds a PostgreSQL advisory lock; the lock lives as long as its
connection, which is checked before each pass, and in one that takes long. In the common case a relay sends what was just committed
without reading it again; after a restart, an error, or another replica's commit it reads the outbox. Sending
again is harmless: numbers are contiguous and readers keep high-water marks. Talks to PostgreSQL and Kafka.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import structlog

from lockgate.messages.topics import DEAD_LETTERS, JOURNALS
from lockgate.runtime.backoff import Backoff
from lockgate.runtime.batch import Out, unpack
from lockgate.runtime.faults import Point, reach
from lockgate.runtime.lane import READ_AT_ONCE, Lane
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.producer import PRODUCER_ERRORS, Producer
from lockgate.runtime.store import RETRYABLE, Store

log = structlog.get_logger()

POLL_SECONDS = 0.2  # how soon another replica's commit is noticed without being told
PLACES_AT_ONCE = 16
"""So many partitions of topics get their batches in one request: a broker takes 100 MB, and a batch has up to 4."""
MARK_SECONDS = 0.1
"""While there is always more, what was sent is marked so often, in a transaction: if the process dies before, it is sent again."""
QUIET_SECONDS = 0.02  # with nothing more to send for so long, what was sent is marked at once

PRUNE_SECONDS = 1.0
COMMAND_SECONDS = 10.0
_JOURNALS = frozenset(t.name for t in JOURNALS.values())
_LETTERS = frozenset(t.name for t in DEAD_LETTERS.values())


class Relay:
    """`silent_seconds`: a relay that says nothing for so long (paused, cut off) loses its lock to another."""

    def __init__(self, dsn: str, store: Store, producer: Producer, *, silent_seconds: float = 10.0) -> None:
        self._silent_ms = str(int(silent_seconds * 1000))
        self._busy_ms = int(max(silent_seconds, COMMAND_SECONDS) * 1000)
        self._dsn = dsn
        self._store = store
        self._schema = store.schema
        self._producer = producer
        self._lanes: dict[int, Lane] = {}
        self._wanted: set[int] = set()
        self._connection: asyncpg.Connection[Any] | None = None
        self._taken_for: set[int] = set()
        self._looked = 0.0
        self._sent = self._marked = self._pruned = 0.0
        self._wake = asyncio.Event()
        self._backoff = Backoff(0.05, 5.0)

    def own(self, parts: set[int]) -> None:
        """From now on this replica should relay these partitions, as soon as nobody else does."""
        self._wanted = set(parts)
        self._wake.set()

    def hand_over(self, bases: dict[int, int], out: Sequence[Out]) -> None:
        """What was just committed, with the first sequence number of each partition."""
        by_part: dict[int, list[Out]] = {}
        for record in out:
            by_part.setdefault(record.part, []).append(record)
        for part, records in by_part.items():
            if lane := self._lanes.get(part):
                lane.handed.append((bases[part], records))
                lane.end = max(lane.end, bases[part] + len(records))
        self._wake.set()

    async def run(self) -> None:
        """Publishes until it is cancelled. An error of Kafka or PostgreSQL is retried for ever, with capped backoff."""
        while True:
            try:
                async with self._store.doubt.sending:
                    await self._round()
                self._backoff.reset()
            except (*PRODUCER_ERRORS, *RETRYABLE) as error:
                METRICS.relay_errors.inc()
                log.warning("relay will try again", error=repr(error), delay=self._backoff.peek)
                with contextlib.suppress(*RETRYABLE):
                    await (
                        self._mark()
                    )  # what a partition that refuses has nothing to do with is not sent again
                await self._let_go()
                await self._backoff.wait()
                continue
            with contextlib.suppress(TimeoutError):  # the time to look for other replicas' commits
                async with asyncio.timeout(QUIET_SECONDS if self._unmarked() else POLL_SECONDS):
                    await self._wake.wait()

    async def drain(self, seconds: float) -> bool:
        """Sends what is left, for a bounded time. True if nothing is left."""
        try:
            async with asyncio.timeout(seconds):
                self._looked = 0.0
                async with self._store.doubt.sending:
                    await self._round()
                    await self._mark()
        except (TimeoutError, *PRODUCER_ERRORS, *RETRYABLE):
            return False
        return not self._store.doubt.suspect

    async def close(self) -> None:
        await self._let_go()
        await self._producer.close()

    async def _round(self) -> None:
        """Sends what there is, pass by pass, and marks and prunes between them, so that a steady stream is as well."""
        self._wake.clear()
        if self._store.doubt.suspect:
            await self._let_go()  # what this knows of the outbox is not so any more
            return
        connection = await self._connected()
        if self._store.doubt.suspect:  # another connection was the first to find out
            await self._let_go()
            return
        await self._take_lanes(connection)
        progress = True
        while progress and self._wanted == self._taken_for:
            await self._look(connection)
            progress = await self._send_some(connection)
            if _now() - self._marked >= MARK_SECONDS or _now() - self._sent >= QUIET_SECONDS:
                await self._mark()
            await self._prune(connection)

    async def _look(self, connection: "asyncpg.Connection[Any]") -> None:
        """What others committed for these partitions, or this replica without learning of it."""
        if self._lanes and _now() - self._looked >= POLL_SECONDS:
            for row in await connection.fetch(
                "select part, next_seq from relay where part = any($1::int[])", list(self._lanes)
            ):
                lane, end = self._lanes[row["part"]], row["next_seq"]
                if end < lane.next:
                    raise self._store.doubt.went_back(
                        f"the outbox of partition {row['part']}", lane.next, end
                    )
                lane.end = end
            self._looked = _now()

    async def _send_some(self, connection: "asyncpg.Connection[Any]") -> bool:
        """What was handed over, of all partitions at once; else what the outbox has, one by one, since it may be much."""
        handed = {part: records for part, lane in self._lanes.items() if (records := lane.take_handed())}
        progress = await self._send(connection, handed)
        for part, lane in self._lanes.items():
            if not lane.handed and lane.end > lane.next:
                progress |= await self._send(connection, {part: await self._read(connection, part, lane)})
        return progress

    async def _send(self, connection: "asyncpg.Connection[Any]", found: Mapping[int, Sequence[Out]]) -> bool:
        """What comes next in each of these partitions; not if the database is in doubt."""
        records = [record for of_part in found.values() for record in of_part]
        if not records:
            return False
        # The locks are held as long as this connection lives.
        await connection.fetchval("select 1", timeout=5.0)
        first = [r for r in records if r.topic in _JOURNALS]
        then = [r for r in records if r.topic not in _JOURNALS]
        if not await self._publish(connection, first):
            return False
        if first and then:
            reach(Point.JOURNAL_SENT)
        # Somebody waits for an event, and nobody for dead letters.
        for some in ([r for r in then if r.topic not in _LETTERS], [r for r in then if r.topic in _LETTERS]):
            if not await self._publish(connection, some):
                return False
        reach(Point.SENT)
        for part, of_part in found.items():
            self._lanes[part].next += len(of_part)
        self._sent = _now()
        METRICS.published.inc(len(records))
        return True

    async def _publish(self, connection: "asyncpg.Connection[Any]", records: Iterable[Out]) -> bool:
        """Sends at once what goes to different places: one request for them costs little more than for one.

        Of what goes to one place, in order, one batch after the other. All have ended before one that failed is told of.
        """
        places: dict[tuple[str, int], list[Out]] = {}
        for record in records:
            places.setdefault((record.topic, record.part), []).append(record)
        for start in range(0, len(places), PLACES_AT_ONCE):
            some = list(places.items())[start : start + PLACES_AT_ONCE]
            if start:  # the sends before these may have taken long
                await connection.fetchval("select 1", timeout=5.0)
            if self._store.doubt.suspect:
                return False
            await self._producer.connect()
            sending = [self._producer.send(topic, part, found) for (topic, part), found in some]
            ends = await asyncio.gather(*sending, return_exceptions=True)
            for ((topic, part), _), end in zip(some, ends, strict=True):
                if isinstance(end, BaseException):
                    raise end
                if topic in _JOURNALS:
                    self._lanes[part].journal = max(self._lanes[part].journal, end)
        return True

    async def _read(self, connection: "asyncpg.Connection[Any]", part: int, lane: Lane) -> list[Out]:
        rows = await connection.fetch(
            "select topic, key, headers, value from outbox where part = $1 and seq >= $2 order by seq limit $3",
            part,
            lane.next,
            READ_AT_ONCE,
            timeout=10.0,
        )
        return [Out(part, r["topic"], r["key"], _headers(r["headers"]), r["value"]) for r in rows]

    async def _take_lanes(self, connection: "asyncpg.Connection[Any]") -> None:
        self._taken_for = self._wanted
        if given_back := sorted(set(self._lanes) - self._wanted):
            await self._mark()  # whoever takes these over goes on behind it
        for part in given_back:
            del self._lanes[part]
            await connection.execute("select pg_advisory_unlock(hashtext($1), $2)", self._schema, part)
        for part in sorted(self._wanted - set(self._lanes)):
            if not await connection.fetchval(
                "select pg_try_advisory_lock(hashtext($1), $2)", self._schema, part
            ):
                continue
            row = await connection.fetchrow("select sent, next_seq from relay where part = $1", part)
            self._lanes[part] = Lane(row["sent"], row["sent"], row["next_seq"]) if row else Lane(0, 0)
            reach(Point.LANE_TAKEN)
            self._looked = 0.0

    def _unmarked(self) -> dict[int, int]:
        return {part: lane.next for part, lane in self._lanes.items() if lane.next > lane.marked}

    async def _mark(self) -> None:
        moved = self._unmarked()
        if not moved or self._connection is None or self._store.doubt.suspect:
            return
        await self._connection.execute(
            "update relay r set sent = i.sent, journal = greatest(r.journal, i.journal)"
            " from unnest($1::int[], $2::bigint[], $3::bigint[]) i(part, sent, journal)"
            " where r.part = i.part and r.sent < i.sent and i.sent <= r.next_seq",  # more was never there: it was restored
            list(moved),
            list(moved.values()),
            [self._lanes[part].journal for part in moved],
            timeout=5.0,
        )
        for part, sent in moved.items():
            self._lanes[part].marked = sent
        self._marked = _now()
        reach(Point.MARKED)

    async def _prune(self, connection: "asyncpg.Connection[Any]") -> None:
        if self._lanes and _now() - self._pruned >= PRUNE_SECONDS:
            await connection.execute(
                "delete from outbox o using relay r where o.part = r.part and o.seq < r.sent and o.part = any($1::int[])",
                list(self._lanes),
                timeout=10.0,
            )
            self._pruned = _now()

    async def _connected(self) -> "asyncpg.Connection[Any]":
        if self._connection is None or self._connection.is_closed():
            self._lanes.clear()
            settings = {
                "search_path": self._schema,
                "application_name": f"lockgate-{self._schema}-relay",
                "idle_session_timeout": self._silent_ms,
            }
            self._connection = await asyncpg.connect(
                self._dsn, timeout=5.0, command_timeout=COMMAND_SECONDS, server_settings=settings
            )
            await self._store.doubt.recognise(self._connection)
            # A process that hangs between preparing a statement and executing it is not idle, but in a transaction.
            if self._connection.get_server_version().major >= 17:
                await self._connection.execute(f"set transaction_timeout = {self._busy_ms}")
        return self._connection

    async def _let_go(self) -> None:
        self._lanes.clear()
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


def _headers(packed: bytes) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value) for name, value in unpack(packed) if value is not None)


def _now() -> float:
    return asyncio.get_running_loop().time()
