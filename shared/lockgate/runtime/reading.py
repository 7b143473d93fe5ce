"""From raw records to events: checked, decoded, and found to be where and from whom they may be. Pure."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from lockgate.messages.deployments import speaker
from lockgate.messages.message import Message, UnreadableError, decode, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.registry import OTHERS, payloads_of
from lockgate.messages.topics import TOPICS, Kind, Topic
from lockgate.runtime import canonical
from lockgate.runtime.checks import MAX_INTEGER, Record, checked_headers, checked_key, checked_value
from lockgate.runtime.deadletter import Reason
from lockgate.runtime.decider import SERVICES

OUR_DEFECT = "reading it failed, which is a defect of Lockgate"

_WRITER = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_PAYLOADS = {name: payloads_of(name) for name in TOPICS}


class Readable(NamedTuple):
    record: Record
    message: Message[Payload]


@dataclass(frozen=True, slots=True)
class Rejected:
    """It cannot be read. With a writer and key it is one of our own events, and is parked; else a dead letter."""

    record: Record
    reason: Reason
    detail: str
    writer: str | None = None
    key: str | None = None
    number: int | None = None


Item = Readable | Rejected


def read(record: Record) -> Item:
    """The event of a record, or why it is none that may lie there."""
    try:
        key = checked_key(record.key)
        headers = checked_headers(record.headers)
        value, parsed = checked_value(record.value)
        message = decode(
            key, headers, value, _PAYLOADS[record.topic], OTHERS.get(record.topic), parsed=parsed
        )
    except UnreadableError as error:
        return _rejected(record, Reason(error.code), str(error))
    except Exception as error:  # noqa: BLE001  # it must not stop, for ever, all that lies behind it
        return _rejected(record, Reason.INVALID, f"{OUR_DEFECT}: {error!r}")
    return _judged(record, key, message)


def _judged(record: Record, key: str | None, message: Message[Payload]) -> Item:
    topic, writer = TOPICS[record.topic], message.writer
    if topic.kind is Kind.INLET:
        return Readable(record, message)
    if not may_write(topic.writer, writer or ""):
        detail = f"the writer {writer!r} may not write to {topic.name!r}; {topic.writer} does"
        return Rejected(record, Reason.WRONG_WRITER, detail)
    if (deployer := speaker(message.body)) is not None and deployer != writer:
        detail = f"the writer {writer!r} may not speak for the deployer {deployer!r}"
        return Rejected(record, Reason.WRONG_WRITER, detail)
    if key != message.key:
        return Rejected(record, Reason.KEY, f"the record's key {key!r} is not the event's {message.key!r}")
    return Readable(record, message)


def may_write(service: str, writer: str) -> bool:
    """Whether a writer is of the service that owns a topic. Deployers carry their own names, which are DNS names."""
    if service != "deployer":
        return writer == service
    return writer not in SERVICES | {"ledger"} and _WRITER.fullmatch(writer) is not None


def _rejected(record: Record, reason: Reason, detail: str) -> Rejected:
    """An event of an internal topic that only its schema makes unreadable keeps its place among the others."""
    topic = TOPICS[record.topic]
    if topic.kind is not Kind.INTERNAL or reason not in {Reason.INVALID, Reason.UNKNOWN_TYPE}:
        return Rejected(record, reason, detail)
    try:
        raw = canonical.loads(record.value or b"")
        origin, id_ = raw["customData"]["lockgate"], raw["context"]["id"]
        writer, key, number = origin["writer"], origin["key"], origin["number"]
    except (ValueError, TypeError, KeyError):
        return Rejected(record, reason, detail)
    if not _is_place(record, topic, writer, key, number) or id_ != event_id(writer, key, number):
        return Rejected(record, reason, detail)
    return Rejected(record, reason, detail, writer, key, number)


def _is_place(record: Record, topic: Topic, writer: Any, key: Any, number: Any) -> bool:
    """Whether these are a writer of the topic, the record's key and an event number."""
    texts = isinstance(writer, str) and isinstance(key, str) and may_write(topic.writer, writer)
    return texts and record.key == key.encode() and type(number) is int and 1 <= number < MAX_INTEGER
