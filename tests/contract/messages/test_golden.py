"""Every event of every version ever published is read today as it was meant."""

import json
from typing import Any

import pytest

from lockgate.messages.inlet import Inlet
from lockgate.messages.message import Message, encode
from lockgate.messages.payload import Payload
from lockgate.messages.schemas.golden import expectation_of, message_of, path_of
from lockgate.messages.schemas.names import DESCRIBED, READABLE, payload_of
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import Readable, read
from tests.support.cdevents import SCHEMAS, load

FILES = [file for file in sorted(SCHEMAS.glob("golden/*/*.json")) if ".expected" not in file.suffixes]
PUBLISHED = {load(file)["context"]["type"]: file for file in FILES}
"""The golden file of each type and version, by what the file itself says."""
WRITTEN_TODAY = [name for name, payload in DESCRIBED.items() if not issubclass(payload, Inlet)]


@pytest.mark.parametrize("event_type", READABLE)
def test_each_type_and_version_has_a_golden_file_with_its_meaning(event_type: str) -> None:
    for path in (path_of(event_type), expectation_of(event_type)):
        assert (SCHEMAS / path).exists(), f"{event_type} has no {path}: see schemas/README.md"


@pytest.mark.parametrize("event_type", PUBLISHED)
def test_a_golden_file_lies_where_its_type_says(event_type: str) -> None:
    assert (SCHEMAS / path_of(event_type)) == PUBLISHED[event_type]


@pytest.mark.parametrize("event_type", PUBLISHED)
def test_a_golden_event_is_read_as_it_was_meant(event_type: str) -> None:
    expected = _expectation(event_type)
    topic, value = payload_of(event_type).topic, PUBLISHED[event_type].read_bytes()
    item = read(Record(topic, 0, 0, expected["key"].encode(), (), value))
    assert isinstance(item, Readable), f"{item}: what was published must stay readable, see schemas/README.md"
    body, wanted = item.message.body.model_dump(mode="json", by_alias=False), expected.pop("body")
    assert _place(item.message) == expected
    assert _of(body, wanted) == wanted


@pytest.mark.parametrize("event_type", WRITTEN_TODAY)
def test_a_golden_event_of_todays_version_is_written_with_the_same_bytes(event_type: str) -> None:
    message = message_of(_expectation(event_type), DESCRIBED[event_type])
    assert encode(message)[1] == PUBLISHED[event_type].read_bytes()


def _expectation(event_type: str) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads((SCHEMAS / expectation_of(event_type)).read_bytes())
    return expected


def _place(message: Message[Payload]) -> dict[str, Any]:
    return {
        "id": message.id,
        "source": message.source,
        "key": message.key,
        "at": message.at,
        "writer": message.writer,
        "number": message.number,
        "after": [list(cause) for cause in message.after],
        "links": list(message.links),
    }


def _of(found: Any, wanted: Any) -> Any:
    """What was found, without the fields that a later minor version added."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return {name: _of(value, wanted[name]) for name, value in found.items() if name in wanted}
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [_of(value, part) for value, part in zip(found, wanted, strict=True)]
    return found
