"""The plan's requests to a green side: they reach its pods and no others, before anybody else's do."""

from typing import Any

import pytest

from lockgate.messages.plan_parts import Request
from lockgate.messages.values import Workload
from lockgate.messages.verdicts import Action
from lockgate.sandbox import Behaviour, Sandbox
from lockgate.sandbox.faults import Fault
from tests.support.deployer import NEW, OLD, ROUTELESS, WORKLOAD, grant
from tests.support.deployer_at_work import DEPLOYMENTS, SERVICES, AtWork

EACH = pytest.mark.parametrize("workload", [WORKLOAD, ROUTELESS], ids=["route", "no route"])
REQUESTS = (Request(get="/who"), Request(post="/pay", body={"amount": 1}))


def preparing(workload: Workload, at: str = "7.0.1", **changes: Any) -> Any:
    return grant(at, Action.GREEN, workload=workload, requests=REQUESTS, **changes)


@EACH
async def test_requests_are_answered_by_the_green_side_while_production_serves_everybody(
    sandbox: Sandbox, west: AtWork, workload: Workload
) -> None:
    sandbox.set_image(OLD, Behaviour(answers={"/who": 418}))
    sandbox.set_image(NEW, Behaviour(answers={"/pay": 500}))
    answer = await west.step(preparing(workload))
    assert answer["outcome"] == "probed"
    assert [(each["path"], each["status"], each["passed"]) for each in answer["results"]] == [
        ("/who", 200, True),
        ("/pay", 500, False),
    ]
    assert sandbox.regions["eu-west"].routing().shares("payments") == {OLD: pytest.approx(1.0)}


@EACH
async def test_the_requests_are_sent_again_where_a_run_ended_before_its_answer(
    west: AtWork, workload: Workload
) -> None:
    first = await west.step(preparing(workload))
    again = await west.step(preparing(workload))
    assert [each["passed"] for each in first["results"]] == [True, True]
    assert [each["passed"] for each in again["results"]] == [True, True]
    assert await west.names(DEPLOYMENTS) == ["payments", "payments-green-7"]


async def test_what_the_api_server_says_itself_is_asked_again_and_is_no_answer_of_green(
    sandbox: Sandbox, west: AtWork
) -> None:
    await west.step(preparing(WORKLOAD))
    await sandbox.set_kubernetes_fault("eu-west", Fault(mode="error", status=429, methods=("POST",), times=2))
    answer = await west.step(preparing(WORKLOAD))
    assert [(each["status"], each["passed"]) for each in answer["results"]] == [(200, True), (200, True)]


async def test_an_api_server_that_does_not_let_it_ask_costs_an_attempt_and_not_the_release(
    sandbox: Sandbox, west: AtWork
) -> None:
    await west.step(preparing(WORKLOAD))
    await sandbox.set_kubernetes_fault("eu-west", Fault(mode="error", status=403, methods=("POST",)))
    answer = await west.step(preparing(WORKLOAD), seconds=1.0)
    assert answer["outcome"] == "failed"
    assert "answered POST /pay with 403" in answer["reason"]
    assert "has the Role" in answer["reason"]


async def test_a_request_for_which_there_was_less_time_than_the_plan_gives_it_is_no_answer(
    sandbox: Sandbox, west: AtWork
) -> None:
    sandbox.set_image(NEW, Behaviour(latency_ms=5000, latency_spread=0.0))
    await west.step(preparing(WORKLOAD), seconds=1.0)
    slow = grant("7.0.1", Action.GREEN, requests=(Request(get="/who", within=4.0),))
    assert (await west.step(slow, seconds=1.0))["outcome"] == "failed"


async def test_a_green_side_that_never_gets_ready_is_sent_nothing(sandbox: Sandbox, west: AtWork) -> None:
    sandbox.set_image(NEW, Behaviour(never_ready=True))
    answer = await west.step(preparing(WORKLOAD), seconds=1.0)
    assert (answer["outcome"], "results" in answer) == ("failed", False)
    assert await west.weights() == [("payments", 1)]


async def test_the_switch_and_the_way_back_are_seen_by_the_traffic(sandbox: Sandbox, west: AtWork) -> None:
    for workload in (WORKLOAD, ROUTELESS):
        number = 7 if workload is WORKLOAD else 8
        release = f"release-{number}"
        await west.step(preparing(workload, f"{number}.0.1", release=release))
        switch = grant(f"{number}.0.2", Action.SWITCH, workload=workload, share=1.0, release=release)
        assert (await west.step(switch))["share"] == 1.0
        assert sandbox.regions["eu-west"].routing().shares("payments") == {NEW: pytest.approx(1.0)}
        green = preparing(workload, f"{number}.0.3", release=release)  # another attempt: in the dark again
        await west.step(green)
        assert sandbox.regions["eu-west"].routing().shares("payments") == {OLD: pytest.approx(1.0)}
    assert await west.names(SERVICES) == ["payments", "payments-green-8"]
