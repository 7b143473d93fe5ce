"""A door before a real broker, with topics of its own."""

import secrets
from collections.abc import AsyncIterator

import pytest

from lockgate.embedded import Kafka
from lockgate.intake.door import publishing
from lockgate.intake.door.publishing import Publisher
from lockgate.intake.door.routes import TOPICS
from lockgate.runtime.kafka_topics import ensure_topics
from lockgate.runtime.settings import ProcessSettings
from tests.support.doors import House, opened_door
from tests.support.servers import KafkaUnderTest, unavailable


@pytest.fixture
async def house(kafka: KafkaUnderTest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(publishing, "SEND_SECONDS", 2.0)
    prefix = f"door-{secrets.token_hex(4)}."
    await ensure_topics(ProcessSettings(kafka=kafka.bootstrap, topic_prefix=prefix), TOPICS)
    publisher = Publisher(kafka.bootstrap, prefix)
    publisher.open()
    try:
        async with opened_door(publisher.publish) as client:
            yield House(client, kafka, prefix)
    finally:
        await publisher.close()


@pytest.fixture
def broker(house: House) -> Kafka:
    if house.kafka.server is None:
        unavailable("An outside broker cannot be stopped.", "leave out LOCKGATE_KAFKA and --containers.")
    return house.kafka.server
