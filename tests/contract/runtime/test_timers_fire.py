"""Timers fire once, by the database's clock, and never before what was written earlier has been read."""

from tests.support.toy import toy
from tests.support.toy_world import World, said

DUE = "select count(*) from timers where due <= clock_timestamp()"


async def test_a_timer_fires_once_when_it_is_due(world: World) -> None:
    await world.serving()
    await world.send(said(1, "timer a 0.5"))
    await world.hears("verifier 1", "timer a")
    journal = await world.query("select set_by from timers")
    assert journal == []
    await world.send(said(2))
    await world.hears("verifier 1", "timer a", "verifier 2")


async def test_a_timer_that_is_set_again_fires_only_at_its_new_time(world: World) -> None:
    await world.serving()
    await world.send(said(1, "timer a 600"), said(2, "timer a 0.3"), said(3, "timer b 0.6"))
    await world.hears("verifier 1", "verifier 2", "verifier 3", "timer a", "timer b")


async def test_a_timer_that_fell_due_in_an_outage_waits_for_the_backlog_and_heeds_it(world: World) -> None:
    first = await world.serving()
    await world.send(said(1, "timer a 0.3"), said(2, "timer b 0.3"))
    await world.until("select count(*) from timers", 2)
    await first.leave()
    await world.until(DUE, 2)
    await world.send(*(said(n) for n in range(3, 200)), said(200, "cancel a"))
    await world.serving()
    await world.hears(*(f"verifier {n}" for n in range(1, 201)), "timer b")


async def test_a_deadline_set_on_others_gets_its_grace_after_a_gap_in_our_own_reading(world: World) -> None:
    first = await world.serving()
    await world.send(said(1, "timer deadline 0.3 2.5"), said(2, "timer a 0.3"))
    await world.until("select count(*) from timers", 2)
    await first.leave()
    await world.until(DUE, 2)
    await world.serving()
    await world.hears("verifier 1", "verifier 2", "timer a")
    await world.until(DUE, 1)
    await world.hears("verifier 1", "verifier 2", "timer a", "timer deadline")


async def test_a_deadline_does_not_fire_while_an_event_of_its_key_waits(world: World) -> None:
    broken = await world.serving(toy(broken=True))
    await world.send(said(1, "timer deadline 0.3 0.1"), said(2, "boom"), said(3, "timer a 0.4", key="other"))
    await world.hears("verifier 3", "timer a", key="other")
    await world.until(DUE, 1)
    assert await world.heard() == ["verifier 1"]
    await broken.leave()
    await world.serving()
    await world.hears("verifier 1", "verifier 2", "timer deadline")


async def test_a_timer_whose_decision_raises_stops_no_other(world: World) -> None:
    await world.serving(toy(broken=True))
    await world.send(said(1, "timer boom 0.1"), said(2, "timer a 0.4"), said(3, "timer b 0.4", key="other"))
    await world.hears("verifier 1", "verifier 2", "timer a")
    await world.hears("verifier 3", "timer b", key="other")
    assert await world.number("select count(*) from timers") == 1
