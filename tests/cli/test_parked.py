"""Parked events from the command line: what waits, why, and another try, in order, without a restart."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from lockgate.cli.parked import outcome
from lockgate.cli.waiting import Parked, Queue, queues
from lockgate.messages.message import encode
from lockgate.messages.values import Cause
from lockgate.runtime.batch import Redriven
from lockgate.runtime.metrics import REGISTRY
from lockgate.runtime.service import partition_of
from tests.contract.runtime.test_replicas_share import shared_by
from tests.support.commands import typed
from tests.support.toy import Fault, toy
from tests.support.toy_world import PARTITIONS, World, completed, said

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def parked(number: int | None, reason: str = "order", *, key: str = "shop", part: int = 0) -> Parked:
    place = f"verdicts/{part}/{number}"
    return Parked("rollback", place, part, "verifier", key, number, reason, "why", NOON, 2)


def counted(reason: str) -> float | None:
    return REGISTRY.get_sample_value("lockgate_parked_events", {"reason": reason})


# --- pure ---------------------------------------------------------------------------------------------------


def test_what_waits_is_told_queue_by_queue_in_the_order_in_which_it_goes_on() -> None:
    found = queues([parked(7), parked(1, "cause", key="other"), parked(5, "decide"), parked(6)])
    assert [(q.first.key, q.first.number, [e.number for e in q.behind]) for q in found] == [
        ("other", 1, []),
        ("shop", 5, [6, 7]),
    ]
    assert [q.is_stuck for q in found] == [False, True]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Redriven(3, 0), "released 3, still parked 0"),
        (
            Redriven(1, 2, 6, "decide", "E('\x1b')"),
            r"released 1, still parked 2: event 6 waits (decide): E('\x1b')",
        ),
        (Redriven(0, 1, None, "decide", "E"), "released 0, still parked 1: an event waits (decide): E"),
        (None, "no answer. The wish stands"),
    ],
)
def test_what_became_of_a_queue_is_a_sentence(answer: Redriven | None, says: str) -> None:
    assert outcome(Queue(parked(5, "decide"), ()), answer).startswith(f"rollback: verifier shop: {says}")


# --- on real servers ----------------------------------------------------------------------------------------


async def test_what_is_parked_is_listed_and_shown(world: World, tmp_path: Path) -> None:
    at = ("--postgres", world.database)
    await world.serving(toy(broken=True))
    assert (await typed("parked", "list", *at)).stdout == "nothing is parked\n"
    await world.send(said(1), said(2, "boom"), said(3), said(1, key="other"), said(4))
    await world.until("select count(*) from parked", 3)

    listed = await typed("parked", "list", *at)
    head, first = listed.stdout.splitlines()
    assert head.split() == [
        "SERVICE",
        "WRITER",
        "KEY",
        "NUMBER",
        "REASON",
        "SINCE",
        "BEHIND",
        "EVENT",
        "DETAIL",
    ]
    assert re.fullmatch(
        r"rollback  verifier  shop  2       decide  .{19}Z  2       verdicts/\d/\d  BrokenCoreError\('boom'\)",
        first,
    )
    every = json.loads((await typed("parked", "list", "--all", "--json", *at)).stdout)
    assert [(e["number"], e["reason"], e["behind"]) for e in every] == [
        (2, "decide", 2),
        (3, "order", 1),
        (4, "order", 0),
    ]

    headers, value = encode(said(2, "boom"))
    file = tmp_path / "raw"
    shown = await typed("parked", "show", every[0]["place"], "--raw", str(file), *at)
    assert shown.exit_code == 0, shown.output
    assert file.read_bytes() == value
    assert value.decode() in shown.stdout.splitlines()
    assert f"{every[0]['place']}, number 2 of verifier for shop" in shown.stdout
    assert all(f"  {name}" in shown.stdout for name, _ in headers)
    missing = await typed("parked", "show", "verdicts/0/999", *at)
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "nothing is parked at verdicts/0/999" in missing.stderr


async def test_a_redrive_while_the_core_still_raises_says_so_and_once_mended_releases_in_order(
    world: World,
) -> None:
    fault = Fault()
    await world.serving(toy(broken=fault))
    await world.send(said(1), said(2, "boom"), said(3), said(4, "boom too"), said(1, key="other"), said(5))
    await world.until("select count(*) from parked", 4)
    assert (counted("decide"), counted("order")) == (1, 3)

    raising = await typed("parked", "redrive", "--postgres", world.database)
    assert raising.exit_code == 1, raising.output
    assert raising.stdout == (
        "rollback: verifier shop: released 0, still parked 4: event 2 waits (decide): BrokenCoreError('boom')\n"
    )
    await world.send(said(6), said(2, key="other"))
    await world.hears("verifier 1", "verifier 2", key="other")
    assert await world.heard() == ["verifier 1"]
    assert (counted("decide"), counted("order")) == (1, 4)

    fault.there = False
    with capture_logs() as logs:
        mended = await typed("parked", "redrive", "--postgres", world.database, "--key", "shop")
    assert mended.exit_code == 0, mended.output
    assert mended.stdout == "rollback: verifier shop: released 5, still parked 0\n"
    (trace,) = [entry for entry in logs if entry["event"] == "redriven"]
    assert (trace["writer"], trace["key"], trace["released"], trace["still_parked"]) == (
        "verifier",
        "shop",
        5,
        0,
    )
    await world.hears(*(f"verifier {number}" for number in range(1, 7)))
    assert (counted("decide"), counted("order")) == (0, 0)
    again = await typed("parked", "redrive", "--postgres", world.database)
    assert again.stdout.startswith("nothing is stuck: ")
    assert await world.number("select count(*) from redrives where answered is not null") == 2


async def test_a_second_event_that_raises_is_the_one_that_the_rest_waits_for(world: World) -> None:
    fault = Fault()
    await world.serving(toy(broken=fault))
    await world.send(said(1, "boom"), said(2), said(3, "boom"), said(4))
    await world.until("select count(*) from parked", 4)
    await world.query(
        "update parked set value = convert_to(replace(convert_from(value, 'UTF8'), 'boom', 'calm'), 'UTF8') where number = 1"
    )
    await world.replicas[0].leave()
    await world.serving(toy(broken=fault))
    await world.hears("verifier 1", "verifier 2")
    rows = await world.query("select number, reason from parked order by number")
    assert [tuple(row) for row in rows] == [(3, "decide"), (4, "order")]
    said_so = await typed("parked", "redrive", "--postgres", world.database)
    assert "released 0, still parked 2: event 3 waits (decide)" in said_so.stdout
    fault.there = False
    await typed("parked", "redrive", "--postgres", world.database)
    await world.hears("verifier 1", "verifier 2", "verifier 3", "verifier 4")


async def test_a_missing_event_that_raises_when_it_comes_goes_before_those_that_waited_for_it(
    world: World,
) -> None:
    fault = Fault()
    first = await world.serving(toy(broken=fault))
    await world.send(said(1), said(3))
    await world.until("select count(*) from parked where reason = 'gap'", 1)
    await world.send(said(2, "boom"))
    await world.until("select count(*) from parked", 2)
    raising = await typed("parked", "redrive", "--postgres", world.database)
    assert "released 0, still parked 2: event 2 waits (decide)" in raising.stdout
    await first.leave()
    await world.serving(toy(broken=fault))
    await world.send(said(1, key="other"))
    await world.hears("verifier 1", key="other")
    fault.there = False
    mended = await typed("parked", "redrive", "--postgres", world.database)
    assert mended.stdout == "rollback: verifier shop: released 2, still parked 0\n"
    await world.hears("verifier 1", "verifier 2", "verifier 3")


async def test_what_is_stuck_counts_as_stuck_after_a_restart_too(world: World) -> None:
    first = await world.serving(toy(broken=True))
    await world.send(said(1, "boom"), said(2), completed(1))
    headers, value = encode(completed(2))
    newer = value.replace(b"completed.0.1.0", b"completed.1.0.0")
    assert newer != value
    async with world.producer() as producer:
        await producer.send_and_wait(
            world.prefix + "releases",
            newer,
            key=b"shop",
            partition=partition_of("shop", PARTITIONS),
            headers=list(headers),
        )
    await world.until("select count(*) from parked", 3)
    await first.leave()
    await world.serving(toy(broken=True))
    await world.send(said(1, key="other"))
    await world.hears("verifier 1", key="other")
    assert (counted("decide"), counted("undecodable"), counted("order")) == (1, 1, 1)
    asked = await typed("parked", "redrive", "--postgres", world.database)
    assert asked.exit_code == 1
    assert [line.partition(" waits (")[0] for line in asked.stdout.splitlines()] == [
        "rollback: intake shop: released 0, still parked 1: event 2",
        "rollback: verifier shop: released 0, still parked 2: event 1",
    ]
    assert (counted("decide"), counted("undecodable"), counted("order")) == (1, 1, 1)


async def test_an_outcome_that_cannot_be_written_waits_through_restarts_and_is_redriven(world: World) -> None:
    first = await world.serving()
    await world.send(said(1), said(2, key="other"))
    await world.hears("verifier 1")
    await world.query("alter table timers add constraint never check (key <> 'shop')")
    await world.send(said(2, "timer a 60"), said(3))
    await world.until("select count(*) from parked", 2)
    await first.leave()
    with capture_logs() as logs:
        second = await world.serving()
        await world.send(said(3, key="other"))
        await world.hears("verifier 2", "verifier 3", key="other")
        await world.send(said(4, key="other"))
        await world.hears("verifier 2", "verifier 3", "verifier 4", key="other")
    tries = [entry for entry in logs if entry["event"] == "what waited cannot be written"]
    assert len(tries) == 1, "it is tried once at a start, and then when it is asked for"
    refused = await typed("parked", "redrive", "--postgres", world.database)
    assert "released 0, still parked 2: event 2 waits (decide): cannot be written: " in refused.stdout
    assert not second.task.done(), "it takes no other events with it"
    await world.query("alter table timers drop constraint never")
    mended = await typed("parked", "redrive", "--postgres", world.database)
    assert mended.stdout == "rollback: verifier shop: released 2, still parked 0\n"
    await world.hears("verifier 1", "verifier 2", "verifier 3")


async def test_an_event_that_waited_for_its_cause_and_cannot_be_written_takes_no_others_with_it(
    world: World,
) -> None:
    replica = await world.serving()
    await world.send(said(1), said(2, "timer a 60", after=[Cause("intake", "other", 1)]), said(3))
    await world.until("select count(*) from parked", 2)
    await world.query("alter table timers add constraint never check (key <> 'shop')")
    await world.send(completed(1, key="other"))
    await world.until("select count(*) from parked where reason = 'decide'", 1)
    await world.send(said(1, key="other"))
    await world.hears("intake 1", "verifier 1", key="other")
    assert not replica.task.done()
    rows = await world.query("select number, reason from parked order by number")
    assert [tuple(row) for row in rows] == [(2, "decide"), (3, "order")]


async def test_replicas_answer_each_for_their_own_partitions_and_once(world: World) -> None:
    fault = Fault()
    for _ in range(2):
        await world.serving(toy(broken=fault))
    await shared_by(world, 2)
    keys = ["shop", "other", "third", "fourth"]
    assert {partition_of(key, PARTITIONS) for key in keys} == {0, 1}
    await world.send(*(said(number, "boom", key=key) for key in keys for number in (1, 2)))
    await world.until("select count(*) from parked", 8)
    fault.there = False
    done = await typed("parked", "redrive", "--postgres", world.database)
    assert done.exit_code == 0, done.output
    assert sorted(done.stdout.splitlines()) == sorted(
        f"rollback: verifier {key}: released 2, still parked 0" for key in keys
    )
    for key in keys:
        await world.hears("verifier 1", "verifier 2", key=key)


async def test_a_service_that_does_not_run_is_no_answer_and_takes_the_wish_up_at_its_start(
    world: World,
) -> None:
    fault = Fault()
    first = await world.serving(toy(broken=fault))
    await world.send(said(1, "boom"))
    await world.until("select count(*) from parked", 1)
    await first.leave()
    unanswered = await typed("parked", "redrive", "--postgres", world.database, "--wait", "1s")
    assert unanswered.exit_code == 3
    assert "no answer. The wish stands" in unanswered.stdout
    fault.there = False
    await world.serving(toy(broken=fault))
    await world.hears("verifier 1")
    await world.until("select count(*) from redrives where answered is not null", 1)


async def test_a_database_that_is_not_one_of_ours_and_one_that_is_away_are_named(world: World) -> None:
    empty = await typed("parked", "list", "--postgres", world.postgres.fresh_database())
    assert (empty.exit_code, empty.stdout) == (2, "")
    assert "this database has no schema of a service of Lockgate" in empty.stderr
    away = await typed("parked", "redrive", "--postgres", "postgresql://nobody@127.0.0.1:1/x")
    assert (away.exit_code, away.stdout) == (2, ""), away.output
    assert away.stderr.startswith("PostgreSQL does not answer as it must (")
    nonsense = await typed("parked", "redrive", "--postgres", "nonsense")
    assert (nonsense.exit_code, nonsense.stdout) == (2, ""), nonsense.output
    assert "it is no URL" in nonsense.stderr
