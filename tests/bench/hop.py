"""How long an event takes through one service: written to its topic, decided, committed, published, read again.

Against a raw consumer with one commit and one acknowledged send (`raw`), in alternation, one event at a time: at a
steady 50 events a second of each, as services that are not idle are used, and back to back, with everything warm.
"""

import asyncio
from collections.abc import Iterator
from itertools import count

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from lockgate.messages.message import encode
from lockgate.runtime.service import partition_of
from tests.bench.figures import Figure
from tests.bench.latency import WARM, Turn, interleaved, percentiles
from tests.bench.raw import raw_chain
from tests.bench.worlds import a_world
from tests.support.toy import toy
from tests.support.toy_world import PARTITIONS, World, said

KEYS = 10
TURNS = 500
PACE = 0.01  # of both together
ANSWER_SECONDS = 30.0

Times = tuple[list[float], list[float]]


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields the figures; there is nothing more to print with `profile`."""
    del profile
    with a_world() as world:
        paced, unpaced = uvloop.run(_measured(world))
    for name, (ours, raw) in (("hop", paced), ("hop-back-to-back", unpaced)):
        yield from percentiles(name, ours[WARM:], raw[WARM:])


async def _measured(world: World) -> tuple[Times, Times]:
    await (await world.serving(toy())).leave()
    source, target = world.prefix + "raw-in", world.prefix + "raw-out"
    await make_topics(world.kafka.bootstrap, source, target)
    places = [TopicPartition(world.prefix + "rollbacks", part) for part in range(PARTITIONS)]
    async with (
        raw_chain(world.kafka.bootstrap, world.database, (source, target), (1,)),
        world.producer() as to,
    ):
        await world.process()
        answers = await reading_ends(world.kafka.bootstrap, *places)
        copies = await reading_ends(world.kafka.bootstrap, TopicPartition(target, 0))
        try:
            ours, raw = _through_service(world, to, answers), _through_raw(to, source, copies)
            return await interleaved(TURNS, ours, raw, pace=PACE), await interleaved(TURNS, ours, raw)
        finally:
            await answers.stop()
            await copies.stop()
            await world.close()


def _through_service(world: World, to: AIOKafkaProducer, answers: AIOKafkaConsumer) -> Turn:
    numbers = count()

    async def turn(_: int) -> None:
        number = next(numbers)
        key = f"app-{number % KEYS}"
        headers, value = encode(said(number // KEYS + 1, key=key))
        topic, part = world.prefix + "verdicts", partition_of(key, PARTITIONS)
        await to.send(topic, value, key=key.encode(), partition=part, headers=list(headers))
        await one(answers)

    return turn


def _through_raw(to: AIOKafkaProducer, source: str, copies: AIOKafkaConsumer) -> Turn:
    async def turn(number: int) -> None:
        headers, value = encode(said(number + 1))
        await to.send(source, value, partition=0, headers=list(headers))
        await one(copies)

    return turn


async def one(consumer: AIOKafkaConsumer) -> None:
    """Waits for the next record."""
    async with asyncio.timeout(ANSWER_SECONDS):
        await consumer.getone()


async def reading_ends(bootstrap: str, *places: TopicPartition) -> AIOKafkaConsumer:
    """A consumer of what is written from now on."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    consumer.assign(places)
    for place in places:
        await consumer.seek_to_end(place)
        await consumer.position(place)
    return consumer


async def make_topics(bootstrap: str, *names: str) -> None:
    """Topics of one partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1) for name in names])
    finally:
        await admin.close()
