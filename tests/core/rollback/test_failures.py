"""A release fails somewhere on its way: what is halted, what is ordered, and how it is settled."""

from datetime import timedelta

from lockgate.messages.rollbacks import Grade, RegionAnswer, ReleaseHalted, ReleaseSettled, VersionMarked
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import Action, FailCause, Outcome, VerdictReached
from lockgate.rollback.core.rows import History, Phase, Release, Version
from tests.support.desk import NOON
from tests.support.rollback_journey import (
    APP,
    Journey,
    back,
    digest,
    failed,
    orders,
    plan,
    refused,
    untouched,
)


def test_a_fail_in_preprod_orders_the_preprod_regions_under_the_number_of_started() -> None:
    way = Journey()
    way.start("b")
    way.contact("pre", "a")
    halted, order = way.fail("preprod")
    assert isinstance(halted, ReleaseHalted)
    assert (halted.number, halted.turn, halted.regions) == (1, 1, ("pre",))
    assert halted.reason == "The stage preprod failed: errors rose from 0.1% to 8%"
    ordered = orders([order])["pre"]
    assert ordered.fence == Fence(number=1, turn=2, grant=1)
    assert (ordered.deployer, ordered.cluster, ordered.namespace) == ("deployer-pre", "uid-pre", "pay")
    assert (ordered.digest, ordered.bad) == (digest("a"), digest("b"))
    assert ordered.workload.deployment == "payments"


def test_the_answer_of_the_only_region_settles_the_release() -> None:
    way = Journey()
    way.start("b")
    way.contact("pre", "a")
    ordered = orders(way.fail("preprod"))["pre"]
    marked, settled = way.desk.give(back(ordered))
    assert isinstance(marked, VersionMarked)
    assert (marked.digest, marked.grade) == (digest("b"), Grade.BAD)
    assert isinstance(settled, ReleaseSettled)
    assert settled.answers == {"pre": RegionAnswer.ROLLED_BACK}
    assert settled.debts == ()
    assert settled.stays is False
    assert settled.reason == "v-b was taken back from 1 region."
    assert way.desk.timers == {}


def test_a_version_of_which_pre_production_proved_nothing_is_taken_back_and_not_blamed() -> None:
    way = Journey()
    way.start("b")
    way.contact("pre", "a")
    undecided = VerdictReached(
        application=APP,
        release=way.release,
        stage="preprod",
        outcome=Outcome.FAIL,
        cause=FailCause.UNDECIDED,
        reason="the API server was away",
    )
    ordered = orders(way.desk.give(undecided))["pre"]
    (settled,) = way.desk.give(back(ordered))
    assert isinstance(settled, ReleaseSettled)


def test_a_fail_in_the_pilot_concerns_production_and_preprod_each_under_its_own_number() -> None:
    way = Journey()
    way.start("b")
    way.contact("pre", "a")
    way.deploy("pre")
    way.enter()
    way.contact("west", "a", Action.PILOT)
    events = way.fail("pilot")
    halts = [event for event in events if isinstance(event, ReleaseHalted)]
    assert [(halt.number, halt.turn, halt.regions) for halt in halts] == [
        (2, 1, ("west", "east")),
        (1, 1, ("pre",)),
    ]
    ordered = orders(events)
    assert {region: str(order.fence) for region, order in ordered.items()} == {
        "west": "2.2.1",
        "east": "2.2.1",
        "pre": "1.2.1",
    }
    assert ordered["west"].digest == digest("a")
    assert ordered["east"].digest is None
    assert ordered["east"].reason.startswith("east was never deployed to: only clones and their share go.")
    assert ordered["pre"].digest == digest("a")


def test_it_is_settled_with_the_last_answer_and_not_before() -> None:
    way = Journey()
    way.start("b")
    way.enter()
    way.contact("west", "a", Action.PILOT)
    ordered = orders(way.fail("pilot"))
    assert way.desk.give(back(ordered["west"])) == []
    assert way.desk.give(untouched(ordered["east"])) == []
    marked, settled = way.desk.give(untouched(ordered["pre"]))
    assert isinstance(marked, VersionMarked)
    assert isinstance(settled, ReleaseSettled)
    assert settled.answers == {"west": "rolled-back", "east": "untouched", "pre": "untouched"}
    assert settled.reason == "v-b was taken back from 1 region; 2 do not run it."


def test_the_first_release_ever_goes_back_to_what_was_found() -> None:
    way = Journey()
    way.start("b")
    way.enter()
    way.contact("west", "a")
    way.deploy("west")
    assert orders(way.fail("first"))["west"].digest == digest("a")


def test_the_first_release_over_an_image_named_by_tag_is_owed_because_nothing_can_be_named_to_go_back_to() -> (
    None
):
    way = Journey(plan=plan(preprod=False))
    way.start("b")
    way.enter()
    way.contact("west", None)
    way.deploy("west")
    ordered = orders(way.fail("first"))
    assert ordered["west"].digest is None
    assert ordered["west"].reason.startswith("west has no earlier version to go back to that is not bad")
    way.desk.give(untouched(ordered["east"]))
    settled = way.desk.give(untouched(ordered["west"]))[-1]
    assert isinstance(settled, ReleaseSettled)
    assert settled.debts == ("west",)
    assert "publish a fix" in settled.reason


def test_a_fail_in_the_watch_takes_every_region_back_to_what_ran_before() -> None:
    way = Journey()
    way.succeed("a")
    way.start("b")
    way.deploy("pre")
    way.enter()
    way.deploy("west")
    way.deploy("east")
    ordered = orders(way.fail("watch"))
    assert {order.digest for order in ordered.values()} == {digest("a")}
    for order in ordered.values():
        way.desk.give(back(order))
    assert way.desk.row(History, APP, "east").versions == (
        Version(digest=digest("b"), grade=Grade.BAD),
        Version(digest=digest("a"), grade=Grade.GOOD),
    )


def test_an_order_has_as_long_as_the_plan_gave_the_region_and_at_least_the_setting() -> None:
    way = Journey()
    way.desk.start({"deadline": 1000, "grace": 30, "attempts": 2, "prefix": "not the core's"})
    way.start("b")
    way.enter()
    ordered = orders(way.fail("pilot"))
    assert {region: order.deadline for region, order in ordered.items()} == {
        "west": 1200,
        "east": 1000,
        "pre": 1000,
    }
    timer = way.desk.timers[APP, "deadline west"]
    assert (timer.due, timer.grace) == (NOON + timedelta(minutes=20), timedelta(seconds=30))


def test_a_region_that_did_not_answer_is_remembered_to_run_the_bad_version() -> None:
    way = Journey()
    way.start("b")
    way.contact("pre", "a")
    way.deploy("pre")
    way.fail("preprod", "x" * 1900)
    way.desk.fire(APP, "deadline pre")
    assert way.desk.row(History, APP, "pre").versions == (
        Version(digest=digest("a"), grade=Grade.ADOPTED),
        Version(digest=digest("b"), grade=Grade.BAD),
    )


def test_a_long_reason_is_shortened_in_every_order() -> None:
    way = Journey()
    way.start("b")
    halted, order = way.fail("preprod", "x" * 1900)
    assert isinstance(halted, ReleaseHalted)
    assert len(halted.reason) == 1500
    assert len(orders([order])["pre"].reason) == 300


def test_a_second_fail_changes_nothing() -> None:
    way = Journey()
    way.start("b")
    way.fail("preprod")
    before = dict(way.desk.rows)
    assert way.fail("preprod", "again") == []
    assert way.desk.rows == before


def test_verdicts_that_are_no_fail_change_nothing() -> None:
    way = Journey()
    way.start("b")
    before = dict(way.desk.rows)
    for outcome in (Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.UNMEASURABLE):
        assert way.verdict(outcome) == []
    assert way.desk.rows == before


def test_a_fail_of_a_release_that_is_unknown_or_over_changes_nothing() -> None:
    way = Journey()
    way.letter = "x"
    assert way.fail("pilot") == []
    way.succeed("a")
    before = dict(way.desk.rows)
    assert way.fail("watch") == []
    way.letter = "x"
    assert way.fail("watch") == []
    assert way.desk.rows == before


def test_a_fail_before_anything_could_be_touched_settles_at_once() -> None:
    way = Journey(plan=plan(preprod=False))
    way.start("b")
    halted, marked, settled = way.fail("pilot")
    assert isinstance(halted, ReleaseHalted)
    assert halted.regions == ()
    assert isinstance(marked, VersionMarked)
    assert isinstance(settled, ReleaseSettled)
    assert settled.reason == "There was nothing to take back: v-b had reached no region."


def test_a_failed_rollback_is_ordered_again_with_the_next_grant_and_a_new_deadline() -> None:
    way = Journey()
    way.start("b")
    first = orders(way.fail("preprod"))["pre"]
    way.desk.wait(60)
    (second,) = orders(way.desk.give(failed(first))).values()
    assert second == first.model_copy(update={"fence": Fence(number=1, turn=2, grant=2)})
    assert way.desk.timers[APP, "deadline pre"].due == NOON + timedelta(seconds=660)


def test_after_the_last_attempt_a_failed_rollback_is_a_debt() -> None:
    way = Journey()
    way.start("b")
    order = orders(way.fail("preprod"))["pre"]
    order = orders(way.desk.give(failed(order)))["pre"]
    order = orders(way.desk.give(failed(order)))["pre"]
    settled = way.desk.give(failed(order))[-1]
    assert isinstance(settled, ReleaseSettled)
    assert settled.answers == {"pre": RegionAnswer.FAILED}
    assert settled.debts == ("pre",)
    assert settled.reason == (
        "v-b was taken back from no region; 1 failed to go back. It may still run in pre, where the order is given again when the region"
        " registers again. pre: 3 attempts failed; the last one said: the API answered 500"
    )


def test_a_failure_of_an_earlier_attempt_is_not_counted_twice() -> None:
    way = Journey()
    way.start("b")
    first = orders(way.fail("preprod"))["pre"]
    way.desk.give(failed(first))
    assert way.desk.give(failed(first)) == []


def test_no_answer_until_the_deadline_is_a_debt() -> None:
    way = Journey()
    way.start("b")
    way.fail("preprod")
    settled = way.desk.fire(APP, "deadline pre")[-1]
    assert isinstance(settled, ReleaseSettled)
    assert settled.answers == {"pre": RegionAnswer.UNREACHABLE}
    assert settled.debts == ("pre",)
    assert settled.reason.endswith("pre: deployer-pre gave no answer within 600 s.")


def test_an_order_refused_for_a_newer_fence_is_an_answer_and_no_debt() -> None:
    way = Journey()
    way.start("b")
    order = orders(way.fail("preprod"))["pre"]
    settled = way.desk.give(refused(order))[-1]
    assert isinstance(settled, ReleaseSettled)
    assert (settled.answers, settled.debts) == ({"pre": RegionAnswer.REFUSED}, ())


def test_an_answer_of_another_deployer_or_to_another_order_changes_nothing() -> None:
    way = Journey()
    way.start("b")
    order = orders(way.fail("preprod"))["pre"]
    before = dict(way.desk.rows)
    for other in (
        {"deployer": "deployer-west"},
        {"release": "release-x"},
        {"region": "west"},
        {"fence": Fence(number=1, turn=1, grant=1)},
        {"fence": Fence(number=1, turn=2, grant=2)},
        {"fence": Fence(number=9, turn=2, grant=1)},
    ):
        assert way.desk.give(untouched(order).model_copy(update=other)) == []
    assert way.desk.rows == before


def test_a_deployment_that_ends_after_the_halt_is_remembered_as_what_runs() -> None:
    way = Journey()
    way.succeed("a")
    way.start("b")
    way.enter()
    ordered = orders(way.fail("pilot"))
    way.deploy("west")
    assert way.desk.row(History, APP, "west").running == digest("b")
    way.desk.give(back(ordered["west"]))
    assert way.desk.row(History, APP, "west").running == digest("a")


def test_entered_after_the_halt_changes_nothing() -> None:
    way = Journey()
    way.start("b")
    way.fail("preprod")
    assert way.enter() == []
    assert way.desk.row(Release, APP).phase is Phase.HALTED
    assert way.desk.row(Release, APP).entered is None
