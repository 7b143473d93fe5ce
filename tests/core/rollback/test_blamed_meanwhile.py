"""A completed version is blamed while the next release is under way: `b` was completed over `a`, and `c` is under way."""

from collections.abc import Callable

import pytest

from lockgate.messages.payload import Payload
from lockgate.messages.releases import MarkRequested, ReleasePreempted
from lockgate.messages.rollbacks import (
    Grade,
    RecoveryRequested,
    ReleaseSettled,
    RollbackOrdered,
    VersionMarked,
)
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import Action, FailCause
from lockgate.rollback.core.rows import Bad, Completed
from tests.core.rollback.test_recovering import BACK, blamed, enters, recovers
from tests.support.rollback_journey import (
    APP,
    Journey,
    artifact,
    back,
    digest,
    forward_only,
    orders,
    plan,
    untouched,
)

Where = Callable[[Journey], None]


def in_preproduction(way: Journey) -> None:
    way.deploy("pre")


def in_the_pilot(way: Journey) -> None:
    in_preproduction(way)
    way.enter()
    way.contact("west", "b", Action.PILOT)


def in_west_alone(way: Journey) -> None:
    way.enter()
    way.deploy("west")


def in_a_wave(way: Journey) -> None:
    in_the_pilot(way)
    way.deploy("west")


def in_the_watch(way: Journey) -> None:
    in_a_wave(way)
    way.deploy("east")


def meanwhile(where: Where = in_a_wave, *, before: str = "ab", **changes: object) -> Journey:
    way = Journey(**changes)  # type: ignore[arg-type]  # the fields of a journey
    for letter in before:
        way.succeed(letter)
    way.start("c")
    where(way)
    return way


def preempted(way: Journey) -> list[Payload]:
    """Intake has what is under way give way to the recovery."""
    return way.desk.give(
        ReleasePreempted(
            application=APP,
            release=way.release,
            artifact=artifact(way.letter),
            by=BACK,
            who="lockgate",
            reason="v-b, which was completed before it, is taken back: errors rose",
        )
    )


def answered(way: Journey, events: list[Payload]) -> ReleaseSettled:
    *_, settled = [event for order in orders(events).values() for event in way.desk.give(back(order))]
    assert isinstance(settled, ReleaseSettled)
    return settled


@pytest.mark.parametrize("where", [in_preproduction, in_the_pilot, in_a_wave])
def test_it_is_bad_from_then_on_and_intake_is_asked(where: Where) -> None:
    way = meanwhile(where)
    marked, requested = blamed(way, "b")
    assert isinstance(marked, VersionMarked)
    assert isinstance(requested, RecoveryRequested)
    assert (marked.digest, marked.grade, requested.release) == (digest("b"), Grade.BAD, "release-b")


@pytest.mark.parametrize("where", [in_the_pilot, in_a_wave])
def test_what_gives_way_goes_straight_past_it(where: Where) -> None:
    way = meanwhile(where)
    blamed(way, "b")
    given = orders(preempted(way))
    assert {region: order.digest for region, order in given.items()} == dict.fromkeys(
        ("pre", "west", "east"), digest("a")
    )
    assert given["east"].regardless, "nothing was written there for c, and it goes back all the same"
    settled = answered(way, [*given.values()])
    assert (settled.release, settled.debts) == ("release-c", ())
    assert not way.desk.row(Bad, APP).has(digest("c")), "nobody has blamed what gave way"


def test_then_no_region_runs_it_and_it_is_not_asked_for_again() -> None:
    way = meanwhile()
    blamed(way, "b")
    answered(way, preempted(way))
    assert way.close() == []
    given = orders(enters(way, "b"))
    assert {(order.digest, order.regardless) for order in given.values()} == {(digest("a"), False)}


def test_from_preproduction_it_is_the_recovery_that_takes_production_back() -> None:
    way = meanwhile(in_preproduction)
    blamed(way, "b")
    given = orders(preempted(way))
    assert {region: order.digest for region, order in given.items()} == {"pre": digest("a")}
    answered(way, [*given.values()])
    way.close()
    given = orders(enters(way, "b"))
    assert {region: order.digest for region, order in given.items()} == dict.fromkeys(
        ("pre", "west", "east"), digest("a")
    )


def test_where_it_runs_nowhere_any_more_it_is_bad_and_the_next_one_goes_on() -> None:
    way = meanwhile(in_the_watch)
    assert [type(event) for event in blamed(way, "b")] == [VersionMarked]
    assert {order.digest for order in orders(way.fail("watch")).values()} == {digest("a")}


def test_with_no_version_to_go_back_to_it_is_bad_and_the_next_one_goes_on() -> None:
    way = meanwhile(before="b")
    assert [type(event) for event in blamed(way, "b")] == [VersionMarked]


def test_what_is_on_its_way_back_to_it_goes_on_from_there_at_once() -> None:
    way = meanwhile()
    given = orders(way.fail("first", cause=FailCause.DEPLOYMENT))
    assert given["west"].digest == digest("b")
    assert [type(event) for event in blamed(way, "b")] == [VersionMarked, RecoveryRequested]
    assert preempted(way) == []
    answers = (back(given["pre"]), back(given["west"]), untouched(given["east"]))
    onward = orders([event for answer in answers for event in way.desk.give(answer)])
    assert {(order.region, order.digest, order.regardless) for order in onward.values()} == {
        (region, digest("a"), True) for region in ("pre", "west", "east")
    }
    assert {order.fence for order in onward.values()} == {
        Fence(number=5, turn=2, grant=2),
        Fence(number=6, turn=2, grant=2),
    }
    assert answered(way, [*onward.values()]).debts == ()


@pytest.mark.parametrize("held", ["forward", "hold"])
def test_what_goes_forward_only_is_not_gone_back_past_and_people_are_told_of_the_verdict(held: str) -> None:
    changes = {"artifacts": {"c": forward_only("c")}} if held == "forward" else {"plan": plan(then="hold")}
    way = meanwhile(**changes)
    assert blamed(way, "b") == []
    assert not way.desk.row(Completed, APP).blamed


def test_in_preproduction_it_is_bad_all_the_same_and_asked_for() -> None:
    way = meanwhile(in_preproduction, artifacts={"c": forward_only("c")})
    assert [type(event) for event in blamed(way, "b")] == [VersionMarked, RecoveryRequested]


def test_where_what_went_forward_only_stays_for_its_fix_it_is_not_asked_for_again() -> None:
    """It was blamed before that entered production, and intake has let it go on."""
    way = meanwhile(in_preproduction, artifacts={"c": forward_only("c")})
    blamed(way, "b")
    way.enter()
    way.deploy("west")
    for region, order in orders(preempted(way)).items():
        way.desk.give(back(order) if region == "west" else untouched(order))
    assert way.close() == []


def taken_back_by_name(way: Journey) -> list[Payload]:
    """An operator names `b`, which was completed: it is marked, and what is under way is pre-empted for it."""
    marked = way.desk.give(
        MarkRequested(application=APP, digest=digest("b"), bad=True, who="ann", reason="ann took it back: so")
    )
    return [*marked, *preempted(way)]


@pytest.mark.parametrize("where", [in_the_pilot, in_a_wave, in_the_watch])
def test_what_an_operator_takes_back_meanwhile_is_gone_past_by_what_gives_way(where: Where) -> None:
    way = meanwhile(where)
    marked, *ordered = taken_back_by_name(way)
    assert isinstance(marked, VersionMarked)
    assert (marked.digest, marked.grade) == (digest("b"), Grade.BAD)
    assert {order.digest for order in orders(ordered).values()} == {digest("a")}
    answered(way, ordered)
    way.close()
    last = orders(recovers(way, "b"))
    assert {region: order.digest for region, order in last.items()} == dict.fromkeys(
        ("pre", "west", "east"), digest("a")
    )


def test_where_an_incident_names_it_too_it_goes_back_once() -> None:
    way = meanwhile()
    _, *ordered = taken_back_by_name(way)
    assert RecoveryRequested in {type(event) for event in blamed(way, "b")}, "intake has it waiting already"
    answered(way, ordered)
    way.close()
    given = [event for event in recovers(way, "b") if isinstance(event, RollbackOrdered)]
    assert sorted(order.region for order in given) == ["east", "pre", "west"]


def test_what_its_plan_holds_stays_and_the_other_regions_go_back_from_the_completed_one() -> None:
    way = meanwhile(plan=plan(preprod=False, then="hold"), where=in_west_alone)
    given = orders(taken_back_by_name(way))
    assert (given["west"].digest, given["east"].digest) == (digest("c"), None)
    for region, order in given.items():
        way.desk.give(back(order) if region == "west" else untouched(order))
    way.close()
    last = orders(recovers(way, "b"))
    assert (last["east"].digest, last["east"].regardless) == (digest("a"), True)
    assert not last["west"].regardless, "it runs c, which nobody has blamed, and is not touched"


def test_one_that_was_blamed_and_marked_good_is_marked_bad_anew_by_an_operator_who_takes_it_back() -> None:
    way = meanwhile()
    blamed(way, "b")
    settled = answered(way, preempted(way))
    way.desk.give(MarkRequested(application=APP, digest=digest("b"), bad=False, who="ann", reason="ann: no"))
    assert settled.debts == ()
    way.close()
    given = orders(recovers(way, "b"))
    told = [event for order in given.values() for event in way.desk.give(untouched(order))]
    assert [(event.digest, event.grade) for event in told if isinstance(event, VersionMarked)] == [
        (digest("b"), Grade.BAD)
    ]
