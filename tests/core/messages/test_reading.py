"""What a reader makes of events that are newer, older, wrong or forged."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.messages.message import Message, UnreadableError, decode, encode, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.registry import payloads_of
from lockgate.messages.releases import ReleaseEntered
from lockgate.messages.values import Artifact
from tests.support.payloads import JSON, QUICK

BODY = ReleaseEntered(
    application="payments",
    release="r-1",
    artifact=Artifact(purl="pkg:oci/payments@sha256%3A00", digest="sha256:" + "0" * 64),
    number=8,
)
MESSAGE: Message[Payload] = Message(
    body=BODY,
    id=event_id("intake", "payments", 4),
    source="/lockgate/intake",
    key="payments",
    at="2026-11-24T10:05:00.200Z",
    writer="intake",
    number=4,
)
NEWER_FIELDS = st.dictionaries(st.text("xyz", min_size=1, max_size=5), JSON, max_size=3)


def event() -> dict[str, Any]:
    written: dict[str, Any] = json.loads(encode(MESSAGE)[1])
    return written


def reading(raw: Any) -> Message[Payload]:
    return decode("payments", {}, json.dumps(raw).encode(), payloads_of("releases"))


def refusal(raw: Any) -> tuple[str, str]:
    with pytest.raises(UnreadableError) as refused:
        reading(raw)
    return refused.value.code, str(refused.value)


@QUICK
@given(NEWER_FIELDS, NEWER_FIELDS, NEWER_FIELDS)
def test_fields_that_a_newer_minor_version_adds_are_ignored(
    in_payload: dict[str, Any], in_part: dict[str, Any], in_origin: dict[str, Any]
) -> None:
    raw = event()
    raw["subject"]["content"] |= in_payload
    raw["subject"]["content"]["artifact"] |= in_part
    raw["customData"]["lockgate"] |= in_origin
    assert reading(raw) == MESSAGE


@pytest.mark.parametrize("version", ["0.1.1", "0.2.0", "0.9.9"])
def test_a_newer_minor_version_is_read(version: str) -> None:
    raw = event()
    raw["context"]["type"] = f"dev.cdeventsx.lockgate-release.entered.{version}"
    assert reading(raw) == MESSAGE


def test_a_newer_major_version_is_not_read() -> None:
    raw = event()
    raw["context"]["type"] = "dev.cdeventsx.lockgate-release.entered.1.0.0"
    assert refusal(raw) == (
        "unknown-type",
        "the event type 'dev.cdeventsx.lockgate-release.entered.1.0.0' is not read on this topic",
    )


def test_another_minor_version_of_a_native_type_is_not_read() -> None:
    raw = event()
    raw["context"]["type"] = "dev.cdevents.service.upgraded.0.4.0"
    assert refusal(raw)[0] == "unknown-type"


def test_an_event_of_another_topic_is_refused_as_such() -> None:
    raw = event()
    raw["context"]["type"] = "dev.cdeventsx.lockgate-step.granted.0.3.0"
    assert refusal(raw)[0] == "wrong-topic"


def test_an_event_whose_id_does_not_follow_from_its_place_is_forged() -> None:
    raw = event()
    raw["customData"]["lockgate"]["number"] = 5
    assert refusal(raw) == (
        "forged",
        f"the id '{MESSAGE.id}' is not that of event 5 of 'intake'",
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"number": "8"}, "subject.content.number: Input should be a valid integer"),
        ({"number": 8.5}, "subject.content.number: Input should be a valid integer"),
        ({"number": True}, "subject.content.number: Input should be a valid integer"),
        ({"number": 0}, "subject.content.number: Input should be greater than or equal to 1"),
        ({"number": None}, "subject.content.number: Input should be a valid integer"),
        ({"release": 1}, "subject.content.release: Input should be a valid string"),
        ({"application": "pay ments"}, "subject.content.application: String should match pattern"),
        ({"artifact": []}, "subject.content.artifact: Input should be an object"),
        (
            {"artifact": {"purl": "p", "digest": "latest"}},
            "subject.content.artifact.digest: String should match pattern",
        ),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_with_its_place(change: dict[str, Any], problem: str) -> None:
    raw = event()
    raw["subject"]["content"] |= change
    code, text = refusal(raw)
    assert (code, text[: len(problem)]) == ("invalid", problem)


@pytest.mark.parametrize("field", ["application", "release", "artifact", "number"])
def test_a_missing_field_is_named(field: str) -> None:
    raw = event()
    del raw["subject"]["content"][field]
    assert refusal(raw) == ("invalid", f"subject.content.{field}: Field required")


@pytest.mark.parametrize("part", ["subject", "customData"])
def test_a_missing_part_of_the_cdevent_is_named(part: str) -> None:
    raw = event()
    del raw[part]
    assert refusal(raw) == ("invalid", f"{part}: Field required")


@pytest.mark.parametrize("timestamp", ["2026-11-24T10:05:00", "yesterday", "", 1732442700])
def test_a_time_without_a_zone_is_refused(timestamp: Any) -> None:
    raw = event()
    raw["context"]["timestamp"] = timestamp
    code, text = refusal(raw)
    assert (code, text.split(": ")[0]) == ("invalid", "context.timestamp")


@QUICK
@given(JSON)
def test_whatever_json_lies_on_a_topic_is_refused_and_never_raises_anything_else(raw: Any) -> None:
    assert refusal(raw)[0] in {"invalid", "unknown-type"}


@QUICK
@given(st.sampled_from(["context", "subject", "customData"]), JSON)
def test_an_event_with_any_part_replaced_is_refused(part: str, value: Any) -> None:
    assert refusal(event() | {part: value})[0] in {"invalid", "unknown-type"}


def test_a_release_whose_name_would_not_fit_into_an_answer_is_refused() -> None:
    raw = event()
    raw["subject"]["content"]["release"] = "r" * 256
    assert reading(raw).body.chain == "r" * 256
    raw["subject"]["content"]["release"] = "r" * 257
    assert refusal(raw) == ("invalid", "the release has a name of more than 256 characters")
