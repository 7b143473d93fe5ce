"""What comes from outside is read or refused with a reason; whatever it is, nothing else happens."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lockgate.messages.anomalies import IncidentDetected
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.message import Message, UnreadableError, decode
from lockgate.messages.payload import Payload
from lockgate.messages.plans import PlanPublished
from lockgate.messages.registry import OTHERS, payloads_of
from lockgate.messages.schemas.names import DESCRIBED
from lockgate.messages.upcast import UPCASTERS
from tests.support.payloads import JSON, QUICK, TEXT

INLETS = {"artifacts", "anomalies", "plans"}
TYPES = sorted(UPCASTERS) + [name for name, payload in DESCRIBED.items() if payload.topic in INLETS]
FIELDS = [
    "service",
    "environment",
    "artifactId",
    "description",
    "sbom",
    "user",
    "plan",
    "author",
    "id",
    "uri",
]
CONTENT = st.dictionaries(
    st.sampled_from(FIELDS), JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3)
)


def event(event_type: str, content: Any, **changes: Any) -> dict[str, Any]:
    context = {
        "specversion": "0.5.1",
        "id": "1",
        "source": "/ci",
        "type": event_type,
        "timestamp": "2026-11-24T10:00:00Z",
    }
    return {"context": context, "subject": {"id": "pkg:oci/payments@1", "content": content}, **changes}


def reading(topic: str, raw: Any) -> Message[Payload]:
    return decode(None, {}, json.dumps(raw).encode(), payloads_of(topic), OTHERS.get(topic))


def is_answered(raw: Any) -> None:
    """Read, or refused with a code: any other exception would stop a partition."""
    for topic in INLETS:
        with contextlib.suppress(UnreadableError):
            assert isinstance(reading(topic, raw).body.subject_id(), str)


@QUICK
@given(st.sampled_from(TYPES), CONTENT)
def test_any_content_is_read_or_refused(event_type: str, content: dict[str, Any]) -> None:
    is_answered(event(event_type, content))


@QUICK
@given(st.sampled_from(TYPES), JSON, JSON)
@example("dev.cdevents.artifact.published.0.2.0", [], None)
@example("dev.cdevents.artifact.published.0.2.0", None, [])
def test_any_subject_and_custom_data_are_read_or_refused(event_type: str, subject: Any, custom: Any) -> None:
    is_answered(event(event_type, {}, subject=subject, customData=custom))


@QUICK
@given(
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(["specversion", "version", "id", "links", "chainId"]), JSON),
)
def test_any_context_is_read_or_refused(event_type: str, changes: dict[str, Any]) -> None:
    raw = event(event_type, {})
    is_answered(raw | {"context": raw["context"] | changes})


@QUICK
@given(TEXT)
def test_any_other_event_on_artifacts_is_answered_by_its_type(name: str) -> None:
    event_type = f"x.{name}"
    assert getattr(reading("artifacts", event(event_type, {})).body, "event_type", "") == event_type


@pytest.mark.parametrize("application", ["payments", None, 7, ["x"]])
def test_a_published_plan_is_carried_as_written(application: Any) -> None:
    plan = {"application": application, "false-alarms": "1%", "anything": [1.5, None, {"else": True}]}
    body = reading("plans", event("dev.cdeventsx.lockgate-plan.published.0.1.0", {"plan": plan})).body
    assert body == PlanPublished(plan=plan, author="")


def test_an_incident_that_names_nothing_is_about_everything() -> None:
    body = reading("anomalies", event("dev.cdevents.incident.detected.0.3.0", {})).body
    assert body == IncidentDetected(incident="pkg:oci/payments@1", service="", environment="")


@pytest.mark.parametrize(
    ("purl", "package", "version", "tag"),
    [
        ("pkg:oci/payments@sha256%3A00?tag=1.2", "pkg:oci/payments", "sha256:00", "1.2"),
        ("pkg:oci/payments@sha256:00", "pkg:oci/payments", "sha256:00", None),
        ("pkg:oci/payments?repository_url=r.example/a&tag=2", "pkg:oci/payments", "", "2"),
        ("pkg:oci/payments@1#sub/path", "pkg:oci/payments", "1", None),
        ("pkg:oci/payments", "pkg:oci/payments", "", None),
        ("", "", "", None),
    ],
)
def test_a_package_url_has_a_package_a_version_and_a_tag(
    purl: str, package: str, version: str, tag: str | None
) -> None:
    artifact = ArtifactPublished(purl=purl)
    assert (artifact.package, artifact.version, artifact.tag) == (package, version, tag)


@QUICK
@given(TEXT)
def test_any_text_can_be_asked_for_its_package(purl: str) -> None:
    artifact = ArtifactPublished(purl=purl)
    assert isinstance((artifact.package, artifact.version, artifact.tag), tuple)
