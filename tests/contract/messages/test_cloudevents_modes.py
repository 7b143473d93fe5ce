"""CloudEvents on Kafka: binary mode is written, binary and structured mode are read; the content type decides."""

import json
from typing import Any

import pytest

from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.message import encode
from lockgate.messages.releases import ReleaseEntered
from lockgate.messages.schemas.golden import expectation_of, message_of
from lockgate.runtime.checks import Record
from lockgate.runtime.deadletter import Reason
from lockgate.runtime.reading import Item, Readable, Rejected, read
from tests.support.cdevents import OFFICIAL, SCHEMAS, load

EVENT = load(OFFICIAL / "conformance" / "artifact_published.json")
PURL = EVENT["subject"]["id"]
CE_HEADERS = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"271069a8-fc18-44f1-b38f-9d70a1695819"),
    ("ce_source", b"/event/source/123"),
    ("ce_type", b"dev.cdevents.artifact.published.0.3.0"),
)


def structured(**changes: Any) -> dict[str, Any]:
    context = EVENT["context"]
    return {
        "specversion": "1.0",
        "id": context["id"],
        "source": context["source"],
        "type": context["type"],
        "datacontenttype": "application/json",
        "data": EVENT,
        **changes,
    }


def given(content_type: bytes | None, value: Any, headers: tuple[tuple[str, bytes], ...] = ()) -> Item:
    named = () if content_type is None else (("Content-Type", content_type),)
    return read(Record("artifacts", 0, 0, None, (*named, *headers), json.dumps(value).encode()))


def purl(item: Item) -> str:
    assert isinstance(item, Readable), item
    assert isinstance(item.message.body, ArtifactPublished)
    return item.message.body.purl


@pytest.mark.parametrize("content_type", [b"application/json", b"application/json; charset=utf-8", None])
def test_binary_mode_is_read(content_type: bytes | None) -> None:
    assert purl(given(content_type, EVENT, CE_HEADERS)) == PURL


def test_a_bare_cdevent_without_any_header_is_read() -> None:
    assert purl(given(None, EVENT)) == PURL


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/cloudevents+json",
        b"application/cloudevents+json; charset=UTF-8",
        b"Application/CloudEvents+JSON;charset=utf-8",
    ],
)
def test_structured_mode_is_read(content_type: bytes) -> None:
    assert purl(given(content_type, structured())) == PURL


def test_a_structured_message_may_carry_headers_of_binary_mode_too() -> None:
    assert purl(given(b"application/cloudevents+json", structured(), CE_HEADERS)) == PURL


@pytest.mark.parametrize(
    "value", [structured(specversion="0.3"), structured(data="text"), structured(data=None), EVENT, [EVENT]]
)
def test_a_structured_message_that_is_none_is_a_dead_letter(value: Any) -> None:
    item = given(b"application/cloudevents+json", value)
    assert isinstance(item, Rejected)
    assert item.reason is Reason.INVALID


def test_an_envelope_of_structured_mode_under_another_content_type_is_a_dead_letter() -> None:
    item = given(b"application/json", structured())
    assert isinstance(item, Rejected)
    assert item.reason is Reason.UNKNOWN_TYPE


def test_our_events_are_written_in_binary_mode() -> None:
    expected = load(SCHEMAS / expectation_of(ReleaseEntered.type))
    headers, value = encode(message_of(expected, ReleaseEntered))
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": expected["id"].encode(),
        "ce_source": b"/lockgate/intake",
        "ce_type": ReleaseEntered.type.encode(),
        "ce_time": b"2026-11-24T10:05:00.200Z",
        "ce_subject": b"payments/5d0c2f9a-7e31-5b64-8a9d-1c3e5f708192",
        "content-type": b"application/json",
    }
    assert json.loads(value)["context"]["id"] == expected["id"]
