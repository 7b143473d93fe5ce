"""One decision about the current release, as it unfolds: what it sees, and what was decided so far.

A scene is immutable; each transition returns the next one. `settled` makes the decision's Step of it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from lockgate.messages.decision import NOTHING, CancelTimer, CancelWork, Rows, Step, emit, put, remove
from lockgate.messages.plan import Stage
from lockgate.messages.values import Place
from lockgate.messages.verdicts import (
    FailCause,
    Outcome,
    StagePassed,
    StageWaiting,
    VerdictReached,
    WaitingFor,
    WatchEnded,
    WatchOutcome,
)
from lockgate.verifier.core.rows import (
    CheckState,
    PartRow,
    Phase,
    PlanRow,
    RegionRow,
    ReleaseRow,
    VerificationRow,
    Waiting,
)
from lockgate.verifier.core.terms import Terms

STOPPED = (Phase.FAILED, Phase.OVER)
LONGEST_SENTENCE = 2000
_OF_A_REGION = (WaitingFor.REGIONS, WaitingFor.STEP)
"""What regions of a wave wait for that go on while another one holds the release."""


def sentence(text: str) -> str:
    """The text, cut to what an event may carry."""
    return text if len(text) <= LONGEST_SENTENCE else text[: LONGEST_SENTENCE - 1] + "…"


def stamp(moment: datetime) -> str:
    """RFC 3339, as events carry it."""
    return moment.isoformat(timespec="milliseconds")


def seconds(length: float) -> str:
    """A length of time for people."""
    return f"{length:g} s"


@dataclass(frozen=True, slots=True)
class Scene:
    rows: Rows
    now: datetime
    release: ReleaseRow
    plan: PlanRow
    before: ReleaseRow | None
    done: Step = NOTHING

    @classmethod
    def of(cls, rows: Rows, release: str, now: datetime) -> Self | None:
        """The scene if this release is the current one and goes on; None if nothing can change any more."""
        row = rows.get(ReleaseRow)
        if row is None or row.release != release or row.phase in STOPPED:
            return None
        plan = rows.get(PlanRow, release)
        return None if plan is None else cls(rows, now, row, plan, row)

    @classmethod
    def failed_of(cls, rows: Rows, release: str, now: datetime) -> Self | None:
        """The scene if this release is the current one, and failed: the coordinator may let it go on."""
        row, plan = rows.get(ReleaseRow), rows.get(PlanRow, release)
        if row is None or plan is None or (row.release, row.phase) != (release, Phase.FAILED):
            return None
        return cls(rows, now, row, plan, row)

    @property
    def stage(self) -> Stage:
        return self.plan.plan.stages[self.release.stage]

    @property
    def terms(self) -> Terms | None:
        """Of the stage's measuring in its phase; None if nothing is measured in it."""
        return Terms.of(self.plan.plan, self.stage, self.release.phase)

    @property
    def about(self) -> dict[str, Any]:
        """The fields that every event about a stage has."""
        return {
            "application": self.rows.key,
            "release": self.release.release,
            "stage": self.stage.name,
        }

    def place(self, region: str) -> Place:
        return self.plan.places[region]

    def serves(self, deployer: str, region: str) -> bool:
        """Whether it is the one that the release grants to there; another one that claims the region is not."""
        place = self.plan.places.get(region)
        return place is not None and place.deployer == deployer

    def region(self, name: str) -> RegionRow:
        """The region's row of this release; a fresh one if there is none yet."""
        return self.regions((name,))[name]

    def regions(self, names: tuple[str, ...]) -> dict[str, RegionRow]:
        found, release = self.rows.many(RegionRow, names), self.release.release
        mine = {name: row for name, row in found.items() if row.release == release}
        return {name: mine.get(name, RegionRow(release=release)) for name in names}

    def then(self, *steps: Step, **changes: Any) -> Self:
        """The next scene: these steps added, these fields of the release changed."""
        done = sum(steps, self.done)
        release = self.release.model_copy(update=changes) if changes else self.release
        return replace(self, done=done, release=release)

    def waits(
        self,
        waiting_for: WaitingFor,
        reason: str,
        *,
        until: datetime | None = None,
        subject: str | None = None,
    ) -> Self:
        """Says what is waited for, unless that was the last thing said, or the release is held by something else."""
        if (self.release.held or self.release.failed) and waiting_for in _OF_A_REGION:
            return self
        waiting = Waiting(
            stage=self.stage.name,
            waiting_for=waiting_for,
            until=stamp(until) if until else None,
            subject=subject,
        )
        if waiting == self.release.waiting:
            return self
        said = StageWaiting(
            **self.about, waiting_for=waiting_for, reason=sentence(reason), until=waiting.until
        )
        return self.then(emit(said), waiting=waiting)

    def passed(self, reason: str) -> Self:
        """The stage passes, unless its check is not answered yet; then that passes it."""
        check = self.release.check
        if self.stage.check is not None and (check is None or check.state is not CheckState.PASSED):
            return self.then(phase=Phase.CHECK)
        said = emit(StagePassed(**self.about, kind=self.stage.kind, reason=sentence(reason)))
        if self._is_watching:
            said = self._watch_ends(WatchOutcome.PASSED, reason) + said
        return self.then(said, phase=Phase.PASSED)

    @property
    def _is_watching(self) -> bool:
        """Also while nothing but the watch's check is left."""
        return self.stage.kind == "watch" and self.release.phase in {Phase.WATCH, Phase.CHECK}

    def _watch_ends(self, outcome: WatchOutcome, reason: str) -> Step:
        return emit(WatchEnded(**self.about, outcome=outcome, reason=sentence(reason)))

    def failed(
        self,
        reason: str,
        *,
        cause: FailCause | None = None,
        guilty: tuple[str, ...] = (),
        evidence: dict[str, Any] | None = None,
    ) -> Self:
        """The verdict that ends the release: nothing more is granted, the coordinator takes it back."""
        verdict = VerdictReached(
            **self.about,
            outcome=Outcome.FAIL,
            cause=cause,
            reason=sentence(reason),
            guilty=guilty,
            evidence=evidence or {},
        )
        said = self.then(emit(verdict))
        if self._is_watching:
            said = said.then(self._watch_ends(WatchOutcome.FAILED, reason))
        return said.stopped(
            Phase.FAILED,
            f"The release failed in the stage {self.stage.name}, for the reason in its verdict; nothing more is "
            "granted, and the coordinator says what follows.",
        )

    def stopped(self, phase: Phase, reason: str) -> Self:
        """Timers and work go. All regions granted to are addressed: once, at the end."""
        names = [] if self.stage.kind == "watch" else self.stage.regions[: self.release.cursor]
        kinds = REGION_TIMERS if self.release.outstanding else ()
        timers = [*(f"{kind} {name}" for kind in kinds for name in names), *STAGE_TIMERS]
        quiet = Step(timers=tuple(CancelTimer(name) for name in timers))
        after = self.then(quiet, self.measured_no_more, self.unmeasured, self.unasked, outstanding=0)
        if phase is Phase.FAILED:
            after = after.waits(WaitingFor.COORDINATOR, reason)
        return after.then(phase=phase)

    @property
    def _measured(self) -> tuple[str, ...]:
        """The regions in which something may be measured."""
        terms = self.terms
        if terms is None:
            return ()
        return terms.regions[: self.release.cursor] if terms.steps else terms.regions

    @property
    def measured_no_more(self) -> Step:
        return Step(work=tuple(CancelWork(f"measure {self.stage.name} {name}") for name in self._measured))

    @property
    def unmeasured(self) -> Step:
        """Nothing is kept of what was measured in the stage."""
        begun = self.rows.many(VerificationRow, self._measured)
        parts = [PartRow.named(name, number) for name, row in begun.items() for number in range(row.parts)]
        gone = (
            *(remove(VerificationRow, name) for name in begun),
            *(remove(PartRow, name) for name in parts),
        )
        return sum(gone, NOTHING)

    @property
    def unasked(self) -> Step:
        """Nothing asks the stage's check any more."""
        if self.release.check is None:
            return NOTHING
        return Step(timers=(CancelTimer(CHECK),), work=(CancelWork(work_of_check(self.stage)),))

    def settled(self) -> Step:
        """What the decision comes to. A scene in which nothing happened comes to nothing."""
        if self.release == self.before and self.done == NOTHING:
            return NOTHING
        gone = remove(PlanRow, self.release.release) if self.release.phase is Phase.OVER else NOTHING
        return self.done + put(self.release) + gone


REGION_TIMERS = ("deadline", "step", "verify")
"""Timers of which a region has at most one."""

CHECK = "check"
"""The timer that looks after the work that asks a stage's check; and what is waited for, as the subject of that."""

STAGE_TIMERS = ("bake", "watch", "verify", "resume", "before")
"""Timers of which a stage has at most one."""


def work_of_check(stage: Stage) -> str:
    return f"ask {stage.name}"


def after(moment: datetime, length: float) -> datetime:
    return moment + timedelta(seconds=length)
