"""CDEvents over HTTP in every mode of CloudEvents, of both versions; and what is refused, with what to write instead."""

import base64
import json
from typing import Any

import pytest

from lockgate.intake.door.answers import Code
from lockgate.intake.door.callers import Role
from lockgate.messages.anomalies import IncidentResolved
from lockgate.messages.artifacts import ArtifactPublished
from tests.support.cdevents import CONFORMANCE, load
from tests.support.deliveries import DIGEST, caller, delivered, refusal

CI, OPERATOR = caller(Role.CI), caller(Role.OPERATOR)
STRUCTURED, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
PURL = f"pkg:oci/payments@{DIGEST.replace(':', '%3A')}"


def artifact(**context: Any) -> dict[str, Any]:
    return {
        "context": {
            "specversion": "0.5.1",
            "id": "build-4711",
            "source": "/ci/payments",
            "type": "dev.cdevents.artifact.published.0.3.0",
            "timestamp": "2026-11-24T10:00:00Z",
            **context,
        },
        "subject": {"id": PURL, "content": {}},
    }


def old() -> dict[str, Any]:
    """As CDEvents 0.4.1 has it."""
    event = artifact(version="0.4.1", type="dev.cdevents.artifact.published.0.2.0")
    del event["context"]["specversion"]
    event["subject"]["type"] = "artifact"
    return event


def wrapped(event: Any, **changes: Any) -> dict[str, Any]:
    """The CloudEvent in structured mode."""
    names = {name: event["context"][name] for name in ("id", "source", "type")}
    return {"specversion": "1.0", **names, "datacontenttype": "application/json", "data": event, **changes}


def attributes(event: Any, **changes: str) -> dict[str, str]:
    """The headers of binary mode."""
    names = {name: event["context"][name] for name in ("id", "source", "type")}
    return {f"ce-{name}": value for name, value in {"specversion": "1.0", **names, **changes}.items()}


@pytest.mark.parametrize("event", [artifact(), old()], ids=["0.5.1", "0.4.1"])
def test_an_artifact_is_announced_in_every_mode_and_published_as_it_came(event: Any) -> None:
    raw = json.dumps(event).encode()
    encoded = wrapped(event, data_base64=base64.b64encode(raw).decode())
    del encoded["data"]
    modes = [
        delivered("/v1/events", raw, CI),
        delivered("/v1/events", raw, CI, attributes(event)),
        delivered("/v1/events", wrapped(event), CI, {"content-type": STRUCTURED}),
        delivered("/v1/events", encoded, CI, {"content-type": f"{STRUCTURED}; charset=utf-8"}),
        delivered("/v1/events", [wrapped(event)], CI, {"content-type": BATCH}),
    ]
    for made in modes:
        (outgoing,) = made.outgoing
        assert outgoing.body == ArtifactPublished(purl=PURL)
        assert json.loads(outgoing.value) == event
        assert (outgoing.told.type, outgoing.told.id) == (event["context"]["type"], "build-4711")
    assert modes[1].outgoing[0].value == raw, "to the byte"


def test_the_record_is_in_binary_mode() -> None:
    (outgoing,) = delivered("/v1/events", wrapped(old()), CI, {"content-type": STRUCTURED}).outgoing
    assert dict(outgoing.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"build-4711",
        "ce_source": b"/ci/payments",
        "ce_type": b"dev.cdevents.artifact.published.0.2.0",
        "ce_time": b"2026-11-24T10:00:00Z",
        "ce_subject": PURL.encode(),
        "content-type": b"application/json",
    }


def test_a_batch_is_published_in_its_order() -> None:
    batch = [wrapped(artifact(id=f"build-{n}")) for n in (3, 1, 2)]
    made = delivered("/v1/events", batch, CI, {"content-type": BATCH})
    assert [each.told.id for each in made.outgoing] == ["build-3", "build-1", "build-2"]


def test_a_batch_with_one_bad_event_is_refused_as_a_whole() -> None:
    batch = [wrapped(artifact()), wrapped(artifact(timestamp="soon"))]
    refused = refusal("/v1/events", batch, CI, {"content-type": BATCH})
    assert refused.code is Code.UNREADABLE
    assert "context.timestamp" in refused.detail


def test_a_batch_has_so_many_events_at_most() -> None:
    batch = [wrapped(artifact(id=f"build-{n}")) for n in range(501)]
    refused = refusal("/v1/events", batch, CI, {"content-type": BATCH})
    assert (refused.code, "at most 500 events, and this has 501" in refused.detail) == (Code.UNREADABLE, True)
    assert len(delivered("/v1/events", batch[:500], CI, {"content-type": BATCH}).outgoing) == 500


def test_an_empty_batch_is_nothing() -> None:
    assert delivered("/v1/events", [], CI, {"content-type": BATCH}) == ((), ())


def test_of_the_official_samples_what_a_service_reads_is_published_and_the_rest_ignored() -> None:
    read = {"artifact_published", "incident_detected", "incident_resolved"}
    samples = {file.stem: load(file) for file in CONFORMANCE}
    incidents = {name for name in read if name.startswith("incident")}
    for name in incidents:
        samples[name]["subject"]["content"]["service"] = {"id": "payments"}
    made = {name: delivered("/v1/events", sample, OPERATOR) for name, sample in samples.items()}
    assert {name for name in made if made[name].outgoing} == read
    assert {made[name].outgoing[0].told.topic for name in incidents} == {"anomalies"}
    whys = {each.why for name in made.keys() - read for each in made[name].ignored}
    assert whys == {"no service of Lockgate reads events of this type"}
    assert len(made) > 40


def test_incidents_go_to_anomalies() -> None:
    event = artifact(type="dev.cdevents.incident.resolved.0.3.0")
    event["subject"] = {
        "id": "errors",
        "content": {"environment": {"id": "us-east"}, "service": {"id": "/shop/payments"}},
    }
    (outgoing,) = delivered("/v1/events", event, caller(Role.MONITORING)).outgoing
    assert (outgoing.told.topic, outgoing.key) == ("anomalies", "payments")
    assert outgoing.body == IncidentResolved(
        incident="errors", service="/shop/payments", environment="us-east"
    )


def test_each_role_writes_to_its_own_topic() -> None:
    refused = refusal("/v1/events", artifact(), caller(Role.MONITORING))
    assert refused.code is Code.FORBIDDEN
    assert "has the role monitoring, and artifacts are written by ci or operator" in refused.detail


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (artifact(source="/lockgate/door/github"), "the door's own"),
        (
            artifact(type="dev.cdevents.artifact.published.0.1.0"),
            "of a version that is not read: send one of",
        ),
        (artifact(type="dev.cdeventsx.lockgate-plan.published.0.1.0"), "plans are published at /v1/plans"),
        (artifact(timestamp="2026-11-24T10:00:00"), "has no time zone"),
        (artifact(id=""), "context.id: String should have at least 1 character"),
        (artifact(source="x\u0000y"), "(nul)"),
        (artifact(id="i" * 2048, source="ü" * 2048, schemaUri="s"), None),
        (artifact(id="ü" * 2048, source="漢" * 2048, type="dev.cdevents.artifact.published.0.3.0"), None),
        (
            {**artifact(), "subject": {"id": "x" * 1025, "content": {}}},
            "purl: String should have at most 1024",
        ),
        ({**artifact(), "subject": "text"}, "subject: "),
        (
            {**artifact(), "subject": {"id": f"pkg:oci/{'😀' * 150}", "content": {}}},
            "(key): the key is longer than 512 bytes",
        ),
        ({"context": "text"}, "context.type is missing"),
        ({"subject": {}}, "context.type is missing"),
        ([], "must be a JSON object"),
        ("text", "must be a JSON object"),
    ],
)
def test_what_no_service_could_read_is_refused_with_the_place(event: Any, says: str | None) -> None:
    if says is None:
        assert len(delivered("/v1/events", event, CI).outgoing) == 1
        return
    refused = refusal("/v1/events", event, CI)
    assert refused.code is Code.UNREADABLE
    assert says in refused.detail


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"a": NaN}', b"[" * 5000, b'"\\ud800"', b"1" * 9000])
def test_what_is_no_json_is_malformed(raw: bytes) -> None:
    refused = refusal("/v1/events", raw, CI)
    assert refused.code is Code.MALFORMED
    assert "not JSON" in refused.detail


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (wrapped(artifact(), specversion="0.3"), "specversion: Input should be '1.0'"),
        (
            wrapped(artifact(), id="other"),
            "the attribute id is 'other', and context.id of the CDEvent is 'build-4711'",
        ),
        (wrapped(artifact(), source=7), "source: "),
        (wrapped(artifact(), data="text"), "the data of the event must be a JSON object"),
        (wrapped(artifact(), data=None), "the data of the event must be a JSON object"),
        (wrapped(artifact(), data=None, data_base64="%%%"), "no base64"),
        (wrapped(artifact(), data=None, data_base64="\u00b2"), "no base64"),
        (artifact(), "no CloudEvent of version 1.0"),
        ([wrapped(artifact())], "must be a JSON object"),
    ],
)
def test_a_structured_event_that_is_none_is_refused(given: Any, says: str) -> None:
    refused = refusal("/v1/events", given, CI, {"content-type": STRUCTURED})
    assert refused.code is Code.UNREADABLE
    assert says in refused.detail


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        (attributes(artifact(), specversion="1.1"), "ce-specversion must be 1.0"),
        ({"ce-id": "build-4711"}, "ce-specversion must be 1.0"),
        (attributes(artifact(), id="other"), "the header ce-id is 'other'"),
        (attributes(artifact(), type="dev.cdevents.artifact.signed.0.3.0"), "the header ce-type is"),
    ],
)
def test_headers_that_say_otherwise_than_the_event_are_refused(headers: dict[str, str], says: str) -> None:
    refused = refusal("/v1/events", artifact(), CI, headers)
    assert refused.code is Code.UNREADABLE
    assert says in refused.detail


def test_headers_are_percent_encoded_as_the_binding_says() -> None:
    event = artifact(source="/ci/größe")
    made = delivered("/v1/events", event, CI, attributes(event, source="/ci/gr%C3%B6%C3%9Fe"))
    assert [each.told.source for each in made.outgoing] == ["/ci/größe"]


def test_an_incident_about_no_application_is_refused() -> None:
    event = artifact(type="dev.cdevents.incident.detected.0.3.0")
    event["subject"] = {"id": "errors", "content": {"environment": {"id": "us-east"}}}
    assert "service.id '' names no application" in refusal("/v1/events", event, OPERATOR).detail
