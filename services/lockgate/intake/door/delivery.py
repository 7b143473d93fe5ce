"""What comes in, and what is to be published: the vocabulary of all translations, and the one check of what they make.

Pure. Nothing leaves here that the services could not read: each draft goes through the very reader that they use.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from lockgate.intake.door.answers import Code, Ignored, Published, Refused
from lockgate.intake.door.callers import WRITERS, Caller
from lockgate.intake.words import clip
from lockgate.messages.anomalies import IncidentDetected, IncidentResolved
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.message import USUAL_HEADERS, Headers, Message, UnreadableError
from lockgate.messages.operations import OfAny, OfApplication, OfRegion
from lockgate.messages.payload import Payload
from lockgate.messages.plans import PlanPublished
from lockgate.messages.values import EVERY, Name
from lockgate.runtime.checks import Record, checked_headers, checked_key
from lockgate.runtime.reading import Rejected, read

OWN_SOURCE = "/lockgate/door/"
"""How the sources of events begin that the door makes itself; nobody else may use it."""

APPLICATION_LABELS = ("application", "service", "app")
REGION_LABELS = ("region",)
"""Which labels of an alert name the application and the region, the first that is there."""

_NAME = TypeAdapter(Name)


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say about translations."""

    application_labels: tuple[str, ...] = APPLICATION_LABELS
    region_labels: tuple[str, ...] = REGION_LABELS
    tags: str = "*"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One authenticated request. Header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes
    caller: str
    at: datetime
    fresh: str
    """An id that nobody else has, for what neither names itself nor may be the same as another."""

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Draft(NamedTuple):
    """A CDEvent for a topic, as bytes."""

    topic: str
    type: str
    value: bytes


class Translated(NamedTuple):
    drafts: tuple[Draft, ...] = ()
    ignored: tuple[Ignored, ...] = ()


class Outgoing(NamedTuple):
    """A record for an inlet, and what it is about."""

    told: Published
    key: str
    headers: Headers
    value: bytes
    body: Payload


def parsed(body: bytes) -> Any:
    """The JSON of a body. Refused if it is none."""
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Refused(Code.MALFORMED, f"the body is not JSON in UTF-8: {error}") from None


def first_problem(error: ValidationError) -> str:
    """What is wrong with a payload, with its place; of several problems the first."""
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, problem["loc"])) or "the body"
    return f"{plain(place, 200)}: {plain(problem['msg'], 400)}"


def draft(topic: str, type_: str, event: Mapping[str, Any]) -> Draft:
    return Draft(topic, type_, to_json(event))


def cdevent(type_: str, id_: str, source: str, at: datetime, subject: Mapping[str, Any]) -> dict[str, Any]:
    """A CDEvent of the door's own making. `source` is the name of the route."""
    time = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    context = {
        "specversion": "0.5.1",
        "id": id_,
        "source": OWN_SOURCE + source,
        "type": type_,
        "timestamp": time,
    }
    return {"context": context, "subject": dict(subject)}


def moment(text: str) -> datetime:
    """A time as RFC 3339 writes it. ValueError if it is none."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text[:40]!r} has no time zone")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text[:40]!r} is no time that a calendar has") from None


def plain(text: str, limit: int) -> str:
    """A text from outside without control characters, at most so long."""
    short = text[: limit + 1]
    if not short.isprintable():
        short = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in short)
    return clip(short, limit)


def is_name(text: str) -> bool:
    """Whether a text may be the name of an application."""
    try:
        _NAME.validate_python(text)
    except ValidationError:
        return False
    return True


def checked(given: Draft) -> Outgoing:
    """The record of a draft. Refused, with the reader's own words, if no service could read it."""
    item = read(Record(given.topic, 0, 0, None, (("content-type", b"application/json"),), given.value))
    if isinstance(item, Rejected):
        raise _unreadable(given, item.reason, item.detail)
    message = item.message
    told = Published(
        topic=given.topic,
        type=given.type,
        source=message.source,
        id=message.id,
        subject=message.body.subject_id(),
    )
    headers = _headers(told, message)
    key = _key(message.body)
    try:
        checked_headers(headers)
        checked_key(key.encode())
    except UnreadableError as error:
        raise _unreadable(given, error.code, str(error)) from None
    return Outgoing(told, key, headers, given.value, message.body)


def _unreadable(given: Draft, reason: str, detail: str) -> Refused:
    return Refused(Code.UNREADABLE, f"this is no {given.type} that can be read ({reason}): {detail}")


def _headers(told: Published, message: Message[Payload]) -> Headers:
    values = ("1.0", told.id, told.source, told.type, message.at, told.subject, "application/json")
    return tuple((name, value.encode()) for name, value in zip(USUAL_HEADERS, values, strict=True))


def _key(body: Payload) -> str:
    """What belongs together lies on one partition, so it is read in the order in which it was delivered."""
    match body:
        case ArtifactPublished():
            return body.package[:200]
        case IncidentDetected() | IncidentResolved():
            return application_of(body)
        case OfApplication() | OfAny():
            return body.application or EVERY
        case _:
            return body.subject_id()[:200]


def application_of(incident: IncidentDetected | IncidentResolved) -> str:
    """The last segment of the service's id, as the verifier takes it. Refused if it is no name."""
    name = incident.service.rstrip("/").rsplit("/", 1)[-1]
    if not is_name(name):
        raise Refused(
            Code.UNREADABLE,
            f"service.id {plain(incident.service, 80)!r} names no application: its last segment must be the name of one,"
            " such as payments",
        )
    return name


def allowed(caller: Caller, outgoing: Outgoing) -> str | None:
    """Why the caller may not say this; None if it may."""
    if caller.role not in (writers := WRITERS[outgoing.told.topic]):
        needed = " or ".join(sorted(writers))
        return f"{caller.name} has the role {caller.role}, and {outgoing.told.topic} are written by {needed}"
    match outgoing.body:
        case ArtifactPublished() as body if not caller.may_announce(body.package.lower()):
            what = f"announce {plain(body.package, 200)}"
        case (IncidentDetected() | IncidentResolved()) as body if not caller.may_touch(application_of(body)):
            what = f"report incidents of {application_of(body)}"
        case PlanPublished() as body if not caller.may_touch(body.subject_id()):
            what = f"publish plans of {plain(body.subject_id(), 80)}"
        case PlanPublished() as body if not caller.may_announce(taken := str(body.plan["artifact"])):
            what = f"publish a plan that takes {plain(taken, 200)}"
        case OfAny(application=None) if caller.applications:
            what = "say anything about all applications"
        case OfRegion() if caller.applications:
            what = "say anything about a region, which is of all applications"
        case (OfApplication() | OfAny()) as body if not caller.may_touch(body.application or EVERY):
            what = f"say anything about {body.application}"
        case _:
            return None
    return f"{caller.name} may not {what}: the door's settings restrict it to other applications"
