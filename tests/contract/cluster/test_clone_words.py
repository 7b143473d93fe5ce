"""Pods of a clone that do not come up: said in their own words long before the step's time is over, and without any traffic."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lockgate.messages.verdicts import Action
from lockgate.sandbox.sample import objects
from tests.support.controlplane.behaviours import Acts, digest
from tests.support.deployer import artifact, grant
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.places import PATIENCE, Place
from tests.support.sandboxes import until

RUNS = digest(number=1)


@pytest_asyncio.fixture
async def west(place: Place) -> AsyncIterator[AtWork]:
    """The deployer of a region that runs two pods of `payments`; it looks again soon where nothing moves."""
    for plural, obj in zip(
        ("deployments", "services", "httproutes"), objects("payments", RUNS, 2), strict=True
    ):
        (await place.create(plural, obj)).obj()

    async def up() -> bool:
        status = (await place.read("deployments", "payments")).get("status", {})
        return bool(status.get("availableReplicas") == 2)

    await until(up, PATIENCE)
    async with working(hurried(place.region("eu-west"), reread=0.5)) as worker:
        yield worker


@pytest.mark.parametrize(
    ("action", "acts", "words"),
    [
        (Action.PILOT, Acts.CRASHES, "CrashLoopBackOff in 1 pod (payments-pilot-7-"),
        (Action.CANARY, Acts.MISSING, "ImagePullBackOff in 1 pod (payments-canary-7-"),
        (Action.GREEN, Acts.HOMELESS, "Unschedulable in 2 pods (payments-green-7-"),
        (Action.GREEN, Acts.NEVER_READY, "ContainersNotReady in 2 pods (payments-green-7-"),
    ],
)
async def test_a_clone_that_does_not_come_up_says_why(
    place: Place, west: AtWork, action: Action, acts: Acts, words: str
) -> None:
    share = None if action is Action.GREEN else 0.25
    step = asyncio.create_task(
        west.step(grant("7.0.1", action, share=share, artifact=artifact(digest(acts))), seconds=300.0)
    )

    async def said() -> bool:
        return any(words in report.get("reason", "") for report in west.reports)

    await until(said, PATIENCE)
    assert not step.done()
    assert await west.weights() == [("payments", 1)]
    assert {report["outcome"] for report in west.reports} == {"started", "progressed"}
    step.cancel()
    await asyncio.gather(step, return_exceptions=True)
