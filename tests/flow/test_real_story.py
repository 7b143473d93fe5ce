"""Everything at once, in three regions of a real API server: a version is blamed that was completed, while the next release
is under way, and then a fix arrives.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from lockgate.cli.local.regions import Sandboxed
from lockgate.messages.deployments import DeploymentStarted
from lockgate.messages.releases import (
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseOutcome,
    ReleasePreempted,
)
from lockgate.messages.rollbacks import Grade, VersionMarked
from tests.support.clusters import clusters_of, installed, tenants
from tests.support.controlplane import ControlPlane
from tests.support.controlplane.behaviours import slow
from tests.support.plans import watch, wave
from tests.support.real_story import RealStory
from tests.support.whole import opened, shaped

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

PATIENCE = 240.0
"""Seconds for a release, beside all else that the control plane has to do then."""

FIRST, REST = "west", ("east", "south")
STAGES = (
    wave("first", FIRST, budget="180s"),
    wave("rest", *REST, **{"budget": "180s", "max-parallel": 2}),
    watch(),
)
TWENTY_SECONDS = slow(20_000)
"""What the second release brings needs so long for each start: it is in its first wave when the first one is blamed."""


@pytest_asyncio.fixture
async def story(control_plane: ControlPlane) -> AsyncIterator[RealStory]:
    """Runs v1 everywhere."""
    found = await asyncio.to_thread(tenants, control_plane, (FIRST, *REST))
    clusters = clusters_of(found)
    shape = shaped({"deployer-west": (FIRST,), "deployer-rest": REST})
    async with opened(None, shape=shape, clusters=clusters) as whole:
        unasked = Sandboxed("", clusters.prometheus, clusters.regions)
        story = RealStory(
            "payments",
            unasked,
            whole.telling,
            whole.send,
            plane=control_plane,
            tenants=found,
            versions={"v3": TWENTY_SECONDS},
        )
        await asyncio.to_thread(
            installed, control_plane, found, story.application, story.digest("v1"), 2, progress_deadline=90
        )
        await story.plans(*STAGES)
        yield story


async def test_a_version_is_blamed_while_the_next_is_in_its_first_wave_and_a_fix_arrives(
    story: RealStory,
) -> None:
    first = await story.announces("v2")
    await story.completes(first, PATIENCE)
    assert story.digests() == story.everywhere("v2")

    second = await story.announces("v3")
    await story.hears(DeploymentStarted, release=second, region=FIRST, within=PATIENCE)
    await story.alarms("payments fail", REST[0], "v2")
    preempted = await story.hears(ReleasePreempted, release=second, within=PATIENCE)
    third = await story.fixes("v4")
    await story.completes(third, PATIENCE)

    assert story.digests() == story.everywhere("v4")
    assert story.clones() == []
    assert [mark.digest for mark in story.heard(VersionMarked, grade=Grade.BAD)] == [story.digest("v2")]
    recovered = [event for event in story.heard(ReleaseEntered) if event.recovers is not None]
    assert [(event.release, event.recovers) for event in recovered] == [(preempted.by, first)]
    assert [(event.release, event.outcome) for event in story.heard(ReleaseClosed)] == [
        (second, ReleaseOutcome.PREEMPTED),
        (preempted.by, ReleaseOutcome.ROLLED_BACK),
    ]
    assert [event.release for event in story.heard(ReleaseCompleted)] == [first, third]
    # In the first region v3 gives way to v1 and not to v2, which is bad by then; elsewhere v2 goes. Then the fix comes.
    assert story.revisions() == {FIRST: 5, "east": 4, "south": 4}
