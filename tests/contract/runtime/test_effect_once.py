"""Each event has its effect exactly once, whatever is killed, repeated or late."""

import json

from lockgate.messages.values import Cause
from tests.support.eventually import eventually
from tests.support.toy_world import World, completed, said


async def test_events_of_a_key_are_handled_in_order_and_answered_with_contiguous_numbers(
    world: World,
) -> None:
    await world.serving()
    await world.send(*(said(n) for n in range(1, 6)))
    await world.hears(*(f"verifier {n}" for n in range(1, 6)))
    assert [m.number for m in await world.answers()] == [1, 2, 3, 4, 5]


async def test_an_event_that_is_sent_twice_is_handled_once(world: World) -> None:
    await world.serving()
    await world.send(said(1), said(2), said(1), said(2), said(3))
    await world.hears("verifier 1", "verifier 2", "verifier 3")
    assert await world.number("select sum(next) from offsets") == 5


async def test_every_event_was_decided_in_the_journal(world: World) -> None:
    await world.serving()
    await world.send(said(1), said(2))
    await world.hears("verifier 1", "verifier 2")
    journal = [json.loads(record.value or b"") for record in await world.records("rollback.journal")]
    recorded = [id_ for body in journal for id_ in body["events"]]
    for answer in await world.answers():
        assert answer.id in recorded, f"{answer.id} was decided by no record of the journal"


async def test_an_event_waits_for_its_cause_and_then_both_are_handled_in_order(world: World) -> None:
    await world.serving()
    await world.send(said(1, after=[Cause("intake", "shop", 2)]), said(2), said(1, key="other"))
    await world.until("select count(*) from parked", 2)
    await world.hears("verifier 1", key="other")
    assert await world.heard() == []
    await world.send(completed(1), completed(2))
    await world.hears("intake 1", "intake 2", "verifier 1", "verifier 2")
    assert await world.number("select count(*) from parked") == 0


async def test_what_is_killed_between_commit_and_publication_is_published_by_the_next_start(
    world: World,
) -> None:
    process = await world.process(fault="publish")
    await eventually(lambda: world.query("select 1 from offsets"))
    await world.send(said(1), said(2))
    await world.until("select sum(next) from offsets", 2)
    await eventually((world.marks / "publishing").exists)
    process.kill()
    assert await process.wait() == -9
    assert await world.number("select count(*) from outbox") == 4
    assert await world.records("rollbacks") == []
    await world.serving()
    await world.hears("verifier 1", "verifier 2")
    assert len(await world.records("rollbacks")) == 2
    assert len(await world.records("rollback.journal")) == 2
