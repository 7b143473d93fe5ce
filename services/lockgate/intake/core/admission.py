"""Whether an artifact that its application knows becomes a release: what refuses it, and how it takes its place.

Pure building blocks for `artifacts`, which is told of it, and for `checking`, where it comes from once its provenance is known.
"""

from datetime import datetime
from typing import NamedTuple

from lockgate.intake.core import fixes
from lockgate.intake.core.lane import called, fingerprint, package_of, queue
from lockgate.intake.rows import BadVersion, NewestPlan, Pending, Release
from lockgate.intake.words import clip, sentence, shown
from lockgate.messages.decision import Rows, Step, emit
from lockgate.messages.releases import ArtifactRefusal, ArtifactRefused
from lockgate.messages.values import Artifact


class Said(NamedTuple):
    """What was announced, by whom, and which release it is to become."""

    artifact: Artifact
    event: str
    source: str
    release: str


def refused(
    purl: str, event: str, code: ArtifactRefusal, reason: str, application: str | None = None
) -> Step:
    return emit(
        ArtifactRefused(application=application, purl=purl, event=event, code=code, reason=sentence(reason))
    )


def not_admitted(rows: Rows, said: Said, code: ArtifactRefusal, reason: str) -> Step:
    return refused(said.artifact.purl, said.event, code, reason, rows.key)


def plan_for(rows: Rows, said: Said) -> NewestPlan | Step:
    """The plan by which it may become a release, once it has the provenance that is demanded; or the refusal."""
    newest, digest, package = rows.get(NewestPlan), said.artifact.digest, package_of(said.artifact.purl)
    if newest is None or newest.plan.artifact != package:
        return not_admitted(rows, said, ArtifactRefusal.UNKNOWN_PACKAGE, unknown(package))
    if pending := rows.get(Pending, digest):
        told = _duplicate(rows, digest, pending.release)
        return not_admitted(rows, said, ArtifactRefusal.DUPLICATE, told)
    if bad := rows.get(BadVersion, digest):
        told = _known_bad(rows.key, digest, bad.reason)
        return not_admitted(rows, said, ArtifactRefusal.KNOWN_BAD, told)
    return newest


def admitted(rows: Rows, newest: NewestPlan, said: Said, now: datetime) -> Step:
    """A release in the queue, or before it if it is a fix of what is under way. It was checked if the newest plan demands it."""
    release = Release(artifact=said.artifact, checked=fingerprint(newest.plan.provenance))
    first = fixes.announced(rows, said.source, newest, said.release, release)
    if first is not None:
        return first
    also = fixes.left_to_operators(rows, newest, said.artifact)
    return queue(rows, newest, said.release, release, now, also=also)


def unknown(package: str) -> str:
    bare, colon, tag = package.removeprefix("pkg:oci/").partition(":")
    if colon:
        return (
            f"no plan claims {shown(package)}: a package URL has no :{clip(tag, 80)}; write "
            f"pkg:oci/{clip(bare, 80)}@sha256%3A…?tag={clip(tag, 80)}"
        )
    return (
        f"no plan claims {shown(package)}: publish a plan with this package as its `artifact`, "
        "or correct the package URL that CI announces"
    )


def _duplicate(rows: Rows, digest: str, release: str) -> str:
    return (
        f"{digest} of {rows.key} is {called(rows, release)} already, which is queued or under way "
        f"as the release {release}"
    )


def _known_bad(application: str, digest: str, reason: str) -> str:
    return (
        f"{digest} of {application} was taken back before: build and announce a corrected version, or mark "
        f"this one as good if it was blamed wrongly; it was marked bad because: {reason}"
    )
