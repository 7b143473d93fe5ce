"""Slow work runs at least once, and what is not wanted any more changes nothing."""

import pytest

from tests.support.eventually import eventually
from tests.support.hands import Hands
from tests.support.toy import toy
from tests.support.toy_world import World, said


async def test_the_result_of_work_comes_back_as_an_input_and_ends_it(world: World) -> None:
    hands = Hands()
    await world.serving(toy(open_work=hands.opened))
    await world.send(said(1, "work w done"))
    await eventually(lambda: hands.began == ["done"])
    await world.send(said(2))
    await world.hears("verifier 1", "verifier 2")
    hands.free.add("done")
    await world.hears("verifier 1", "verifier 2", "result w done")
    assert await world.number("select count(*) from work") == 0
    assert hands.began == ["done"]


async def test_work_that_was_killed_runs_again(world: World) -> None:
    process = await world.process(fault="work")
    await eventually(lambda: world.query("select 1 from offsets"))
    await world.send(said(1, "work w again"))
    await world.hears("verifier 1", "report w begun")
    process.kill()
    assert await process.wait() == -9
    assert (world.marks / "runs").read_text().split() == [str(process.pid)]
    await world.process()
    await world.hears("verifier 1", "report w begun", "report w begun", "result w again")
    assert len((world.marks / "runs").read_text().split()) == 2


async def test_replaced_work_is_stopped_and_its_late_report_changes_nothing(world: World) -> None:
    hands = Hands(stubborn=True)
    await world.serving(toy(open_work=hands.opened))
    await world.send(said(1, "work w old"))
    await eventually(lambda: hands.began == ["old"])
    await world.send(said(2, "work w new"))
    await eventually(lambda: hands.began == ["old", "new"])
    assert hands.cancelled == ["old"]
    hands.free.add("old")
    await eventually(lambda: hands.refused == ["old"])
    hands.free.add("new")
    await world.hears("verifier 1", "verifier 2", "result w new")


async def test_cancelled_work_is_stopped(world: World) -> None:
    hands = Hands()
    await world.serving(toy(open_work=hands.opened))
    await world.send(said(1, "work w lost"))
    await eventually(lambda: hands.began == ["lost"])
    await world.send(said(2, "unwork w"))
    await eventually(lambda: hands.cancelled == ["lost"])
    assert await world.number("select count(*) from work") == 0


async def test_work_that_raises_is_tried_again(world: World) -> None:
    hands = Hands()
    hands.failures = 1
    hands.free.add("done")
    await world.serving(toy(open_work=hands.opened))
    await world.send(said(1, "work w done"))
    await world.hears("verifier 1", "result w done")
    assert hands.began == ["done", "done"]


async def test_work_is_not_begun_before_the_backlog_that_cancels_it_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands()
    first = await world.serving(toy(open_work=hands.opened))
    await world.send(said(1, "work w stopped"))
    await eventually(lambda: hands.began == ["stopped"])
    await first.leave()
    assert await world.number("select count(*) from work") == 1
    await world.send(*(said(n) for n in range(2, 200)), said(200, "unwork w"), said(201, "work v next"))
    monkeypatch.setattr("lockgate.runtime.portion.MOST", 1)  # so that reading takes its time
    later = Hands()
    later.free.add("next")
    await world.serving(toy(open_work=later.opened))
    await world.hears(*(f"verifier {n}" for n in range(1, 202)), "result v next")
    assert later.began == ["next"]
