"""A ledger at work on a real Kafka and a real PostgreSQL, with topics and a database of its own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from lockgate.ledger.appending import Ledger
from lockgate.ledger.settings import Settings
from lockgate.ledger.signing import Signer, key_id
from lockgate.ledger.verify import Report, verify

Headers = Sequence[tuple[str, bytes | None]]
BOUND = 30.0


class _AnyBytes(str):
    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        del encoding, errors
        return super().encode("latin-1")


class Bench:
    """One installation: a prefix, a database, a key."""

    def __init__(self, bootstrap: str, dsn: str, folder: Path, **settings: Any) -> None:
        self.prefix = f"test-{secrets.token_hex(4)}."
        self.dsn = dsn
        self.bootstrap = bootstrap
        self.changes = {"ledger_sign_records": 10, "ledger_look_every": 0.3, **settings}
        self.task: asyncio.Task[None]
        self.signer = Signer.from_file(folder / "key.pem", create=True)

    def settings(self, **changes: Any) -> Settings:
        return Settings(
            kafka=self.bootstrap,
            topic_prefix=self.prefix,
            ledger_postgres=self.dsn,
            **{**self.changes, **changes},
        )

    async def create(self, *names: str, partitions: int = 2, delete: bool = False) -> None:
        async with self._admin() as admin:
            topics = [NewTopic(self.prefix + name, partitions, 1) for name in names]
            if delete:
                await admin.delete_topics([topic.name for topic in topics])
                await _gone(admin, {topic.name for topic in topics})
            await admin.create_topics(topics)

    async def widen(self, name: str, partitions: int) -> None:
        async with self._admin() as admin:
            await admin.create_partitions({self.prefix + name: NewPartitions(partitions)})

    async def expire(self, name: str, part: int, before: int) -> None:
        async with self._admin() as admin:
            await admin.delete_records({TopicPartition(self.prefix + name, part): RecordsToDelete(before)})

    async def produce(
        self, name: str, *values: bytes | None, key: bytes | None = b"k", part: int = 0, headers: Headers = ()
    ) -> None:
        client = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        try:
            await client.start()
            for value in values:
                await client.send_and_wait(
                    self.prefix + name, value, key=key, partition=part, headers=list(headers)
                )
        finally:
            await client.stop()

    async def poison(self, name: str, value: bytes, header: bytes) -> None:
        """Produces a record with a header name of any bytes, as no client library would."""
        with pytest.MonkeyPatch.context() as patch:
            for module in (message_accumulator, producer):
                patch.setattr(module, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
            await self.produce(name, value, headers=[(_AnyBytes(header.decode("latin-1")), b"v")])

    @asynccontextmanager
    async def running(self, **changes: Any) -> AsyncIterator[Ledger]:
        """A ledger until the end of the block, then stopped gracefully; what ended it earlier is raised."""
        ledger, stop = Ledger(self.settings(**changes), self.signer), asyncio.Event()
        task = self.task = asyncio.create_task(ledger.run(stop))
        try:
            yield ledger
        finally:
            stop.set()
            async with asyncio.timeout(BOUND):
                await task

    async def appended(self, records: int, **changes: Any) -> Ledger:
        """Runs a ledger until it has that many records in all, and stops it."""
        async with self.running(**changes) as ledger:
            await until(lambda: ledger.progress.sequence >= records or self.task.done())
        return ledger

    async def verified(self) -> Report:
        trusted = {key_id(self.signer.public_key()): self.signer.public_key()}
        return await verify(self.dsn, kafka=self.bootstrap, prefix=self.prefix, trusted=trusted)

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def tamper(self, *statements: str) -> None:
        """As a superuser does, who takes the guards away first."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute("alter table ledger.records disable trigger all")
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()


async def until(holds: Callable[[], bool]) -> None:
    """Waits for a condition; TimeoutError after half a minute."""
    async with asyncio.timeout(BOUND):
        while not holds():  # noqa: ASYNC110  # what is waited for happens in another process
            await asyncio.sleep(0.02)


async def _gone(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    async with asyncio.timeout(BOUND):
        while names & set(await admin.list_topics()):  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.05)
