"""Every event of every version ever published is read today as it was meant."""

import json
from typing import Any

import pytest

from lockgate.messages.inlet import Inlet
from lockgate.messages.message import encode
from lockgate.messages.schemas.golden import expectation_of, message_of, path_of
from lockgate.messages.schemas.names import DESCRIBED, READABLE, payload_of
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import Readable, read
from tests.support.cdevents import SCHEMAS

WRITTEN_TODAY = [name for name, payload in DESCRIBED.items() if not issubclass(payload, Inlet)]


@pytest.mark.parametrize("event_type", READABLE)
def test_each_type_and_version_has_a_golden_file_with_its_meaning(event_type: str) -> None:
    for path in (path_of(event_type), expectation_of(event_type)):
        assert (SCHEMAS / path).exists(), f"{event_type} has no {path}: see schemas/README.md"


def test_each_golden_file_is_of_a_type_that_is_read() -> None:
    golden = SCHEMAS / "golden"
    known = {SCHEMAS / path_of(name) for name in READABLE} | {
        SCHEMAS / expectation_of(name) for name in READABLE
    }
    unread = sorted(str(file) for file in golden.rglob("*.json") if file not in known)
    assert not unread, "these were published once and nothing reads them: add an upcaster for each"


@pytest.mark.parametrize("event_type", READABLE)
def test_a_golden_event_is_read_as_it_was_meant(event_type: str) -> None:
    expected = _expectation(event_type)
    key = expected["key"].encode()
    record = Record(payload_of(event_type).topic, 0, 0, key, (), (SCHEMAS / path_of(event_type)).read_bytes())
    item = read(record)
    assert isinstance(item, Readable), item
    assert _meaning(item) == expected


@pytest.mark.parametrize("event_type", WRITTEN_TODAY)
def test_a_golden_event_of_todays_version_is_written_with_the_same_bytes(event_type: str) -> None:
    message = message_of(_expectation(event_type), DESCRIBED[event_type])
    assert encode(message)[1] == (SCHEMAS / path_of(event_type)).read_bytes()


def _expectation(event_type: str) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads((SCHEMAS / expectation_of(event_type)).read_bytes())
    return expected


def _meaning(item: Readable) -> dict[str, Any]:
    message = item.message
    return {
        "id": message.id,
        "source": message.source,
        "key": message.key,
        "at": message.at,
        "writer": message.writer,
        "number": message.number,
        "after": [list(cause) for cause in message.after],
        "links": list(message.links),
        "body": message.body.model_dump(mode="json", by_alias=False),
    }
