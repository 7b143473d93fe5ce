"""What is signed, once it is known by whom: a statement of in-toto about this image, and SLSA provenance that the plan allows.

Pure. Source: in-toto attestation framework v1, SLSA provenance v1 ("verifying artifacts"). Parameters of a build that
nobody named refuse it: each may have changed what was built.
"""

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from lockgate.intake.checks import Unproven, unproven
from lockgate.intake.provenance.envelope import Envelope, bad_bundle, quoted
from lockgate.intake.words import clip, listed
from lockgate.messages.globs import matches
from lockgate.messages.message import UnreadableError
from lockgate.messages.plan_provenance import Slsa
from lockgate.messages.releases import ArtifactRefusal
from lockgate.runtime.checks import checked_value

IN_TOTO: Final = "application/vnd.in-toto+json"
STATEMENT: Final = "https://in-toto.io/Statement/v1"
SLSA_V1: Final = "https://slsa.dev/provenance/v1"
SIGNED_IMAGE: Final = "https://sigstore.dev/cosign/sign/v1"
"""What `cosign sign` states."""


class Built(NamedTuple):
    """What provenance says; empty where none was demanded."""

    builder: str | None = None
    source: str | None = None


class _Source(NamedTuple):
    repository: str
    ref: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.ref}" if self.ref else self.repository


def built(envelope: Envelope, digest: str, demanded: Slsa | None) -> Built | Unproven:
    """By whom and from what the image was built, if what is signed says of it what is demanded."""
    if envelope.type != IN_TOTO:
        return bad_bundle(f"what is signed is {quoted(envelope.type)}, and must be {IN_TOTO}")
    try:
        _, statement = checked_value(envelope.payload)
    except UnreadableError as error:
        return bad_bundle(f"what is signed cannot be read: {error}")
    if not _is_text(statement):
        return bad_bundle(
            "what is signed cannot be read: it has half a character (a lone surrogate), which is no text"
        )
    if not isinstance(statement, dict) or statement.get("_type") != STATEMENT:
        return bad_bundle(f"what is signed is no statement {STATEMENT}")
    subjects = _digests(statement.get("subject"))
    if digest.removeprefix("sha256:") not in subjects:
        others = listed((clip(each, 12) for each in subjects), 3) or "no sha256"
        return unproven(
            ArtifactRefusal.OTHER_DIGEST,
            f"what is signed is of {others}, and not of this image, {digest[7:19]}: was the tag moved after signing?",
        )
    return _of_type(statement, demanded)


def _is_text(statement: Any) -> bool:
    """JSON may write what no UTF-8 can: it could be neither told nor kept."""
    try:
        json.dumps(statement, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _digests(subjects: Any) -> list[str]:
    found = [_in(subject, "digest", "sha256") for subject in subjects] if isinstance(subjects, list) else []
    return [each for each in found if isinstance(each, str)]


def _of_type(statement: dict[str, Any], demanded: Slsa | None) -> Built | Unproven:
    type_ = statement.get("predicateType")
    enough = (SLSA_V1,) if demanded is not None else (SIGNED_IMAGE, SLSA_V1)
    if type_ not in enough:
        reason = f"what is signed is {quoted(type_)}, and {' or '.join(enough)} is demanded"
        return unproven(ArtifactRefusal.NO_PROVENANCE, reason)
    return Built() if demanded is None else _provenance(statement.get("predicate"), demanded)


def _provenance(predicate: Any, demanded: Slsa) -> Built | Unproven:
    build_type = _in(predicate, "buildDefinition", "buildType")
    if build_type not in demanded.build_types:
        return _other_build(
            f"it is a build of the type {quoted(build_type)}, and the plan allows {listed(demanded.build_types, 5)}"
        )
    source = _source(_in(predicate, "buildDefinition", "externalParameters"), demanded.parameters)
    if isinstance(source, Unproven):
        return source
    builder = _in(predicate, "runDetails", "builder", "id")
    if not isinstance(builder, str) or not any(matches(glob, builder) for glob in demanded.builders):
        reason = f"it was built by {quoted(builder)}, and the plan allows {listed(demanded.builders, 5)}"
        return unproven(ArtifactRefusal.OTHER_BUILDER, reason)
    if not any(_is_from(glob, source) for glob in demanded.sources):
        reason = f"it was built from {quoted(str(source))}, and the plan allows {listed(demanded.sources, 5)}"
        return unproven(ArtifactRefusal.OTHER_SOURCE, reason)
    return Built(builder, str(source))


def _source(parameters: Any, named: Iterable[str]) -> _Source | Unproven:
    """Where it was built from, if nothing else than that and what the plan names decided what was built."""
    given = parameters if isinstance(parameters, dict) else {}
    places = [name for name in ("workflow", "source") if name in given]
    if len(places) != 1:
        return _other_build(
            "its external parameters must name the source once, as `workflow` (repository, ref) or as `source` (uri)"
        )
    if unknown := sorted(set(given) - {*places, *named}):
        return _other_build(
            f"it was built with the external parameters {quoted(', '.join(unknown))}, which the plan does not name"
        )
    place = given[places[0]]
    if places == ["workflow"]:
        return _of_workflow(place)
    return _of_uri(place)


def _of_uri(place: Any) -> _Source | Unproven:
    uri = place if isinstance(place, str) else _in(place, "uri")
    if not isinstance(uri, str) or (isinstance(place, dict) and set(place) - {"uri", "digest"}):
        return _other_build(
            "its external parameter `source` must be a uri, or have uri and digest, and nothing else"
        )
    repository, _, ref = uri.removeprefix("git+").partition("@")
    return _Source(repository, ref)


def _of_workflow(place: Any) -> _Source | Unproven:
    repository, ref = _in(place, "repository"), _in(place, "ref")
    if (
        not isinstance(repository, str)
        or not isinstance(ref, str)
        or set(place) - {"repository", "ref", "path"}
    ):
        return _other_build(
            "its external parameter `workflow` must have repository, ref and path, and nothing else"
        )
    return _Source(repository, ref)


def _is_from(glob: str, source: _Source) -> bool:
    """A source without a ref stands for all refs of the repository."""
    repository, at, ref = glob.partition("@")
    return matches(repository, source.repository) and (not at or matches(ref, source.ref))


def _other_build(reason: str) -> Unproven:
    return unproven(ArtifactRefusal.OTHER_BUILD, reason)


def _in(given: Any, *fields: str) -> Any:
    """What lies in fields within fields; None if there is nothing."""
    for name in fields:
        given = given.get(name) if isinstance(given, dict) else None
    return given
