"""The way back: its order, what counts as untouched, and that no interleaving with an older step undoes it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.deployer.reports import (
    Deployed,
    Failed,
    Fenced,
    Piloted,
    Prepared,
    RolledBack,
    Untouched,
)
from lockgate.deployer.strategies.blue_green import green, switch
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Create, Delete, Kind, Next, Patch, Region, Stuck, Target
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling
from lockgate.messages.values import Workload
from tests.support.deployer import NEW, OLD, OTHER, ROUTELESS, WORKLOAD, deployment, fence, marks, service
from tests.support.deployer import target as step_of
from tests.support.deployer_cluster import Held, Strategy, Worker


def target(at: str = "7.2.1", **changes: Any) -> Target:
    return step_of(at, **{"digest": OLD, "bad": NEW, **changes})


def step(at: str, **changes: Any) -> Target:
    return target(at, **{"digest": NEW, **changes})


def ran(*steps: tuple[Strategy, Target]) -> Held:
    held = Held()
    for strategy, wanted in steps:
        assert isinstance(held.carry_out(strategy, wanted), Deployed | Piloted)
    return held


def writes(held: Held, strategy: Strategy, wanted: Target) -> tuple[list[str], Next]:
    """What was written, in order, and the answer."""
    said = []
    for _ in range(40):
        match strategy(wanted, held.live()):
            case Patch(kind=kind, name=name, operations=operations) as write:
                spec = any(str(each["path"]).startswith("/spec") for each in operations)
                said.append(f"{kind} {name}{' spec' if spec else ''}")
                assert held.do(write)
            case Create(kind=kind) as write:
                said.append(f"create {kind}")
                assert held.do(write)
            case Delete(kind=kind, name=name) as write:
                said.append(f"delete {kind} {name}")
                assert held.do(write)
            case answer:
                return said, answer
    raise AssertionError("40 writes and no answer")


def test_the_fence_first_then_the_share_then_production_then_the_clones() -> None:
    held = ran((pilot, step("7.0.1", share=0.1)))
    held.objects[Kind.DEPLOYMENT, "payments"] = deployment(
        image=f"registry.example/payments@{NEW}", marks=marks("7.0.2")
    )  # a wave that had not come to the take-over
    said, answer = writes(held, rollback, target())
    assert said == [
        "Deployment payments",
        "HTTPRoute payments spec",
        "Deployment payments spec",
        "delete Service payments-pilot-7",
        "delete Deployment payments-pilot-7",
    ]
    assert answer == RolledBack(digest=OLD)
    assert (held.image, held.weights) == (f"registry.example/payments@{OLD}", [("payments", 1)])
    assert held.names == ["Deployment payments", "HTTPRoute payments", "Service payments"]


def test_the_take_over_of_a_wave_ends_the_share_after_the_roll_out() -> None:
    held = ran((pilot, step("7.0.1", share=0.1)))
    said, answer = writes(held, rolling, step("7.0.2"))
    assert said == [
        "Deployment payments-pilot-7",
        "Service payments-pilot-7",
        "Deployment payments spec",
        "HTTPRoute payments",
        "HTTPRoute payments spec",
        "delete Service payments-pilot-7",
        "delete Deployment payments-pilot-7",
    ]
    assert answer == Deployed()


def test_an_untouched_region_only_gets_the_fence_and_stays_untouched() -> None:
    held = ran((rolling, step("6.0.1", release="release-6", digest=OTHER)))
    for _ in range(2):
        _, answer = writes(held, rollback, target())
        assert isinstance(answer, Untouched)
        assert OTHER in answer.reason
    assert held.image == f"registry.example/payments@{OTHER}"
    assert isinstance(rolling(step("7.0.9"), held.live()), Fenced)


def test_a_region_that_the_row_knows_as_touched_goes_to_the_ordered_digest() -> None:
    held = ran((rolling, step("6.0.1", release="release-6", digest=OTHER)))
    assert held.carry_out(rollback, target(touched=True)) == RolledBack(digest=OLD)


def test_without_a_deployment_a_region_is_untouched_only_if_nobody_wrote_there() -> None:
    assert isinstance(rollback(target(), Region(None, service())), Untouched)
    gone = rollback(target(touched=True), Region(None, service()))
    assert isinstance(gone, Failed)
    assert "There is no Deployment payments" in gone.reason


def test_a_newer_release_in_the_cluster_refuses_the_order() -> None:
    held = ran((rolling, step("8.0.1", release="release-8")))
    answer = rollback(target(touched=True), held.live())
    assert isinstance(answer, Fenced)
    assert answer.live == fence("8.0.1")


def test_where_only_clones_go_production_is_not_written() -> None:
    held = ran((pilot, step("7.0.1", share=0.1)))
    said, answer = writes(held, rollback, target(digest=None))
    assert answer == RolledBack(digest=OLD)
    assert [each for each in said if each.startswith("Deployment")] == ["Deployment payments"]


def test_a_bad_version_without_an_earlier_one_is_not_called_rolled_back() -> None:
    held = ran((rolling, step("7.0.1")))
    answer = held.carry_out(rollback, target(digest=None))
    assert isinstance(answer, Failed)
    assert "No earlier version" in answer.reason


def test_pods_of_before_are_taken_back_after_another_attempt() -> None:
    held = ran((rolling, step("7.0.1")))
    live = held.objects[Kind.DEPLOYMENT, "payments"]
    live["spec"]["template"]["metadata"]["annotations"] = {"lockgate.dev/restarted": "7.0.2", "team": "money"}
    held.carry_out(rollback, target())
    after = held.objects[Kind.DEPLOYMENT, "payments"]["spec"]["template"]["metadata"]
    assert after["annotations"] == {"team": "money"}


def test_a_paused_deployment_says_that_it_cannot_go_back() -> None:
    held = ran((rolling, step("7.0.1")))
    held.objects[Kind.DEPLOYMENT, "payments"]["spec"]["paused"] = True
    answer = held.carry_out(rollback, target())
    assert isinstance(answer, Failed)
    assert "is paused" in answer.reason


def test_clones_go_even_where_production_cannot_come_back() -> None:
    held = ran((pilot, step("7.0.1", share=0.1)))
    live = held.objects[Kind.DEPLOYMENT, "payments"]
    live["status"]["conditions"] = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]
    assert isinstance(held.carry_out(rollback, target()), Stuck)
    assert held.names == ["Deployment payments", "HTTPRoute payments", "Service payments"]
    assert held.weights == [("payments", 1)]


STARTS: tuple[tuple[tuple[Strategy, str], ...], ...] = (
    ((rolling, "7.0.1"),),
    ((canary, "7.0.1"), (rolling, "7.0.2")),
    ((green, "7.0.1"), (switch, "7.0.2")),
)


@pytest.mark.parametrize("workload", [WORKLOAD, ROUTELESS], ids=["route", "no route"])
@pytest.mark.parametrize("begun", STARTS)
def test_what_is_to_stay_is_served_by_its_own_version_all_the_time_and_no_clone_is_left(
    begun: tuple[tuple[Strategy, str], ...], workload: Workload
) -> None:
    held = Held()
    for strategy, at in begun:
        named = {"workload": workload, "share": 0.5}
        assert isinstance(held.carry_out(strategy, step(at, **named)), Deployed | Piloted | Prepared)
    order = target(digest=NEW, bad=NEW, workload=workload)
    while isinstance(found := rollback(order, held.live()), Patch | Create | Delete):
        held.do(found)
        serves = held.objects[Kind.SERVICE, "payments"]["spec"]["selector"] == {"app": "payments"}
        by_production = serves and ("payments", 1) in held.weights
        assert held.image.endswith(NEW) or not by_production
    assert found == RolledBack(digest=NEW)
    assert held.weights == [("payments", 1)]
    assert held.names == ["Deployment payments", "HTTPRoute payments", "Service payments"]


OLDER: tuple[Strategy, ...] = (pilot, canary, green, switch, rolling)
BEFORE: tuple[tuple[tuple[Strategy, str], ...], ...] = (
    (),
    ((pilot, "7.0.1"),),
    ((canary, "7.0.1"),),
    ((green, "7.0.1"),),
    ((green, "7.0.1"), (switch, "7.0.2")),
    ((rolling, "6.0.1"),),
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(OLDER),
    st.sampled_from(BEFORE),
    st.sampled_from([WORKLOAD, ROUTELESS]),
    st.lists(st.booleans(), max_size=60),
)
def test_a_rollback_stands_however_an_older_step_is_interleaved(
    older: Strategy, before: tuple[tuple[Strategy, str], ...], workload: Workload, turns: list[bool]
) -> None:
    held = Held()
    for strategy, at in before:
        named = {"release": f"release-{at[0]}", "workload": workload, "share": 0.2}
        assert isinstance(held.carry_out(strategy, step(at, **named)), Deployed | Piloted | Prepared)
    found = held.image
    way_back = Worker(held, rollback, target(workload=workload))
    late = Worker(held, older, step("7.0.3", share=0.1, workload=workload))
    for mine in turns:
        (way_back if mine else late).move()
    for worker in (way_back, late):
        for _ in range(80):
            worker.move()
    assert isinstance(way_back.answer, RolledBack | Untouched)
    assert isinstance(late.answer, Fenced | Piloted | Prepared | Deployed)
    assert held.image == (
        found if isinstance(way_back.answer, Untouched) else f"registry.example/payments@{OLD}"
    )
    assert held.weights == [("payments", 1)]
    assert held.objects[Kind.SERVICE, "payments"]["spec"]["selector"] == {"app": "payments"}
    assert held.names == ["Deployment payments", "HTTPRoute payments", "Service payments"]


@pytest.mark.parametrize("at", ["7.0.4", "8.0.1"])
def test_a_step_that_lost_the_race_to_a_write_reads_again_and_is_fenced(at: str) -> None:
    held = ran((rolling, step("6.0.1", release="release-6", digest=OTHER)))
    late = rolling(step("7.0.3"), held.live())
    held.carry_out(rolling, step(at, digest=OTHER))
    assert not held.do(late)
    assert isinstance(rolling(step("7.0.3"), held.live()), Fenced)
