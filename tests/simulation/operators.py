"""Operators at random: what they ask for, and what must hold of it. Drawn apart, so that the rest of a seed is as without.

Marks and promotions are left out: the first change what is bad without a verdict, the second what is waited for.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from lockgate.messages.operations import (
    Abort,
    Approve,
    Fix,
    Operation,
    Pause,
    Reject,
    Resume,
    Retry,
    Rollback,
)
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    AbortRequested,
    ApplicationPaused,
    ApplicationResumed,
    MarkRequested,
    OperationAnswered,
    ReleaseEntered,
    ReleasePreempted,
    ReleaseStarted,
    RollbackRequested,
)
from lockgate.messages.verdicts import StageOperationAnswered
from tests.simulation.broken import that

if TYPE_CHECKING:
    from tests.simulation.world import World

SHARE = 1 / 3
"""Of the seeds, in which operators ask for something."""
_KINDS = (Abort, Abort, Rollback, Rollback, Pause, Resume, Approve, Reject, Retry)


@dataclass(frozen=True, slots=True)
class Asked:
    """`lasting`: of a pause. Each ends by itself, else a seed would not come to rest. `artifact`: of a fix. `release`: the one
    that is named, if one is.
    """

    at: float
    kind: type[Operation]
    application: str | None
    lasting: float = 0.0
    artifact: str = ""
    release: str = ""

    def body(self, now: Any) -> Operation:
        return self.kind(application=self.application, who="ann", why="so", **self._more(now))

    def _more(self, now: Any) -> dict[str, Any]:
        if self.kind is Pause:
            return {"until": now + timedelta(seconds=self.lasting)}
        if self.kind is Fix:
            return {"artifact": self.artifact}
        return {"release": self.release} if self.release else {}


def drawn(seed: int, applications: tuple[str, ...], end: float) -> tuple[Asked, ...]:
    random = Random(f"operators {seed}")
    if random.random() >= SHARE:
        return ()
    return tuple(_one(random, applications, end) for _ in range(random.randint(1, 6)))


def _one(random: Random, applications: tuple[str, ...], end: float) -> Asked:
    kind = random.choice(_KINDS)
    all_ = kind in {Pause, Resume} and random.random() < 0.3
    application = None if all_ else random.choice(applications)
    return Asked(random.uniform(300, end), kind, application, random.choice((60.0, 1200.0, 5000.0)))


@dataclass
class Operators:
    world: "World"
    aborted: set[str] = field(default_factory=set)
    """Releases that intake has said are to end, without a verdict."""
    rolled_back: dict[str, str] = field(default_factory=dict)
    """The same of rollbacks, with their versions, which are bad."""
    marked: set[str] = field(default_factory=set)
    """Versions that are bad by an operator's word before anything is taken back."""
    preempted: set[str] = field(default_factory=set)
    """Releases to which a fix is preferred, or the way back of what was completed before."""
    paused: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)

    def checks(self) -> dict[type[Payload], Callable[[Any], None]]:
        return {
            AbortRequested: lambda body: self.aborted.add(body.release),
            RollbackRequested: self._rolled_back,
            MarkRequested: lambda body: self.marked.add(body.digest),
            ReleasePreempted: self._preempted,
            ReleaseEntered: self._entered,
            ReleaseStarted: self._started,
            ApplicationPaused: lambda body: self.paused.add(body.application),
            ApplicationResumed: lambda body: self.paused.discard(body.application),
            OperationAnswered: self._answered,
            StageOperationAnswered: self._answered,
        }

    def ended(self, release: str) -> bool:
        return release in self.aborted or release in self.rolled_back or release in self.preempted

    def approved(self, application: str, since: float) -> bool:
        """Whether an operator asked since then that what is held goes on."""
        return any(
            (each.kind, each.application) == (Approve, application) and since <= each.at <= self.world.now
            for each in self.world.operations
        )

    def _preempted(self, body: ReleasePreempted) -> None:
        """What is on its way out by an operator's word is not pre-empted as well."""
        that(not self.ended(body.release), f"{body.release} was ended by an operator, and is pre-empted")
        self.preempted.add(body.release)

    def _rolled_back(self, body: RollbackRequested) -> None:
        self.rolled_back[body.release] = body.artifact.digest

    def _entered(self, body: ReleaseEntered) -> None:
        """What an operator ends enters production no more."""
        that(not self.ended(body.release), f"{body.release} was ended by an operator, and enters production")

    def _started(self, body: ReleaseStarted) -> None:
        """In a pause of its application nothing starts."""
        that(
            body.application not in self.paused, f"{body.release} starts, though {body.application} is paused"
        )

    def _answered(self, body: OperationAnswered | StageOperationAnswered) -> None:
        """An operation is answered once."""
        self.answers[body.event] += 1
        that(self.answers[body.event] == 1, f"{body.operation} {body.event} is answered twice")
