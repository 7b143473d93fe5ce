"""Several replicas of one service: they share partitions, and each is the other's spare."""

import signal

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from lockgate.runtime.service import partition_of
from tests.support.eventually import eventually
from tests.support.toy_world import PARTITIONS, SESSION, World, completed, said

LEFT, RIGHT = "shop", "cart"  # applications on different partitions


async def assignments(world: World) -> list[set[int]]:
    """The partitions of each member of the toy's group; empty while it is being balanced."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka.bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([world.prefix + "rollback"])
        ((_, _, state, _, _, members, *_),) = answer.groups
        if state != "Stable":
            return []
        return sorted(
            {part for _, parts in assigned.assignment for part in parts}
            for assigned in (_assignment(member) for member in members)
        )
    finally:
        await admin.close()


def _assignment(member: tuple[object, ...]) -> ConsumerProtocolMemberAssignment:
    raw = member[4]
    assert isinstance(raw, bytes)
    return ConsumerProtocolMemberAssignment.decode(raw)


async def shared_by(world: World, replicas: int) -> None:
    async def balanced() -> bool:
        found = await assignments(world)
        assert len(found) == replicas, found
        assert all(found), found
        return True

    await eventually(balanced)


async def test_two_replicas_share_the_partitions_and_hand_over_when_one_leaves(world: World) -> None:
    assert {partition_of(LEFT, PARTITIONS), partition_of(RIGHT, PARTITIONS)} == {0, 1}
    first = await world.serving()
    await world.send(said(1, key=LEFT), said(1, key=RIGHT))
    await world.hears("verifier 1", key=LEFT)
    await world.serving()
    await shared_by(world, 2)
    await world.send(said(2, key=LEFT), said(2, key=RIGHT))
    await world.hears("verifier 1", "verifier 2", key=LEFT)
    await world.hears("verifier 1", "verifier 2", key=RIGHT)
    await first.leave()
    await world.send(said(3, key=LEFT), said(3, key=RIGHT))
    await world.hears("verifier 1", "verifier 2", "verifier 3", key=LEFT)
    await world.hears("verifier 1", "verifier 2", "verifier 3", key=RIGHT)


async def test_an_event_is_released_by_a_cause_that_another_replica_read(world: World) -> None:
    await world.serving()
    await world.serving()
    await shared_by(world, 2)
    await world.send(said(1, key=LEFT, after=[completed(1, key=RIGHT).cause]))  # type: ignore[list-item]  # it has one
    await world.until("select count(*) from parked", 1)
    await world.send(completed(1, key=RIGHT))
    await world.hears("verifier 1", key=LEFT)


async def test_a_paused_replica_that_comes_back_does_nothing_twice(world: World) -> None:
    process = await world.process()
    await eventually(lambda: world.query("select 1 from offsets"))
    await world.send(said(1), said(2))
    await world.hears("verifier 1", "verifier 2")
    process.send_signal(signal.SIGSTOP)
    await world.serving()
    await world.send(*(said(n) for n in range(3, 40)))
    await world.hears(*(f"verifier {n}" for n in range(1, 40)), within=SESSION + 20)
    assert process.returncode is None
    process.send_signal(signal.SIGCONT)
    await shared_by(world, 2)
    await world.send(*(said(n) for n in range(40, 60)), said(1, key=RIGHT))
    await world.hears(*(f"verifier {n}" for n in range(1, 60)))
    await world.hears("verifier 1", key=RIGHT)


async def test_a_service_finds_its_topics_through_whichever_of_the_named_brokers_answers(
    world: World,
) -> None:
    nobody, there = "127.0.0.1:1", world.kafka.bootstrap
    await world.serving(kafka=f"{nobody},{there}")
    await world.send(said(1))
    await world.hears("verifier 1")
