"""Roll-outs on a real API server: one Deployment of 1,000 pods, and as many good releases of 2 pods in 20 regions as go.

The regions are namespaces of one control plane, whose controllers and kubelets (KWOK) are on the same machine. One deployer's work
serves all of them, with the pace of production; no broker and no database are beside it. The baseline is a client that writes the
image and watches until the roll-out is over, and does nothing else: the least that the cluster itself takes.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from lockgate.deployer.rollout import RolledOut, rollout_status
from lockgate.deployer.settings import DeployerSettings, Pace
from lockgate.messages.values import Workload
from lockgate.sandbox.sample import objects
from tests.bench.figures import Figure
from tests.support.controlplane import ControlPlane, programs, started
from tests.support.controlplane.behaviours import digest
from tests.support.deployer import artifact, grant
from tests.support.deployer_at_work import AtWork, working
from tests.support.places import Place, served
from tests.support.sandboxes import until

PODS = 1000
REGIONS = 20
ROUNDS = 10
SECONDS = 300.0
WORKLOAD = Workload(deployment="payments", container="app", service="payments")


@dataclass(frozen=True, slots=True)
class Rolled:
    seconds: float
    requests: int


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields the figures; there is nothing more to print with `profile`."""
    del profile
    with tempfile.TemporaryDirectory() as folder, started(programs(), Path(folder) / "plane") as plane:
        bare, large = asyncio.run(_large(plane))
        bare_rate, rate, each = asyncio.run(_small(plane))
    yield Figure(f"rollout-of-{PODS}-pods", large.seconds, "s", bare)
    yield Figure(f"rollout-of-{PODS}-pods-requests", large.requests, "requests")
    yield Figure(f"rollouts-in-{REGIONS}-regions", rate, "a second", bare_rate)
    yield Figure(f"rollouts-in-{REGIONS}-regions-requests", each, "requests each")


async def _large(plane: ControlPlane) -> tuple[float, Rolled]:
    """The seconds of the bare client, and what the deployer took."""
    async with _regions(plane, 1, PODS) as (places, west):
        (region, place), *_ = places.items()
        began = time.perf_counter()
        await _bare(place, 2)
        return time.perf_counter() - began, await _rolled(west, region, 3)


async def _small(plane: ControlPlane) -> tuple[float, float, float]:
    """Releases a second of the bare client and of the deployer, and the requests of one.

    The first round, with the adoption, is not counted.
    """
    async with _regions(plane, REGIONS, 2) as (places, west):

        async def bare(place: Place, numbers: range) -> None:
            for number in numbers:
                await _bare(place, number)

        async def releases(region: str, numbers: range) -> list[Rolled]:
            return [await _rolled(west, region, number) for number in numbers]

        began = time.perf_counter()
        await asyncio.gather(*(bare(place, range(2, 2 + ROUNDS)) for place in places.values()))
        bare_seconds = time.perf_counter() - began
        first = 2 + ROUNDS
        await asyncio.gather(*(releases(region, range(first, first + 1)) for region in places))
        began = time.perf_counter()
        found = await asyncio.gather(
            *(releases(region, range(first + 1, first + 1 + ROUNDS)) for region in places)
        )
        seconds = time.perf_counter() - began
    done = list(itertools.chain.from_iterable(found))
    rate, bare_rate = len(done) / seconds, len(done) / bare_seconds
    return bare_rate, rate, sum(each.requests for each in done) / len(done)


async def _bare(place: Place, number: int) -> None:
    """The image written, and the Deployment watched until it is rolled out."""
    image = objects("payments", digest(number=number), 1)[0]["spec"]["template"]["spec"]["containers"][0][
        "image"
    ]
    path = "/spec/template/spec/containers/0/image"
    written = (
        await place.patch("deployments", "payments", [{"op": "replace", "path": path, "value": image}])
    ).obj()
    version = written["metadata"]["resourceVersion"]
    async with aclosing(place.follow("deployments", resourceVersion=version)) as lines:
        async for _, deployment in lines:
            if isinstance(rollout_status(deployment), RolledOut):
                return
    raise RuntimeError(f"the watch ended before the bare roll-out to version {number}")


async def _rolled(west: AtWork, region: str, number: int) -> Rolled:
    given = grant(
        f"{number}.0.1",
        release=f"release-{number}",
        region=region,
        workload=WORKLOAD,
        artifact=artifact(digest(number=number)),
    )
    began = time.perf_counter()
    answer = await west.step(given, seconds=SECONDS)
    took, requests = time.perf_counter() - began, west.requests
    if answer != {"outcome": "deployed"} or requests is None:
        raise RuntimeError(f"the roll-out to version {number} in {region} was not done: {answer}")
    return Rolled(took, requests)


@asynccontextmanager
async def _regions(
    plane: ControlPlane, count: int, pods: int
) -> AsyncIterator[tuple[dict[str, Place], AtWork]]:
    """So many regions that run version 1, and the work of their deployer."""
    names = [f"region-{number}" for number in range(count)]
    async with AsyncExitStack() as stack:
        places = [await stack.enter_async_context(served(plane)) for _ in names]
        await asyncio.gather(*(_up(place, pods) for place in places))
        regions = tuple(place.region(name) for place, name in zip(places, names, strict=True))
        settings = DeployerSettings(name="west", regions=regions, pace=Pace())
        yield dict(zip(names, places, strict=True)), await stack.enter_async_context(working(settings))


async def _up(place: Place, pods: int) -> None:
    deployment, service, _ = objects("payments", digest(number=1), pods)
    for plural, obj in (("deployments", deployment), ("services", service)):
        (await place.create(plural, obj)).obj()

    async def available() -> bool:
        status = (await place.read("deployments", "payments")).get("status") or {}
        return bool(status.get("availableReplicas") == pods)

    await until(available, SECONDS)
