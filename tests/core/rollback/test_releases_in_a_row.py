"""Several releases one after another: grades, histories, debts, and what is forgotten."""

from lockgate.messages.decision import RowKey
from lockgate.messages.deployments import DeploymentStarted, RefusalCode, RegionDeployed
from lockgate.messages.rollbacks import DebtCleared, Grade, ReleaseSettled, RollbackOrdered, VersionMarked
from lockgate.messages.values import Fence
from lockgate.messages.verdicts import Action
from lockgate.rollback.core.rows import Bad, History, Limits, Release, Version
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


def kinds(way: Journey) -> set[tuple[str, str]]:
    return {(key.kind, key.id) for key in way.desk.rows}


def with_a_debt_in_east() -> tuple[Journey, RollbackOrdered]:
    """A is good everywhere, B failed in the watch, and east did not answer its order."""
    way = Journey(plan=plan(preprod=False))
    way.succeed("a")
    way.start("b")
    way.enter()
    way.deploy("west")
    way.deploy("east")
    ordered = orders(way.fail("watch"))
    way.desk.give(back(ordered["west"]))
    settled = way.desk.fire(APP, "deadline east")[-1]
    assert isinstance(settled, ReleaseSettled)
    assert settled.debts == ("east",)
    return way, ordered["east"]


def test_a_passed_watch_makes_the_version_good_in_every_region() -> None:
    way = Journey()
    way.start("b")
    way.contact("pre", "a")
    way.deploy("pre")
    way.enter()
    for region in ("west", "east"):
        way.contact(region, "a")
        way.deploy(region)
    (marked,) = way.pass_watch()
    assert isinstance(marked, VersionMarked)
    assert (marked.digest, marked.grade) == (digest("b"), Grade.GOOD)
    for region in ("pre", "west", "east"):
        assert way.desk.row(History, APP, region).versions == (
            Version(digest=digest("a"), grade=Grade.ADOPTED),
            Version(digest=digest("b"), grade=Grade.GOOD),
        )
    assert way.pass_watch() == []


def test_a_completed_release_leaves_its_histories_and_its_plan_until_the_next_one() -> None:
    way = Journey()
    for letter in ("a", "b"):
        way.succeed(letter)
        assert kinds(way) == {
            *{("release", ""), ("completed", ""), ("way", way.release)},
            *{("history", "pre"), ("history", "west"), ("history", "east")},
        }


def test_a_closed_release_leaves_its_histories_and_the_list_of_bad_versions() -> None:
    way = Journey(plan=plan(preprod=False))
    way.start("b")
    way.enter()
    way.contact("west", "a")
    for order in orders(way.fail("pilot")).values():
        way.desk.give(untouched(order))
    way.close()
    assert kinds(way) == {("release", ""), ("history", "west"), ("bad", "")}


def test_what_is_found_later_than_at_first_contact_changes_nothing() -> None:
    way = Journey()
    way.succeed("a")
    way.start("b")
    way.contact("pre", "c")
    assert way.desk.row(History, APP, "pre").running == digest("a")


def test_what_another_deployer_says_of_a_region_is_no_part_of_its_history() -> None:
    way = Journey()
    way.start("b")
    way.enter()
    rival = {"deployer": "deployer-rival"}
    found = DeploymentStarted(**way._step("west", Action.DEPLOY), found=digest("e"))
    before = dict(way.desk.rows)
    assert way.desk.give(found.model_copy(update=rival)) == []
    assert way.desk.give(RegionDeployed(**way._step("west", Action.DEPLOY)).model_copy(update=rival)) == []
    assert way.desk.rows == before
    way.contact("west", "a")
    assert orders(way.fail("rest"))["west"].digest == digest("a")


def test_a_version_that_was_taken_back_is_never_gone_back_to() -> None:
    way = Journey(plan=plan(preprod=False))
    way.succeed("a")
    for letter in ("b", "c"):
        way.start(letter)
        way.enter()
        way.deploy("west")
        ordered = orders(way.fail("first"))
        assert ordered["west"].digest == digest("a")
        for order in ordered.values():
            way.desk.fire(APP, f"deadline {order.region}")  # so that the bad version stays the last that ran
        way.close()


def test_a_good_version_that_fails_when_it_is_released_again_is_bad_also_where_it_was_good() -> None:
    way = Journey(plan=plan(preprod=False))
    way.succeed("a")
    way.succeed("b")
    way.start("b")
    way.enter()
    ordered = orders(way.fail("pilot"))
    assert {order.digest for order in ordered.values()} == {digest("a")}


def test_a_bad_version_whose_watch_passes_after_all_is_good_again() -> None:
    way = Journey(plan=plan(preprod=False))
    way.start("b")
    way.fail("pilot")
    assert way.desk.row(Bad, APP).digests == (digest("b"),)
    way.close()
    way.succeed("b")
    assert way.desk.row(Bad, APP).digests == ()


def test_to_good_goes_past_a_version_that_was_never_judged() -> None:
    way = Journey(plan=plan("good", preprod=False))
    way.succeed("a")
    way.start("b")
    way.enter()
    way.deploy("west")
    way.complete()  # without a passed watch: nobody knows how good b is
    way.start("c")
    way.enter()
    way.deploy("west")
    assert orders(way.fail("first"))["west"].digest == digest("a")


def test_events_of_a_release_that_is_over_change_nothing() -> None:
    way = Journey(plan=plan(preprod=False))
    way.succeed("a")
    way.start("b")
    before = dict(way.desk.rows)
    way.letter = "a"
    for late in (way.enter, way.pass_watch, way.complete, way.close, lambda: way.deploy("west")):
        assert late() == []
    assert way.contact("new", "f") == []
    assert way.desk.rows == before


def test_an_older_release_does_not_start_after_a_newer_one() -> None:
    way = Journey()
    way.start("a")
    way.number = 0
    assert way.start("b") == []
    assert way.desk.row(Release, APP).release == "release-a"


def test_closed_does_not_end_a_release_whose_orders_are_out() -> None:
    way = Journey()
    way.start("b")
    order = orders(way.fail("preprod"))["pre"]
    way.close()
    assert isinstance(way.desk.give(untouched(order))[-1], ReleaseSettled)


def test_the_settings_are_kept_as_a_row_for_all_applications() -> None:
    way = Journey()
    way.desk.start({"deadline": 60, "grace": 5, "attempts": 1})
    assert way.desk.rows == {RowKey("*", "limits", ""): Limits(deadline=60, grace=5, attempts=1)}


def test_a_debt_is_ordered_again_when_the_region_registers_again_also_after_the_release_is_closed() -> None:
    way, order = with_a_debt_in_east()
    way.close()
    (again,) = way.register("east")
    assert again == order.model_copy(update={"fence": Fence(number=4, turn=2, grant=2)})
    (third,) = orders(way.register("east")).values()
    assert third.fence.grant == 3


def test_an_answer_to_an_order_that_was_owed_clears_the_debt() -> None:
    way, _ = with_a_debt_in_east()
    (again,) = orders(way.register("east")).values()
    (cleared,) = way.desk.give(back(again))
    assert isinstance(cleared, DebtCleared)
    assert (cleared.release, cleared.region) == ("release-b", "east")
    assert ("order", "east") not in kinds(way)
    assert way.desk.row(History, APP, "east").running == digest("a")
    assert way.register("east") == []


def test_a_late_answer_to_the_first_order_clears_the_debt_too() -> None:
    way, order = with_a_debt_in_east()
    way.register("east")
    way.desk.give(back(order))
    assert ("order", "east") not in kinds(way)


def test_an_order_that_was_owed_and_fails_is_tried_as_often_as_any_and_owed_on() -> None:
    way, _ = with_a_debt_in_east()
    (order,) = orders(way.register("east")).values()
    (order,) = orders(way.desk.give(failed(order))).values()
    (order,) = orders(way.desk.give(failed(order))).values()
    assert order.fence.grant == 4
    assert way.desk.give(failed(order)) == []
    assert way.desk.timers == {}
    assert [order.fence.grant for order in orders(way.register("east")).values()] == [5]


def test_a_deployer_that_reads_its_order_too_late_gets_it_again_without_a_start() -> None:
    """It was cut off, and reads the order when its time is over (seed 45 of the simulation)."""
    way, order = with_a_debt_in_east()
    way.close()
    (again,) = way.desk.give(failed(order))
    assert again == order.model_copy(update={"fence": Fence(number=4, turn=2, grant=2)})
    (cleared,) = way.desk.give(back(orders([again])["east"]))
    assert isinstance(cleared, DebtCleared)


def test_a_debt_is_not_ordered_back_to_a_version_that_is_bad_by_now() -> None:
    way, order = with_a_debt_in_east()
    assert order.digest == digest("a")
    way.close()
    west_only = [stage for stage in way.plan.stages if stage.name != "rest"]
    way.plan = way.plan.model_copy(update={"stages": west_only})
    way.start("a")
    way.enter()
    way.deploy("west")
    way.fail("watch")
    way.desk.fire(APP, "deadline west")
    way.close()
    (again,) = orders(way.register("east")).values()
    assert again.digest is None


def test_a_region_that_says_it_is_not_served_stays_a_debt() -> None:
    way = Journey()
    way.start("b")
    order = orders(way.fail("preprod"))["pre"]
    settled = way.desk.give(refused(order, RefusalCode.NOT_SERVED))[-1]
    assert isinstance(settled, ReleaseSettled)
    assert settled.debts == ("pre",)


def test_a_debt_is_ordered_again_also_while_a_newer_release_is_under_way() -> None:
    """The newer one may fail before it reaches the region (seeds 1 and 59 of the simulation)."""
    way, order = with_a_debt_in_east()
    way.close()
    way.start("c")
    way.enter()
    (again,) = orders(way.register("east")).values()
    assert again.fence == order.fence.model_copy(update={"grant": 2})


def test_a_debt_whose_order_is_refused_for_a_newer_fence_is_one_until_that_release_has_deployed_there() -> (
    None
):
    way, _ = with_a_debt_in_east()
    way.close()
    way.start("c")
    way.enter()
    (again,) = orders(way.register("east")).values()
    assert way.desk.give(refused(again)) == []
    assert ("order", "east") in kinds(way)
    (cleared,) = way.deploy("east")
    assert isinstance(cleared, DebtCleared)
    assert (cleared.release, cleared.region) == ("release-b", "east")
    assert ("order", "east") not in kinds(way)


def test_a_release_that_fails_takes_back_what_an_earlier_one_still_owes() -> None:
    """Else the region says that the newer one had written nothing, and runs the bad version unnamed (seed 1)."""
    way, _ = with_a_debt_in_east()
    way.close()
    way.start("c")
    way.enter()
    ordered = orders(way.fail("pilot"))
    assert {region: order.regardless for region, order in ordered.items()} == {"west": False, "east": True}
    assert ordered["east"].digest == digest("a")


def test_a_version_that_is_released_again_and_fails_is_taken_back_also_where_it_ran_before() -> None:
    """Seed 52: the region was untouched by the second release, and went on running what had been marked bad."""
    way = Journey(plan=plan(preprod=False))
    way.succeed("a")
    way.succeed("b")
    way.start("b")
    way.enter()
    ordered = orders(way.fail("pilot"))
    assert {(order.digest, order.regardless) for order in ordered.values()} == {(digest("a"), True)}


def test_a_version_that_production_runs_is_not_bad_because_its_second_preprod_failed() -> None:
    """Seed 32: nothing takes production back then, so it must not be marked as what nobody may run."""
    way = Journey()
    way.succeed("a")
    way.start("a")
    order = orders(way.fail("preprod"))["pre"]
    events = way.desk.give(untouched(order))
    assert [type(event) for event in events] == [ReleaseSettled]
    assert not way.desk.row(Bad, APP).digests


def test_a_region_that_went_back_to_a_version_that_is_bad_by_now_owes_it() -> None:
    way = Journey()
    way.start("b")
    way.contact("pre", "a")
    order = orders(way.fail("preprod"))["pre"]
    settled = way.desk.give(back(order).model_copy(update={"digest": digest("b")}))[-1]
    assert isinstance(settled, ReleaseSettled)
    assert settled.debts == ("pre",)
    assert "publish a fix" in settled.reason


def test_a_debt_in_preprod_is_not_dropped_by_the_production_number_of_its_own_release() -> None:
    way = Journey()
    way.start("b")
    way.enter()
    ordered = orders(way.fail("pilot"))
    way.desk.give(untouched(ordered["west"]))
    way.desk.give(untouched(ordered["east"]))
    way.desk.fire(APP, "deadline pre")
    assert str(orders(way.register("pre"))["pre"].fence) == "1.2.2"


def test_a_region_that_registers_before_the_release_is_settled_pays_its_debt_at_once() -> None:
    way = Journey(plan=plan(preprod=False))
    way.succeed("a")
    way.start("b")
    way.enter()
    ordered = orders(way.fail("pilot"))
    assert way.desk.fire(APP, "deadline east") == []
    (again,) = orders(way.register("east")).values()
    assert way.desk.give(back(again)) == []
    settled = way.desk.give(untouched(ordered["west"]))[-1]
    assert isinstance(settled, ReleaseSettled)
    assert (settled.answers, settled.debts) == ({"west": "untouched", "east": "rolled-back"}, ())


def test_another_deployer_or_cluster_does_not_get_the_order() -> None:
    way, _ = with_a_debt_in_east()
    assert way.register("east", deployer="somebody-else") == []
    assert way.register("east", cluster="uid-other") == []


def test_a_region_without_a_debt_gets_no_order_when_it_registers() -> None:
    way, _ = with_a_debt_in_east()
    assert way.register("west") == []
