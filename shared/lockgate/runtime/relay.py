"""Publishes what was committed: journal records first, then events, in the order of the outbox, and dead letters last.

One relay per (service, output partition) holds a PostgreSQL advisory lock; the lock lives as long as its
connection, which is checked before each batch. In the common case a relay sends what was just committed
without reading it again; after a restart, an error, or another replica's commit it reads the outbox. Sending
again is harmless: numbers are contiguous and readers keep high-water marks. Talks to PostgreSQL and Kafka.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import structlog

from lockgate.messages.topics import DEAD_LETTERS, JOURNALS
from lockgate.runtime.backoff import Backoff
from lockgate.runtime.batch import Out, unpack
from lockgate.runtime.faults import Point, reach
from lockgate.runtime.metrics import METRICS
from lockgate.runtime.producer import PRODUCER_ERRORS, Producer
from lockgate.runtime.store import RETRYABLE, Store

log = structlog.get_logger()

POLL_SECONDS = 0.2  # how soon another replica's commit is noticed without being told
READ_AT_ONCE = 500
PRUNE_SECONDS = 1.0
COMMAND_SECONDS = 10.0
_JOURNALS = frozenset(t.name for t in JOURNALS.values())
_LETTERS = frozenset(t.name for t in DEAD_LETTERS.values())


@dataclass(slots=True)
class _Lane:
    """One output partition: the next sequence number to send, and what was handed over but not sent."""

    next: int
    marked: int
    end: int = 0  # committed up to here, as far as this replica knows
    journal: int = 0  # the journal's offset up to which it was sent
    handed: list[tuple[int, list[Out]]] = field(default_factory=list)

    @property
    def only_letters(self) -> bool:
        """Whether nothing but dead letters was handed over, for which nobody waits."""
        return all(record.topic in _LETTERS for _, records in self.handed for record in records)


class Relay:
    """`silent_seconds`: a relay that says nothing for so long (paused, cut off) loses its lock to another."""

    def __init__(self, dsn: str, store: Store, producer: Producer, *, silent_seconds: float = 10.0) -> None:
        self._silent_ms = str(int(silent_seconds * 1000))
        self._busy_ms = int(max(silent_seconds, COMMAND_SECONDS) * 1000)
        self._dsn = dsn
        self._store = store
        self._schema = store.schema
        self._producer = producer
        self._lanes: dict[int, _Lane] = {}
        self._wanted: set[int] = set()
        self._connection: asyncpg.Connection[Any] | None = None
        self._taken_for: set[int] = set()
        self._looked = 0.0
        self._pruned = 0.0
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
                await self._let_go()
                await self._backoff.wait()
                continue
            with contextlib.suppress(TimeoutError):  # the time to look for other replicas' commits
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    async def drain(self, seconds: float) -> bool:
        """Sends what is left, for a bounded time. True if nothing is left."""
        try:
            async with asyncio.timeout(seconds):
                self._looked = 0.0
                async with self._store.doubt.sending:
                    await self._round()
        except (TimeoutError, *PRODUCER_ERRORS, *RETRYABLE):
            return False
        return not self._store.doubt.suspect

    async def close(self) -> None:
        await self._let_go()
        await self._producer.close()

    async def _round(self) -> None:
        """Sends what there is. Marks it pass by pass, so that a steady stream is marked and pruned as well."""
        self._wake.clear()
        if self._store.doubt.suspect:
            return
        connection = await self._connected()
        if self._store.doubt.suspect:  # another connection was the first to find out
            return
        await self._take_lanes(connection)
        progress = True
        while progress and self._wanted == self._taken_for:
            await self._look(connection)
            progress = False
            for part, lane in sorted(self._lanes.items(), key=lambda found: found[1].only_letters):
                progress |= await self._send_some(connection, part, lane)
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

    async def _send_some(self, connection: "asyncpg.Connection[Any]", part: int, lane: _Lane) -> bool:
        records = await self._next_records(connection, part, lane)
        if not records:
            return False
        # The lock is held as long as this connection lives.
        await connection.fetchval("select 1", timeout=5.0)
        first = [r for r in records if r.topic in _JOURNALS]
        for group in (first, _letters_last(r for r in records if r.topic not in _JOURNALS)):
            for topic in dict.fromkeys(r.topic for r in group):
                if self._store.doubt.suspect:
                    return False
                end = await self._producer.send(topic, part, [r for r in group if r.topic == topic])
                if topic in _JOURNALS:
                    lane.journal = max(lane.journal, end)
            if 0 < len(first) < len(records) and group is first:
                reach(Point.JOURNAL_SENT)
        reach(Point.SENT)
        lane.next += len(records)
        METRICS.published.inc(len(records))
        return True

    async def _next_records(self, connection: "asyncpg.Connection[Any]", part: int, lane: _Lane) -> list[Out]:
        """What was handed over if it comes next, joined; else what the outbox has."""
        records: list[Out] = []
        while lane.handed and len(records) < READ_AT_ONCE:
            base, handed = lane.handed[0]
            if base + len(handed) <= lane.next:
                lane.handed.pop(0)
            elif base == lane.next + len(records):
                lane.handed.pop(0)
                records += handed
            else:
                break
        if records:
            return records
        lane.handed.clear()
        if lane.end <= lane.next:
            return []
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
        for part in sorted(set(self._lanes) - self._wanted):
            del self._lanes[part]
            await connection.execute("select pg_advisory_unlock(hashtext($1), $2)", self._schema, part)
        for part in sorted(self._wanted - set(self._lanes)):
            if not await connection.fetchval(
                "select pg_try_advisory_lock(hashtext($1), $2)", self._schema, part
            ):
                continue
            row = await connection.fetchrow("select sent, next_seq from relay where part = $1", part)
            self._lanes[part] = _Lane(row["sent"], row["sent"], row["next_seq"]) if row else _Lane(0, 0)
            reach(Point.LANE_TAKEN)
            self._looked = 0.0

    async def _mark(self) -> None:
        moved = {part: lane.next for part, lane in self._lanes.items() if lane.next > lane.marked}
        if not moved or self._connection is None:
            return
        await self._connection.execute(
            "update relay r set sent = i.sent, journal = greatest(r.journal, i.journal)"
            " from unnest($1::int[], $2::bigint[], $3::bigint[]) i(part, sent, journal)"
            " where r.part = i.part and r.sent < i.sent",
            list(moved),
            list(moved.values()),
            [self._lanes[part].journal for part in moved],
            timeout=5.0,
        )
        for part, sent in moved.items():
            self._lanes[part].marked = sent
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


def _letters_last(records: Iterable[Out]) -> list[Out]:
    """In their order, but for dead letters: somebody waits for an event, and nobody for those."""
    return sorted(records, key=lambda record: record.topic in _LETTERS)


def _headers(packed: bytes) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value) for name, value in unpack(packed) if value is not None)


def _now() -> float:
    return asyncio.get_running_loop().time()
