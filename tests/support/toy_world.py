"""The world around the toy service: its topics, its database, its replicas, and a client to write and read."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from lockgate.messages.message import Message, encode, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.releases import RegionAccepted, ReleaseCompleted
from lockgate.messages.values import EVERY, Artifact, Cause, Place
from lockgate.messages.verdicts import StageWaiting, WaitingFor
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import Readable, read
from lockgate.runtime.running import Running
from lockgate.runtime.service import Service, partition_of
from lockgate.runtime.settings import RuntimeSettings
from tests.support.eventually import eventually
from tests.support.servers import KafkaUnderTest, PostgresUnderTest
from tests.support.toy import DIGEST, toy

PARTITIONS = 2
PATIENCE = 30.0
SESSION = 2.0  # seconds until a killed replica's partitions go to another


def said(
    number: int, script: str = "note", *, key: str = "shop", after: Sequence[Cause] = ()
) -> Message[Payload]:
    """An event of the verifier, with a script for the toy."""
    body = StageWaiting(
        application=key, release="r1", stage="pilot", waiting_for=WaitingFor.BAKE, reason=script
    )
    return _message("verifier", key, number, body, after)


def completed(number: int, *, key: str = "shop") -> Message[Payload]:
    """An event of intake."""
    artifact = Artifact(purl="pkg:oci/shop", digest=DIGEST)
    body = ReleaseCompleted(application=key, release="r1", artifact=artifact)
    return _message("intake", key, number, body, ())


def accepted(number: int, application: str) -> Message[Payload]:
    """An event of intake under `*`, which the toy passes on to an application."""
    place = Place(region="eu", deployer="deployer-eu", cluster="c", namespace=application)
    return _message("intake", EVERY, number, RegionAccepted(place=place), ())


def _message(writer: str, key: str, number: int, body: Payload, after: Sequence[Cause]) -> Message[Payload]:
    return Message(
        body=body,
        id=event_id(writer, key, number),
        source=f"/lockgate/{writer}",
        key=key,
        at="2026-11-24T12:00:00.000Z",
        writer=writer,
        number=number,
        after=tuple(after),
    )


@dataclass
class Replica:
    """One replica of the toy in this process."""

    running: Running
    stop: asyncio.Event
    task: "asyncio.Task[None]"

    async def leave(self) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, PATIENCE)


@dataclass
class World:
    kafka: KafkaUnderTest
    postgres: PostgresUnderTest
    marks: Path
    database: str
    prefix: str = field(default_factory=lambda: f"t{secrets.token_hex(5)}.")
    replicas: list[Replica] = field(default_factory=list)
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    def settings(self, **changed: Any) -> RuntimeSettings:
        given = {
            "kafka": self.kafka.bootstrap,
            "postgres": self.database,
            "topic_prefix": self.prefix,
            "partitions": PARTITIONS,
            "session_seconds": SESSION,
        }
        return RuntimeSettings(**{**given, **changed})

    # --- replicas -------------------------------------------------------------------------------------------

    def start(self, service: Service | None = None, **changed: Any) -> Replica:
        running, stop = Running(service or toy(), self.settings(**changed)), asyncio.Event()
        replica = Replica(running, stop, asyncio.create_task(running.run(stop)))
        self.replicas.append(replica)
        return replica

    async def serving(self, service: Service | None = None, **changed: Any) -> Replica:
        """A replica that has made its topics and its tables, and reads."""
        replica = self.start(service, **changed)
        await eventually(lambda: replica.running.port or replica.task.done())
        if replica.task.done():
            replica.task.result()
        return replica

    async def process(self, fault: str = "", *, session: float = SESSION) -> asyncio.subprocess.Process:
        """A replica as a process of its own, which can be killed."""
        environment = {
            **os.environ,
            "LOCKGATE_KAFKA": self.kafka.bootstrap,
            "LOCKGATE_POSTGRES": self.database,
            "LOCKGATE_TOPIC_PREFIX": self.prefix,
            "LOCKGATE_PARTITIONS": str(PARTITIONS),
            "LOCKGATE_SESSION_SECONDS": str(session),
            "TOY_MARKS": str(self.marks),
            "TOY_FAULT": fault,
        }
        with (self.marks / f"log{len(self.processes)}").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.support.toy", env=environment, stderr=log
            )
        self.processes.append(process)
        return process

    async def close(self) -> None:
        for process in self.processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
        for replica in self.replicas:
            replica.stop.set()
        await asyncio.wait_for(
            asyncio.gather(*(replica.task for replica in self.replicas), return_exceptions=True), PATIENCE
        )

    # --- Kafka ----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def producer(self, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap, acks="all", **options)
        async with asyncio.timeout(PATIENCE):
            await producer.start()
        try:
            yield producer
        finally:
            await asyncio.wait_for(producer.stop(), PATIENCE)

    async def send(self, *messages: Message[Payload]) -> None:
        """Events of other services, each on its topic and partition, in order."""
        async with self.producer() as producer, asyncio.timeout(PATIENCE):
            for message in messages:
                headers, value = encode(message)
                await producer.send_and_wait(
                    self.prefix + message.body.topic,
                    value,
                    key=message.key.encode(),
                    partition=partition_of(message.key, PARTITIONS),
                    headers=list(headers),
                )

    async def records(self, topic: str) -> list[Record]:
        """Everything on a topic now, partition by partition."""
        places = [TopicPartition(self.prefix + topic, part) for part in range(PARTITIONS)]
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
        )
        try:
            async with asyncio.timeout(PATIENCE):
                await consumer.start()
                consumer.assign(places)
                ends = await consumer.end_offsets(places)
                found: list[Record] = []
                for place in places:
                    while await consumer.position(place) < ends[place]:
                        batches = await consumer.getmany(place, timeout_ms=200)
                        found += [_record(topic, raw) for raws in batches.values() for raw in raws]
                return found
        finally:
            await asyncio.wait_for(consumer.stop(), PATIENCE)

    async def answers(self) -> list[Message[Payload]]:
        """What the toy has published, as its readers take it: repeats are passed over, and there are no gaps."""
        marks: dict[str, int] = {}
        taken = []
        for record in await self.records("rollbacks"):
            item = read(record)
            assert isinstance(item, Readable), item
            message = item.message
            assert message.number is not None
            if message.number > marks.get(message.key, 0):
                assert message.number == marks.get(message.key, 0) + 1, "a gap in the numbers on the topic"
                marks[message.key] = message.number
                taken.append(message)
        return taken

    async def heard(self, key: str = "shop") -> list[str]:
        """What the toy says that it has handled of one application, in order."""
        return [m.body.reason for m in await self.answers() if m.key == key]  # type: ignore[attr-defined]  # VersionMarked

    async def hears(self, *expected: str, key: str = "shop", within: float = 40.0) -> None:
        """Waits until the toy has handled exactly this, in this order."""

        async def complete() -> bool:
            found = await self.heard(key)
            assert found == list(expected), found
            return True

        await eventually(complete, within=within)

    # --- PostgreSQL -----------------------------------------------------------------------------------------

    async def query(self, sql: str, *arguments: Any) -> list[Any]:
        """Rows of the toy's schema."""
        connection = await asyncpg.connect(
            self.database, timeout=5.0, server_settings={"search_path": "rollback"}
        )
        try:
            rows: list[Any] = await connection.fetch(sql, *arguments, timeout=10.0)
            return rows
        finally:
            await connection.close()

    async def number(self, sql: str) -> int:
        """The one number that a query gives; 0 for null."""
        return int((await self.query(sql))[0][0] or 0)

    async def until(self, sql: str, expected: int, *, within: float = 40.0) -> None:
        """Waits until a query gives this number."""

        async def equal() -> bool:
            found = await self.number(sql)
            assert found == expected, (sql, found)
            return True

        await eventually(equal, within=within)


async def know_each_other(world: World, replicas: int) -> None:
    """Until so many replicas are named in the database, and each of them has looked at the names since."""
    named = "from pg_stat_activity where datname = current_database() and application_name like 'lockgate-member-%-%_'"
    await world.until(f"select count(*) {named}", replicas)
    ((now,),) = await world.query("select clock_timestamp()")
    looked = f"select count(*) {named} and state = 'idle' and query_start > $1 and query ~ 'starts_with'"

    async def all_looked() -> bool:
        ((count,),) = await world.query(looked, now)
        assert count == replicas, count
        return True

    await eventually(all_looked)


def _record(topic: str, raw: Any) -> Record:
    return Record(topic, raw.partition, raw.offset, raw.key, tuple(raw.headers), raw.value)
