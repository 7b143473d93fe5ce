"""A history from the shelf, put onto real topics with the same places."""

import secrets

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.support.replays import PARTS, Shelf


async def publish(bootstrap: str, shelf: Shelf) -> str:
    """Makes the topics under a prefix of their own and fills them; returns the prefix."""
    prefix = f"replay-{secrets.token_hex(4)}."
    await _create(bootstrap, [prefix + topic for topic in {name for name, _ in shelf.logs}])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for (topic, part), log in shelf.logs.items():
            for offset in sorted(log):
                record = log[offset]
                sent = await producer.send_and_wait(
                    prefix + topic,
                    record.value,
                    key=record.key,
                    partition=part,
                    headers=list(record.headers),
                )
                assert sent.offset == offset
    finally:
        await producer.stop()
    return prefix


async def _create(bootstrap: str, topics: list[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, PARTS, 1) for topic in topics])
    finally:
        await admin.close()
