"""A version that is left after its release was completed: where it goes back, and what is known of it then."""

import pytest

from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    MarkRequested,
    ReleaseClosed,
    ReleaseEntered,
    ReleaseOutcome,
    RollbackRequested,
)
from lockgate.messages.rollbacks import (
    Grade,
    RecoveryRequested,
    ReleaseHalted,
    ReleaseSettled,
    VersionMarked,
)
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import FailCause, Outcome, VerdictReached
from lockgate.rollback.core.rows import Bad, Completed, Release, Way
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

BACK = "release-back"
COMPLAINT = "Monitoring reported the incident errors in the region west, and names v-b, which was completed."
WHY = "ann took it back: customers are charged twice"


def recovers(way: Journey, letter: str, to: str | None = None) -> list[Payload]:
    """Intake lets a release enter that takes `letter` back, and says so."""
    way.number += 1
    about = {"application": APP, "release": BACK, "artifact": way.artifacts.get(letter) or artifact(letter)}
    entered = ReleaseEntered(**about, number=way.number, recovers=f"release-{letter}")
    requested = RollbackRequested(**about, to=to and digest(to), who="ann", reason=WHY)
    return [*way.desk.give(entered), *way.desk.give(requested)]


def completed(*letters: str) -> Journey:
    way = Journey()
    for letter in letters:
        way.succeed(letter)
    return way


def blamed(way: Journey, letter: str) -> list[Payload]:
    """An incident names its version, which was completed."""
    return way.desk.give(
        VerdictReached(
            application=APP,
            release=f"release-{letter}",
            stage="watch",
            outcome=Outcome.FAIL,
            cause=FailCause.INCIDENT,
            reason=COMPLAINT,
        )
    )


def enters(way: Journey, letter: str) -> list[Payload]:
    way.number += 1
    entered = ReleaseEntered(
        application=APP,
        release=BACK,
        artifact=artifact(letter),
        number=way.number,
        recovers=f"release-{letter}",
    )
    return way.desk.give(entered)


def closed() -> ReleaseClosed:
    return ReleaseClosed(
        application=APP,
        release=BACK,
        artifact=artifact("b"),
        outcome=ReleaseOutcome.ROLLED_BACK,
        reason="taken back",
    )


def test_every_region_goes_back_to_what_ran_before_under_the_number_of_the_recovery() -> None:
    way = completed("a", "b")
    given = orders(recovers(way, "b"))
    assert {region: order.digest for region, order in given.items()} == dict.fromkeys(
        ("west", "east", "pre"), digest("a")
    )
    assert {order.fence for order in given.values()} == {Fence(number=5, turn=2, grant=1)}
    assert {(order.release, order.bad, order.regardless) for order in given.values()} == {
        (BACK, digest("b"), True)
    }


def test_with_the_last_answer_it_is_settled_and_its_version_is_bad() -> None:
    way = completed("a", "b")
    events = [event for order in orders(recovers(way, "b")).values() for event in way.desk.give(back(order))]
    marked, settled = events
    assert isinstance(marked, VersionMarked)
    assert isinstance(settled, ReleaseSettled)
    assert (marked.digest, marked.grade, marked.reason) == (digest("b"), Grade.BAD, WHY)
    assert (settled.release, settled.debts, settled.reason) == (
        BACK,
        (),
        "v-b was taken back from 3 regions.",
    )


def test_it_goes_to_the_version_that_is_named_where_that_ran() -> None:
    way = completed("a", "c", "b")
    assert {order.digest for order in orders(recovers(way, "b", to="a")).values()} == {digest("a")}


def test_never_to_one_that_was_taken_back_before() -> None:
    way = completed("a", "c")
    for order in orders(recovers(way, "c")).values():
        way.desk.give(back(order))
    way.desk.give(closed())
    way.succeed("b")
    assert {order.digest for order in orders(recovers(way, "b")).values()} == {digest("a")}


def test_regions_that_the_newest_plan_has_no_more_go_back_too() -> None:
    way = completed("a", "b")
    stages = plan().stages
    way.plan = plan().model_copy(update={"stages": [*stages[1:3], stages[-1]]})
    way.start("c")
    way.enter()
    for order in orders(way.fail("pilot")).values():
        way.desk.give(untouched(order))
    way.close()
    assert set(orders(recovers(way, "b"))) == {"west", "east", "pre"}


def test_what_a_release_that_failed_since_still_owes_goes_back_past_it() -> None:
    way = completed("a", "b")
    way.start("c")
    way.enter()
    way.deploy("west")
    for order in orders(way.fail("first")).values():
        if order.region != "west":
            way.desk.give(untouched(order))
    way.desk.fire(APP, "deadline west")
    way.close()
    order = orders(recovers(way, "b"))["west"]
    assert (order.digest, order.regardless) == (digest("a"), True)


def test_a_version_that_goes_forward_only_goes_back_on_an_operators_word() -> None:
    way = Journey(artifacts={"b": forward_only("b")})
    for letter in ("a", "b"):
        way.succeed(letter)
    assert orders(recovers(way, "b"))["west"].digest == digest("a")


def test_a_region_that_gives_no_answer_is_a_debt_and_ordered_again_when_it_registers() -> None:
    way = completed("a", "b")
    given = orders(recovers(way, "b"))
    for region in ("east", "pre"):
        way.desk.give(back(given[region]))
    settled = way.desk.fire(APP, "deadline west")[-1]
    assert isinstance(settled, ReleaseSettled)
    assert settled.debts == ("west",)
    way.desk.give(closed())
    again = orders(way.register("west"))["west"]
    assert (again.digest, again.fence) == (digest("a"), Fence(number=5, turn=2, grant=2))


def test_the_next_release_goes_on_from_there_and_goes_back_to_there() -> None:
    way = completed("a", "b")
    for order in orders(recovers(way, "b")).values():
        way.desk.give(back(order))
    way.desk.give(closed())
    assert not {Completed.kind, Way.kind} & {key.kind for key in way.desk.rows}
    way.start("c")
    way.enter()
    way.deploy("west")
    assert orders(way.fail("first"))["west"].digest == digest("a")


def test_of_a_release_whose_plan_was_not_kept_nothing_is_ordered_and_its_end_says_so() -> None:
    way = completed("a")
    *_, marked, settled = recovers(way, "e")
    assert isinstance(marked, VersionMarked)
    assert isinstance(settled, ReleaseSettled)
    assert settled.reason == (
        "Where v-e runs is not known any more, so no region was ordered back: announce the version that is to run."
    )
    assert way.desk.row(Completed, APP).release == "release-a"
    assert way.desk.row(Bad, APP).digests == (digest("e"),), "no later release goes back to it"


def test_one_that_is_read_late_changes_nothing() -> None:
    way = completed("a", "b")
    way.number = 1
    assert recovers(way, "b") == []
    assert way.desk.row(Release, APP).release == "release-b"


# --- blamed by an incident ----------------------------------------------------------------------------------------


def test_a_version_that_an_incident_names_after_it_was_completed_is_bad_and_intake_is_asked() -> None:
    way = completed("a", "b")
    marked, requested = blamed(way, "b")
    assert isinstance(marked, VersionMarked)
    assert isinstance(requested, RecoveryRequested)
    assert (marked.digest, marked.grade, marked.reason) == (digest("b"), Grade.BAD, COMPLAINT)
    assert (requested.release, requested.artifact, requested.reason) == (
        "release-b",
        artifact("b"),
        COMPLAINT,
    )


def test_once_intake_lets_it_enter_every_region_goes_back_and_the_version_is_marked_once() -> None:
    way = completed("a", "b")
    blamed(way, "b")
    given = orders(enters(way, "b"))
    assert {region: order.digest for region, order in given.items()} == dict.fromkeys(
        ("west", "east", "pre"), digest("a")
    )
    (settled,) = [event for order in given.values() for event in way.desk.give(back(order))]
    assert isinstance(settled, ReleaseSettled)
    assert settled.reason == "v-b was taken back from 3 regions."


def test_a_second_incident_changes_nothing() -> None:
    way = completed("a", "b")
    blamed(way, "b")
    assert blamed(way, "b") == []
    enters(way, "b")
    assert blamed(way, "b") == []


def test_it_is_asked_for_again_when_what_was_under_way_has_ended() -> None:
    way = completed("a", "b")
    blamed(way, "b")
    way.start("c")
    way.enter()
    given = orders(way.fail("pilot"))
    assert {order.digest for order in given.values()} == {digest("a")}
    for order in given.values():
        way.desk.give(untouched(order))
    (requested,) = way.close()
    assert isinstance(requested, RecoveryRequested)
    assert requested.release == "release-b"


def test_where_no_region_runs_it_any_more_it_is_not_asked_for_again() -> None:
    way = completed("a", "b")
    blamed(way, "b")
    way.start("c")
    way.enter()
    for order in orders(way.fail("pilot")).values():
        way.desk.give(back(order))
    assert way.close() == []


def test_what_an_operator_has_marked_good_meanwhile_is_not_asked_for_again_until_an_incident_names_it_anew() -> (
    None
):
    way = completed("a", "b")
    blamed(way, "b")
    way.start("c")
    way.enter()
    for order in orders(way.fail("pilot")).values():
        way.desk.give(untouched(order))
    marked_good = MarkRequested(
        application=APP, digest=digest("b"), bad=False, who="ann", reason="a false alarm"
    )
    way.desk.give(marked_good)
    assert way.close() == []
    assert [type(event) for event in blamed(way, "b")] == [VersionMarked, RecoveryRequested]


def test_what_another_version_has_replaced_everywhere_is_not_asked_for_again() -> None:
    way = completed("a", "b")
    blamed(way, "b")
    way.succeed("c")
    way.start("d")
    way.enter()
    for order in orders(way.fail("pilot")).values():
        way.desk.give(untouched(order))
    assert way.close() == []


@pytest.mark.parametrize("held", ["hold", "forward"])
def test_where_nothing_goes_back_by_itself_nothing_is_asked(held: str) -> None:
    way = Journey(plan=plan(then="hold")) if held == "hold" else Journey(artifacts={"b": forward_only("b")})
    for letter in ("a", "b"):
        way.succeed(letter)
    assert blamed(way, "b") == []


def test_an_operator_who_was_quicker_takes_it_back_once() -> None:
    way = completed("a", "b")
    blamed(way, "b")
    events = recovers(way, "b")
    assert len(orders(events)) == 3
    assert [type(event) for event in events].count(ReleaseHalted) == 1
