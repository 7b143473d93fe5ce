"""Harbor's webhook PUSH_ARTIFACT, in both of its payload formats. Pure.

Source: goharbor.io, "Configure Webhook Notifications" (payload formats Default and CloudEvents; the "Auth Header" is sent
as Authorization). Harbor signs nothing and numbers nothing: a delivery is known again by what it says. Where an image
was pushed by digest alone Harbor gives the digest as its tag.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lockgate.intake.door.answers import Code, Ignored, Refused
from lockgate.intake.door.delivery import (
    Delivery,
    Draft,
    Options,
    Translated,
    first_problem,
    moment,
    parsed,
    plain,
)
from lockgate.intake.door.sources.images import Image, announced

PUSHED: Final = frozenset({"PUSH_ARTIFACT", "harbor.artifact.pushed"})


class _Payload(BaseModel):
    """What is read of it; all the rest is let pass."""

    model_config = ConfigDict(extra="allow")


class Resource(_Payload):
    digest: str
    tag: str = ""
    resource_url: str = Field(description="HOST/PROJECT/NAME, and :TAG or @DIGEST")


class EventData(_Payload):
    resources: tuple[Resource, ...] = Field(default=(), max_length=500)


class HarborEvent(_Payload):
    """The payload format Default."""

    type: str
    occur_at: int | None = Field(default=None, ge=0, le=253_402_300_799, description="seconds since 1970")
    operator: str = ""
    event_data: EventData = EventData()


class HarborCloudEvent(_Payload):
    """The payload format CloudEvents."""

    specversion: str
    type: str
    time: str | None = None
    operator: str = ""
    data: EventData = EventData()


def translate(delivery: Delivery, options: Options) -> Translated:
    """An announcement for each digest that was pushed."""
    body = parsed(delivery.body)
    kind = body.get("type") if isinstance(body, dict) else None
    if isinstance(kind, str) and kind not in PUSHED:
        why = f"only {' and '.join(sorted(PUSHED))} announce artifacts"
        return Translated(ignored=(Ignored(what=plain(kind, 300), why=why),))
    found = [announced(image, "harbor", options.tags) for image in _images(body)]
    if not found:
        return Translated(ignored=(Ignored(what="the delivery", why="it names no resources"),))
    return Translated(
        tuple(dict.fromkeys(each for each in found if isinstance(each, Draft))),
        tuple(each for each in found if isinstance(each, Ignored)),
    )


def _images(body: Any) -> Iterator[Image]:
    try:
        event = _model(body).model_validate(body)
        at = _time(event)
    except ValidationError as error:
        raise _unreadable(first_problem(error)) from None
    except ValueError as error:
        raise _unreadable(str(error)) from None
    data = event.event_data if isinstance(event, HarborEvent) else event.data
    for resource in data.resources:
        yield _image(resource, at, event.operator)


def _model(body: Any) -> type[HarborEvent] | type[HarborCloudEvent]:
    return HarborCloudEvent if isinstance(body, dict) and "specversion" in body else HarborEvent


def _time(event: HarborEvent | HarborCloudEvent) -> datetime:
    """When it was pushed. ValueError if it does not say so: then two pushes could not be told apart."""
    if isinstance(event, HarborCloudEvent):
        return moment(event.time or "")
    if event.occur_at is None:
        raise ValueError("occur_at: Field required")
    return datetime.fromtimestamp(event.occur_at, UTC)


def _image(resource: Resource, at: datetime, operator: str) -> Image:
    tag = "" if resource.tag == resource.digest else resource.tag
    repository = resource.resource_url.removesuffix(f"@{resource.digest}")
    repository = repository.removesuffix(f":{resource.tag}") if tag else repository
    for scheme in ("https://", "http://"):
        repository = repository.removeprefix(scheme)
    return Image(repository, resource.digest, tag, operator, at, at.isoformat())


def _unreadable(detail: str) -> Refused:
    return Refused(Code.UNREADABLE, f"this is no payload of Harbor's webhooks: {detail}")
