"""The topic `operations`, an inlet written by the door alone, which knows who asks: what operators want done.

Each type has one service that decides it and answers it once, on its own topic: intake all but those about the steps of
a release, which are the verifier's.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints

from lockgate.messages.inlet import Inlet
from lockgate.messages.payload import Payload
from lockgate.messages.values import EVERY, Digest, Name, Sentence

Why = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]
"""The operator's reason, which is demanded: whoever is on call next reads it."""


class OperationRefusal(StrEnum):
    """Why an operation was not done. A public contract: codes are only added."""

    UNKNOWN_APPLICATION = "unknown-application"  # no plan of this application was ever published
    NOTHING_UNDER_WAY = "nothing-under-way"  # the application has no release that this could be about
    OTHER_RELEASE = "other-release"  # the release that is named is over, or is another one
    BEING_TAKEN_BACK = "being-taken-back"  # the release is on its way back already
    NOT_IN_PRODUCTION = "not-in-production"  # a rollback of a release that has not entered production
    BAD_TARGET = "bad-target"  # the version to go back to is marked bad, or is the one to leave
    NOT_PAUSED = "not-paused"  # there is no pause of this to end
    UNTIL = "until"  # the end of the pause is over already, or more than a year away
    MARKED_ALREADY = "marked-already"  # the version is marked so already
    NOT_WAITING = "not-waiting"  # the release does not wait for what this would give it
    NEEDS_EVIDENCE = "needs-evidence"  # the release waits for measurements, which nobody can replace
    NOT_HELD = "not-held"  # no region failed and is held for an operator
    NO_ARTIFACT = "no-artifact"  # a fix that is no image of the application, named by digest
    KNOWN_BAD = "known-bad"  # the version of the fix is marked bad
    ALREADY_FIRST = "already-first"  # nothing goes before it: it is under way, or the fix that is next
    PAUSED = "paused"  # nothing is begun in a pause, and no fix either
    UNVERIFIED = "unverified"  # the plan demands provenance, and this fix was not announced with any
    UNKNOWN_REGION = "unknown-region"  # no deployer has ever asked for this region
    SERVED_ALREADY = "served-already"  # that deployer serves the region, and asks for no other place
    NOT_CLAIMED = "not-claimed"  # that deployer has not asked for the region
    FORWARD_ONLY = "forward-only"  # what is under way goes forward only, and nothing goes back past it


class Operation(Inlet):
    """What all operations say. `who` is whoever the door has authenticated."""

    who: str = Field(min_length=1, max_length=256)
    why: Why


class OfApplication(Operation):
    application: Name


class OfRelease(OfApplication):
    release: str | None = Field(
        default=None,
        max_length=64,
        description="refused if another one is under way; without, whichever is",
    )


class OfAny(Operation):
    """About one application, or about all of them."""

    application: Name | None = Field(default=None, description="without, all applications")

    def subject_id(self) -> str:
        return self.application or EVERY


class OfRegion(Operation):
    """About a region, whatever applications run there."""

    region: Name

    def subject_id(self) -> str:
        return EVERY


# --- decided by intake --------------------------------------------------------------------------------------


class Pause(OfAny, topic="operations", custom="operation.pause"):
    """Nothing more is begun: no release starts or enters production, and no stage and no region begins.

    What is under way in a region is finished. Nothing is kept from going back.
    """

    until: AwareDatetime | None = Field(default=None, description="when it ends by itself")


class Resume(OfAny, topic="operations", custom="operation.resume"):
    """Ends a pause."""


class Abort(OfRelease, topic="operations", custom="operation.abort"):
    """The release ends: one that waits is withdrawn, one under way is taken back. Its version is not marked bad."""


class Rollback(OfRelease, topic="operations", custom="operation.rollback"):
    """The release in production is taken back. With none under way, or if it is named, that is the version that was completed last.
    It is marked bad.
    """

    to: Digest | None = Field(
        default=None, description="where a region has run this version before; without, as the plan says"
    )


class Mark(OfApplication, topic="operations", custom="operation.mark"):
    """A bad version is not released; one that is good again is. What runs is not changed by it."""

    digest: Digest
    grade: Literal["bad", "good"]


class Fix(OfApplication, topic="operations", custom="operation.fix"):
    """This artifact goes first: what is under way is pre-empted, and all that waits is superseded.

    It starts once the coordinator has settled what it pre-empts, and takes the gates that the plan has for fixes.
    """

    artifact: str = Field(
        min_length=1,
        max_length=1024,
        description="its package URL with digest, as CI announces it; or the digest alone",
    )


class Reassign(OfRegion, topic="operations", custom="operation.reassign"):
    """Another deployer serves the region from now on, or the same one in another cluster or namespace.

    It has asked for the region with its last start, and was refused; where it is to serve it was said there.
    """

    deployer: Name = Field(description="who serves it from now on")


# --- decided by the verifier --------------------------------------------------------------------------------


class OfStage(OfRelease):
    stage: Name | None = Field(default=None, description="refused if the release is in another one")


class Approve(OfStage, topic="operations", custom="operation.approve"):
    """The stage that waits for an approval may begin."""


class Reject(OfStage, topic="operations", custom="operation.reject"):
    """The stage that waits for an approval must not begin: the release fails, and is taken back."""


class Promote(OfStage, topic="operations", custom="operation.promote"):
    """The time that the release waits for is over now. No evidence is replaced by it."""


class Retry(OfStage, topic="operations", custom="operation.retry"):
    """A region that failed and is held gets another attempt."""


class Skip(OfStage, topic="operations", custom="operation.skip"):
    """A region that failed and is held is left out, and the release goes on."""


# --- answers ------------------------------------------------------------------------------------------------


class Answer(Payload):
    """How an operation was answered. Each service that answers has a type of its own, on its own topic."""

    application: Name | None = Field(description="None: all applications, or a region")
    operation: str = Field(description="what was asked for, such as pause")
    event: str = Field(min_length=1, description="the id of the event that asked for it")
    who: str
    why: str
    code: OperationRefusal | None = Field(default=None, description="None: it is done")
    reason: Sentence = Field(description="what was done, or why it was not")

    @classmethod
    def to(
        cls,
        asked: OfApplication | OfAny | OfRegion,
        event: str,
        code: OperationRefusal | None,
        reason: Sentence,
    ) -> Self:
        """The answer to the operation that this event asked for."""
        return cls(
            application=None if isinstance(asked, OfRegion) else asked.application,
            operation=called(type(asked)),
            event=event,
            who=asked.who,
            why=asked.why,
            code=code,
            reason=reason,
        )

    def subject_id(self) -> str:
        return self.event


OF_INTAKE: tuple[type[Operation], ...] = (Pause, Resume, Abort, Rollback, Mark, Fix)
OF_VERIFIER: tuple[type[Operation], ...] = (Approve, Reject, Promote, Retry, Skip)
OF_REGIONS: tuple[type[Operation], ...] = (Reassign,)
"""Intake's too, but about no application."""


def called(operation: type[Operation]) -> str:
    """What operators call it: `pause`."""
    return operation.__name__.lower()


OPERATIONS = {called(operation): operation for operation in (*OF_INTAKE, *OF_VERIFIER, *OF_REGIONS)}
"""Every operation, by what operators call it."""
