"""Production's maxSurge while a roll-out needs more of it: raised by the same write as the image, and put back by whoever ends it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.deployer.reports import Deployed, Fenced, Piloted, RolledBack
from lockgate.deployer.strategies.canary import canary
from lockgate.deployer.strategies.given import Kind, Patch, Target, Wait
from lockgate.deployer.strategies.pilot import pilot
from lockgate.deployer.strategies.production import Production, production
from lockgate.deployer.strategies.rollback import rollback
from lockgate.deployer.strategies.rolling import rolling, to_replace
from lockgate.deployer.strategies.surge import as_owned, hindrance, not_raised, settled
from tests.support.deployer import NEW, OLD, OTHER, deployment, marks, target
from tests.support.deployer_cluster import Held, Worker

PRODUCTION = (Kind.DEPLOYMENT, "payments")
NOTE = "lockgate.dev/surge"
STRATEGY = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
CHOSEN = target("7.0.1", surge=3)


def held(strategy: dict[str, Any] | None = None) -> Held:
    """Four pods of the old version, with a Deployment that rolls one by one."""
    found = Held()
    found.objects[PRODUCTION] = deployment(strategy=strategy or STRATEGY)
    return found


def surge(found: Held) -> tuple[Any, str | None]:
    """The maxSurge, and what is noted of the one before."""
    production = found.objects[PRODUCTION]
    annotations = production["metadata"].get("annotations") or {}
    return production["spec"]["strategy"].get("rollingUpdate", {}).get("maxSurge"), annotations.get(NOTE)


def rolls(found: Held, done: int = 1) -> None:
    """The Deployment's roll-out has replaced so many of its pods."""
    found.objects[PRODUCTION]["status"] |= {"updatedReplicas": done, "replicas": 5}


def is_over(found: Held) -> None:
    found.objects[PRODUCTION]["status"] |= {"updatedReplicas": 4, "replicas": 4}


def until_it_rolls(found: Held, wanted: Target = CHOSEN) -> None:
    """Up to the write that changes the image; from then on the roll-out goes on."""
    while found.image.partition("@")[2] != wanted.digest:
        assert found.do(rolling(wanted, found.live()))
    rolls(found)


def back(at: str = "7.1.1", **changes: Any) -> Target:
    return target(at, **{"digest": OLD, "bad": NEW, "touched": True, **changes})


def test_it_is_raised_by_the_write_that_changes_the_image_if_the_strategy_is_what_was_read() -> None:
    found = held()
    found.objects[PRODUCTION] = deployment(marks=marks("6.0.4", "release-6"), strategy=STRATEGY)
    step = rolling(CHOSEN, found.live())
    assert isinstance(step, Patch)
    assert step.operations[-4:] == [
        {
            "op": "replace",
            "path": "/spec/template/spec/containers/1/image",
            "value": f"registry.example/payments@{NEW}",
        },
        {"op": "add", "path": "/metadata/annotations/lockgate.dev~1surge", "value": "1 3"},
        {"op": "test", "path": "/spec/strategy", "value": STRATEGY},
        {
            "op": "add",
            "path": "/spec/strategy",
            "value": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 0}},
        },
    ]


@pytest.mark.parametrize("own", [1, "25%", "1%"])
def test_it_is_its_owners_again_when_the_roll_out_is_over(own: int | str) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": own, "maxUnavailable": 1}}
    found = held(strategy)
    until_it_rolls(found)
    assert surge(found) == (3, f"{own} 3")
    assert isinstance(found.carry_out(rolling, CHOSEN), Wait)
    assert surge(found) == (3, f"{own} 3")
    is_over(found)
    assert found.carry_out(rolling, CHOSEN) == Deployed()
    assert surge(found) == (own, "")
    assert found.objects[PRODUCTION]["spec"]["strategy"] == strategy


def test_where_nothing_is_said_it_is_what_kubernetes_takes_then() -> None:
    found = Held()
    until_it_rolls(found)
    assert surge(found) == (3, "25% 3")
    is_over(found)
    assert found.carry_out(rolling, CHOSEN) == Deployed()
    assert surge(found) == ("25%", "")


@pytest.mark.parametrize(
    "strategy",
    [
        {"type": "Recreate"},
        {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 0}},
        {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "100%", "maxUnavailable": 0}},
        {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
    ],
)
def test_it_is_left_alone_where_it_is_enough_or_is_none(strategy: dict[str, Any]) -> None:
    found = held(strategy)
    assert found.carry_out(rolling, CHOSEN) == Deployed()
    assert found.objects[PRODUCTION]["spec"]["strategy"] == strategy
    assert surge(found)[1] is None


def test_it_is_left_alone_where_nothing_was_chosen() -> None:
    found = held()
    assert found.carry_out(rolling, target("7.0.1")) == Deployed()
    assert surge(found) == (1, None)


def test_in_the_middle_of_a_roll_out_nobody_lowers_it_for_a_scaled_deployment_would_lose_ready_pods() -> None:
    found = held()
    until_it_rolls(found)
    assert not_raised(CHOSEN, found.live()) is None
    for again in (
        target("7.0.2", surge=2),
        target("7.0.3"),
        target("8.0.1", release="release-8", digest=OTHER),
    ):
        assert found.do(rolling(again, found.live()))
        assert surge(found) == (3, "1 3")
        rolls(found)
    is_over(found)
    assert found.carry_out(rolling, again) == Deployed()
    assert surge(found) == (1, "")


@pytest.mark.parametrize(
    "status",
    [
        {"updatedReplicas": 4, "replicas": 5},  # old pods have still to go
        {"updatedReplicas": 4, "replicas": 4, "availableReplicas": 3},
        {"observedGeneration": 2},
    ],
)
def test_it_is_put_back_once_nothing_of_the_roll_out_is_left(status: dict[str, int]) -> None:
    found = held()
    until_it_rolls(found)
    is_over(found)
    found.objects[PRODUCTION]["status"] |= status
    assert not_raised(CHOSEN, found.live()) is None
    assert isinstance(found.carry_out(rolling, CHOSEN), Wait)
    assert surge(found) == (3, "1 3")


def test_a_step_that_ended_with_its_roll_out_over_puts_it_back() -> None:
    found = held()
    until_it_rolls(found)
    is_over(found)
    assert isinstance(put := not_raised(CHOSEN, found.live()), Patch)
    assert found.do(put)
    assert surge(found) == (1, "")


def test_a_region_is_judged_as_if_it_was_put_back() -> None:
    found = held()
    until_it_rolls(found)
    is_over(found)
    found.do(rolling(CHOSEN, found.live()))  # the route's first contact
    found.do(rolling(CHOSEN, found.live()))
    assert isinstance(rolling(CHOSEN, found.live()), Patch)
    assert rolling(CHOSEN, settled(found.live())) == Deployed()


REFUSED = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}


def test_no_more_is_asked_for_where_pods_are_refused_or_an_attempt_has_raised_it_already() -> None:
    found = held()
    assert hindrance(found.objects[PRODUCTION]) is None
    until_it_rolls(found)
    assert "did not end" in str(hindrance(found.objects[PRODUCTION]))
    is_over(found)
    assert hindrance(found.objects[PRODUCTION]) is None
    found.objects[PRODUCTION]["status"]["conditions"] = [REFUSED]
    assert "as by a quota" in str(hindrance(found.objects[PRODUCTION]))


def test_an_order_goes_back_with_it_and_puts_it_back_then() -> None:
    found = held()
    until_it_rolls(found)
    while found.image.partition("@")[2] != OLD:
        assert found.do(rollback(back(), found.live()))
    rolls(found)
    assert isinstance(found.carry_out(rollback, back()), Wait)
    assert surge(found) == (3, "1 3")
    is_over(found)
    assert found.carry_out(rollback, back()) == RolledBack(digest=OLD)
    assert surge(found) == (1, "")


@pytest.mark.parametrize("strategy", [pilot, canary])
@pytest.mark.parametrize("over", [True, False])
def test_the_next_release_puts_it_back_if_it_can_and_clones_what_is_its_owners(
    strategy: Any, *, over: bool
) -> None:
    found = held()
    until_it_rolls(found)
    if over:
        is_over(found)
    newer = target("8.0.1", release="release-8", share=0.25)
    assert isinstance(found.carry_out(strategy, newer), Piloted)
    assert surge(found) == ((1, "") if over else (3, "1 3"))
    clones = [obj for (kind, name), obj in found.objects.items() if kind is Kind.DEPLOYMENT and "-" in name]
    assert [each["spec"]["strategy"] for each in clones] == [STRATEGY]


def test_what_somebody_wrote_since_stays() -> None:
    found = held()
    until_it_rolls(found)
    theirs = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2, "maxUnavailable": 1}}
    found.objects[PRODUCTION]["spec"]["strategy"] = theirs
    is_over(found)
    assert found.carry_out(rolling, CHOSEN) == Deployed()
    assert found.objects[PRODUCTION]["spec"]["strategy"] == theirs
    assert surge(found)[1] == ""


@pytest.mark.parametrize(
    "theirs",
    [
        {"type": "Recreate"},
        {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 0}},
    ],
)
def test_nothing_is_put_back_that_kubernetes_would_refuse(theirs: dict[str, Any]) -> None:
    found = held()
    until_it_rolls(found)
    found.objects[PRODUCTION]["metadata"]["annotations"][NOTE] = "0 3"
    found.objects[PRODUCTION]["spec"]["strategy"] = theirs
    is_over(found)
    assert found.carry_out(rolling, CHOSEN) == Deployed()
    assert found.objects[PRODUCTION]["spec"]["strategy"] == theirs
    assert surge(found)[1] == ""


@pytest.mark.parametrize("note", ["", "3", "many 3", "1 4", "-1 3", "1 3 3"])
def test_a_note_that_somebody_damaged_puts_nothing_back(note: str) -> None:
    live = deployment(marks={**marks("7.0.1"), NOTE: note}, strategy=STRATEGY)
    live["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3}}
    assert as_owned(live) == live


def test_a_change_between_the_look_and_the_write_makes_the_write_void() -> None:
    found = held()
    until_it_rolls(found)
    is_over(found)
    planned = not_raised(CHOSEN, found.live())
    assert isinstance(planned, Patch)
    found.objects[PRODUCTION]["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": 3, "maxUnavailable": 1}}
    assert not found.do(planned)


def test_a_late_one_brings_nothing_back_over_what_was_written_after_it_was_put_back() -> None:
    found = held()
    until_it_rolls(found)
    is_over(found)
    late = not_raised(CHOSEN, found.live())
    assert isinstance(late, Patch)
    assert found.carry_out(rolling, CHOSEN) == Deployed()
    found.objects[PRODUCTION]["spec"]["strategy"]["rollingUpdate"]["maxSurge"] = 3  # its owner's own by now
    assert not found.do(late)
    assert surge(found) == (3, "")


def test_a_newer_step_is_not_disturbed_by_one_that_failed() -> None:
    found = held()
    until_it_rolls(found)
    assert found.do(rolling(target("7.0.2", surge=4), found.live()))
    assert not_raised(CHOSEN, found.live()) is None
    assert surge(found) == (4, "1 4")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.booleans(), max_size=40), st.sampled_from(["retry", "order", "same"]))
def test_however_two_deployers_are_interleaved_it_is_its_owners_at_the_end(
    turns: list[bool], newer: str
) -> None:
    found = held()
    late = Worker(found, rolling, CHOSEN)
    now = {
        "retry": Worker(found, rolling, target("7.0.2", surge=2)),
        "order": Worker(found, rollback, back()),
        "same": Worker(found, rolling, CHOSEN),
    }[newer]
    for mine in [*turns, *([True] * 40), *([False] * 40)]:
        (now if mine else late).move()
    assert isinstance(now.answer, Deployed | RolledBack)
    assert isinstance(late.answer, Fenced | Deployed)
    assert surge(found) in ((1, ""), (1, None))
    assert found.objects[PRODUCTION]["spec"]["strategy"] == STRATEGY


def status(**counts: int) -> Held:
    found = held()
    found.objects[PRODUCTION] = deployment(
        f"registry.example/payments@{NEW}", marks=marks("7.0.1"), replicas=10, strategy=STRATEGY
    )
    found.objects[PRODUCTION]["status"] |= counts
    return found


@pytest.mark.parametrize(
    ("found", "at", "pods"),
    [
        (held(), "7.0.1", 4),
        (status(updatedReplicas=3, replicas=11), "7.0.2", 7),  # what an attempt before has left
        (status(updatedReplicas=3, replicas=11), "7.0.1", 0),  # begun already
        (status(), "7.0.2", 0),
    ],
)
def test_an_estimate_is_of_the_pods_that_are_still_to_be_replaced(found: Held, at: str, pods: int) -> None:
    wanted = target(at)
    seen = production(wanted, found.live())
    assert isinstance(seen, Production)
    assert to_replace(wanted, seen) == pods
