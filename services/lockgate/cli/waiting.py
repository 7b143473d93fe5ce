"""Parked events as they lie in the services' PostgreSQL schemas, and the wish to try them again.

Reads, and writes nothing but rows of `redrives`, which the running services answer. Talks to PostgreSQL only.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from lockgate.cli.kafka import named
from lockgate.runtime.batch import Redriven, unpack
from lockgate.runtime.parking import STUCK

CALL_SECONDS = 10.0
LOOK_SECONDS = 0.2

_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

_SCHEMAS = """
    select n.nspname as name, to_regclass(format('%I.redrives', n.nspname)) is not null as redrives
      from pg_namespace n
     where to_regclass(format('%I.parked', n.nspname)) is not null
       and to_regclass(format('%I.outbox', n.nspname)) is not null
       and to_regclass(format('%I.marks', n.nspname)) is not null
     order by n.nspname
"""


class DatabaseError(Exception):
    """The database does not answer, or not as it must. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that waits. `place` is TOPIC/PARTITION/OFFSET; what has one `queue` waits in one order."""

    service: str
    place: str
    part: int
    writer: str
    key: str
    number: int | None
    reason: str
    detail: str
    since: datetime
    size: int

    @property
    def queue(self) -> tuple[str, str, str, int]:
        return (self.service, self.writer, self.key, self.part)


@dataclass(frozen=True, slots=True)
class Contents:
    """What an event that waits was as a record."""

    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits in one order. `first` is what it waits for; `behind` waits for that."""

    first: Parked
    behind: tuple[Parked, ...]

    @property
    def is_stuck(self) -> bool:
        """Whether something in it does not go on by itself."""
        return any(event.reason in STUCK for event in (self.first, *self.behind))


def queues(events: Sequence[Parked]) -> list[Queue]:
    """What waits, queue by queue, each in the order in which it will go on. Pure."""
    found: dict[tuple[str, str, str, int], list[Parked]] = {}
    for event in sorted(events, key=lambda event: (event.queue, event.number or 0)):
        found.setdefault(event.queue, []).append(event)
    return [Queue(first, tuple(behind)) for first, *behind in found.values()]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    """A connection. DatabaseError for whatever goes wrong with it."""
    try:
        connection = await asyncpg.connect(
            url,
            timeout=CALL_SECONDS,
            command_timeout=CALL_SECONDS,
            server_settings={"application_name": "lockgate-cli", "timezone": "UTC"},
        )
    except (*_ERRORS, ValueError) as error:  # ValueError: an address that is none
        raise _unanswered(error) from None
    try:
        yield connection
    except _ERRORS as error:
        raise _unanswered(error) from None
    finally:
        connection.terminate()


async def schemas(connection: Any, service: str | None) -> dict[str, bool]:
    """The schemas of services in this database, and whether each knows redrives. DatabaseError if there are none."""
    found = {row["name"]: row["redrives"] for row in await connection.fetch(_SCHEMAS)}
    if not found:
        raise DatabaseError(
            "this database has no schema of a service of Lockgate: start the services with it once, or name"
            " theirs with --postgres or LOCKGATE_POSTGRES"
        )
    if service is not None and service not in found:
        raise DatabaseError(f"this database has no schema {service!r}; it has {', '.join(found)}")
    return found if service is None else {service: found[service]}


async def parked(connection: Any, names: Sequence[str]) -> list[Parked]:
    """Everything that waits in these schemas, in the order in which it came."""
    events: list[Parked] = []
    for name in names:
        rows = await connection.fetch(
            f'select *, coalesce(length(value), 0) as size from {_quoted(name)}.parked order by topic, part, "offset"'  # noqa: S608  # a schema of the catalogue, quoted
        )
        events += [
            Parked(
                name,
                f"{r['topic']}/{r['part']}/{r['offset']}",
                *(r[c] for c in ("part", "writer", "key", "number", "reason", "detail", "since", "size")),
            )
            for r in rows
        ]
    return events


async def contents(connection: Any, event: Parked) -> Contents | None:
    """The record of an event that waits; None if it waits no longer."""
    topic, _, offset = event.place.split("/")
    row = await connection.fetchrow(
        f'select record_key, headers, value from {_quoted(event.service)}.parked where topic = $1 and part = $2 and "offset" = $3',  # noqa: S608  # as above
        topic,
        event.part,
        int(offset),
    )
    return Contents(row["record_key"], unpack(row["headers"]), row["value"]) if row else None


async def asked(connection: Any, queue: Queue, by: str) -> int:
    """Asks for another try of a queue. Returns the number of the redrive."""
    event = queue.first
    id_: int = await connection.fetchval(
        f"insert into {_quoted(event.service)}.redrives (writer, key, part, asked_by) values ($1, $2, $3, $4) returning id",  # noqa: S608  # as above
        event.writer,
        event.key,
        event.part,
        by,
    )
    return id_


async def answered(
    connection: Any, wishes: Sequence[tuple[str, int]], within: float
) -> list[Redriven | None]:
    """The answers to redrives (schema, number), in their order; None for each that did not come in time."""
    until = time.monotonic() + within
    answers: dict[tuple[str, int], Redriven] = {}
    while True:
        for service, id_ in wishes:
            if (service, id_) not in answers and (answer := await _answer(connection, service, id_)):
                answers[service, id_] = answer
        if len(answers) == len(wishes) or time.monotonic() > until:
            return [answers.get(wish) for wish in wishes]
        await asyncio.sleep(LOOK_SECONDS)


async def _answer(connection: Any, service: str, id_: int) -> Redriven | None:
    row = await connection.fetchrow(
        f"select released, waiting, number, reason, detail from {_quoted(service)}.redrives"  # noqa: S608  # as above
        " where id = $1 and answered is not null",
        id_,
    )
    return Redriven(**row) if row else None


def _unanswered(error: Exception) -> DatabaseError:
    return DatabaseError(
        f"PostgreSQL does not answer as it must ({named(error)}): name the database of the services with --postgres"
        " or LOCKGATE_POSTGRES"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
