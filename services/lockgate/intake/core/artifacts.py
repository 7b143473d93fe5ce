"""An announced artifact: routed to its application under `*`; queued, checked first, or refused under the application."""

from datetime import datetime

from lockgate.intake.core import checking
from lockgate.intake.core.admission import Said, admitted, plan_for, refused, unknown
from lockgate.intake.core.lane import named, package_of, release_of
from lockgate.intake.core.unchecked import waiting
from lockgate.intake.rows import BadVersion, BeingChecked, Claim, Lane, NewestPlan, Pending
from lockgate.intake.words import clip, shown
from lockgate.messages.artifacts import ArtifactPublished, OtherEvent
from lockgate.messages.decision import On, Rows, Step
from lockgate.messages.message import Message
from lockgate.messages.releases import ArtifactRefusal
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
        return _refuse(given, ArtifactRefusal.UNKNOWN_PACKAGE, unknown(package))
    return Step(forward=(claim.application,))


def _package(given: Announcement) -> str:
    return package_of(given.body.purl)


def _refuse(given: Announcement, code: ArtifactRefusal, reason: str) -> Step:
    return refused(given.body.purl, given.id, code, reason)


def other(_rows: Rows, given: Message[OtherEvent], _now: datetime) -> Step:
    """Under `*`: a CDEvent that announces nothing is answered too, so that CI sees its mistake."""
    reason = (
        f"the event {clip(given.id, 80)} is a {clip(given.body.event_type, 200)}, which announces no artifact: "
        f"send {ArtifactPublished.type} once the artifact can be pulled"
    )
    purl = clip(given.body.subject, 1024)
    return refused(purl, given.id, ArtifactRefusal.NOT_PUBLISHED, reason)


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


def arrived(rows: Rows, given: Announcement, now: datetime) -> Step:
    """Under the application: a release in the queue, the check that has to come before, or the reason why there is none."""
    release = release_of(rows.key, given.source, given.id, given.body.purl)
    said = Said(named(given.body), given.id, given.source, release)
    newest = plan_for(rows, said)
    if isinstance(newest, Step):
        return newest
    demands = newest.plan.provenance
    if demands is None and not waiting(rows):
        return admitted(rows, newest, said, now)
    return checking.begun(rows, said, demands, given.body.bundles, now)


ANNOUNCED = On(announced, lambda given: ((Claim, _package(given)),))
OTHER = On(other)
ARRIVED = On(
    arrived,
    lambda given: (
        *((NewestPlan, ""), (Lane, ""), (BeingChecked, "")),
        *((Pending, given.body.version), (BadVersion, given.body.version)),
    ),
)
