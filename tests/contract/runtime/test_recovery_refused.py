"""What a recovery does not believe: a journal of which the beginning is gone, a database that changes as it looks."""

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from lockgate.runtime.recovering import Recovery
from lockgate.runtime.recovery import RecoveryError
from lockgate.runtime.service import partition_of
from tests.contract.runtime.test_recovery import backed_up, decided_once
from tests.support.mutation import Gate
from tests.support.toy_world import PARTITIONS, World, said


async def _expire(world: World, topic: str, part: int) -> None:
    """The broker forgets what is on a partition now, as it does after the time of retention."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka.bootstrap)
    await admin.start()
    try:
        at = TopicPartition(world.prefix + topic, part)
        await admin.delete_records({at: RecordsToDelete(-1)})
    finally:
        await admin.close()


async def test_an_empty_database_beside_a_journal_without_its_beginning_is_refused(world: World) -> None:
    await backed_up(world)
    await _expire(world, "rollback.journal", partition_of("shop", PARTITIONS))
    world.database = world.postgres.fresh_database()
    second = world.start()
    with pytest.raises(RecoveryError, match="its beginning has expired: the numbers of applications"):
        await second.task
    world.replicas.remove(second)


async def test_a_database_that_is_restored_again_while_it_is_looked_at_is_looked_at_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = await backed_up(world)
    replica = await world.serving()
    await world.send(said(2), said(3))
    await world.hears("verifier 1", "verifier 2", "verifier 3")
    again = world.postgres.copy(earlier)
    apply = Gate(monkeypatch, Recovery, "_apply")
    world.postgres.replace(world.database, earlier)
    await apply.holds()
    world.postgres.replace(world.database, again)
    await world.send(said(4))
    apply.open()
    await world.hears("verifier 1", "verifier 2", "verifier 3", "verifier 4")
    assert await world.number("select decisions from keys where key = 'shop'") == 4
    await replica.leave()
    await decided_once(world)
