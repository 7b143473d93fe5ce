"""What must hold after a rollback: whether it helped is said once and in time, and what did not help pauses the application.

Somebody looks an hour later, and resumes it: else a seed would not come to rest.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lockgate.intake.core.unrecovered import WHO
from lockgate.intake.rows import Pause, Release
from lockgate.messages.message import Message
from lockgate.messages.operations import Resume
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    ApplicationPaused,
    ApplicationResumed,
    ReleaseEntered,
    ReleaseStarted,
)
from lockgate.messages.rollbacks import ReleaseSettled
from lockgate.messages.verdicts import (
    FailCause,
    RollbackVerified,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WaitingFor,
    WatchEnded,
    WatchOutcome,
)
from tests.simulation.broken import that
from tests.simulation.node import Made, Node
from tests.simulation.process import Process
from tests.simulation.scenario import MOST_SKEW

if TYPE_CHECKING:
    from tests.simulation.world import World

LOOKS_AFTER = 3600.0

SLACK = 900.0
"""Seconds for reading `settled`, for the grace after a gap, and for what waits for its cause meanwhile."""


class Waited(NamedTuple):
    """Of which release it has to be said whether its rollback helped, and when."""

    release: str
    due: float
    must: bool
    """It failed for an incident. Any other may have been blamed for one on its way back."""


@dataclass
class Recoveries:
    world: "World"
    within: dict[str, float | None] = field(default_factory=dict)
    """Release -> for how long its plan waits."""
    blamed: set[str] = field(default_factory=set)
    """Releases that failed for an incident."""
    waited: dict[str, list[Waited]] = field(default_factory=lambda: defaultdict(list))
    """Application -> what is not said yet, in the order in which the verifier read that it is settled."""
    back: set[str] = field(default_factory=set)
    """Releases that are settled, and were not left where they run."""
    verified: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    """Applications that intake itself has paused."""
    kept: set[str] = field(default_factory=set)
    """Releases under way that wait for the end of such a pause."""

    def checks(self) -> dict[type[Payload], Callable[[Any], None]]:
        return {
            ReleaseStarted: self._started,
            ReleaseEntered: self._entered,
            VerdictReached: self._judged,
            WatchEnded: self._watched,
            RollbackVerified: self._verified,
            StageWaiting: self._waiting,
            StagePassed: self._passed,
            ApplicationPaused: self._paused,
            ApplicationResumed: self._resumed,
        }

    def _started(self, body: ReleaseStarted) -> None:
        """Nothing starts while a rollback that did not help has the application paused."""
        that(body.application not in self.paused, f"{body.release} starts")
        self.within[body.release] = body.plan.remediation.recovers_within

    def _entered(self, body: ReleaseEntered) -> None:
        """Nothing enters production while a rollback that did not help has the application paused, but what is on its way back."""
        back = body.recovers is not None
        that(back or body.application not in self.paused, f"{body.release} enters")
        self.kept.discard(body.release)

    def _judged(self, body: VerdictReached) -> None:
        if body.cause is FailCause.INCIDENT:
            self.blamed.add(body.release)

    def _watched(self, body: WatchEnded) -> None:
        """What passed its watch after all was over then; a fix may still take it back, if it was read late."""
        if body.outcome is WatchOutcome.PASSED:
            self.blamed.discard(body.release)

    def _verified(self, body: RollbackVerified) -> None:
        """Whether a rollback helped is said once, of what was settled and is not left where it runs, where the plan asks; and just
        when the time is over that the plan gives.
        """
        name, now = body.release, self.world.checks.said
        that(name not in self.verified, f"of {name} it is said twice")
        that(name in self.back, f"{name} was not taken back")
        that(self.within[name] is not None, f"the plan of {name} does not ask")
        self.verified.add(name)
        waited = self.waited[body.application]
        with_it = waited[: [each.release for each in waited].index(name) + 1]
        due = min(each.due for each in with_it)
        that(now >= due - MOST_SKEW, f"of {name} it is said {due - now:.0f} s too soon")
        self._in_time(body.application, min((each.due for each in with_it if each.must), default=now), now)
        self.waited[body.application] = waited[len(with_it) :]

    def _in_time(self, application: str, due: float, now: float) -> None:
        """It is said in time, unless the verifier was away just then."""
        back = self.world.processes["verifier"].resumed
        late = now - max(due, back)
        that(late <= SLACK, f"of {application} it is said {late:.0f} s too late")

    def _waiting(self, body: StageWaiting) -> None:
        if body.waiting_for is WaitingFor.PAUSE:
            self.kept.add(body.release)

    def _passed(self, body: StagePassed) -> None:
        if body.kind == "preprod":
            self.kept.add(body.release)

    def _paused(self, body: ApplicationPaused) -> None:
        if body.who != WHO:
            self.paused.discard(body.application)  # an operator's takes its place, and its end
            return
        self.paused.add(body.application)
        asked = Resume(application=body.application, who="ann", why="looked")
        resume = partial(self.world.outside.inlet, "operations", asked)
        self.world.at(self.world.now + LOOKS_AFTER, resume)

    def _resumed(self, body: ApplicationResumed) -> None:
        self.paused.discard(body.application)

    def keeps(self, release: str, application: str) -> bool:
        """Whether a release under way has no deadline, but waits until somebody has looked."""
        return application in self.paused and release in self.kept

    # --- as it is decided ---------------------------------------------------------------------------------------

    def decided(self, process: Process, made: Made) -> None:
        body = made.given.body if isinstance(made.given, Message) else None
        match body:
            case ReleaseSettled() if process.name == "verifier":
                self._settled(body)
            case RollbackVerified(recovered=False) if process.name == "intake":
                self._pauses(process.node, made)
            case _:
                pass

    def _settled(self, body: ReleaseSettled) -> None:
        name, within = body.release, self.within.get(body.release)
        if body.stays:
            return
        self.back.add(name)
        if within is not None:
            must = name in self.blamed
            self.waited[body.application].append(Waited(name, self.world.now + within, must))

    def _pauses(self, intake: Node, made: Made) -> None:
        """Once it is said that a rollback did not help, nothing begins until somebody has looked, unless a fix comes."""
        rows = [loaded.row for key, loaded in intake.rows.items() if key.key == made.key]
        stays = any(isinstance(row, Pause) and row.until is None for row in rows)
        comes = any(isinstance(row, Release) and row.fix and row.ending is None for row in rows)
        that(stays or comes, f"{made.key} is not paused")
