"""Where what was written since a time begins, also where somebody wrote a batch that no broker can open."""

import secrets

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from lockgate.runtime.offsets_since import offsets_since
from tests.support.hostile_batches import GZIP, bomb, send_batch
from tests.support.kafka_client import create_topic
from tests.support.servers import KafkaUnderTest

FAR = 4_000_000_000_000
"""In 2096."""


async def test_a_batch_that_does_not_inflate_makes_its_partition_be_read_from_the_beginning(
    kafka: KafkaUnderTest,
) -> None:
    topic = f"since-{secrets.token_hex(4)}"
    await create_topic(kafka.bootstrap, topic, 3)
    empty, hostile, good = (TopicPartition(topic, part) for part in range(3))
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, max_request_size=4 << 20) as producer:
        await send_batch(producer, topic, hostile.partition, bomb(GZIP, 500 << 20))
        for place, at in ((hostile, 2000), (good, 1000), (good, 2000)):
            await producer.send_and_wait(topic, b"{}", partition=place.partition, timestamp_ms=at)
    places = (empty, hostile, good)
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap) as client:
        ends = await client.end_offsets(places)
        since_ever = await offsets_since(client, places, 0, ends)
        assert since_ever == {empty: 0, hostile: 0, good: 0}
        assert (await offsets_since(client, [good], 1500, ends)) == {good: 1}
        assert await offsets_since(client, places, FAR, ends) == {empty: 0, hostile: ends[hostile], good: 2}
