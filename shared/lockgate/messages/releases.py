"""The topic `releases`, written by intake: what becomes a release, which owns production, and how it ended."""

from enum import StrEnum

from pydantic import Field

from lockgate.messages.operations import Answer
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.values import EVERY, Artifact, Digest, Name, Place, Sentence

MOST_SHOWN = 1024
"""Characters of what an artifact's provenance says: of each of its names."""


class ArtifactRefusal(StrEnum):
    """Why an artifact became no release. A public contract: codes are only added."""

    NOT_PUBLISHED = "not-published"  # the event is a valid CDEvent, but announces no artifact
    NOT_OCI = "not-oci"  # the package URL is not of the type oci
    NO_DIGEST = "no-digest"  # it names no sha256 digest; a tag can move
    UNKNOWN_PACKAGE = "unknown-package"  # no plan claims this package URL
    DUPLICATE = "duplicate"  # this digest is queued or running already
    KNOWN_BAD = "known-bad"  # this digest was taken back before
    # What follows is of an application whose plan demands provenance:
    UNSIGNED = "unsigned"  # it was announced without a bundle
    BAD_BUNDLE = "bad-bundle"  # a bundle cannot be read, is too large, or signs nothing that is a statement of an image
    BAD_SIGNATURE = "bad-signature"  # the signature is not of what is signed, or of none of the plan's keys
    UNTRUSTED = "untrusted"  # its certificate or log entry does not come from the trust root
    EXPIRED = "expired"  # its certificate was not valid when it signed
    OTHER_SIGNER = "other-signer"  # well signed, but by nobody that the plan names
    OTHER_DIGEST = "other-digest"  # what is signed is of another image
    NO_PROVENANCE = (
        "no-provenance"  # what is signed is of this image, but says nothing of what the plan demands
    )
    OTHER_BUILD = "other-build"  # a type of build, or parameters, that the plan does not name
    OTHER_BUILDER = "other-builder"  # built by none of the plan's builders
    OTHER_SOURCE = "other-source"  # built from none of the plan's sources
    NOT_CHECKED = "not-checked"  # it could not be checked here, or not in time
    SUPERSEDED = "superseded"  # a fix went first while it was being checked


class ReleaseOutcome(StrEnum):
    ROLLED_BACK = "rolled-back"  # it failed, and every region answered that it was taken back or untouched
    ROLLED_BACK_WITH_DEBTS = "rolled-back-with-debts"  # as above, but for the regions that are named
    WITHDRAWN = "withdrawn"  # it waited in the queue, and must not start any more
    ABORTED = "aborted"  # an operator ended it, and every region was taken back or untouched
    PREEMPTED = "pre-empted"  # a fix went first, or a recovery, and no region was left half-way


class PlanAccepted(Payload, topic="releases", custom="plan.accepted", version="0.2.0"):
    application: Name
    version: int = Field(ge=1)
    plan: Plan


class PlanRefused(Payload, topic="releases", custom="plan.refused"):
    application: str = Field(max_length=256, description="as written; it may be no valid name")
    problems: tuple[Sentence, ...] = Field(description="every problem, with what to write instead")


class ArtifactRefused(Payload, topic="releases", custom="artifact.refused", version="0.2.0"):
    application: str | None = None
    purl: str = Field(max_length=1024)
    event: str = Field(description="the id of the event that announced it")
    code: ArtifactRefusal
    reason: Sentence

    def subject_id(self) -> str:
        return self.purl or "unknown"


class ArtifactVerified(Payload, topic="releases", custom="artifact.verified"):
    """The artifact has the provenance that its plan demands."""

    application: Name
    artifact: Artifact
    event: str = Field(description="the id of the event that announced it")
    plan_version: int = Field(ge=1, description="whose demands it fulfils")
    signer: str = Field(
        max_length=MOST_SHOWN, description="the identity, or `key` and the SHA-256 of the key"
    )
    issuer: str | None = Field(
        default=None, max_length=MOST_SHOWN, description="of the identity; None for a key"
    )
    builder: str | None = Field(default=None, max_length=MOST_SHOWN, description="None: no SLSA was demanded")
    source: str | None = Field(default=None, max_length=MOST_SHOWN, description="likewise")


class RegionAccepted(Payload, topic="releases", custom="region.accepted"):
    place: Place

    def subject_id(self) -> str:
        return self.place.region


class RegionRefused(Payload, topic="releases", custom="region.refused"):
    """A second deployer, or another cluster, claims a region that is served already."""

    place: Place
    reason: Sentence

    def subject_id(self) -> str:
        return self.place.region


class ReleaseQueued(Payload, topic="releases", custom="release.queued"):
    application: Name
    release: str
    artifact: Artifact
    position: int = Field(ge=0, description="0 = it starts at once")
    reason: Sentence


class ReleaseStarted(Payload, topic="releases", custom="release.started", version="0.2.0"):
    """A release is let go, for pre-production. The plan travels here, once."""

    application: Name
    release: str
    artifact: Artifact
    number: int = Field(ge=1, description="the fence number for pre-production")
    plan_version: int = Field(ge=1)
    plan: Plan
    places: dict[str, Place] = Field(description="region -> where it is and who serves it")


class ReleaseEntered(Payload, topic="releases", custom="release.entered", version="0.2.0"):
    """The release owns production from here until it is completed or closed."""

    application: Name
    release: str
    artifact: Artifact
    number: int = Field(ge=1, description="the fence number for production")
    recovers: str | None = Field(
        default=None,
        exclude_if=lambda recovers: recovers is None,
        description="the completed release of this artifact that it takes back; it deploys nothing, and was never started",
    )


class ReleaseSuperseded(Payload, topic="releases", custom="release.superseded"):
    application: Name
    release: str
    artifact: Artifact
    by: str = Field(description="the release that replaced it in the queue")


class ReleaseCompleted(Payload, topic="releases", custom="release.completed"):
    application: Name
    release: str
    artifact: Artifact


class ReleaseClosed(Payload, topic="releases", custom="release.closed", version="0.4.0"):
    application: Name
    release: str
    artifact: Artifact
    outcome: ReleaseOutcome
    reason: Sentence


class ReleasePreempted(Payload, topic="releases", custom="release.preempted"):
    """A fix goes first, or what takes back the version that was completed before: the coordinator halts the release, takes it
    back or leaves it as the plan says, and answers with `settled`. Only then the other begins.
    """

    application: Name
    release: str
    artifact: Artifact
    by: str = Field(description="the release of the fix, or the one that takes the completed version back")
    who: str
    reason: Sentence


class AbortRequested(Payload, topic="releases", custom="abort.requested"):
    """An operator ends a release under way: the coordinator takes it back, and answers with `settled`."""

    application: Name
    release: str
    artifact: Artifact
    who: str
    reason: Sentence


class RollbackRequested(Payload, topic="releases", custom="rollback.requested"):
    """As an abort, and its version is bad. `to`: where a region has run that version before, it goes back to it.

    Of a version that was completed, its release is the one that recovers from it, and has entered just before.
    """

    application: Name
    release: str
    artifact: Artifact
    to: Digest | None = None
    who: str
    reason: Sentence


class MarkRequested(Payload, topic="releases", custom="mark.requested"):
    """An operator marks a version: a bad one is neither released nor gone back to, a good one may be released again."""

    application: Name
    digest: Digest
    bad: bool
    who: str
    reason: Sentence


class ApplicationPaused(Payload, topic="releases", custom="application.paused"):
    """Nothing more is begun for this application until it is resumed."""

    application: Name
    who: str
    reason: Sentence
    until: str | None = Field(default=None, description="RFC 3339; intake ends it then by itself")


class ApplicationResumed(Payload, topic="releases", custom="application.resumed"):
    application: Name
    reason: Sentence


class AllPaused(Payload, topic="releases", custom="all.paused"):
    """Nothing more is begun for any application until all are resumed. Its key is `*`."""

    who: str
    reason: Sentence
    until: str | None = Field(default=None, description="RFC 3339; intake ends it then by itself")

    def subject_id(self) -> str:
        return EVERY


class AllResumed(Payload, topic="releases", custom="all.resumed"):
    reason: Sentence

    def subject_id(self) -> str:
        return EVERY


class OperationAnswered(Answer, topic="releases", custom="operation.answered"):
    """Intake's answer to an operation."""
