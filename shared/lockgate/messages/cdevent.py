"""The CDEvent (spec 0.5.1) as models: context, subject, custom data. One envelope class per event type.

Source: the CDEvents specification v0.5.1, `spec.md`, `links.md` and `schemas/`.
"""

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from lockgate.messages.payload import Payload
from lockgate.messages.values import Value

SPECVERSION: Final = "0.5.1"
Text = Annotated[str, StringConstraints(min_length=1, max_length=2048)]


def _is_timestamp(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: write an RFC 3339 time, such as 2026-11-24T10:00:00Z")
    return text


Timestamp = Annotated[str, AfterValidator(_is_timestamp)]
"""RFC 3339 text, kept as it came: a time that is written again must not change."""


class Part(BaseModel):
    """A part of the envelope as somebody else defined it: what we do not know is kept."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)


class ContextId(Part):
    context_id: Text


class Link(Part):
    """An embedded link: RELATION has a kind and a target, PATH and END come from an event."""

    link_type: Literal["RELATION", "PATH", "END"]
    link_kind: Text | None = None
    target: ContextId | None = None
    from_: ContextId | None = Field(default=None, alias="from")


class Context(Part):
    specversion: Literal["0.5.1"] = SPECVERSION
    id: Text
    source: Text
    type: Text
    timestamp: Timestamp
    chain_id: Text | None = None
    schema_uri: Text | None = None
    links: tuple[Link, ...] = ()


Number = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""Of an event; a database's 64 bits hold it."""


MOST_CAUSES = 64
"""Of one event: it follows from at most one of each writer, under its own key and `*`. Each may have to be waited for."""


class CauseRef(Value):
    """See `values.Cause`."""

    writer: Text
    key: Text
    number: Number


class Origin(Value):
    """Where an internal event stands: its writer, its key, its contiguous number, and what it follows from."""

    writer: Text
    key: Text
    number: Number
    after: tuple[CauseRef, ...] = Field(default=(), max_length=MOST_CAUSES)


class Custom(Value):
    """The custom data of an internal event of a custom type."""

    lockgate: Origin


P = TypeVar("P", bound=Payload)
C = TypeVar("C")
D = TypeVar("D")


class CustomPayload(Custom, Generic[P]):
    """The custom data of an internal event of a native type: the payload travels here."""

    payload: P


class Subject(Part, Generic[C]):
    id: Text
    source: Text | None = None
    content: C


class Envelope(Part, Generic[C, D]):
    context: Context
    subject: Subject[C]
    custom_data: D
    custom_data_content_type: Literal["application/json"] = "application/json"


class InletEnvelope(Part):
    """A CDEvent from outside: everything in it is kept, so that it can be written again without loss."""

    context: Context
    subject: Subject[dict[str, Any]]
    custom_data: Any = None
    custom_data_content_type: str | None = None


@cache
def envelope_of(payload: type[Payload]) -> type[Envelope[Any, Any]]:
    """The envelope class of an internal event type."""
    if payload.native:
        return Envelope[dict[str, Any], CustomPayload[payload]]  # type: ignore[valid-type]  # made at run time, one per payload
    return Envelope[payload, Custom]  # type: ignore[valid-type]  # as above
