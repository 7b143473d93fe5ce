"""How a deployer answers from what its work reports; and that late, repeated or illegal reports change nothing."""

from typing import Any

import pytest
from pydantic import ValidationError

from lockgate.deployer.core import table
from lockgate.deployer.core.rows import RegionState, ServedPlace
from lockgate.messages.decision import WorkReported
from lockgate.messages.deployments import (
    DeploymentFailed,
    DeploymentProgressed,
    DeploymentStarted,
    GrantRefused,
    Live,
    OrderRefused,
    PilotDeployed,
    RefusalCode,
    RegionDeployed,
    RegionProbed,
    RegionRegistered,
    RegionRolledBack,
    RegionUntouched,
    RollbackFailed,
)
from lockgate.messages.payload import Payload
from lockgate.messages.values import Fence, Place
from lockgate.messages.verdicts import Action
from tests.support.deployer import CLUSTER, NEW, OLD, fence, grant, order
from tests.support.desk import Desk

SLOT = "step eu-west"
STARTED = {"outcome": "started", "found": OLD}
PROGRESS = {"outcome": "progressed", "updated": 1, "wanted": 4, "reason": "payments: 1 of 4 pods"}
PIECE = {
    "method": "GET",
    "path": "/",
    "expected": 200,
    "status": 200,
    "seconds": 0.1,
    "passed": True,
    "reason": ".",
}


def desk() -> Desk:
    made = Desk(table("west", {"eu-west": "shop"}))
    made.start({"regions": {"eu-west": "shop"}})
    made.report("*", "register eu-west", {"outcome": "registered", "cluster": CLUSTER, "live": {}})
    made.events.clear()
    return made


def told(west: Desk, report: dict[str, Any], *, final: bool = True) -> list[Payload]:
    return west.report("payments", SLOT, report, final=final)


def test_each_start_registers_each_region_with_what_runs_there() -> None:
    west = Desk(table("west", {"eu-west": "shop", "eu-north": "shop"}))
    west.start({"regions": {"eu-west": "shop", "eu-north": "shop"}})
    assert sorted(west.work) == [("*", "register eu-north"), ("*", "register eu-west")]
    live = {"payments": {"digest": OLD, "fence": {"number": 6, "turn": 0, "grant": 2}}}
    (registered,) = west.report(
        "*", "register eu-west", {"outcome": "registered", "cluster": "uid-9", "live": live}
    )
    place = Place(region="eu-west", deployer="west", cluster="uid-9", namespace="shop")
    assert registered == RegionRegistered(
        place=place, live={"payments": Live(digest=OLD, fence=Fence(number=6, turn=0, grant=2))}
    )
    assert west.row(ServedPlace, "*", "eu-west").place == place


def test_a_registration_from_before_a_change_of_settings_is_not_said() -> None:
    west = Desk(table("west", {"eu-west": "shop-2"}))
    west.start({"regions": {"eu-west": "shop"}})
    assert (
        west.report("*", "register eu-west", {"outcome": "registered", "cluster": "uid-9", "live": {}}) == []
    )
    assert west.rows == {}


def test_a_deployment_is_said_from_its_start_to_its_end() -> None:
    west = desk()
    west.give(grant("7.0.1"))
    (started,) = told(west, STARTED, final=False)
    assert isinstance(started, DeploymentStarted)
    assert (started.found, started.fence, started.deployer, started.stage) == (
        OLD,
        fence("7.0.1"),
        "west",
        "first",
    )
    (progressed,) = told(west, PROGRESS, final=False)
    assert isinstance(progressed, DeploymentProgressed)
    assert (progressed.updated, progressed.wanted) == (1, 4)
    (deployed,) = told(west, {"outcome": "deployed"})
    assert isinstance(deployed, RegionDeployed)
    assert (deployed.fence, deployed.artifact.digest) == (fence("7.0.1"), NEW)
    assert west.row(RegionState, "payments", "eu-west").running is None


def test_work_that_is_begun_again_says_nothing_twice() -> None:
    west = desk()
    west.give(grant("7.0.1"))
    told(west, STARTED, final=False)
    told(west, PROGRESS, final=False)
    assert told(west, STARTED, final=False) == []
    assert told(west, PROGRESS, final=False) == []
    assert len(told(west, {**PROGRESS, "updated": 2}, final=False)) == 1


@pytest.mark.parametrize(
    ("action", "report", "answer"),
    [
        (
            Action.PILOT,
            {
                "outcome": "piloted",
                "share": 0.1,
                "pilot_pods": "payments-pilot-7-",
                "baseline_pods": "payments-1-",
            },
            PilotDeployed,
        ),
        (Action.PROBE, {"outcome": "probed", "results": [PIECE]}, RegionProbed),
        (Action.DEPLOY, {"outcome": "failed", "reason": "no replicas"}, DeploymentFailed),
    ],
)
def test_every_outcome_of_a_step_has_its_event(
    action: Action, report: dict[str, Any], answer: type[Payload]
) -> None:
    west = desk()
    west.give(grant("7.0.1", action))
    (said,) = told(west, report)
    assert type(said) is answer
    assert west.row(RegionState, "payments", "eu-west").running is None


@pytest.mark.parametrize(
    "report",
    [
        {"outcome": "probed", "results": [PIECE]},
        {"outcome": "failed", "reason": "no override"},
        {"outcome": "fenced", "live": {"number": 9, "turn": 0, "grant": 1}, "reason": "newer"},
    ],
)
def test_an_environment_is_removed_by_a_work_of_its_own_however_its_step_ended(
    report: dict[str, Any],
) -> None:
    west = desk()
    west.give(grant("7.0.1", Action.ENVIRONMENT))
    told(west, STARTED, final=False)
    assert ("payments", "remove eu-west") not in west.work
    told(west, report)
    left = west.work["payments", "remove eu-west"]
    assert (left.kind, left.body["grant"]["fence"]) == ("remove", {"number": 7, "turn": 0, "grant": 1})
    assert west.report("payments", "remove eu-west", {"outcome": "untouched", "reason": "gone"}) == []


def test_no_other_step_leaves_anything_to_remove() -> None:
    west = desk()
    west.give(grant("7.0.1", Action.PROBE))
    told(west, {"outcome": "probed", "results": [PIECE]})
    assert west.work == {}


def test_a_newer_fence_in_the_cluster_refuses_the_grant_and_raises_the_floor() -> None:
    west = desk()
    west.give(grant("7.0.1"))
    (said,) = told(
        west, {"outcome": "fenced", "live": {"number": 8, "turn": 0, "grant": 3}, "reason": "newer"}
    )
    assert isinstance(said, GrantRefused)
    assert said.code is RefusalCode.FENCED
    (next_said,) = west.give(grant("8.0.3"))
    assert isinstance(next_said, GrantRefused)
    west.give(grant("8.0.4"))
    assert west.work["payments", SLOT].kind == "deploy"


@pytest.mark.parametrize(
    ("report", "answer"),
    [
        ({"outcome": "rolled-back", "digest": OLD}, RegionRolledBack),
        ({"outcome": "untouched", "reason": "nothing was written"}, RegionUntouched),
        ({"outcome": "failed", "reason": "no such container"}, RollbackFailed),
        (
            {"outcome": "fenced", "live": {"number": 8, "turn": 0, "grant": 1}, "reason": "newer"},
            OrderRefused,
        ),
    ],
)
def test_every_outcome_of_an_order_has_its_event(report: dict[str, Any], answer: type[Payload]) -> None:
    west = desk()
    west.give(order("7.2.1"))
    assert told(west, STARTED, final=False) == []
    assert told(west, PROGRESS, final=False) == []
    (said,) = told(west, report)
    assert type(said) is answer
    assert getattr(said, "fence", None) == fence("7.2.1")


def test_reports_of_work_that_was_replaced_change_nothing() -> None:
    west = desk()
    west.give(grant("7.0.1"))
    old = west.work["payments", SLOT]
    west.give(order("7.2.1"))
    before = dict(west.rows)
    for report in (STARTED, PROGRESS, {"outcome": "deployed"}, {"outcome": "failed", "reason": "late"}):
        west._decide("payments", WorkReported(SLOT, old.kind, old.body, report, final=True))
    assert (west.rows, west.events) == (before, [])


def test_reports_of_an_order_that_was_replaced_change_nothing() -> None:
    west = desk()
    west.give(order("7.2.1"))
    old = west.work["payments", SLOT]
    west.give(order("7.2.2"))
    before = dict(west.rows)
    report = {"outcome": "rolled-back", "digest": OLD}
    west._decide("payments", WorkReported(SLOT, old.kind, old.body, report, final=True))
    assert (west.rows, west.events) == (before, [])


def test_an_outcome_that_nobody_knows_is_an_error_and_no_answer() -> None:
    west = desk()
    west.give(grant("7.0.1"))
    with pytest.raises(ValidationError):
        told(west, {"outcome": "splendid"})
    assert west.events == []
