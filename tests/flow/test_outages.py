"""Outages of our own, longer than every deadline of the release: no region is blamed for them."""

import time

import psutil  # type: ignore[import-untyped]  # psutil ships no types

from lockgate.messages.deployments import DeploymentStarted, RegionDeployed
from lockgate.messages.verdicts import RegionFailed, StagePassed
from tests.support.eventually import eventually
from tests.support.plans import REST, watch, wave
from tests.support.servers import unavailable
from tests.support.story import Story, holds
from tests.support.whole import Whole

BUDGET, AWAY = 4.0, 9.0
"""Seconds. A grant's deadline is the wave's budget; the outage is longer by far."""


async def away() -> None:
    """The time of the outage itself, which is what these tests are about."""
    until = time.monotonic() + AWAY
    await holds(lambda: time.monotonic() > until)


async def rolling(whole: Whole, name: str) -> tuple[Story, str]:
    """A release that two regions have just begun to deploy."""
    story = whole.story(name)
    story.image("v2", start_seconds=1.0)
    await story.begins(wave("rest", *REST, budget=f"{BUDGET}s", **{"max-parallel": 2}), watch())
    release = await story.announces("v2")
    for region in REST:
        await story.hears(DeploymentStarted, region=region)
    return story, release


async def assert_completes_without_blame(story: Story, release: str) -> None:
    await story.completes(release)
    assert story.heard(RegionFailed) == []
    assert story.changes() == dict.fromkeys(REST, 1)


async def test_no_region_is_unreachable_because_the_verifier_was_away(whole: Whole) -> None:
    story, release = await rolling(whole, "verifier-away")
    await whole.kill("verifier")
    assert story.heard(RegionDeployed) == []
    await away()
    assert {event.region for event in story.heard(RegionDeployed)} == set(REST)
    assert story.heard(StagePassed) == []
    await whole.restart("verifier")
    await assert_completes_without_blame(story, release)


async def test_no_region_is_unreachable_because_the_verifier_hung(whole: Whole) -> None:
    story, release = await rolling(whole, "verifier-hung")
    verifier = whole.service("verifier")
    verifier.pause()
    try:
        assert await eventually(lambda: psutil.Process(verifier.pid).status() == psutil.STATUS_STOPPED)
        await away()
        assert {event.region for event in story.heard(RegionDeployed)} == set(REST)
        assert story.heard(StagePassed) == []
    finally:
        verifier.resume()
    await assert_completes_without_blame(story, release)


async def test_no_region_is_unreachable_because_kafka_was_silent(whole: Whole) -> None:
    server = whole.kafka.server
    if server is None:
        unavailable("An outside broker cannot be paused.", "leave out LOCKGATE_KAFKA and --containers.")
    story, release = await rolling(whole, "kafka-silent")
    server.pause()
    try:
        assert await eventually(lambda: psutil.Process(server.pid).status() == psutil.STATUS_STOPPED)
        await holds(lambda: story.digests() == story.everywhere("v2"))
        await away()
        assert story.heard(RegionDeployed) == []
    finally:
        server.resume()
    await assert_completes_without_blame(story, release)
