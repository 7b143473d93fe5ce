"""What is not taken back by itself: it is halted, stays as it is, and an operator says what follows."""

from lockgate.messages.releases import AbortRequested
from lockgate.messages.rollbacks import ReleaseHalted, ReleaseHeld, RollbackOrdered
from lockgate.messages.values import Artifact
from lockgate.messages.verdicts import FailCause
from lockgate.rollback.core.rows import Phase, Release
from tests.support.rollback_journey import (
    APP,
    FLAGS,
    Journey,
    artifact,
    flag_orders,
    forward_only,
    not_off,
    off,
    orders,
    plan,
)


def migrating(**changes: object) -> Journey:
    """A release with a migration, which runs in west; a is good everywhere."""
    way = Journey(plan=plan(preprod=False, **changes), artifacts={"b": forward_only("b")})  # type: ignore[arg-type]  # fields of a plan, by name
    way.succeed("a")
    way.start("b")
    way.enter()
    way.deploy("west")
    return way


def test_an_artifact_says_by_its_package_url_that_it_goes_forward_only() -> None:
    assert forward_only("b").forward_only
    assert not artifact("b").forward_only
    other = Artifact(purl="pkg:oci/payments@sha256%3Aaa?tag=rollback=unsafe", digest=artifact("b").digest)
    assert not other.forward_only


def test_a_release_that_goes_forward_only_is_halted_and_held_when_it_fails_in_production() -> None:
    way = migrating()
    halted, held = way.fail("first", cause=FailCause.DEPLOYMENT)
    assert isinstance(halted, ReleaseHalted)
    assert isinstance(held, ReleaseHeld)
    assert held.reason.startswith(
        "v-b is marked rollback=unsafe, and goes forward only. Nothing more is granted."
    )
    assert held.reason.endswith("The stage first failed: errors rose from 0.1% to 8%")
    assert way.desk.row(Release, APP).phase is Phase.HELD


def test_in_pre_production_it_is_taken_back_like_any_other() -> None:
    way = Journey(artifacts={"b": forward_only("b")})
    way.start("b")
    assert set(orders(way.fail("preprod"))) == {"pre"}


def test_its_flags_are_tried_first() -> None:
    way = migrating(flags=FLAGS)
    for order in flag_orders(way.fail("first", cause=FailCause.INCIDENT)).values():
        way.desk.give(off(order))
    assert [type(event) for event in way.fail("first", cause=FailCause.INCIDENT)] == [
        ReleaseHalted,
        ReleaseHeld,
    ]


def test_if_they_cannot_be_switched_it_is_held() -> None:
    way = migrating(flags=FLAGS)
    asked = flag_orders(way.fail("first", cause=FailCause.INCIDENT))
    (held,) = way.desk.give(not_off(asked["east"]))
    assert isinstance(held, ReleaseHeld)
    assert (APP, "flags") not in way.desk.timers


def test_a_plan_may_ask_for_it_with_any_artifact() -> None:
    way = Journey(plan=plan(preprod=False, then="hold"))
    way.start("b")
    way.enter()
    held = way.fail("pilot")[-1]
    assert isinstance(held, ReleaseHeld)
    assert held.reason.startswith("v-b is held by its plan.")


def test_an_operator_takes_it_back_all_the_same() -> None:
    way = migrating()
    way.fail("first")
    events = way.desk.give(
        AbortRequested(
            application=APP, release=way.release, artifact=artifact("b"), who="ann", reason="so be it"
        )
    )
    assert [type(event) for event in events] == [ReleaseHalted, RollbackOrdered, RollbackOrdered]
    assert str(orders(events)["west"].fence) == "4.3.1"


def test_a_second_failure_of_a_held_release_changes_nothing_and_nothing_closes_it() -> None:
    way = migrating()
    way.fail("first")
    before = dict(way.desk.rows)
    assert way.fail("first") == []
    assert way.close() == []
    assert way.desk.rows == before
