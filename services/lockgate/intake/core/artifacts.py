"""An announced artifact: routed to its application under `*`, queued or refused under the application."""

from datetime import datetime

from lockgate.intake.core import fixes
from lockgate.intake.core.lane import called, named, package_of, queue
from lockgate.intake.rows import BadVersion, Claim, Lane, NewestPlan, Pending, Release
from lockgate.intake.words import clip, sentence, shown
from lockgate.messages.artifacts import ArtifactPublished, OtherEvent
from lockgate.messages.decision import On, Rows, Step, emit
from lockgate.messages.message import Message, derived_id
from lockgate.messages.releases import ArtifactRefusal, ArtifactRefused
from lockgate.messages.values import digest_problem

Announcement = Message[ArtifactPublished]


def announced(rows: Rows, given: Announcement, _now: datetime) -> Step:
    """Under `*`: which application is this a version of?"""
    package = _package(given)
    if not package.startswith("pkg:oci/"):
        return _refuse(given, ArtifactRefusal.NOT_OCI, _not_oci(given))
    if digest_problem(given.body.version):
        return _refuse(given, ArtifactRefusal.NO_DIGEST, _no_digest(given))
    claim = rows.get(Claim, package)
    if claim is None:
        return _refuse(given, ArtifactRefusal.UNKNOWN_PACKAGE, _unknown(package))
    return Step(forward=(claim.application,))


def _package(given: Announcement) -> str:
    return package_of(given.body.purl)


def _refuse(given: Announcement, code: ArtifactRefusal, reason: str, application: str | None = None) -> Step:
    return _refused(given.body.purl, given.id, code, reason, application)


def _refused(
    purl: str, event: str, code: ArtifactRefusal, reason: str, application: str | None = None
) -> Step:
    return emit(
        ArtifactRefused(application=application, purl=purl, event=event, code=code, reason=sentence(reason))
    )


def other(_rows: Rows, given: Message[OtherEvent], _now: datetime) -> Step:
    """Under `*`: a CDEvent that announces nothing is answered too, so that CI sees its mistake."""
    reason = (
        f"the event {clip(given.id, 80)} is a {clip(given.body.event_type, 200)}, which announces no artifact: "
        f"send {ArtifactPublished.type} once the artifact can be pulled"
    )
    purl = clip(given.body.subject, 1024)
    return _refused(purl, given.id, ArtifactRefusal.NOT_PUBLISHED, reason)


def _not_oci(given: Announcement) -> str:
    return (
        f"{shown(given.body.purl)} is no image: announce a package URL of the type oci, "
        "such as pkg:oci/payments@sha256%3A…"
    )


def _no_digest(given: Announcement) -> str:
    body = given.body
    if body.version.lower().startswith("sha256:"):
        return f"{shown(body.purl)} has no good digest: {digest_problem(body.version)}"
    if not body.version and "@" in body.purl:
        why = "has its digest behind the `?`, where it is no version: write it before, and the tag last"
    else:
        why = "names no digest, and a tag can move: announce it with its digest as the version"
    return f"{shown(body.purl)} {why}, such as {clip(_package(given), 140)}@sha256%3A… with 64 hexadecimal digits"


def _unknown(package: str) -> str:
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


def arrived(rows: Rows, given: Announcement, now: datetime) -> Step:
    """Under the application: a release in the queue, or the reason why there is none."""
    newest, digest = rows.get(NewestPlan), given.body.version
    if newest is None or newest.plan.artifact != _package(given):
        return _refuse(given, ArtifactRefusal.UNKNOWN_PACKAGE, _unknown(_package(given)), rows.key)
    if pending := rows.get(Pending, digest):
        return _refuse(given, ArtifactRefusal.DUPLICATE, _duplicate(rows, digest, pending.release), rows.key)
    if bad := rows.get(BadVersion, digest):
        return _refuse(given, ArtifactRefusal.KNOWN_BAD, _known_bad(rows.key, digest, bad.reason), rows.key)
    artifact = named(given.body)
    # As an inlet knows an event: some CI gives one id to the announcements of all images of a build.
    release = derived_id("release", rows.key, given.source, given.id, given.body.subject_id())
    first = fixes.announced(rows, given, newest, release, artifact)
    return queue(rows, newest, release, Release(artifact=artifact), now) if first is None else first


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


ANNOUNCED = On(announced, lambda given: ((Claim, _package(given)),))
OTHER = On(other)
ARRIVED = On(
    arrived,
    lambda given: (
        *((NewestPlan, ""), (Lane, "")),
        *((Pending, given.body.version), (BadVersion, given.body.version)),
    ),
)
