"""What registries announce: an image by digest, as the artifact event of CDEvents. Pure.

Its package URL is as the purl specification has it for the type `oci`: the last part of the repository's name, the digest
as its version, and where it lies as the qualifier `repository_url`.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from lockgate.intake.door.answers import Ignored
from lockgate.intake.door.delivery import Draft, cdevent, draft, plain
from lockgate.intake.purls import purl
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.message import derived_id
from lockgate.messages.values import digest_problem

_REPOSITORY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.:-]*(/[a-z0-9]+([._-]+[a-z0-9]+)*)+")
_ABOUT_ANOTHER = re.compile(r"sha256-[0-9a-f]{64}(\..*)?")
"""The tags of signatures, attestations and whatever else lies beside an image and is none (cosign, OCI referrers)."""

_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
MOST_REPOSITORY = 512


@dataclass(frozen=True, slots=True)
class Image:
    """As a registry tells of it; nothing of it is checked yet."""

    repository: str
    digest: str
    tag: str
    """Empty if it was pushed by digest."""
    user: str
    at: datetime
    push: str
    """What tells one push of the same image from another."""


def announced(image: Image, route: str, tags: str) -> Draft | Ignored:
    """The announcement, or why there is none. The same push, told again, is the same event."""
    repository = _lowered(image.repository)
    if why := _problem(repository, image, tags):
        return Ignored(what=plain(f"{image.repository}:{image.tag}@{image.digest}", 300), why=why)
    package = f"pkg:oci/{repository.rpartition('/')[2]}"
    name = purl(package, image.digest, image.tag or None, repository)
    id_ = derived_id("door", route, name, image.push)
    content = {"user": plain(image.user, 200)} if image.user else {}
    event = cdevent(ArtifactPublished.type, id_, route, image.at, {"id": name, "content": content})
    return draft(ArtifactPublished.topic, ArtifactPublished.type, event)


def _lowered(repository: str) -> str:
    """Names in registries are lower-case; a product may show them as people wrote them."""
    host, slash, path = repository.partition("/")
    return f"{host.lower()}{slash}{path.lower()}"


def _problem(repository: str, image: Image, tags: str) -> str | None:
    if len(repository) > MOST_REPOSITORY or not _REPOSITORY.fullmatch(repository):
        return "its repository is no HOST/NAME of an image"
    if problem := digest_problem(image.digest):
        return problem
    if image.tag and not _TAG.fullmatch(image.tag):
        return "its tag is none that a registry takes"
    if _ABOUT_ANOTHER.fullmatch(image.tag):
        return "by its tag it is a signature or an attestation of another image"
    if not fnmatchcase(image.tag, tags):
        return f"only tags that match {tags!r} are announced, says LOCKGATE_DOOR_TAGS"
    return None
