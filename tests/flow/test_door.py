"""The whole system behind its door: what CI, operators and monitoring deliver over HTTP starts releases and ends them."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from lockgate.cli.local.door import LocalDoor
from lockgate.intake.door.callers import Role, hash_of
from lockgate.messages.releases import (
    ArtifactRefused,
    PlanAccepted,
    ReleaseCompleted,
    ReleaseOutcome,
    ReleaseQueued,
)
from lockgate.messages.verdicts import VerdictReached, WatchStarted
from tests.support.deliveries import SECRET, TOKENS, bearer, payload, signed
from tests.support.doors import Client, accepted
from tests.support.eventually import eventually
from tests.support.plans import REST, plan_of, watch, wave
from tests.support.story import Story
from tests.support.whole import STARTED, Whole

STAGES = (wave("rest", *REST, **{"max-parallel": 2}), watch())


@pytest.fixture
async def client(whole: Whole, tmp_path: Path) -> AsyncIterator[Client]:
    """A door of its own process before the whole system."""
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET + b"\n")
    callers: list[dict[str, str]] = [
        {"name": f"a-{role}", "role": role, "token": hash_of(token)} for role, token in TOKENS.items()
    ]
    callers.append({"name": "hub", "role": Role.CI, "secret_file": str(secret)})
    whole.local.door = LocalDoor.in_folder(whole.local.home)
    child = whole.local.child("door")
    try:
        child.start({"LOCKGATE_DOOR_CALLERS": json.dumps(callers)})
        await asyncio.to_thread(child.wait_ready, STARTED)
        async with aiohttp.ClientSession() as session:
            yield Client(session, int(whole.local.door.url.rpartition(":")[2]))
        assert await asyncio.to_thread(child.stop) == 0, child.log.read_text()
    finally:
        await asyncio.to_thread(child.stop)
        del whole.local.children["door"]


def pushed(story: Story, version: str) -> bytes:
    """GitHub's delivery of an image of the story."""
    event = payload("github/package")
    found = event["package"]["package_version"]
    found["version"] = found["container_metadata"]["tag"]["digest"] = story.digest(version)
    found["container_metadata"]["tag"]["name"] = version
    found["package_url"] = f"containers.example/Acme/{story.application}:{version}"
    return json.dumps(event).encode()


def alert(story: Story, region: str, **changes: str) -> bytes:
    """Alertmanager's group about the story's application in a region."""
    group = payload("alertmanager/firing")
    labels = {"alertname": "ErrorRateHigh", "service": story.application, "region": region}
    group["alerts"] = [{**group["alerts"][0], "labels": labels, **changes}, group["alerts"][1]]
    return json.dumps(group).encode()


async def test_a_plan_and_a_push_through_the_door_make_one_release_however_often_they_are_delivered(
    whole: Whole, client: Client
) -> None:
    story = whole.story("through-the-door")
    await story.begins(*STAGES)
    plan = json.dumps(plan_of(story.application, STAGES[0], watch("2s")))
    keyed = {**bearer(Role.OPERATOR), "Idempotency-Key": "once"}
    for _ in range(10):
        assert (await client.post("/v1/plans", plan, keyed)).status == 202
    await story.hears(PlanAccepted, version=2)
    body = pushed(story, "v2")
    for number in range(100):
        delivery = {**signed(body, "package"), "X-GitHub-Delivery": str(number)}
        assert (await client.post("/v1/github", body, delivery)).status == 202
    release = await story.hears_queued("v2")
    await story.completes(release)
    assert [queued.release for queued in story.heard(ReleaseQueued)] == [release]
    assert story.heard(ArtifactRefused) == []
    assert [accepted.version for accepted in story.heard(PlanAccepted)] == [1, 2]
    assert story.digests() == story.everywhere("v2")


async def test_an_alert_that_fires_in_the_watch_takes_the_release_back(whole: Whole, client: Client) -> None:
    story = whole.story("alerted")
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}), watch("600s"))
    release = await story.announces("v2")
    await story.hears(WatchStarted)
    for _ in range(3):
        answer = await client.post("/v1/alertmanager", alert(story, REST[0]), bearer(Role.MONITORING))
        assert (answer.status, len(answer.body["published"]), len(answer.body["ignored"])) == (202, 1, 1)
    closed = await story.is_taken_back(release)
    assert closed.outcome is ReleaseOutcome.ROLLED_BACK
    (verdict,) = (said for said in story.heard(VerdictReached) if said.guilty)
    assert "ErrorRateHigh/c6eadffa33fcdf37 in the region" in verdict.reason
    assert "5 % of the requests fail" in verdict.reason
    assert story.digests() == story.everywhere("v1")


async def test_an_alert_that_ended_blames_no_release(whole: Whole, client: Client) -> None:
    story = whole.story("resolved")
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}), watch("3s"))
    release = await story.announces("v2")
    await story.hears(WatchStarted)
    over = alert(story, REST[0], status="resolved", endsAt="2026-11-24T10:31:00Z")
    assert (await client.post("/v1/alertmanager", over, bearer(Role.MONITORING))).status == 202
    await story.completes(release)
    assert story.heard(ReleaseCompleted, release=release) != []


async def test_while_kafka_is_away_the_process_answers_503_and_goes_on_afterwards(
    whole: Whole, client: Client
) -> None:
    if whole.kafka.server is None:
        pytest.skip("a broker that is not ours is not killed")
    story = whole.story("kafka-away")
    await story.begins(*STAGES)
    body = pushed(story, "v2")
    await asyncio.to_thread(whole.kafka.server.kill)
    try:
        answer = await client.post("/v1/github", body, signed(body, "package"))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    finally:
        await asyncio.to_thread(whole.kafka.server.start)
    delivered = partial(client.post, "/v1/github", body, signed(body, "package"))
    await eventually(partial(accepted, delivered))
    for _ in range(5):
        assert (await delivered()).status == 202
    release = await story.hears_queued("v2")
    await story.completes(release)
    assert [queued.release for queued in story.heard(ReleaseQueued)] == [release]
