"""The service's PostgreSQL schema: loads rows, counters and marks; writes a batch in one round trip.

Talks to PostgreSQL only. Every statement has a timeout; a lost connection is the caller's to retry.
"""

import asyncio
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from lockgate.messages.decision import RowKey
from lockgate.runtime import canonical
from lockgate.runtime.batch import Batch, ParkedRow, Redrive, TimerRow, WorkRow, unpack, unpacked_causes
from lockgate.runtime.checks import Record
from lockgate.runtime.doubt import Doubt
from lockgate.runtime.store_call import APPLY, arguments
from lockgate.runtime.store_migrations import migrate

STATEMENT_SECONDS = 10.0
RECOVERY_SECONDS = 600.0
PATIENCE_SECONDS = 5.0
READY_AT_ONCE = 5_000
ANSWER_SECONDS = 15.0  # the pool waits for a cancelled statement without a bound of its own

ROOM = "create temp table room on commit drop as select repeat('x', 1000) from generate_series(1, 1000)"
"""A megabyte of a new file. A row that is there already is written anew in place, also where the disk is full."""

DATABASE_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""The database is away, or gave up this connection: try again."""

RETRYABLE: tuple[type[Exception], ...] = (
    *DATABASE_ERRORS,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidCatalogNameError,  # the database is being put in the place of another
    asyncpg.TransactionRollbackError,  # deadlock, serialization, outcome unknown
    asyncpg.ReadOnlySQLTransactionError,
)


class ConflictError(Exception):
    """Another replica was first: nothing of the batch was written. Forget what is cached and start over."""


STARTING_OVER: tuple[type[Exception], ...] = (ConflictError, *RETRYABLE)
"""What is not known to be written: start over from the database."""

_CONFLICTS = {"LG001", "LG002", "LG003", "LG004"}


class Store:
    """One service's schema. `schema` is an identifier of our own settings, never of an event.

    `doubt` says whether the database may have been restored under us: nothing is written until it was looked at.
    """

    _pool: "asyncpg.Pool[Any]"

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self.doubt = Doubt()

    @classmethod
    async def open(cls, dsn: str, schema: str) -> "Store":
        """Connects and brings the schema up to date. Raises what asyncpg raises; the caller retries."""
        store = cls(schema)
        store._pool = await asyncpg.create_pool(
            dsn,
            init=store.doubt.recognise,
            reset=_nothing,
            min_size=1,
            max_size=4,
            command_timeout=STATEMENT_SECONDS,
            timeout=STATEMENT_SECONDS,
            server_settings={
                "application_name": f"lockgate-{schema}",
                "timezone": "UTC",
                "search_path": schema,
            },
        )
        try:
            await migrate(store._pool, schema)
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        self._pool.terminate()

    async def apply(self, batch: Batch, *, recovering: int | None = None) -> tuple[datetime, dict[int, int]]:
        """Writes a batch. Returns the database's time and, per output partition, the first sequence number.

        ConflictError if another replica was first, or if it is not known what the database has; then nothing was
        written. `recovering` is the generation that is being looked at: what it lacks may be much.
        """
        seconds = STATEMENT_SECONDS if recovering is None else RECOVERY_SECONDS
        try:
            async with asyncio.timeout(seconds + PATIENCE_SECONDS), self._pool.acquire() as connection:
                if self.doubt.suspect if recovering is None else self.doubt.generation != recovering:
                    raise ConflictError("the database may have been restored: it is looked at first")
                rows = await connection.fetch(APPLY, *arguments(batch), timeout=seconds)
        except asyncpg.PostgresError as error:
            if error.sqlstate in _CONFLICTS:
                raise ConflictError(str(error)) from None
            raise
        return rows[0]["at"], {int(part): base for part, base in json.loads(rows[0]["bases"]).items()}

    async def now(self) -> datetime:
        value: datetime = (await self.fetch("select clock_timestamp() as now"))[0]["now"]
        return value

    async def ping(self) -> None:
        async with asyncio.timeout(2.0):
            await self._pool.fetchval("select 1", timeout=2.0)

    async def try_to_write(self, key: str) -> None:
        """Raises what a write of this key would raise, a full disk's error too; changes nothing."""
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            self._pool.acquire() as connection,
            connection.transaction(),
        ):
            await connection.execute("update keys set decisions = decisions where key = $1", key)
            await connection.execute(ROOM)

    async def load_offsets(self, parts: Sequence[int]) -> dict[tuple[str, int], int]:
        rows = await self.fetch(
            "select topic, part, next from offsets where part = any($1::int[])", list(parts)
        )
        return {(r["topic"], r["part"]): r["next"] for r in rows}

    async def begin_offsets(self, places: Iterable[tuple[str, int, int]]) -> None:
        """Creates the offset rows of partitions that were never read."""
        topics, parts, offsets = zip(*places, strict=True)
        await self.fetch(
            "insert into offsets select * from unnest($1::text[], $2::int[], $3::bigint[]) on conflict do nothing",
            topics,
            parts,
            offsets,
        )

    async def load_keys(self, keys: Iterable[str]) -> dict[str, tuple[int, int]]:
        rows = await self.fetch(
            "select key, decisions, events from keys where key = any($1::text[])", list(keys)
        )
        return {r["key"]: (r["decisions"], r["events"]) for r in rows}

    async def load_marks(self, keys: Iterable[str]) -> dict[tuple[str, str], int]:
        rows = await self.fetch(
            "select writer, key, number from marks where key = any($1::text[])", list(keys)
        )
        return {(r["writer"], r["key"]): r["number"] for r in rows}

    async def load_rows(self, keys: Sequence[RowKey]) -> dict[RowKey, tuple[int, bytes]]:
        """Version and body of those that there are."""
        rows = await self.fetch(
            "select r.key, r.kind, r.id, r.version, r.body from unnest($1::text[], $2::text[], $3::text[]) i(key, kind, id)"
            " join rows r using (key, kind, id)",
            *([k[i] for k in keys] for i in range(3)),
        )
        return {RowKey(r["key"], r["kind"], r["id"]): (r["version"], r["body"]) for r in rows}

    async def load_seen(self, ids: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        rows = await self.fetch(
            "select s.source, s.id from unnest($1::text[], $2::text[]) i(source, id) join seen s using (source, id)",
            [i[0] for i in ids],
            [i[1] for i in ids],
        )
        return {(r["source"], r["id"]) for r in rows}

    async def load_parked(self, parts: Sequence[int]) -> list[ParkedRow]:
        """Everything parked from these partitions, in the order in which it came."""
        rows = await self.fetch(
            'select * from parked where part = any($1::int[]) order by topic, part, "offset"', list(parts)
        )
        return [_parked(r) for r in rows]

    async def open_redrives(self, parts: Sequence[int]) -> list[Redrive]:
        """What operators asked to be tried again, in the order in which they asked."""
        rows = await self.fetch(
            "select id, writer, key, part, asked_by from redrives"
            " where part = any($1::int[]) and answered is null order by id",
            list(parts),
        )
        return [Redrive(*r) for r in rows]

    async def due_timers(self, parts: Sequence[int], limit: int) -> list[TimerRow]:
        rows = await self.fetch(
            "select * from timers where part = any($1::int[]) and due <= clock_timestamp() order by due limit $2",
            list(parts),
            limit,
        )
        return [
            TimerRow(
                r["key"],
                r["name"],
                r["part"],
                r["due"],
                r["grace"],
                canonical.loads(r["body"]),
                unpacked_causes(r["causes"]),
                r["set_by"],
            )
            for r in rows
        ]

    async def next_due(self, parts: Sequence[int]) -> datetime | None:
        rows = await self.fetch("select min(due) as due from timers where part = any($1::int[])", list(parts))
        due: datetime | None = rows[0]["due"]
        return due

    async def ready_work(self, parts: Sequence[int]) -> list[tuple[WorkRow, int]]:
        """The work of these partitions that may run now, with the number of failed attempts."""
        rows = await self.fetch(
            "select * from work where part = any($1::int[]) and not_before <= clock_timestamp() order by not_before limit $2",
            list(parts),
            READY_AT_ONCE,
        )
        return [
            (
                WorkRow(
                    r["key"],
                    r["name"],
                    r["part"],
                    r["kind"],
                    canonical.loads(r["body"]),
                    unpacked_causes(r["causes"]),
                    r["set_by"],
                ),
                r["attempts"],
            )
            for r in rows
        ]

    async def wanted_work(self, rows: Sequence[WorkRow]) -> set[tuple[str, str]]:
        """Key and name of those pieces of work that are still wanted, and were not replaced."""
        found = await self.fetch(
            "select key, name from unnest($1::text[], $2::text[], $3::bigint[]) i(key, name, set_by)"
            " join work using (key, name, set_by)",
            [row.key for row in rows],
            [row.name for row in rows],
            [row.set_by for row in rows],
        )
        return {(r["key"], r["name"]) for r in found}

    async def forget_seen(self, days: int) -> None:
        """Removes the ids of inlet events that are older than the inlets keep events."""
        await self.fetch("delete from seen where at < clock_timestamp() - make_interval(days => $1)", days)

    async def delay_work(self, row: WorkRow, seconds: float) -> None:
        """A piece of work raised: it is tried again after a while."""
        await self.fetch(
            "update work set attempts = attempts + 1, not_before = clock_timestamp() + make_interval(secs => $4)"
            " where key = $1 and name = $2 and set_by = $3",
            row.key,
            row.name,
            row.set_by,
            seconds,
        )

    async def fetch_of(self, generation: int, sql: str, *arguments: Any) -> None:
        """ConflictError if the database is of another generation by now."""
        async with asyncio.timeout(ANSWER_SECONDS), self._pool.acquire() as connection:
            if self.doubt.generation != generation:
                raise ConflictError("the database was restored while it was looked at")
            await connection.fetch(sql, *arguments)

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        async with asyncio.timeout(ANSWER_SECONDS):
            rows: list[Any] = await self._pool.fetch(sql, *arguments)
        return rows


async def _nothing(_connection: object) -> None:
    """Instead of the statement with which the pool would clean up after each one of ours: there is nothing to clean.

    No statement leaves anything in its session, and what a cancelled one leaves open, the pool rolls back without it.
    """


def _parked(r: Any) -> ParkedRow:
    record = Record(r["topic"], r["part"], r["offset"], r["record_key"], unpack(r["headers"]), r["value"])
    return ParkedRow(record, r["writer"], r["key"], r["number"], r["reason"], r["detail"])
