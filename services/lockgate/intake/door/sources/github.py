"""GitHub's webhooks `registry_package` and `package`: an image that was pushed to its container registry. Pure.

Source: GitHub's "Webhook events and payloads" (registry_package, package) and its published example payloads; the
signature is described in "Validating webhook deliveries". The body is signed and the header X-GitHub-Delivery is not,
so nothing of that header is used: a delivery is known again by what its body says.
"""

from datetime import datetime
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
from lockgate.messages.values import digest_problem

EVENTS: Final = ("registry_package", "package")
CONTAINER: Final = frozenset({"container", "docker"})


class _Payload(BaseModel):
    """What is read of it; all the rest is let pass. GitHub's schemas let much be null."""

    model_config = ConfigDict(extra="allow")


class Tag(_Payload):
    name: str | None = None
    digest: str | None = None


class ContainerMetadata(_Payload):
    tag: Tag | None = None


class PackageVersion(_Payload):
    version: str | None = Field(default=None, description="of a container: its digest")
    package_url: str | None = Field(default=None, description="HOST/OWNER/NAME:TAG")
    container_metadata: ContainerMetadata | None = None


class Sender(_Payload):
    login: str | None = None


class Package(_Payload):
    name: str | None = None
    ecosystem: str | None = None
    package_type: str | None = None
    updated_at: str | None = None
    package_version: PackageVersion | None = None


class PackageEvent(_Payload):
    """The body of `registry_package` and `package`; each names the package by its own name."""

    action: str
    registry_package: Package | None = None
    package: Package | None = None
    sender: Sender | None = None


def translate(delivery: Delivery, options: Options) -> Translated:
    """The announcement of a published image; everything else that GitHub sends is answered by why it is none."""
    kind = delivery.headers.get("x-github-event", "")
    if kind not in EVENTS:
        return _nothing(
            kind or "a delivery without X-GitHub-Event", f"only {' and '.join(EVENTS)} announce artifacts"
        )
    event = _read(parsed(delivery.body))
    package = event.registry_package or event.package
    if event.action != "published":
        return _nothing(f"{kind} {event.action}", "only `published` announces an artifact")
    if package is None or package.package_version is None:
        return _nothing(kind, "it names no version of a package")
    kinds = {(package.ecosystem or "").lower(), (package.package_type or "").lower()}
    if not CONTAINER & kinds:
        return _nothing(f"{package.name} ({', '.join(sorted(kinds))})", "it is no container image")
    found = announced(_image(event, package, package.package_version, delivery.at), "github", options.tags)
    return Translated(drafts=(found,)) if isinstance(found, Draft) else Translated(ignored=(found,))


def _read(body: Any) -> PackageEvent:
    try:
        return PackageEvent.model_validate(body)
    except ValidationError as error:
        detail = f"this is no payload of GitHub's webhooks for packages: {first_problem(error)}"
        raise Refused(Code.UNREADABLE, detail) from None


def _image(event: PackageEvent, package: Package, version: PackageVersion, now: datetime) -> Image:
    metadata = version.container_metadata
    tag = (metadata.tag if metadata else None) or Tag()
    found = (digest for digest in (version.version, tag.digest) if digest and not digest_problem(digest))
    repository = (version.package_url or "").removesuffix(f":{tag.name or ''}")
    return Image(
        repository=repository,
        digest=next(found, version.version or ""),
        tag=tag.name or "",
        user=(event.sender.login if event.sender else None) or "",
        at=_time(package.updated_at, now),
        push=package.updated_at or "",
    )


def _time(text: str | None, now: datetime) -> datetime:
    """When it was published, or else when it is heard of."""
    try:
        return moment(text) if text else now
    except ValueError as error:
        raise Refused(Code.UNREADABLE, f"updated_at of the package is no time: {error}") from None


def _nothing(what: str, why: str) -> Translated:
    return Translated(ignored=(Ignored(what=plain(what, 300), why=why),))
