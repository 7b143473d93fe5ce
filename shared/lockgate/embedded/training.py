"""Trains the JVM's start-up cache once: a broker does what brokers do, and what it loaded is kept.

With it a broker starts in less than half the time. Nothing depends on it.
"""

import asyncio
import tempfile
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from lockgate.embedded import java
from lockgate.embedded.aside import wait_for
from lockgate.embedded.cache import publish
from lockgate.embedded.errors import EmbeddedError
from lockgate.embedded.kafka import Kafka

_DUMP = 180.0  # seconds: the JVM writes the cache when it ends (10 s here), and must not be killed meanwhile
_DAY = 60.0  # seconds for what takes a client one


def train() -> Path | None:
    """The trained cache, made if need be; None where this machine cannot make one, which only costs time later."""
    try:
        return publish(java.startup_cache(), _train)
    except (EmbeddedError, KafkaError, OSError):  # OSError: of the disk, or as TimeoutError of the client
        return None


def _train(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="lockgate-training-") as scratch:
        flags = (f"-XX:AOTCacheOutput={target}",)
        broker = Kafka(Path(scratch) / "kafka", extra_flags=flags).start(timeout=120)
        try:
            wait_for(_exercise(broker.bootstrap))
        finally:
            broker.stop(timeout=_DUMP)
        if not target.exists():
            raise EmbeddedError(
                "Java wrote no start-up cache.", "nothing: brokers only start slower.", broker.log
            )


async def _exercise(bootstrap: str) -> None:
    """A client's usual day: a topic, an idempotent producer, a consumer group."""
    async with asyncio.timeout(_DAY):
        await _create(bootstrap)
        await _produce(AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True))
        await _consume(bootstrap)


async def _create(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("training", num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()


async def _consume(bootstrap: str) -> None:
    consumer = AIOKafkaConsumer(
        "training",
        bootstrap_servers=bootstrap,
        group_id="training",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        await consumer.getone()
        await consumer.commit()
    finally:
        await consumer.stop()


async def _produce(producer: AIOKafkaProducer) -> None:
    await producer.start()
    try:
        for number in range(20):
            await producer.send_and_wait("training", b"value", key=b"%d" % number)
    finally:
        await producer.stop()
