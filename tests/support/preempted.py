"""Releases of the coordinator that a fix pre-empts, wherever they are."""

from typing import Any

from lockgate.messages.payload import Payload
from lockgate.messages.releases import ReleasePreempted
from lockgate.messages.rollbacks import ReleaseSettled
from lockgate.messages.verdicts import Action
from tests.support.rollback_journey import (
    APP,
    Journey,
    artifact,
    back,
    orders,
    plan,
    untouched,
)

WHY = "ann sent the fix v-c: customers are charged twice"


def preempt(way: Journey) -> list[Payload]:
    return way.desk.give(
        ReleasePreempted(
            application=APP,
            release=way.release,
            artifact=artifact(way.letter),
            by="release-c",
            who="ann",
            reason=WHY,
        )
    )


def settled_in(events: list[Payload]) -> ReleaseSettled:
    (settled,) = (event for event in events if isinstance(event, ReleaseSettled))
    return settled


def answered(way: Journey, events: list[Payload], reached: tuple[str, ...]) -> ReleaseSettled:
    """What follows once each region has answered: those that it had reached went back, or stay."""
    found: list[Payload] = []
    for region, order in orders(events).items():
        found += way.desk.give(back(order) if region in reached else untouched(order))
    return settled_in(found)


# --- where it is ------------------------------------------------------------------------------------------------


def in_preproduction(way: Journey) -> tuple[str, ...]:
    way.deploy("pre")
    return ("pre",)


def in_the_pilot(way: Journey) -> tuple[str, ...]:
    in_preproduction(way)
    way.enter()
    way.contact("west", "a", Action.PILOT)
    return ("pre", "west")


def in_a_wave(way: Journey) -> tuple[str, ...]:
    in_the_pilot(way)
    way.contact("west", "a")
    way.deploy("west")
    return ("pre", "west")


def in_the_watch(way: Journey) -> tuple[str, ...]:
    in_a_wave(way)
    way.contact("east", "a")
    way.deploy("east")
    return ("pre", "west", "east")


def upon_a(**changes: Any) -> Journey:
    """`a` is good everywhere, and `b` has started."""
    way = Journey(plan=plan(**changes))
    way.succeed("a")
    way.start("b")
    return way
