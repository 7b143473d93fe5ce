"""CDEvents over HTTP: CloudEvents in binary, structured and batch mode, and a bare CDEvent. Pure.

Source: CloudEvents v1.0.2, `bindings/http-protocol-binding.md` and `formats/json-format.md`; CDEvents v0.5.1,
`cloudevents-binding.md`: the data is the whole CDEvent. The content type decides the mode, as the binding says. The
events of 0.4.1 are taken too, and published as they came. A batch is published whole or not at all, and has a bound, since
others wait while it is read.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from lockgate.intake.door.answers import Code, Ignored, Refused
from lockgate.intake.door.delivery import (
    OWN_SOURCE,
    Delivery,
    Draft,
    Options,
    Translated,
    first_problem,
    parsed,
    plain,
)
from lockgate.messages.plans import PlanPublished
from lockgate.messages.registry import payloads_of
from lockgate.messages.topics import ANOMALIES, ARTIFACTS, OPERATIONS
from lockgate.messages.upcast import upcast

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
BINARY: Final = "application/json"
MOST_EVENTS: Final = 500
"""In one batch."""

ROUTED: Final = {
    name: topic
    for topic in (ARTIFACTS.name, ANOMALIES.name)
    for name, payload in payloads_of(topic).items()
    if payload.native
}
"""The type of each CDEvent that a service reads -> the topic where it does."""

_LINES: Final = {name.rsplit(".", 3)[0] for name in ROUTED}
"""The same without versions: one of another version is refused, and all other types are passed over."""

Text = Annotated[str, Field(min_length=1, max_length=2048)]


class CDEvent(BaseModel):
    """A CDEvent of the specification 0.5.1 or 0.4.1, which says what lies in it."""

    model_config = ConfigDict(extra="allow")

    context: dict[str, Any]
    subject: dict[str, Any]


class CloudEvent(BaseModel):
    """A CloudEvent in structured mode, with a CDEvent as its data."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Text
    data: CDEvent | None = None
    data_base64: str | None = Field(default=None, description="the CDEvent in base64, instead of `data`")


def translate(delivery: Delivery, _options: Options) -> Translated:
    """The drafts of all events in a request, in their order."""
    match delivery.media_type:
        case media if media == STRUCTURED:
            events = [_unwrapped(parsed(delivery.body), "the event")]
        case media if media == BATCH:
            events = list(_batched(parsed(delivery.body)))
        case _:
            events = [_binary(delivery)]
    found = [_routed(value, event) for value, event in events]
    return Translated(
        tuple(each for each in found if isinstance(each, Draft)),
        tuple(each for each in found if isinstance(each, Ignored)),
    )


Event = tuple[bytes, dict[str, Any]]
"""A CDEvent as bytes, and what they say."""


def _binary(delivery: Delivery) -> Event:
    event = _object(parsed(delivery.body), "the body")
    attributes = {
        name.removeprefix("ce-"): unquote(value)
        for name, value in delivery.headers.items()
        if name.startswith("ce-")
    }
    if attributes:
        if attributes.get("specversion") != "1.0":
            raise _unreadable("the header ce-specversion must be 1.0, for CloudEvents in binary mode")
        _agreeing(attributes, event, "the header ce-")
    return delivery.body, event


def _batched(batch: Any) -> Iterator[Event]:
    if not isinstance(batch, list):
        raise _unreadable("a batch is a JSON array of CloudEvents")
    if len(batch) > MOST_EVENTS:
        raise _unreadable(
            f"a batch has at most {MOST_EVENTS} events, and this has {len(batch)}: send several"
        )
    for number, each in enumerate(batch, 1):
        yield _unwrapped(each, f"event {number} of the batch")


def _unwrapped(given: Any, what: str) -> Event:
    envelope = _object(given, what)
    try:
        CloudEvent.model_validate({**envelope, "data": None})
    except ValidationError as error:
        detail = f"{what} is no CloudEvent of version 1.0 in structured mode: {first_problem(error)}"
        raise _unreadable(detail) from None
    data = envelope.get("data")
    if data is None and isinstance(encoded := envelope.get("data_base64"), str):
        data = parsed(_decoded(encoded, what))
    event = _object(data, f"the data of {what}")
    _agreeing(envelope, event, f"{what}: the attribute ")
    return to_json(event), event


def _decoded(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:  # also for what is not ASCII
        raise _unreadable(f"data_base64 of {what} is no base64: {error}") from None


def _agreeing(attributes: Mapping[str, Any], event: Mapping[str, Any], where: str) -> None:
    """The attributes are copies of what the CDEvent says, by CDEvents' binding: else two readers see two events."""
    context = event.get("context")
    for name in ("id", "source", "type"):
        inside = context.get(name) if isinstance(context, dict) else None
        if attributes.get(name) != inside:
            raise _unreadable(
                f"{where}{name} is {plain(str(attributes.get(name)), 80)!r}, and context.{name} of the CDEvent is"
                f" {plain(str(inside), 80)!r}: send the same in both"
            )


def _routed(value: bytes, event: dict[str, Any]) -> Draft | Ignored:
    context = upcast(event).get("context")
    named = context.get("type") if isinstance(context, dict) else None
    if not isinstance(named, str) or not isinstance(context, dict):
        raise _unreadable("context.type is missing: send a CDEvent, with the objects `context` and `subject`")
    if str(context.get("source", "")).startswith(OWN_SOURCE):
        raise _unreadable(
            f"sources that begin with {OWN_SOURCE} are the door's own: name the source that this is from"
        )
    if topic := ROUTED.get(named):
        return Draft(topic, event["context"]["type"], value)
    shown = plain(named, 200)
    if named == PlanPublished.type:
        raise _unreadable("plans are published at /v1/plans, where it is known who publishes them")
    if named in payloads_of(OPERATIONS.name):
        raise _unreadable("operations are asked for at /v1/operations, where it is known who asks")
    if named.rsplit(".", 3)[0] in _LINES:
        raise _unreadable(
            f"{shown} is of a version that is not read: send one of {', '.join(sorted(ROUTED))}"
        )
    return Ignored(what=shown, why="no service of Lockgate reads events of this type")


def _object(given: Any, what: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise _unreadable(f"{what} must be a JSON object that is a CDEvent")
    return given


def _unreadable(detail: str) -> Refused:
    return Refused(Code.UNREADABLE, detail)
