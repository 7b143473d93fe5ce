"""Who may say what: a deployer speaks for itself, and every other writer on its own topic only."""

import pytest

from lockgate.messages.deployments import Live, RegionRegistered, RegionUntouched
from lockgate.messages.message import Message, encode, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.values import Fence, Place
from lockgate.runtime.checks import Record
from lockgate.runtime.deadletter import Reason
from lockgate.runtime.reading import Item, Readable, Rejected, read

UNTOUCHED = RegionUntouched(
    application="payments",
    release="r1",
    region="eu-west",
    deployer="deployer-eu",
    fence=Fence(number=1, turn=2, grant=1),
    reason="nothing was written",
)
REGISTERED = RegionRegistered(
    place=Place(region="eu-west", deployer="deployer-eu", cluster="uid", namespace="shop"),
    live={"payments": Live(digest=None, fence=None)},
)


def read_from(writer: str, body: Payload, topic: str = "deployments") -> Item:
    message = Message(body, event_id(writer, "*", 1), f"/{writer}", "*", "2026-11-24T12:00:00Z", writer, 1)
    headers, value = encode(message)
    return read(Record(topic, 0, 0, b"*", headers, value))


@pytest.mark.parametrize("body", [UNTOUCHED, REGISTERED], ids=["an answer", "a registration"])
def test_a_deployer_is_heard_in_its_own_name_only(body: Payload) -> None:
    assert isinstance(read_from("deployer-eu", body), Readable)
    rejected = read_from("deployer-rival", body)
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, rejected.writer) == (Reason.WRONG_WRITER, None)
    assert "'deployer-rival'" in rejected.detail
    assert "'deployer-eu'" in rejected.detail


def test_another_service_is_not_heard_among_the_deployers() -> None:
    rejected = read_from("verifier", UNTOUCHED)
    assert isinstance(rejected, Rejected)
    assert rejected.reason is Reason.WRONG_WRITER
