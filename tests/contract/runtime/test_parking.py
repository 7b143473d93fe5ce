"""What cannot be taken waits in order, and takes nothing of others with it."""

import json

from lockgate.messages.message import encode
from lockgate.runtime.service import partition_of
from tests.support.toy import toy
from tests.support.toy_world import PARTITIONS, World, said


async def test_a_core_that_raises_parks_the_event_and_what_follows_until_a_mended_core_starts(
    world: World,
) -> None:
    broken = await world.serving(toy(broken=True))
    await world.send(said(1), said(2, "boom"), said(3), said(1, key="other"), said(4))
    await world.hears("verifier 1", key="other")
    await world.until("select count(*) from parked", 3)
    assert await world.heard() == ["verifier 1"]
    reasons = await world.query('select number, reason from parked order by "offset"')
    assert [tuple(row) for row in reasons] == [(2, "decide"), (3, "order"), (4, "order")]
    await broken.leave()
    await world.serving()
    await world.hears("verifier 1", "verifier 2", "verifier 3", "verifier 4")
    assert await world.number("select count(*) from parked") == 0


async def test_a_core_that_still_raises_keeps_the_order_of_what_waits(world: World) -> None:
    first = await world.serving(toy(broken=True))
    await world.send(said(1, "boom"), said(2))
    await world.until("select count(*) from parked", 2)
    await first.leave()
    second = await world.serving(toy(broken=True))
    await world.send(said(1, key="other"), said(3))
    await world.hears("verifier 1", key="other")
    await world.until("select count(*) from parked", 3)
    await second.leave()
    await world.serving()
    await world.hears("verifier 1", "verifier 2", "verifier 3")


async def test_an_event_of_a_newer_schema_keeps_its_place_and_holds_what_follows(world: World) -> None:
    await world.serving()
    await world.send(said(1))
    headers, value = encode(said(2))
    newer = json.loads(value)
    newer["context"]["type"] = newer["context"]["type"].replace(".0.1.0", ".1.0.0")
    async with world.producer() as producer:
        await producer.send_and_wait(
            world.prefix + "verdicts",
            json.dumps(newer).encode(),
            key=b"shop",
            partition=partition_of("shop", PARTITIONS),
            headers=list(headers),
        )
    await world.send(said(3), said(1, key="other"))
    await world.hears("verifier 1", key="other")
    await world.until("select count(*) from parked", 2)
    assert [r[0] for r in await world.query('select reason from parked order by "offset"')] == [
        "undecodable",
        "order",
    ]
    assert await world.heard() == ["verifier 1"]
    assert await world.records("rollback.deadletters") == []


async def test_a_missing_event_holds_those_behind_it_until_it_comes(world: World) -> None:
    await world.serving()
    await world.send(said(1), said(3))
    await world.until("select count(*) from parked where reason = 'gap'", 1)
    await world.send(said(2))
    await world.hears("verifier 1", "verifier 2", "verifier 3")
