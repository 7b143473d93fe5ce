"""Several replicas of one service: they share partitions, and each is the other's spare."""

import signal

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from lockgate.runtime import presence
from lockgate.runtime.presence import Presence, leave
from lockgate.runtime.service import partition_of
from tests.support.eventually import eventually
from tests.support.mutation import without
from tests.support.toy_world import PARTITIONS, SESSION, World, completed, know_each_other, said

LEFT, RIGHT = "shop", "cart"  # applications on different partitions

LONG_SESSION, WITHIN = 120.0, 40.0
"""In seconds: who waits for the end of that session is not in time."""


async def assignments(world: World) -> dict[str, set[int]]:
    """The partitions of each member of the toy's group, by its id; empty while it is being balanced."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka.bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([world.prefix + "rollback"])
        ((_, _, state, _, _, members, *_),) = answer.groups
        if state != "Stable":
            return {}
        return {
            member[0]: {part for _, parts in _assignment(member).assignment for part in parts}
            for member in members
        }
    finally:
        await admin.close()


def _assignment(member: tuple[object, ...]) -> ConsumerProtocolMemberAssignment:
    raw = member[4]
    assert isinstance(raw, bytes)
    return ConsumerProtocolMemberAssignment.decode(raw)


async def shared_by(world: World, replicas: int) -> set[str]:
    """Once each of so many has partitions: their ids."""

    async def balanced() -> set[str]:
        found = await assignments(world)
        assert len(found) == replicas, found
        assert all(found.values()), found
        return set(found)

    members: set[str] = await eventually(balanced, within=WITHIN)
    return members


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


async def test_what_a_killed_replica_had_goes_to_the_other_long_before_its_session_ends(world: World) -> None:
    await world.serving(session_seconds=LONG_SESSION)
    process = await world.process(session=LONG_SESSION)
    both = await shared_by(world, 2)
    await know_each_other(world, 2)
    with capture_logs() as logs:
        process.kill()
        left = await shared_by(world, 1)
    told = [line["member"] for line in logs if line["event"].startswith("another replica died")]
    assert (told, left) == (list(both - left), both - {*told})
    await world.send(said(1, key=LEFT), said(1, key=RIGHT))
    await world.hears("verifier 1", key=LEFT)
    await world.hears("verifier 1", key=RIGHT)


async def test_without_being_told_the_broker_waits_for_the_session_of_a_killed_replica(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why replicas look for each other at all."""
    without(monkeypatch, Presence, "_tell", ("await leave(self._kafka, self._group, member)", "member"))
    await world.serving(session_seconds=LONG_SESSION)
    process = await world.process(session=LONG_SESSION)
    both = await shared_by(world, 2)
    await know_each_other(world, 2)
    with capture_logs() as logs:
        process.kill()
        await eventually(lambda: [line for line in logs if "replica died" in line["event"]])
    assert set(await assignments(world)) == both


async def test_a_live_replica_that_was_told_to_have_left_joins_again_and_nothing_is_done_twice(
    world: World,
) -> None:
    for _ in range(2):
        await world.serving(session_seconds=LONG_SESSION)
    before = await shared_by(world, 2)
    await world.send(said(1, key=LEFT), said(1, key=RIGHT))
    wronged, group = min(before), world.prefix + "rollback"
    assert await leave(world.kafka.bootstrap, group, wronged)
    await world.send(said(2, key=LEFT), said(2, key=RIGHT))
    assert not await leave(world.kafka.bootstrap, group, wronged), "it is not there any more"

    async def back() -> bool:
        now = await shared_by(world, 2)
        assert wronged not in now, now
        return True

    await eventually(back)
    await world.send(said(3, key=LEFT), said(3, key=RIGHT))
    await world.hears("verifier 1", "verifier 2", "verifier 3", key=LEFT)
    await world.hears("verifier 1", "verifier 2", "verifier 3", key=RIGHT)


async def test_a_broker_that_is_away_when_a_replica_died_is_told_nothing_and_the_service_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> bool:
        raise KafkaConnectionError

    monkeypatch.setattr(presence, "leave", away)
    replica = await world.serving()
    process = await world.process()
    await shared_by(world, 2)
    await know_each_other(world, 2)
    with capture_logs() as logs:
        process.kill()
        await shared_by(world, 1)  # when the session has ended
        await eventually(lambda: [line for line in logs if "was not told" in line["event"]])
    await world.send(said(1))
    await world.hears("verifier 1")
    assert not replica.task.done()
