"""Two deployers claim one region: the first one has it, and the second plays no role."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from lockgate.messages.deployments import DeploymentStarted, RegionDeployed, RegionRegistered
from lockgate.messages.message import Message, encode, event_id
from lockgate.messages.releases import RegionRefused
from lockgate.messages.verdicts import Granted, StagePassed
from tests.support.plans import CONTESTED, RIVAL, watch, wave
from tests.support.story import PATIENCE
from tests.support.telling import Told
from tests.support.whole import Whole


@pytest.fixture(scope="module")
async def refusal(started_whole: Whole) -> AsyncIterator[RegionRefused]:
    """A second deployer for the region is at work, and intake has answered its claim."""
    child = started_whole.local.deployer(RIVAL, [CONTESTED])
    child.start()
    try:
        await asyncio.to_thread(child.wait_ready)
        told = await started_whole.telling.first(lambda told: isinstance(told.body, RegionRefused), PATIENCE)
        assert isinstance(told.body, RegionRefused)
        yield told.body
    finally:
        await asyncio.to_thread(child.stop)
        del started_whole.local.children[RIVAL]


async def test_the_second_claim_is_refused_by_the_first_ones_name(refusal: RegionRefused) -> None:
    assert (refusal.place.region, refusal.place.deployer) == (CONTESTED, RIVAL)
    assert "deployer-eu" in refusal.reason


async def test_grants_go_to_the_first_and_the_second_stays_out(whole: Whole, refusal: RegionRefused) -> None:
    story = whole.story("contested")
    await story.begins(wave("rest", CONTESTED), watch())
    await story.completes(await story.announces("v2"))
    assert [grant.deployer for grant in story.heard(Granted)] == ["deployer-eu"]
    assert {event.deployer for event in story.heard(DeploymentStarted)} == {"deployer-eu"}
    assert story.changes() == {CONTESTED: 1}
    assert {type(told.body) for told in whole.telling.all if told.message.writer == RIVAL} == {
        RegionRegistered
    }


async def test_what_the_second_says_of_the_region_moves_nothing(whole: Whole, refusal: RegionRefused) -> None:
    story = whole.story("forged")
    story.image("v2", start_seconds=2.0)
    await story.begins(wave("rest", CONTESTED), watch())
    release = await story.announces("v2")
    grant = await story.hears(Granted)
    await story.hears(DeploymentStarted)
    forged = RegionDeployed(
        application=story.application,
        release=release,
        region=CONTESTED,
        deployer=RIVAL,
        fence=grant.fence,
        stage=grant.stage,
        action=grant.action,
        artifact=grant.artifact,
    )
    await _says(whole, forged)
    await whole.telling.first(lambda told: told.body == forged, PATIENCE)
    assert story.heard(RegionDeployed) == [forged]
    await story.completes(release)
    [passed] = _whole_records(whole, StagePassed, story.application, "rest")
    [deployed] = [
        told
        for told in whole.telling.of(story.application)
        if isinstance(told.body, RegionDeployed) and told.message.writer == "deployer-eu"
    ]
    assert passed.message.at >= deployed.message.at


def _whole_records(whole: Whole, kind: type[StagePassed], application: str, stage: str) -> list[Told]:
    told = whole.telling.of(application)
    return [each for each in told if isinstance(each.body, kind) and each.body.stage == stage]


async def _says(whole: Whole, body: RegionDeployed) -> None:
    """As the second deployer would write it: its first event about the application."""
    key, now = body.application, "2026-11-24T10:00:00.000Z"
    source = f"/lockgate/{RIVAL}"
    message = Message(body, event_id(RIVAL, key, 1), source, key, now, writer=RIVAL, number=1)
    headers, value = encode(message)
    topic = f"{whole.prefix}deployments"
    await whole.producer.send_and_wait(topic, value, key=key.encode(), headers=list(headers))
