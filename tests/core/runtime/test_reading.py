"""Where and from whom an event may be, and which of ours keeps its place although it cannot be read."""

import json
from typing import Any

import pytest

from lockgate.messages.message import encode, event_id
from lockgate.runtime.checks import Record
from lockgate.runtime.deadletter import Reason, dead_letter
from lockgate.runtime.inlet_id import inlet_id
from lockgate.runtime.reading import Item, Readable, Rejected, may_write, read
from tests.support.toy_world import said


def changed(number: int = 1, **origin: Any) -> dict[str, Any]:
    """An event of the verifier as JSON, with other facts about its origin."""
    event: dict[str, Any] = json.loads(encode(said(number))[1])
    event["customData"]["lockgate"].update(origin)
    return event


def from_verdicts(event: dict[str, Any], key: bytes | None = b"shop") -> Item:
    return read(Record("verdicts", 1, 5, key, (), json.dumps(event).encode()))


def rejected(item: Item) -> Rejected:
    assert isinstance(item, Rejected), item
    return item


def with_id(event: dict[str, Any], writer: str, key: str, number: int) -> dict[str, Any]:
    event["context"]["id"] = event_id(writer, key, number)
    return event


def test_an_event_on_the_topic_of_another_service() -> None:
    _, value = encode(said(1))
    assert rejected(read(Record("releases", 0, 0, b"shop", (), value))).reason is Reason.WRONG_TOPIC


@pytest.mark.parametrize("writer", ["intake", "ledger", "eu-west"])
def test_an_event_of_a_writer_that_may_not_write_here(writer: str) -> None:
    event = with_id(changed(writer=writer), writer, "shop", 1)
    item = rejected(from_verdicts(event))
    assert (item.reason, item.writer) == (Reason.WRONG_WRITER, None)


def test_an_id_that_does_not_follow_from_its_origin() -> None:
    assert (
        rejected(from_verdicts(changed(1) | {"customData": changed(2)["customData"]})).reason is Reason.FORGED
    )


@pytest.mark.parametrize("key", [b"other", None, b""])
def test_a_key_that_is_not_the_events(key: bytes | None) -> None:
    assert rejected(from_verdicts(changed(), key)).reason is Reason.KEY


@pytest.mark.parametrize(
    ("service", "writer", "may"),
    [
        ("verifier", "verifier", True),
        ("verifier", "intake", False),
        ("deployer", "eu-west", True),
        ("deployer", "dc1.eu-west", True),
        ("deployer", "intake", False),
        ("deployer", "ledger", False),
        ("deployer", "", False),
        ("deployer", "Eu", False),
        ("deployer", "a b", False),
        ("deployer", "x" * 2000, False),
        ("deployer", "é", False),
    ],
)
def test_who_may_write(service: str, writer: str, may: bool) -> None:
    assert may_write(service, writer) is may


def test_an_event_that_only_its_schema_makes_unreadable_keeps_its_place() -> None:
    event = changed(4)
    event["subject"]["content"]["waitingFor"] = "godot"
    item = rejected(from_verdicts(event))
    assert (item.reason, item.writer, item.key, item.number) == (Reason.INVALID, "verifier", "shop", 4)


def test_an_event_of_an_unknown_version_keeps_its_place() -> None:
    event = changed(4)
    event["context"]["type"] = "dev.cdeventsx.lockgate-stage.waiting.9.0.0"
    item = rejected(from_verdicts(event))
    assert (item.reason, item.writer, item.key, item.number) == (Reason.UNKNOWN_TYPE, "verifier", "shop", 4)


@pytest.mark.parametrize(
    "origin",
    [
        {"writer": "intake"},
        {"writer": 7},
        {"key": "other"},
        {"key": None},
        {"number": True},
        {"number": 0},
        {"number": -1},
        {"number": "4"},
        {"number": 5},
    ],
    ids=str,
)
def test_an_unreadable_event_of_a_false_origin_gets_no_place(origin: dict[str, Any]) -> None:
    event = changed(4)
    event["customData"]["lockgate"].update(origin)
    event["context"]["type"] = "dev.cdeventsx.lockgate-stage.waiting.9.0.0"
    assert rejected(from_verdicts(event)).writer is None


def test_two_facts_of_one_id_are_told_apart_and_one_fact_is_the_same_everywhere() -> None:
    def id_of(service: str = "shop", **context: str) -> tuple[str, str]:
        basis = {"specversion": "0.5.1", "id": "1", "source": "/m", "timestamp": "2026-11-24T12:00:00Z"}
        basis["type"] = "dev.cdevents.incident.detected.0.3.0"
        content: dict[str, Any] = {"service": {"id": service}}
        event = {"context": {**basis, **context}, "subject": {"id": "outage", "content": content}}
        item = read(Record("anomalies", 0, 0, None, (), json.dumps(event).encode()))
        assert isinstance(item, Readable), item
        return inlet_id(item.message)

    assert id_of() == id_of()
    assert id_of() == id_of(timestamp="2027-01-01T00:00:00Z")
    ids = {id_of(), id_of(id="2"), id_of(source="/n"), id_of(type="dev.cdevents.incident.resolved.0.3.0")}
    assert len(ids) == 4
    assert id_of(service="payments") not in ids, "nobody's incident hides another application's"
    long = id_of(source="/" + "x" * 2000)
    assert len(long[0]) == 200
    assert len(long[1]) == 64


def test_a_dead_letter_has_the_original_bytes_its_place_and_the_reason() -> None:
    record = Record("verdicts", 3, 42, b"\xff", (("reply_to", b"evil"), ("empty", None)), b"\xfe")
    headers, value = dead_letter(record, Reason.NOT_JSON, "no JSON " + "x" * 2000)
    assert value == b"\xfe"
    assert headers == (
        ("lg_reason", b"not-json"),
        ("lg_detail", b"no JSON " + b"x" * 992),
        ("lg_topic", b"verdicts"),
        ("lg_partition", b"3"),
        ("lg_offset", b"42"),
        ("lg_header_reply_to", b"evil"),
    )


def test_a_dead_letter_of_nothing_at_all_can_be_sent() -> None:
    headers, value = dead_letter(Record("verdicts", 0, 0, None, (), None), Reason.EMPTY, "nothing")
    assert value == b""
    assert ("lg_value", b"null") in headers
