"""The coordinator's state: one row of an application, one of its plan, one for each region's order and history."""

from enum import StrEnum
from typing import ClassVar, Self

from lockgate.messages.decision import Row
from lockgate.messages.flags import Flag
from lockgate.messages.plan import Plan
from lockgate.messages.rollbacks import Grade, RegionAnswer, RollbackOrdered
from lockgate.messages.values import Artifact, Digest, Duration, Place, Value

VERSIONS_KEPT = 10
BAD_KEPT = 100


class Phase(StrEnum):
    RUNNING = "running"
    FLAGS = "flags"  # halted, and its flags are ordered off
    HELD = "held"  # halted, and an operator says what follows
    HALTED = "halted"  # orders are out
    SETTLED = "settled"  # each region answered or passed its deadline
    PASSED = "passed"  # its watch passed
    ENDED = "ended"  # completed or closed by intake


class Limits(Row):
    """The settings that decisions depend on; of the key `*`."""

    kind: ClassVar[str] = "limits"
    deadline: Duration = 600.0
    grace: Duration = 300.0
    attempts: int = 3


class Release(Row):
    """The newest release of the application."""

    kind: ClassVar[str] = "release"
    release: str
    artifact: Artifact
    number: int
    entered: int | None = None
    phase: Phase = Phase.RUNNING
    turn: int = 0
    waiting: int = 0
    concerned: tuple[str, ...] = ()
    switched: bool = False
    """Whether its flags were ordered off: that is tried once."""
    changed: bool = False
    """Whether one of them was on in any region until then: nothing is better otherwise."""
    blamed: bool = True
    """Whether its version is marked bad once it is settled."""
    stays: bool = False
    """Whether it is left as far as it has got, because a fix goes on from there."""
    forward: bool = False
    """Whether what it leaves in the regions, or came upon there, goes forward only: so does what follows, until a watch of
    it has passed.
    """
    recovers: bool = False
    """Whether it was made to take a completed version back, and deploys nothing itself."""
    marked: bool = False
    """Whether its version was marked bad already, when it was blamed."""
    reason: str = ""


class Completed(Row):
    """The release that was completed last, of which the `Way` is kept. Gone once it is taken back."""

    kind: ClassVar[str] = "completed"
    release: str
    artifact: Artifact
    blamed: str = ""
    """What its version was blamed for since; intake is asked to let it be taken back."""


class Way(Row):
    """A release's plan and places, as they were when it started. Immutable; the row's id is the release."""

    kind: ClassVar[str] = "way"
    plan: Plan
    places: dict[str, Place]


class Order(Row):
    """The newest order to a region; the row's id is the region. After the release is settled only debts stay."""

    kind: ClassVar[str] = "order"
    ordered: RollbackOrdered
    attempts: int = 1
    blamed: bool = True
    """Whether its version is bad: who aborts a release says nothing against it."""
    stranded: bool = False
    """The region runs a bad version, and none is known that it could go back to."""
    stays: bool = False
    """Its release is left as far as it has got: what the region serves whole stays, only what is half-way there ends."""
    keeps: bool = False
    """The version that it names is one that stays where it is: it is no way back, and no mark changes it."""
    forward: bool = False
    """Whether that version goes forward only."""
    answer: RegionAnswer | None = None
    owed: bool = False
    reason: str = ""
    restores: bool = False
    """Whether it puts flags back: those of the release's `Restore`, and not a copy of them for each of thousands of regions."""
    still_off: str = ""
    """Flags that the region was to put back, and may not have."""


class Restore(Row):
    """What the orders of a release put back; the row's id is the release. It stays if the release ends with debts."""

    kind: ClassVar[str] = "restore"
    flags: tuple[Flag, ...]


class Switch(Row):
    """An order to switch flags that is not answered; the row's id is the region."""

    kind: ClassVar[str] = "switch"
    turn: int


class Bad(Row):
    """Versions of the application that were taken back, newest last; also for regions not in the plan now."""

    kind: ClassVar[str] = "bad"
    digests: tuple[Digest, ...] = ()
    marked: tuple[Digest, ...] = ()
    """Those of them that an operator marked: only an operator lifts that."""

    def has(self, digest: str | None) -> bool:
        return digest in self.digests

    def adding(self, digest: str) -> Self:
        others = tuple(known for known in self.digests if known != digest)
        return self.model_copy(update={"digests": (*others, digest)[-BAD_KEPT:]})

    def adding_marked(self, digest: str) -> Self:
        after = self.adding(digest)
        marked = tuple(known for known in after.digests if known in {*self.marked, digest})
        return after.model_copy(update={"marked": marked})

    def without(self, digest: str) -> Self:
        digests, marked = ([d for d in some if d != digest] for some in (self.digests, self.marked))
        return self.model_copy(update={"digests": tuple(digests), "marked": tuple(marked)})


class Version(Value):
    digest: Digest
    grade: Grade | None = None
    """None: deployed, and not judged yet."""
    forward: bool = False
    """Whether it goes forward only: nothing that ran before it is gone back to by itself."""


class History(Row):
    """The last versions of one region, oldest first; the last one runs there. The row's id is the region."""

    kind: ClassVar[str] = "history"
    versions: tuple[Version, ...] = ()
    rolls: str | None = None
    """The release that has begun to serve all of the region with its version, until the next one ends there."""
    forward: bool = False
    """Whether one that goes forward only has begun so, and its end was not heard: what is deployed there next comes upon it."""

    @property
    def running(self) -> str | None:
        return self.versions[-1].digest if self.versions else None

    def now_running(self, digest: str, *, forward: bool = False) -> Self:
        """With that version as the newest; it keeps the grade that it had here, and what was known to go forward only."""
        new = Version(digest=digest)
        known = next((v for v in self.versions if v.digest == digest), new)
        known = known.model_copy(update={"forward": known.forward or forward})
        kept = [*(v for v in self.versions if v.digest != digest), known]
        while len(kept) > VERSIONS_KEPT:
            # A bad version is of no more use than to be avoided, and `Bad` remembers that: it goes first.
            spent = (v for v in kept[:-1] if v.grade is Grade.BAD and not v.forward)
            kept.remove(next(spent, kept[0]))
        return self.model_copy(update={"versions": tuple(kept), "rolls": None, "forward": False})

    def graded(self, digest: str, grade: Grade) -> Self:
        versions = tuple(
            v.model_copy(update={"grade": grade}) if v.digest == digest else v for v in self.versions
        )
        return self.model_copy(update={"versions": versions})
