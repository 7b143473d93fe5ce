"""A granted deployment, against a real Kubernetes API over HTTP: rolled once, fenced, and answered with reasons."""

import asyncio
from typing import Any

import orjson
import pytest

from lockgate.deployer.cluster import Cluster, ClusterError, Trouble
from lockgate.messages.verdicts import Action
from lockgate.sandbox import Behaviour, Sandbox
from lockgate.sandbox.faults import Fault
from tests.support.deployer import NEW, OLD, OTHER, artifact, grant
from tests.support.deployer_at_work import DEPLOYMENTS, AtWork
from tests.support.sandboxes import until


async def change(west: AtWork, path: str, value: Any) -> None:
    """Somebody else changes the Deployment."""
    await west.cluster.patch(DEPLOYMENTS, "payments", [{"op": "add", "path": path, "value": value}])


async def marked(west: AtWork, fence: str) -> bool:
    return await west.mark("lockgate.dev/fence") == fence


async def test_a_deployment_rolls_to_the_digest_in_the_repository_that_was_there(west: AtWork) -> None:
    assert await west.step(grant("7.0.1")) == {"outcome": "deployed"}
    assert await west.image() == f"registry.example/payments@{NEW}"
    assert await west.mark("lockgate.dev/fence") == "7.0.1"
    assert await west.mark("lockgate.dev/release") == "release-7"
    assert await west.mark("lockgate.dev/found") == OLD
    assert (west.reports[0]["outcome"], west.reports[0]["found"]) == ("started", OLD)
    assert all(report["outcome"] == "progressed" for report in west.reports[1:])
    status = (await west.object(DEPLOYMENTS))["status"]
    assert (status["replicas"], status["updatedReplicas"], status["availableReplicas"]) == (4, 4, 4)


async def test_the_same_work_again_is_no_second_deployment(west: AtWork) -> None:
    await west.step(grant("7.0.1"))
    before = (await west.object(DEPLOYMENTS))["metadata"]
    assert await west.step(grant("7.0.1")) == {"outcome": "deployed"}
    after = (await west.object(DEPLOYMENTS))["metadata"]
    assert after["generation"] == before["generation"]
    assert after["resourceVersion"] == before["resourceVersion"]


async def test_work_that_is_ended_midway_is_finished_by_its_next_run(sandbox: Sandbox, west: AtWork) -> None:
    sandbox.set_image(NEW, Behaviour(never_ready=True))
    first = asyncio.create_task(west.step(grant("7.0.1")))
    await until(lambda: marked(west, "7.0.1"))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    generation = (await west.object(DEPLOYMENTS))["metadata"]["generation"]

    sandbox.set_image(NEW, None)
    west.reports.clear()
    assert await west.step(grant("7.0.1")) == {"outcome": "deployed"}
    assert (await west.object(DEPLOYMENTS))["metadata"]["generation"] == generation
    assert all(
        report.get("found", OLD) == OLD for report in west.reports
    )  # what ran before, not what runs now


async def test_a_late_lower_fence_is_refused_by_the_cluster_and_says_so(west: AtWork) -> None:
    await west.step(grant("8.0.2", artifact=artifact(OTHER), release="release-8"))
    before = (await west.object(DEPLOYMENTS))["metadata"]["resourceVersion"]
    answer = await west.step(grant("7.0.9"))
    assert answer["outcome"] == "fenced"
    assert answer["live"] == {"number": 8, "turn": 0, "grant": 2}
    assert "8.0.2" in answer["reason"]
    assert (await west.object(DEPLOYMENTS))["metadata"]["resourceVersion"] == before


async def test_a_newer_step_ends_one_that_is_still_waiting(sandbox: Sandbox, west: AtWork) -> None:
    sandbox.set_image(NEW, Behaviour(never_ready=True))
    older = asyncio.create_task(west.step(grant("7.0.1")))
    await until(lambda: marked(west, "7.0.1"))
    newer = await west.step(grant("8.0.1", artifact=artifact(OTHER), release="release-8"))
    assert newer == {"outcome": "deployed"}
    assert (await older)["outcome"] == "fenced"
    assert await west.image() == f"registry.example/payments@{OTHER}"


async def test_pods_that_never_get_ready_fail_the_step_with_their_reason(
    sandbox: Sandbox, west: AtWork
) -> None:
    sandbox.set_image(NEW, Behaviour(missing=True))
    answer = await west.step(grant("7.0.1"), seconds=1.0)
    assert answer["outcome"] == "failed"
    assert "ImagePullBackOff" in answer["reason"]
    assert "eu-west" in answer["reason"]


async def test_a_roll_out_that_kubernetes_gives_up_fails_at_once(sandbox: Sandbox, west: AtWork) -> None:
    await change(west, "/spec/progressDeadlineSeconds", 1)
    sandbox.set_image(NEW, Behaviour(start_seconds=5, crash_after_seconds=0.05))
    answer = await west.step(grant("7.0.1"), seconds=15.0)
    assert answer["outcome"] == "failed"
    assert "ProgressDeadlineExceeded" in answer["reason"]
    assert "Crash" in answer["reason"]  # CrashLoopBackOff, or Crashing between two crashes


async def test_another_attempt_at_a_failed_roll_out_makes_new_pods(sandbox: Sandbox, west: AtWork) -> None:
    await change(west, "/spec/progressDeadlineSeconds", 1)
    sandbox.set_image(NEW, Behaviour(never_ready=True))
    assert (await west.step(grant("7.0.1")))["outcome"] == "failed"
    sandbox.set_image(NEW, None)
    assert await west.step(grant("7.0.2", attempt=2)) == {"outcome": "deployed"}
    assert await west.mark("lockgate.dev/found") == OLD


async def test_what_cannot_be_deployed_is_said_and_left_alone(west: AtWork) -> None:
    cases: list[tuple[str, Any, str]] = [
        ("/spec/paused", True, "paused"),
        ("/spec/replicas", 0, "0 replicas"),
        ("/spec/template/spec/containers/0/name", "web", "no container app"),
    ]
    for path, value, word in cases:
        *parts, last = path.split("/")[1:]
        place: Any = await west.object(DEPLOYMENTS)
        for part in parts:
            place = place[int(part)] if isinstance(place, list) else place[part]
        before = place.get(last, False)
        await change(west, path, value)
        answer = await west.step(grant("7.0.1"))
        assert answer["outcome"] == "failed"
        assert word in answer["reason"]
        assert await west.mark("lockgate.dev/fence") is None
        await change(west, path, before)
    assert west.reports == []
    assert await west.image() == f"registry.example/payments@{OLD}"


async def test_somebody_elses_image_is_said_and_not_fought(west: AtWork) -> None:
    await west.step(grant("7.0.1"))
    await change(west, "/spec/template/spec/containers/0/image", f"registry.example/payments@{OTHER}")
    answer = await west.step(grant("7.0.1"))
    assert answer["outcome"] == "failed"
    assert "Somebody set the image" in answer["reason"]
    assert await west.image() == f"registry.example/payments@{OTHER}"


LOST = [
    (Action.DEPLOY, "deployed", 4),  # adopt and write the Deployment, adopt and claim the route
    (Action.PILOT, "piloted", 7),  # the same, two clones and their share
    (Action.CANARY, "piloted", 7),
    (Action.GREEN, "probed", 6),
    (Action.SWITCH, "piloted", 7),
]


@pytest.mark.parametrize(("action", "outcome", "writes"), LOST)
async def test_a_write_whose_answer_is_lost_is_not_done_twice(
    action: Action, outcome: str, writes: int, west: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def losing(method: Any) -> Any:
        async def lost(self: Cluster, *arguments: Any) -> Any:
            sent.append(orjson.dumps([str(each) for each in arguments]).decode())
            await method(self, *arguments)
            raise ClusterError(Trouble.UNAVAILABLE, "the connection was cut")

        return lost

    for name in ("patch", "create", "delete"):
        monkeypatch.setattr(Cluster, name, losing(getattr(Cluster, name)))
    answer = await west.step(grant("7.0.1", action, share=0.1))
    assert answer["outcome"] == outcome
    assert len(sent) == len(set(sent)) == writes


async def test_an_outage_of_the_cluster_is_waited_for(sandbox: Sandbox, west: AtWork) -> None:
    await sandbox.set_kubernetes_fault("eu-west", Fault(mode="error", status=503))
    step = asyncio.create_task(west.step(grant("7.0.1")))
    await asyncio.sleep(0.3)  # long enough for some refusals; nothing depends on how many
    await sandbox.set_kubernetes_fault("eu-west", None)
    assert await step == {"outcome": "deployed"}


async def test_a_cluster_that_never_answers_fails_the_step_when_its_time_is_over(
    sandbox: Sandbox, west: AtWork
) -> None:
    await sandbox.set_kubernetes_fault("eu-west", Fault(mode="down"))
    answer = await west.step(grant("7.0.1"), seconds=0.5)
    assert answer["outcome"] == "failed"
    assert "did not answer" in answer["reason"]


async def test_registering_names_the_cluster_and_what_runs(sandbox: Sandbox, west: AtWork) -> None:
    fresh = await west.register()
    assert fresh["live"] == {}
    assert fresh["cluster"]
    await west.step(grant("7.0.1"))
    again = await west.register()
    assert again["cluster"] == fresh["cluster"]
    assert again["live"] == {"payments": {"digest": NEW, "fence": {"number": 7, "turn": 0, "grant": 1}}}
