"""The ledger's PostgreSQL tables: one writer appends, everything of a batch in one transaction.

The writer holds an advisory lock on the very connection that it writes with, and each transaction moves the head by
compare-and-set: who lost the lock without noticing fails as a whole. Every statement has a timeout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from lockgate.ledger.alone import alone
from lockgate.ledger.chain import Head, Link, decode_headers, encode_headers
from lockgate.messages.message import Headers

_LOCK = 0x10C4_6A7E_1ED6_E400
_COLUMNS = ("seq", "topic", "part", "offset", "time", "key", "headers", "value", "leaf", "chain")

Partition = tuple[str, int]
"""(topic without prefix, partition)."""


class HeadMovedError(Exception):
    """Another writer appended: nothing of this batch was written."""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A signed head as an event, ready to be published."""

    number: int
    sequence: int
    headers: Headers
    value: bytes


@dataclass(frozen=True, slots=True)
class State:
    head: Head
    signed: int
    heads: int
    positions: dict[Partition, int]


class Store:
    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self._connection = connection

    @classmethod
    async def lead(cls, dsn: str) -> "Store | None":
        """The store of the one writer, its tables up to date; None if another process is the writer."""
        connection = await alone(dsn, name="lockgate-ledger", lock=_LOCK, package="lockgate.ledger")
        return None if connection is None else cls(connection)

    def close(self) -> None:
        """At once; the server frees the lock. Nothing is under way between two calls of this class."""
        self._connection.terminate()

    async def state(self) -> State:
        head = await self._connection.fetchrow("select seq, chain, signed, heads from ledger.head")
        if head is None:
            raise HeadMovedError(
                "the row of ledger.head is gone: restore the ledger's database from a backup"
            )
        positions = await self._connection.fetch("select topic, part, next from ledger.positions")
        return State(
            Head(head["seq"], head["chain"]),
            head["signed"],
            head["heads"],
            {(row["topic"], row["part"]): row["next"] for row in positions},
        )

    async def append(
        self,
        before: Head,
        links: Sequence[Link],
        positions: Mapping[Partition, int],
        signed: SignedHead | None,
    ) -> None:
        """The links, where their partitions are read on, and with `signed` a head of them; or nothing.

        HeadMovedError if the head is not `before` any more.
        """
        last = links[-1]
        async with self._connection.transaction():
            await self._move(before, Head(last.seq, last.chain))
            await self._connection.copy_records_to_table(
                "records", schema_name="ledger", columns=_COLUMNS, records=[_row(link) for link in links]
            )
            await self._connection.execute(
                "insert into ledger.positions select * from unnest($1::text[], $2::int[], $3::bigint[])"
                " on conflict (topic, part) do update set next = excluded.next",
                [topic for topic, _ in positions],
                [part for _, part in positions],
                list(positions.values()),
            )
            if signed is not None:
                await self._sign(signed)

    async def sign(self, head: Head, signed: SignedHead) -> None:
        """Puts a signed head into the outbox. HeadMovedError if it is not the head any more."""
        async with self._connection.transaction():
            await self._move(head, head)
            await self._sign(signed)

    async def _move(self, before: Head, after: Head) -> None:
        moved = await self._connection.fetchval(
            "update ledger.head set seq = $1, chain = $2 where seq = $3 and chain = $4 returning true",
            after.seq,
            after.chain,
            before.seq,
            before.chain,
        )
        if not moved:
            raise HeadMovedError(
                f"the head of the ledger is not {before.seq} any more: another writer appended"
            )

    async def _sign(self, signed: SignedHead) -> None:
        await self._connection.execute(
            "update ledger.head set signed = $1, heads = $2", signed.sequence, signed.number
        )
        await self._connection.execute(
            "insert into ledger.outbox (number, headers, value) values ($1, $2, $3)",
            signed.number,
            encode_headers(signed.headers),
            signed.value,
        )

    async def chain_at(self, seq: int) -> bytes | None:
        found: bytes | None = await self._connection.fetchval(
            "select chain from ledger.records where seq = $1", seq
        )
        return found

    async def continue_after(self, number: int) -> None:
        """The next signed head gets the number after this one: an operator accepted that the chain forks here."""
        await self._connection.execute("update ledger.head set heads = $1 where heads < $1", number)

    async def unacknowledged(self, most: int = 100) -> list[SignedHead]:
        rows = await self._connection.fetch(
            "select number, headers, value from ledger.outbox where not acknowledged order by number limit $1",
            most,
        )
        return [SignedHead(row["number"], 0, _headers(row["headers"]), row["value"]) for row in rows]

    async def acknowledge(self, numbers: Sequence[int]) -> None:
        await self._connection.execute(
            "update ledger.outbox set acknowledged = true where number = any($1::bigint[])", list(numbers)
        )


def _headers(encoded: bytes) -> Headers:
    return tuple((name, value or b"") for name, value in decode_headers(encoded))


def _row(link: Link) -> tuple[Any, ...]:
    record = link.record
    return (
        *(link.seq, record.topic, record.part, record.offset, record.time),
        *(record.key, record.headers, record.value, link.leaf, link.chain),
    )
