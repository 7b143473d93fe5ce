"""The official conformance files, and events of CDEvents 0.4.1, as our readers see them."""

import json
from pathlib import Path

import pytest

from lockgate.messages.anomalies import IncidentDetected, IncidentResolved
from lockgate.messages.artifacts import ArtifactPublished, OtherEvent
from lockgate.messages.cdevent import InletEnvelope
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.runtime.checks import Record
from lockgate.runtime.deadletter import Reason
from lockgate.runtime.reading import Readable, Rejected, read
from tests.support.cdevents import CONFORMANCE, OFFICIAL, Json, load

READ = {"artifact_published": "artifacts", "incident_detected": "anomalies", "incident_resolved": "anomalies"}


def official(name: str) -> Json:
    return load(OFFICIAL / "conformance" / f"{name}.json")


def reading(topic: str, event: Json) -> Message[Payload]:
    item = read(Record(topic, 0, 0, None, (), json.dumps(event).encode()))
    assert isinstance(item, Readable), item
    return item.message


@pytest.mark.parametrize("file", CONFORMANCE, ids=lambda file: file.stem)
def test_an_official_event_is_written_again_without_loss(file: Path) -> None:
    event = InletEnvelope.model_validate_json(file.read_bytes(), strict=True)
    assert json.loads(event.model_dump_json(by_alias=True, exclude_unset=True)) == load(file)


def test_a_published_artifact_is_read() -> None:
    message = reading("artifacts", official("artifact_published"))
    assert message.body == ArtifactPublished(
        purl="pkg:golang/mygit.com/myorg/myapp@234fd47e07d1004f0aed9c",
        user="mybot-myapp",
        sbom="https://sbom.repo/myorg/234fd47e07d1004f0aed9c.sbom",
    )
    assert message.id == "271069a8-fc18-44f1-b38f-9d70a1695819"
    assert (message.source, message.at) == ("/event/source/123", "2023-03-20T14:27:05.315384Z")


def test_a_detected_incident_is_read() -> None:
    assert reading("anomalies", official("incident_detected")).body == IncidentDetected(
        incident="incident-123",
        service="myApp",
        environment="prod1",
        artifact_id="pkg:oci/myapp@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427",
        description="Response time above threshold of 100ms",
    )


def test_a_resolved_incident_is_read() -> None:
    assert reading("anomalies", official("incident_resolved")).body == IncidentResolved(
        incident="incident-123",
        service="myApp",
        environment="prod1",
        artifact_id="pkg:oci/myapp@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93439",
        description="Response time restored below 100ms",
    )


@pytest.mark.parametrize(
    "file", [f for f in CONFORMANCE if f.stem != "artifact_published"], ids=lambda f: f.stem
)
def test_every_other_event_on_the_topic_of_artifacts_is_read_as_one_that_announces_none(file: Path) -> None:
    event = load(file)
    body = reading("artifacts", event).body
    assert body == OtherEvent(subject=event["subject"]["id"], event_type=event["context"]["type"])


def test_an_event_that_is_no_incident_is_a_dead_letter_on_the_topic_of_anomalies() -> None:
    value = json.dumps(official("build_started")).encode()
    item = read(Record("anomalies", 0, 0, None, (), value))
    assert isinstance(item, Rejected)
    assert item.reason is Reason.UNKNOWN_TYPE


@pytest.mark.parametrize("name", READ)
def test_an_event_of_cdevents_0_4_1_is_read_as_its_newer_version(name: str) -> None:
    event = official(name)
    older = json.loads(json.dumps(event))
    del older["context"]["specversion"]
    older["context"] |= {"version": "0.4.1", "type": event["context"]["type"].replace("0.3.0", "0.2.0")}
    older["subject"]["type"] = name.split("_", maxsplit=1)[0]
    assert reading(READ[name], older) == reading(READ[name], event)
