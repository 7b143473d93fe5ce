"""Outages of our own, longer than every deadline of the releases that they meet: nothing is lost, no region is blamed.

See tests/support/outages.py for the releases and for the judge.
"""

import pytest

from lockgate.embedded import Kafka, Postgres
from lockgate.messages.deployments import DeploymentStarted, RegionDeployed
from lockgate.messages.verdicts import StagePassed
from tests.support.audit import Expected, audit
from tests.support.outages import (
    Underway,
    away,
    blamed,
    broker,
    database,
    immediate,
    is_stopped,
    lasts,
    stages,
)
from tests.support.plans import REST
from tests.support.story import Story, holds
from tests.support.whole import Whole

pytestmark = pytest.mark.timeout(400)  # of which a busy machine takes a minute to start the system

BUDGET, AWAY = 4.0, 9.0
"""Seconds. A grant's deadline is the wave's budget; the outage is longer by far."""

LONG = 60.0
"""Seconds of the longest outages here: longer than a deadline with its grace. `make qualify NAME=outages` has longer ones."""


async def rolling(whole: Whole, name: str) -> tuple[Story, str]:
    """A release that two regions have just begun to deploy."""
    story = whole.story(name)
    story.image("v2", start_seconds=1.0)
    await story.begins(*stages(BUDGET))
    release = await story.announces("v2")
    for region in REST:
        await story.hears(DeploymentStarted, region=region)
    return story, release


async def assert_completes_without_blame(whole: Whole, story: Story, release: str) -> None:
    await story.completes(release)
    assert list(blamed(story)) == []
    assert await audit(whole, Expected(story, 1, "v2")) == []


# --- a service ----------------------------------------------------------------------------------------------------


async def test_no_region_is_unreachable_because_the_verifier_was_away(whole: Whole) -> None:
    story, release = await rolling(whole, "verifier-away")
    await whole.kill("verifier")
    assert story.heard(RegionDeployed) == []
    await lasts(AWAY)
    assert {event.region for event in story.heard(RegionDeployed)} == set(REST)
    assert story.heard(StagePassed) == []
    await whole.restart("verifier")
    await assert_completes_without_blame(whole, story, release)


async def test_no_region_is_unreachable_because_the_verifier_hung(whole: Whole) -> None:
    story, release = await rolling(whole, "verifier-hung")
    verifier = whole.service("verifier")
    verifier.pause()
    try:
        await is_stopped(verifier.pid)
        await lasts(AWAY)
        assert {event.region for event in story.heard(RegionDeployed)} == set(REST)
        assert story.heard(StagePassed) == []
    finally:
        verifier.resume()
    await assert_completes_without_blame(whole, story, release)


@pytest.mark.ci
async def test_a_good_release_goes_on_while_the_coordinator_is_away_and_is_left_alone_later(
    whole: Whole,
) -> None:
    story, release = await rolling(whole, "coordinator-away")
    await whole.kill("rollback")
    await lasts(AWAY)
    await assert_completes_without_blame(whole, story, release)
    await whole.restart("rollback")
    await story.completes(await story.announces("v3"))
    assert list(blamed(story)) == []
    assert await audit(whole, Expected(story, 2, "v3")) == []


# --- a server -----------------------------------------------------------------------------------------------------


async def test_no_region_is_unreachable_because_kafka_was_silent(whole: Whole) -> None:
    server = broker(whole)
    story, release = await rolling(whole, "kafka-silent")
    server.pause()
    try:
        await is_stopped(server.pid)
        await holds(lambda: story.digests() == story.everywhere("v2"))
        await lasts(AWAY)
        assert story.heard(RegionDeployed) == []
    finally:
        server.resume()
    await assert_completes_without_blame(whole, story, release)


@pytest.mark.ci
@pytest.mark.parametrize("seconds", [0.0, LONG], ids=["a moment", "long"])
async def test_the_broker_is_killed_in_the_middle_of_releases(whole: Whole, seconds: float) -> None:
    server = broker(whole)
    releases = await Underway.begun(whole, "broker-away")
    assert releases.ended() == []
    back = await away(server, Kafka.kill, seconds)
    assert releases.ended() == []
    await releases.settles(back)
    assert await releases.wrong() == []


@pytest.mark.ci
@pytest.mark.parametrize("seconds", [0.0, LONG], ids=["a moment", "long"])
async def test_postgres_is_stopped_in_the_middle_of_releases(whole: Whole, seconds: float) -> None:
    server: Postgres = database(whole)
    releases = await Underway.begun(whole, "postgres-away")
    assert releases.ended() == []
    back = await away(server, immediate, seconds)
    await releases.settles(back)
    assert await releases.wrong() == []
