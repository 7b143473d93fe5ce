"""A pilot's clone and its share, the take-over by the wave, the way back, and probes: over a real API's HTTP."""

import asyncio

import pytest

from lockgate.messages.plan_parts import Expectation, Request
from lockgate.messages.verdicts import Action
from lockgate.sandbox import Behaviour, Sandbox
from tests.support.deployer import NEW, OLD, OTHER, ROUTELESS, artifact, grant, order
from tests.support.deployer_at_work import DEPLOYMENTS, PODS, ROUTES, SERVICES, AtWork
from tests.support.sandboxes import until


async def gone(west: AtWork) -> None:
    """No clone is left, and production has all traffic at the weight from before."""
    assert await west.names(DEPLOYMENTS) == ["payments"]
    assert await west.names(SERVICES) == ["payments"]
    assert await west.weights() == [("payments", 1)]


async def cloned(west: AtWork) -> bool:
    return "payments-pilot-7" in await west.names(DEPLOYMENTS)


async def test_a_pilot_is_a_clone_with_a_share_by_weight(west: AtWork) -> None:
    answer = await west.step(grant("7.0.1", Action.PILOT))
    assert answer["outcome"] == "piloted"
    assert answer["share"] == pytest.approx(0.1)
    assert await west.weights() == [("payments", 900), ("payments-pilot-7", 100)]
    assert await west.image("payments-pilot-7") == f"registry.example/payments@{NEW}"
    assert await west.image() == f"registry.example/payments@{OLD}"
    pods = await west.names(PODS)
    assert [name for name in pods if name.startswith(answer["pilot_pods"])] == pods[-1:]
    assert len([name for name in pods if name.startswith(answer["baseline_pods"])]) == 4
    assert not answer["pilot_pods"].startswith(answer["baseline_pods"])


async def test_the_traffic_of_a_pilot_really_goes_to_its_pods(sandbox: Sandbox, west: AtWork) -> None:
    await west.step(grant("7.0.1", Action.PILOT, share=0.25))
    shares = sandbox.regions["eu-west"].routing().shares("payments")
    assert shares == {OLD: pytest.approx(0.75), NEW: pytest.approx(0.25)}


async def test_the_same_pilot_again_makes_nothing_twice(west: AtWork) -> None:
    first = await west.step(grant("7.0.1", Action.PILOT))
    versions = [(await west.object(kind, name))["metadata"] for kind, name in _OF_PILOT]
    assert await west.step(grant("7.0.1", Action.PILOT)) == first
    again = [(await west.object(kind, name))["metadata"] for kind, name in _OF_PILOT]
    assert [each["generation"] for each in again if "generation" in each] == [
        each["generation"] for each in versions if "generation" in each
    ]
    assert [each["uid"] for each in again] == [each["uid"] for each in versions]


_OF_PILOT = [
    (DEPLOYMENTS, "payments"),
    (DEPLOYMENTS, "payments-pilot-7"),
    (SERVICES, "payments-pilot-7"),
    (ROUTES, "payments"),
]


async def test_a_pilots_second_attempt_begins_with_a_new_clone(west: AtWork) -> None:
    await west.step(grant("7.0.1", Action.PILOT))
    old = (await west.object(DEPLOYMENTS, "payments-pilot-7"))["metadata"]["uid"]
    assert (await west.step(grant("7.0.2", Action.PILOT)))["outcome"] == "piloted"
    assert (await west.object(DEPLOYMENTS, "payments-pilot-7"))["metadata"]["uid"] != old
    assert await west.weights() == [("payments", 900), ("payments-pilot-7", 100)]


async def test_a_pilot_whose_clone_never_gets_ready_has_no_share_and_says_why(
    sandbox: Sandbox, west: AtWork
) -> None:
    sandbox.set_image(NEW, Behaviour(start_seconds=5, crash_after_seconds=0.01))
    answer = await west.step(grant("7.0.1", Action.PILOT), seconds=1.5)
    assert answer["outcome"] == "failed"
    assert "Crash" in answer["reason"]  # CrashLoopBackOff, or Crashing between two crashes
    assert await west.weights() == [("payments", 1)]


async def test_a_clone_that_fails_after_it_got_its_share_is_taken_out_of_the_traffic(
    sandbox: Sandbox, west: AtWork
) -> None:
    await west.step(grant("7.0.1", Action.PILOT))
    sandbox.set_image(NEW, Behaviour(never_ready=True))
    answer = await west.step(grant("7.0.1", Action.PILOT), seconds=0.5)
    assert answer["outcome"] == "failed"
    assert await west.weights() == [("payments", 1)]
    assert "payments-pilot-7" in await west.names(DEPLOYMENTS)  # left for people to look at


async def test_the_wave_takes_a_pilot_over(west: AtWork) -> None:
    await west.step(grant("7.0.1", Action.PILOT))
    assert await west.step(grant("7.0.2")) == {"outcome": "deployed"}
    assert await west.image() == f"registry.example/payments@{NEW}"
    await gone(west)


async def test_the_next_release_sweeps_a_clone_that_was_left_over(west: AtWork) -> None:
    await west.step(grant("7.0.1", Action.PILOT))
    eighth = grant("8.0.1", Action.PILOT, artifact=artifact(OTHER), release="release-8")
    assert (await west.step(eighth))["outcome"] == "piloted"
    assert await west.names(DEPLOYMENTS) == ["payments", "payments-pilot-8"]
    assert await west.weights() == [("payments", 900), ("payments-pilot-8", 100)]


async def test_a_plan_that_lost_its_route_takes_the_share_of_before_from_it(west: AtWork) -> None:
    await west.step(grant("7.0.1", Action.PILOT))
    eighth = grant("8.0.1", artifact=artifact(OTHER), release="release-8", workload=ROUTELESS)
    assert (await west.step(eighth))["outcome"] == "deployed"
    assert await west.names(SERVICES) == ["payments"]
    assert await west.weights() == [("payments", 1)]


async def test_a_rollback_of_a_pilot_takes_share_and_clone_and_leaves_production(west: AtWork) -> None:
    await west.step(grant("7.0.1", Action.PILOT))
    template = (await west.object(DEPLOYMENTS))["spec"]["template"]
    assert await west.order(order("7.2.1")) == {"outcome": "rolled-back", "digest": OLD}
    await gone(west)
    assert (await west.object(DEPLOYMENTS))["spec"]["template"] == template


async def test_a_rollback_restores_the_digest_the_weights_and_removes_clones(west: AtWork) -> None:
    await west.step(grant("7.0.1", Action.PILOT))
    await west.step(grant("7.0.2"))
    west.reports.clear()
    assert await west.order(order("7.2.1"), touched=True) == {"outcome": "rolled-back", "digest": OLD}
    assert west.reports == []  # nothing is waited for before the first write
    assert await west.image() == f"registry.example/payments@{OLD}"
    await gone(west)
    assert await west.mark("lockgate.dev/fence") == "7.2.1"
    assert await west.mark("payments.lockgate.dev/fence", ROUTES) == "7.2.1"


async def test_a_rollback_in_the_middle_of_a_failing_roll_out_comes_back(
    sandbox: Sandbox, west: AtWork
) -> None:
    sandbox.set_image(NEW, Behaviour(never_ready=True))
    assert (await west.step(grant("7.0.1"), seconds=0.8))["outcome"] == "failed"
    assert await west.order(order("7.2.1")) == {"outcome": "rolled-back", "digest": OLD}
    assert await west.image() == f"registry.example/payments@{OLD}"


async def test_a_region_that_the_release_never_wrote_to_is_untouched_and_closed_to_it(west: AtWork) -> None:
    await west.step(grant("6.0.1", artifact=artifact(OTHER), release="release-6"))
    template = (await west.object(DEPLOYMENTS))["spec"]["template"]
    for _ in range(2):  # the second run finds its own fence there
        answer = await west.order(order("7.2.1"))
        assert answer["outcome"] == "untouched"
    assert await west.image() == f"registry.example/payments@{OTHER}"
    assert (await west.object(DEPLOYMENTS))["spec"]["template"] == template
    assert (await west.step(grant("7.0.5")))["outcome"] == "fenced"


async def test_an_order_that_a_newer_release_has_passed_is_refused(west: AtWork) -> None:
    await west.step(grant("8.0.1", artifact=artifact(OTHER), release="release-8"))
    answer = await west.order(order("7.2.1"), touched=True)
    assert answer["outcome"] == "fenced"
    assert await west.image() == f"registry.example/payments@{OTHER}"


async def test_a_pilot_that_an_order_overtakes_leaves_nothing(sandbox: Sandbox, west: AtWork) -> None:
    sandbox.set_image(NEW, Behaviour(never_ready=True))
    pilot = asyncio.create_task(west.step(grant("7.0.1", Action.PILOT)))
    await until(lambda: cloned(west))
    assert (await west.order(order("7.2.1")))["outcome"] == "rolled-back"
    assert (await pilot)["outcome"] == "fenced"
    await gone(west)


async def test_without_a_route_the_share_is_that_of_the_pods(sandbox: Sandbox, west: AtWork) -> None:
    metadata = (await west.object(ROUTES))["metadata"]
    await west.cluster.delete(ROUTES, "payments", metadata["uid"], metadata["resourceVersion"])
    answer = await west.step(grant("7.0.1", Action.PILOT, workload=ROUTELESS, share=0.2))
    assert answer["outcome"] == "piloted"
    assert answer["share"] == pytest.approx(0.2)  # 1 of 5
    assert sandbox.regions["eu-west"].routing().shares("payments") == {
        OLD: pytest.approx(0.8),
        NEW: pytest.approx(0.2),
    }
    assert (await west.order(order("7.2.1", workload=ROUTELESS)))["outcome"] == "rolled-back"
    assert await west.names(DEPLOYMENTS) == ["payments"]


async def test_probes_report_each_answer(sandbox: Sandbox, west: AtWork) -> None:
    sandbox.set_image(NEW, Behaviour(answers={"/pay": 500, "/missing": 404}))
    await west.step(grant("7.0.1"))
    requests = (
        Request(get="/healthz?deep=1"),
        Request(post="/pay", body={"amount": 1}),
        Request(get="/missing", expect=Expectation(status=404)),
    )
    answer = await west.step(grant("7.0.2", Action.PROBE, requests=requests))
    assert answer["outcome"] == "probed"
    found = [(r["method"], r["path"], r["status"], r["passed"]) for r in answer["results"]]
    assert found == [
        ("GET", "/healthz?deep=1", 200, True),
        ("POST", "/pay", 500, False),
        ("GET", "/missing", 404, True),
    ]
    assert "expected was 200" in answer["results"][1]["reason"]


async def test_a_request_that_is_not_answered_in_its_time_has_no_status(
    sandbox: Sandbox, west: AtWork
) -> None:
    sandbox.set_image(NEW, Behaviour(latency_ms=5000, latency_spread=0.0))
    await west.step(grant("7.0.1"))
    request = Request(get="/healthz", within=0.2)
    (result,) = (await west.step(grant("7.0.2", Action.PROBE, requests=(request,))))["results"]
    assert (result["status"], result["passed"]) == (None, False)
    assert result["seconds"] < 3


async def test_requests_to_a_version_that_is_not_the_one_in_question_are_not_sent(west: AtWork) -> None:
    answer = await west.step(grant("7.0.2", Action.PROBE))
    assert answer["outcome"] == "failed"
    assert OLD in answer["reason"]


async def test_a_path_cannot_climb_out_of_the_service(west: AtWork) -> None:
    await west.step(grant("7.0.1"))
    requests = (Request(get="/%2e%2e/%2e%2e/secrets"),)
    (result,) = (await west.step(grant("7.0.2", Action.PROBE, requests=requests)))["results"]
    assert (result["status"], result["passed"]) == (None, False)
    assert "climbs out" in result["reason"]
