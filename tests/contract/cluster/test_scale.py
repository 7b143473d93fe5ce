"""Thousands of pods on a real API server: rolled whole, with few requests, and no list of all pods."""

import asyncio

import pytest

from lockgate.messages.values import Workload
from lockgate.sandbox.sample import objects
from tests.support.controlplane import ControlPlane
from tests.support.controlplane.behaviours import digest
from tests.support.deployer import artifact, grant
from tests.support.deployer_at_work import AtWork, hurried, working
from tests.support.places import Place, served
from tests.support.sandboxes import until

RUNS, GOOD = digest(number=1), digest(number=2)
PATIENCE = 300.0
MOST_REQUESTS = 180
"""What Argo Rollouts came to with 1,000 pods: 153 to 181."""


async def running(place: Place, name: str, pods: int) -> None:
    """A Deployment of so many pods, and its Service."""
    deployment, service, _ = objects(name, RUNS, pods)
    for plural, obj in (("deployments", deployment), ("services", service)):
        (await place.create(plural, obj)).obj()


async def up(place: Place, name: str, pods: int) -> None:
    async def all_available() -> bool:
        status = (await place.read("deployments", name)).get("status") or {}
        return bool(status.get("availableReplicas") == pods)

    await until(all_available, PATIENCE)


async def rolled(west: AtWork, name: str) -> int:
    """Requests that it took."""
    workload = Workload(deployment=name, container="app", service=name)
    given = grant("7.0.1", application=name, workload=workload, artifact=artifact(GOOD))
    assert await west.step(given, seconds=PATIENCE) == {"outcome": "deployed"}
    assert west.requests is not None
    return west.requests


async def whole(place: Place, name: str, pods: int) -> None:
    found = await place.read("deployments", name)
    assert found["spec"]["template"]["spec"]["containers"][0]["image"].endswith(GOOD)
    counts = [found["status"][each] for each in ("replicas", "updatedReplicas", "availableReplicas")]
    assert counts == [pods] * 3


@pytest.mark.cluster
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("deployments", "pods"), [(1, 1000), (20, 50)])
async def test_all_are_rolled_with_few_requests(
    control_plane: ControlPlane, deployments: int, pods: int
) -> None:
    names = [f"payments-{number}" for number in range(deployments)]
    async with served(control_plane) as place:
        for name in names:
            await running(place, name, pods)
        await asyncio.gather(*(up(place, name, pods) for name in names))
        async with working(hurried(place.region("eu-west"), progress=1.0)) as west:
            requests = await asyncio.gather(*(rolled(west, name) for name in names))
        assert max(requests) <= MOST_REQUESTS
        await asyncio.gather(*(whole(place, name, pods) for name in names))
