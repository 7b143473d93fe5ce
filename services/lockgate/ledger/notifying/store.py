"""Notices in PostgreSQL: how far the ledger was heard, and what is still to be delivered to whom.

One connection for everything, which holds an advisory lock: so one process at a time tells, and one that has lost the lock
can write nothing more. Every statement has a timeout.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import asyncpg

from lockgate.ledger.alone import alone
from lockgate.ledger.notifying.notice import TOPICS, Notice

_LOCK = 0x10C4_6A7E_1ED6_E401
AT_ONCE = 100
"""Events; between two batches the ledger goes on with its records."""
STRETCH = 20_000
"""Records that are looked through at once for such events."""
REFUSALS = 3
"""So often a receiver is asked to take a message that it says it cannot take, before what comes behind it goes first."""
VERSIONS_KEPT = timedelta(days=90)

_EVENTS = (
    'select seq, topic, part, "offset", time, key, headers, value from ledger.records'
    " where seq > $1 and seq <= $2 and topic = any($3::text[]) order by seq limit $4"
)


class Heard(NamedTuple):
    """Records up to number `upto`, and those of them that may be events to tell of. `behind`: how many are left then."""

    before: int
    upto: int
    now: datetime
    rows: Sequence[Any]
    behind: int = 0


def singly(heard: Heard) -> Iterator[Heard]:
    """The same, event by event."""
    before = heard.before
    for row in heard.rows:
        yield Heard(before, row["seq"], heard.now, (row,))
        before = row["seq"]
    if before < heard.upto:
        yield Heard(before, heard.upto, heard.now, ())


class Open(NamedTuple):
    """The next notice of a receiver, how often it was tried and refused, and for how many seconds it is left alone."""

    notice: Notice
    attempts: int
    refused: int
    wait: float


class GivenUp(NamedTuple):
    receiver: str
    id: str


class Waiting(NamedTuple):
    """Of one receiver: how many notices, and the age of the oldest in seconds."""

    receiver: str
    notices: int
    oldest: float


class MovedError(Exception):
    """Somebody else went on hearing from the same place: nothing was written."""


class Store:
    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self._connection = connection
        self._alone = asyncio.Lock()

    @classmethod
    async def open(cls, dsn: str) -> "Store | None":
        """The store, its tables up to date; None if another process tells, or the ledger has made no tables yet."""
        connection = await alone(
            dsn,
            name="lockgate-notices",
            lock=_LOCK,
            package="lockgate.ledger.notifying",
            needs="ledger.outbox",
        )
        return None if connection is None else cls(connection)

    def close(self) -> None:
        """At once; the server frees the lock."""
        self._connection.terminate()

    async def hear(self) -> Heard:
        """What the ledger has recorded since the place that `tell` moved to."""
        async with self._alone:
            before, head, now = await self._connection.fetchrow(
                "select heard, seq, now() from ledger.notifying, ledger.head"
            )
            upto = min(head, before + STRETCH)
            if upto <= before:
                return Heard(before, before, now, ())
            rows = await self._connection.fetch(_EVENTS, before, upto, list(TOPICS), AT_ONCE)
        upto = rows[-1]["seq"] if len(rows) == AT_ONCE else upto
        return Heard(before, upto, now, rows, head - upto)

    async def versions(self, releases: Sequence[str]) -> dict[str, str]:
        async with self._alone:
            rows = await self._connection.fetch(
                "select release, version from ledger.versions where release = any($1::text[])", list(releases)
            )
        return {row["release"]: row["version"] for row in rows}

    async def tell(
        self, heard: Heard, versions: Mapping[str, str], notices: Sequence[tuple[str, int, Notice]]
    ) -> None:
        """Goes on to the next place, with what is to be delivered: (receiver, number of the record, notice).

        A notice that a receiver has already is left as it is. MovedError, and nothing is written, if the place moved.
        """
        async with self._alone, self._connection.transaction():
            moved = await self._connection.fetchval(
                "update ledger.notifying set heard = $1 where heard = $2 returning true",
                heard.upto,
                heard.before,
            )
            if not moved:
                raise MovedError(
                    f"events after record {heard.before} were made into notices by somebody else"
                )
            await self._connection.executemany(
                "insert into ledger.versions values ($1, $2, $3) on conflict do nothing",
                [(release, version, heard.now) for release, version in versions.items()],
            )
            await self._connection.executemany(
                "insert into ledger.deliveries (receiver, id, seq, at, notice) values ($1, $2, $3, $4, $5)"
                " on conflict do nothing",
                [(to, told.id, seq, told.at, told.model_dump_json()) for to, seq, told in notices],
            )

    async def first(self, receiver: str, within: timedelta) -> Open | None:
        """The oldest notice that a receiver has not got and that is not too old. What comes behind it waits for it,
        unless the receiver has refused it so often that it is set aside.
        """
        async with self._alone:
            row = await self._connection.fetchrow(
                "select notice, attempts, refused, extract(epoch from due - now())::float8 as wait from ledger.deliveries"
                " where receiver = $1 and not done and at > now() - $2::interval"
                " order by refused >= $3, case when refused >= $3 then due end, seq limit 1",
                receiver,
                within,
                REFUSALS,
            )
        if row is None:
            return None
        notice = Notice.model_validate_json(row["notice"])
        return Open(notice, row["attempts"], row["refused"], max(0.0, row["wait"]))

    async def done(self, receiver: str, notice: str) -> None:
        async with self._alone:
            await self._connection.execute(
                "update ledger.deliveries set done = true where receiver = $1 and id = $2", receiver, notice
            )

    async def again(self, receiver: str, notice: str, delay: float, *, refused: bool) -> None:
        async with self._alone:
            await self._connection.execute(
                "update ledger.deliveries set attempts = attempts + 1, refused = refused + $4, due = now() + $3::interval"
                " where receiver = $1 and id = $2",
                receiver,
                notice,
                timedelta(seconds=delay),
                int(refused),
            )

    async def forget(self, within: timedelta) -> list[GivenUp]:
        """Removes what is too old to be delivered, or to be repeated. Returns what was not delivered."""
        async with self._alone:
            await self._connection.execute(
                "delete from ledger.versions where at < now() - $1::interval", VERSIONS_KEPT
            )
            rows = await self._connection.fetch(
                "with old as (delete from ledger.deliveries where at <= now() - $1::interval returning receiver, id, done)"
                " select receiver, id from old where not done order by receiver, id",
                within,
            )
        return [GivenUp(row["receiver"], row["id"]) for row in rows]

    async def waiting(self) -> list[Waiting]:
        async with self._alone:
            rows = await self._connection.fetch(
                "select receiver, count(*) as notices, extract(epoch from now() - min(at))::float8 as oldest"
                " from ledger.deliveries where not done group by receiver"
            )
        return [Waiting(row["receiver"], row["notices"], row["oldest"]) for row in rows]
