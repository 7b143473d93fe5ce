"""The bench `anomaly` with 100 namespaces of one real control plane in place of the sandbox's regions.

All of them have one API server, one etcd and one set of controllers, on the same two cores as all services: what it says is what
these take, which a hundred clusters do not share.
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import uvloop

from lockgate.cli.local.regions import Sandboxed
from tests.bench.anomaly import PODS, REGIONS, Measured, costs, figures, rounds
from tests.bench.figures import Figure
from tests.support.clusters import clusters_of, installed, routes_seen, tenants
from tests.support.controlplane import ControlPlane, programs, started
from tests.support.many import many, names
from tests.support.story import Story
from tests.support.whole import opened

ROUNDS = 20
APPLICATION = "blamed"


def measure(*, profile: bool) -> Iterator[Figure]:
    """Yields the figures of the bench `anomaly`, of real API servers."""
    with tempfile.TemporaryDirectory() as folder, started(programs(), Path(folder) / "plane") as plane:
        measured = uvloop.run(_measured(plane))
    if profile:
        sys.stdout.write(costs(measured))
    yield from figures("anomaly-clusters", measured)


async def _measured(plane: ControlPlane) -> Measured:
    regions = names(REGIONS)
    found = await asyncio.to_thread(tenants, plane, regions)
    clusters = clusters_of(found)
    async with opened(None, shape=many(REGIONS), clusters=clusters) as whole:
        unasked = Sandboxed(
            "", clusters.prometheus, clusters.regions
        )  # a story has one; nothing is asked of it
        story = Story(APPLICATION, unasked, whole.telling, whole.send)
        await asyncio.to_thread(installed, plane, found, APPLICATION, story.digest("v1"), PODS)
        async with routes_seen(plane, found, APPLICATION) as written:
            return await rounds(whole, story, written, regions, ROUNDS)
