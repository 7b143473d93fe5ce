"""What comes from outside, written by a Kafka client that is not ours, and the official CDEvents samples."""

import asyncio
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.releases import ArtifactRefused, PlanRefused, ReleaseQueued
from tests.support.plans import REST, pilot, plan_of, watch, wave
from tests.support.story import PATIENCE
from tests.support.telling import Told
from tests.support.whole import Whole, cdevent

SAMPLES = sorted((Path(__file__).parents[1] / "data/cdevents-0.5.1/conformance").glob("*.json"))

Record = tuple[bytes, Mapping[str, bytes]]


def binary(event: Mapping[str, Any]) -> Record:
    context = event["context"]
    attributes = {"specversion": "1.0", **{name: context[name] for name in ("id", "source", "type")}}
    headers = {f"ce_{name}": text.encode() for name, text in attributes.items()}
    return json.dumps(event).encode(), {**headers, "content-type": b"application/json"}


def structured(event: Mapping[str, Any]) -> Record:
    context = event["context"]
    attributes = {"specversion": "1.0", **{name: context[name] for name in ("id", "source", "type")}}
    body = {**attributes, "datacontenttype": "application/json", "data": event}
    return json.dumps(body).encode(), {"content-type": b"application/cloudevents+json; charset=utf-8"}


async def written(whole: Whole, *records: Record, key: str | None = None) -> None:
    """By librdkafka, with its own partitioner, to the topic `artifacts`."""
    producer = Producer({"bootstrap.servers": whole.local.servers.kafka})
    for value, headers in records:
        producer.produce(f"{whole.prefix}artifacts", value, key=key, headers=dict(headers))
    assert await asyncio.to_thread(producer.flush, 20.0) == 0


@pytest.mark.parametrize("mode", [binary, structured])
async def test_an_artifact_from_a_foreign_client_starts_a_release(whole: Whole, mode: Any) -> None:
    story = whole.story(f"from-{mode.__name__}")
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}), watch())
    event = cdevent(ArtifactPublished.type, story.purl("v2"), {})
    await written(whole, mode(event), key=story.application)
    queued = await story.hears_queued("v2")
    await story.completes(queued)
    assert story.digests() == story.everywhere("v2")


async def test_an_event_that_is_sent_twice_starts_one_release(whole: Whole) -> None:
    story = whole.story("sent-twice")
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}), watch())
    event = cdevent(ArtifactPublished.type, story.purl("v2"), {})
    await written(whole, binary(event), structured(event))
    release = await story.hears_queued("v2")
    await written(whole, binary(event))
    await story.completes(release)
    assert [event.release for event in story.heard(ReleaseQueued)] == [release]
    assert story.heard(ArtifactRefused) == []


async def test_a_bad_plan_is_answered_with_every_problem(whole: Whole) -> None:
    story = whole.story("bad-plan")
    await story.publishes(plan_of(story.application, pilot(regions=["atlantis"]), wave("rest", *REST)))
    told = await whole.telling.first(lambda told: _refuses_plan(told, story.application), PATIENCE)
    assert isinstance(told.body, PlanRefused)
    problems = "\n".join(told.body.problems)
    assert "watch" in problems
    assert "atlantis" in problems


async def test_every_official_sample_on_the_inlet_is_answered_with_a_sentence(whole: Whole) -> None:
    assert len(SAMPLES) > 40
    events = [json.loads(sample.read_bytes()) for sample in SAMPLES]
    await written(whole, *((sample.read_bytes(), {}) for sample in SAMPLES))
    for event in events:
        told = await whole.telling.first(partial(_answers_sample, event), PATIENCE)
        assert isinstance(told.body, ArtifactRefused)
        assert len(told.body.reason.split()) > 5, told.body.reason


def _answers_sample(event: Mapping[str, Any], told: Told) -> bool:
    """Many samples have one id, so an answer is also known by what it says of the event's type."""
    context, body = event["context"], told.body
    if not isinstance(body, ArtifactRefused) or body.event != context["id"]:
        return False
    if context["type"] == ArtifactPublished.type:
        return bool(body.purl == event["subject"]["id"])
    return bool(context["type"] in body.reason)


def _refuses_plan(told: Told, application: str) -> bool:
    return isinstance(told.body, PlanRefused) and told.body.application == application
