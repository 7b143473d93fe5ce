"""A message: an event as the services see it, and its way to and from the bytes on a topic.

Written in the CloudEvents Kafka binding's binary mode; structured mode is read as well. The mode is decided by
the content type, as the binding says (a structured message may carry `ce_` headers too).
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from lockgate.messages.cdevent import (
    SPECVERSION,
    Envelope,
    InletEnvelope,
    Origin,
    envelope_of,
)
from lockgate.messages.inlet import Inlet
from lockgate.messages.payload import PAYLOADS, Payload, major_of
from lockgate.messages.upcast import upcast
from lockgate.messages.values import Cause

P_co = TypeVar("P_co", bound=Payload, covariant=True)
Headers = tuple[tuple[str, bytes], ...]

USUAL_HEADERS = (
    "ce_specversion",
    "ce_id",
    "ce_source",
    "ce_type",
    "ce_time",
    "ce_subject",
    "content-type",
)
"""The names of the headers of our own events, in their order."""

MOST_CHAIN = 256
"""Characters of a release's name, so that events which follow from this one can be read in their turn: it is part of their
subject's id, which has an end. Ours have 36."""

_NAMESPACE = hashlib.sha1(bytes.fromhex("7a1f3c5e9b2d48d6a0c4e8f21b6d5a39"), usedforsecurity=False)
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The hexadecimal digit of a uuid that holds its variant, by what the hash has there (RFC 9562)."""


class UnreadableError(ValueError):
    """A record is not an event that can be read. `code` is a reason code of `deadletter.Reason`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Message(NamedTuple, Generic[P_co]):
    """One event. `number` is None for inlets, whose deduplication is by (source, id)."""

    body: P_co
    id: str
    source: str
    key: str
    at: str
    writer: str | None = None
    number: int | None = None
    after: tuple[Cause, ...] = ()
    links: tuple[str, ...] = ()

    @property
    def cause(self) -> Cause | None:
        """What an event that follows from this one names in its `after`."""
        if self.writer is None or self.number is None:
            return None
        return Cause(self.writer, self.key, self.number)


def event_id(writer: str, key: str, number: int) -> str:
    """uuid5 of (writer, key, event number), so that an event that is sent again is the same event."""
    return derived_id(writer, key, str(number))


def derived_id(*parts: str) -> str:
    """A uuid5 of some texts: ids are made from what they name, never drawn."""
    hashed = _NAMESPACE.copy()
    hashed.update("\0".join(parts).encode())
    text = hashed.hexdigest()
    variant = _VARIANTS[text[16]]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def encode(message: Message[Payload]) -> tuple[Headers, bytes]:
    """Headers and value of an internal event, in binary mode. The bytes depend on the message alone."""
    body = message.body
    subject = body.subject_id()
    value = to_json(_envelope(message, subject))
    headers = (
        b"1.0",
        message.id.encode(),
        message.source.encode(),
        body.type.encode(),
        message.at.encode(),
        subject.encode(),
        b"application/json",
    )
    return tuple(zip(USUAL_HEADERS, headers, strict=True)), value


def _envelope(message: Message[Payload], subject: str) -> dict[str, Any]:
    body = message.body
    if message.writer is None or message.number is None:
        raise ValueError(f"{body.type} has no writer and number: only a service's own events are encoded")
    context: dict[str, Any] = {
        "specversion": SPECVERSION,
        "id": message.id,
        "source": message.source,
        "type": body.type,
        "timestamp": message.at,
    }
    if chain := body.chain:
        context["chainId"] = chain
    if message.links:
        context["links"] = [
            {"linkType": "RELATION", "linkKind": "CAUSE", "target": {"contextId": link}}
            for link in message.links
        ]
    after = [{"writer": writer, "key": key, "number": number} for writer, key, number in message.after]
    origin = {"writer": message.writer, "key": message.key, "number": message.number, "after": after}
    payload = body.model_dump(mode="json", by_alias=True)
    custom = {"lockgate": origin, "payload": payload} if body.native else {"lockgate": origin}
    content = body.native_content() if body.native else payload
    return {
        "context": context,
        "subject": {"id": subject, "source": message.source, "content": content},
        "customData": custom,
        "customDataContentType": "application/json",
    }


def decode(
    key: str | None,
    headers: Mapping[str, bytes],
    value: bytes,
    payloads: Mapping[str, type[Payload]] = PAYLOADS,
    other: type[Inlet] | None = None,
    *,
    parsed: Any = None,
) -> Message[Payload]:
    """The message of one record. UnreadableError names the reason; nothing is ever read in part.

    `payloads` are the event types that may lie on the topic; `other`, on an inlet that answers whatever CDEvent
    it is sent, reads all the rest. `parsed` is the value as JSON, from whoever has parsed it already.
    """
    content_type = headers.get("content-type", b"").lower()
    structured = content_type.startswith(b"application/cloudevents")
    event = _structured(value) if structured else value
    raw = parsed if isinstance(parsed, dict) and not structured else _parse(event)
    upcasted = upcast(raw)
    context = upcasted.get("context")
    name = context.get("type") if isinstance(context, dict) else None
    payload = _reader(name, payloads, other) if isinstance(name, str) else None
    if payload is None:
        code = "wrong-topic" if isinstance(name, str) and name in PAYLOADS else "unknown-type"
        raise UnreadableError(code, f"the event type {str(name)[:200]!r} is not read on this topic")
    data = event if upcasted is raw else to_json(upcasted)
    try:
        if issubclass(payload, Inlet):
            return _inlet_message(payload, key, InletEnvelope.model_validate_json(data, strict=True))
        return _internal_message(payload, envelope_of(payload).model_validate_json(data, strict=True))
    except ValidationError as error:
        raise _unreadable(error) from None


def _reader(
    name: str, payloads: Mapping[str, type[Payload]], other: type[Inlet] | None
) -> type[Payload] | None:
    """What reads a type: its own payload, that of another minor version of the same major, or `other`."""
    if name in payloads:
        return payloads[name]
    line = major_of(name)
    return next((p for known, p in payloads.items() if line and major_of(known) == line), other)


def _parse(event: bytes) -> dict[str, Any]:
    try:
        raw = from_json(event)
    except ValueError as error:
        raise UnreadableError("not-json", f"the value is not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise UnreadableError("invalid", "the value is JSON but no object")
    return raw


def _structured(value: bytes) -> bytes:
    """The data of a CloudEvent in structured mode."""
    envelope = _parse(value)
    if envelope.get("specversion") != "1.0":
        raise UnreadableError("invalid", "a structured CloudEvent of specversion 1.0 was expected")
    data = envelope.get("data")
    if not isinstance(data, dict):
        raise UnreadableError("invalid", "the structured CloudEvent has no JSON object as its data")
    return to_json(data)


def _inlet_message(payload: type[Inlet], key: str | None, event: InletEnvelope) -> Message[Payload]:
    body = payload.read_event(event)
    context = event.context
    return Message(body=body, id=context.id, source=context.source, key=key or "", at=context.timestamp)


def _internal_message(payload: type[Payload], event: Envelope[Any, Any]) -> Message[Payload]:
    origin: Origin = event.custom_data.lockgate
    context = event.context
    body = event.custom_data.payload if payload.native else event.subject.content
    if context.id != event_id(origin.writer, origin.key, origin.number):
        raise UnreadableError(
            "forged", f"the id {context.id!r} is not that of event {origin.number} of {origin.writer!r}"
        )
    if len(body.chain or "") > MOST_CHAIN:
        raise UnreadableError("invalid", f"the release has a name of more than {MOST_CHAIN} characters")
    return Message(
        body,
        context.id,
        context.source,
        origin.key,
        context.timestamp,
        origin.writer,
        origin.number,
        tuple([Cause(c.writer, c.key, c.number) for c in origin.after]),
        tuple([link.target.context_id for link in context.links if link.target]),
    )


def _unreadable(error: ValidationError) -> UnreadableError:
    """For the first problem. Escapes of halves of a character are no JSON here, though other parsers take them."""
    problem = error.errors(include_url=False, include_input=False)[0]
    if problem["type"] == "json_invalid":
        return UnreadableError("not-json", f"the value is not JSON: {problem['msg']}")
    place = ".".join(str(part) for part in problem["loc"]) or "the event"
    return UnreadableError("invalid", f"{place}: {problem['msg']}")


def cause_ids(causes: Iterable[Cause]) -> tuple[str, ...]:
    """The event ids of causes, for the CDEvent's links."""
    return tuple(event_id(*cause) for cause in causes)


__all__ = [
    "SPECVERSION",
    "Headers",
    "Message",
    "UnreadableError",
    "cause_ids",
    "decode",
    "derived_id",
    "encode",
    "event_id",
]
