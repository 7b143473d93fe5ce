"""The topic `rollbacks`, written by the rollback coordinator: how a release gets out of trouble."""

from enum import StrEnum

from pydantic import Field

from lockgate.messages.flags import Flag
from lockgate.messages.payload import Payload
from lockgate.messages.values import Artifact, Digest, Duration, Fence, Name, Sentence, Workload


class Grade(StrEnum):
    """How good a version of an application is known to be."""

    GOOD = "good"  # its watch passed
    ADOPTED = "adopted"  # it was found running at first contact
    BAD = "bad"  # it was taken back


class RegionAnswer(StrEnum):
    ROLLED_BACK = "rolled-back"
    UNTOUCHED = "untouched"
    REFUSED = "refused"
    FAILED = "failed"
    UNREACHABLE = "unreachable"  # no answer until the deadline


class ReleaseHalted(Payload, topic="rollbacks", custom="release.halted"):
    """No grant of this release below this turn is obeyed from here on. Raises the floor, writes nothing."""

    application: Name
    release: str
    number: int = Field(ge=1)
    turn: int = Field(ge=1)
    regions: tuple[Name, ...]
    reason: Sentence


class RollbackOrdered(Payload, topic="rollbacks", custom="rollback.ordered", version="0.3.0"):
    """The command to one region: back to this digest, and no clone left."""

    application: Name
    release: str
    region: Name
    deployer: Name
    namespace: Name
    cluster: str
    fence: Fence
    workload: Workload
    digest: Digest | None = Field(description="None: the region was never deployed to, only clones go")
    bad: Digest = Field(description="the version that is taken back")
    regardless: bool = Field(
        default=False, description="what runs there is bad: taken back also where this release wrote nothing"
    )
    restore: tuple[Flag, ...] = Field(
        default=(), description="flags that were switched off for this release: as before, once it is back"
    )
    deadline: Duration
    reason: Sentence


class FlagsOrdered(Payload, topic="rollbacks", custom="flags.ordered"):
    """The command to one region: these flags off for everybody, and no other flag touched."""

    application: Name
    release: str
    region: Name
    deployer: Name
    namespace: Name
    cluster: str
    fence: Fence
    flags: tuple[Flag, ...]
    deadline: Duration
    reason: Sentence


class ReleaseHeld(Payload, topic="rollbacks", custom="release.held"):
    """The halted release stays as it is, until an operator takes it back or ends it."""

    application: Name
    release: str
    turn: int = Field(ge=1)
    reason: Sentence


class ReleaseResumed(Payload, topic="rollbacks", custom="release.resumed"):
    """The halted release goes on at the stage in which it was halted; grants carry this turn from here on."""

    application: Name
    release: str
    number: int = Field(ge=1)
    turn: int = Field(ge=1)
    wait: Duration = Field(default=0.0, description="for which it is left alone before it is judged anew")
    reason: Sentence


class RecoveryRequested(Payload, topic="rollbacks", custom="recovery.requested"):
    """A version was blamed after its release was completed: intake lets a release enter that takes it back. What is under way
    gives way to it; where that stays, this is asked for again when it ends.
    """

    application: Name
    release: str = Field(description="the completed release")
    artifact: Artifact
    reason: Sentence


class VersionMarked(Payload, topic="rollbacks", custom="version.marked"):
    application: Name
    digest: Digest
    grade: Grade
    reason: Sentence


class DebtCleared(Payload, topic="rollbacks", custom="debt.cleared"):
    """A region that was named as a debt does not run the bad version any more."""

    application: Name
    release: str = Field(description="the release that was owed")
    region: Name
    reason: Sentence


class ReleaseSettled(Payload, topic="rollbacks", custom="release.settled", version="0.2.0"):
    """The halted release is out of trouble: every region answered or passed its deadline."""

    application: Name
    release: str
    artifact: Artifact
    answers: dict[str, RegionAnswer]
    debts: tuple[Name, ...] = Field(description="regions that may still run the release")
    stays: bool = Field(default=False, description="it was not taken back, but left as far as it has got")
    reason: Sentence
