"""Whatever a service can say is read as it was said, and follows the schemas that are published."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from lockgate.messages.inlet import Inlet
from lockgate.messages.message import decode, encode
from lockgate.messages.payload import Payload
from lockgate.messages.registry import payloads_of
from lockgate.messages.schemas.events import event_schema
from lockgate.messages.schemas.names import DESCRIBED
from tests.support.payloads import QUICK, messages

WRITTEN = [payload for payload in DESCRIBED.values() if not issubclass(payload, Inlet)]
FEW = settings(QUICK, max_examples=12)  # of each of some forty types


@pytest.mark.parametrize("payload", WRITTEN, ids=lambda payload: payload.__name__)
@FEW
@given(data=st.data())
def test_an_event_is_read_as_it_was_written(payload: type[Payload], data: st.DataObject) -> None:
    message = data.draw(messages(payload))
    headers, value = encode(message)
    again = decode(message.key, dict(headers), value, payloads_of(payload.topic))
    assert again == message
    assert encode(again) == (headers, value)


@pytest.mark.parametrize("payload", WRITTEN, ids=lambda payload: payload.__name__)
@FEW
@given(data=st.data())
def test_an_event_follows_its_published_schema(payload: type[Payload], data: st.DataObject) -> None:
    event = json.loads(encode(data.draw(messages(payload)))[1])
    assert [error.json_path for error in _validator(payload).iter_errors(event)] == []


@cache
def _validator(payload: type[Payload]) -> Any:
    return Draft202012Validator(event_schema(payload))
