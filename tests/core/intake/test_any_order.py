"""Whatever comes in whatever order: one release at a time, none lost, numbers that only rise, operators answered once."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lockgate.intake.rows import KINDS, Completed, Lane, Pause, Pending, Phase, Release
from lockgate.messages.decision import RowKey
from lockgate.messages.operations import Abort, Answer, Fix, Mark, Operation, Resume, Rollback
from lockgate.messages.operations import Pause as PauseAsked
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    AbortRequested,
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseOutcome,
    ReleasePreempted,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
    RollbackRequested,
)
from lockgate.messages.rollbacks import Grade
from lockgate.messages.verdicts import WatchOutcome
from tests.support.intake import (
    APP,
    PREPROD,
    PRODUCTION,
    announced,
    desk,
    digest,
    marked,
    passed,
    published,
    purl,
    settled,
    watched,
)
from tests.support.operators import asked, give

WAITS, STARTED, ENTERED, OVER = "waits", "started", "entered", "over"
ARTIFACTS = st.integers(1, 5)
PICKS = st.integers(0, 30)

MOVES: dict[type[Payload], tuple[tuple[str | None, ...], str]] = {
    ReleaseQueued: ((None,), WAITS),
    ReleaseSuperseded: ((WAITS,), OVER),
    ReleaseStarted: ((WAITS,), STARTED),
    ReleaseEntered: ((STARTED,), ENTERED),
    ReleaseCompleted: ((ENTERED,), OVER),
    ReleaseClosed: ((WAITS, STARTED, ENTERED), OVER),
}
"""The only ways that a release may go: event -> (from where, to where)."""


class Intake(RuleBasedStateMachine):
    """Follows each release by the emitted events alone, and compares with the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = desk()
        self.where: dict[str, str] = {}
        self.ending: set[str] = set()
        self.number = 0

    def _give(self, body: Payload) -> None:
        self._see(self.desk.give(body))

    def _ask(self, operation: Operation) -> None:
        events = give(self.desk, operation)
        assert len([event for event in events if isinstance(event, Answer)]) == 1
        self._see(events)

    def _see(self, events: list[Payload]) -> None:
        for event in events:
            if isinstance(event, AbortRequested | RollbackRequested | ReleasePreempted):
                assert event.release not in self.ending, "what is on its way out is ended once more"
                self.ending.add(event.release)
            if isinstance(event, ReleaseEntered | ReleaseCompleted):
                assert event.release not in self.ending, "what an operator ends goes on"
            if type(event) in MOVES:
                self._follow(event)

    def _follow(self, event: Any) -> None:
        sources, target = MOVES[type(event)]
        if isinstance(event, ReleaseEntered) and event.recovers is not None:
            assert self.where[event.recovers] == OVER, "what is taken back is not over"
            sources = (WAITS,)
        assert self.where.get(event.release) in sources, f"{event.release} {type(event).__name__}"
        if isinstance(event, ReleaseClosed):
            withdrawn = event.outcome is ReleaseOutcome.WITHDRAWN
            assert withdrawn == (self.where[event.release] == WAITS)
        self.where[event.release] = target
        if isinstance(event, ReleaseStarted | ReleaseEntered):
            assert event.number > self.number
            self.number = event.number
        assert len(self._in(STARTED, ENTERED)) <= 1

    def _in(self, *places: str) -> set[str]:
        return {release for release, where in self.where.items() if where in places}

    def _recovery(self) -> set[str]:
        """The release that is to take a completed version back, and waits."""
        row = self.desk.rows.get(RowKey(APP, Completed.kind, ""))
        assert row is None or isinstance(row, Completed)
        return {row.recovery} if row is not None and row.recovery is not None else set()

    def _pick(self, index: int) -> str:
        known = list(self.where)
        return known[-1 - index % len(known)] if known else "unknown"

    @rule(n=ARTIFACTS)
    def announce(self, n: int) -> None:
        self._give(announced(n))

    @rule(supersede=st.booleans(), preprod=st.booleans())
    def publish(self, supersede: bool, preprod: bool) -> None:
        stages = [*(PREPROD if preprod else []), *PRODUCTION]
        self._give(published(queue={"supersede": supersede}, stages=stages))

    @rule(pick=PICKS, stage=st.sampled_from(["smoke", "probe", "probe"]))
    def stage_passes(self, pick: int, stage: str) -> None:
        self._give(passed(self._pick(pick), stage))

    @rule(pick=PICKS, outcome=st.sampled_from(WatchOutcome))
    def watch_ends(self, pick: int, outcome: WatchOutcome) -> None:
        self._give(watched(self._pick(pick), outcome))

    @rule(pick=PICKS)
    def settle(self, pick: int) -> None:
        self._give(settled(self._pick(pick)))

    @rule(n=ARTIFACTS, grade=st.sampled_from(Grade))
    def mark(self, n: int, grade: Grade) -> None:
        self._give(marked(n, grade))

    @rule(application=st.sampled_from([APP, None]), hours=st.sampled_from([None, 1, -1]))
    def pause(self, application: str | None, hours: int | None) -> None:
        until = None if hours is None else self.desk.now + timedelta(hours=hours)
        self._ask(asked(PauseAsked, application, until=until))

    @rule(application=st.sampled_from([APP, None]))
    def resume(self, application: str | None) -> None:
        self._ask(asked(Resume, application))

    @rule(pick=PICKS, named=st.booleans(), kind=st.sampled_from([Abort, Rollback]))
    def end(self, pick: int, named: bool, kind: type[Abort | Rollback]) -> None:
        self._ask(asked(kind, release=self._pick(pick) if named else None))

    @rule(n=ARTIFACTS, announced=st.booleans())
    def fix(self, n: int, announced: bool) -> None:
        self._ask(asked(Fix, artifact=purl(n if announced else n + 5)))

    @rule(n=ARTIFACTS, grade=st.sampled_from(["good", "bad"]))
    def mark_by_an_operator(self, n: int, grade: str) -> None:
        self._ask(asked(Mark, digest=digest(n), grade=grade))

    @rule(index=PICKS)
    def time_goes_by(self, index: int) -> None:
        """A timer falls due. What others say in between may come in any order."""
        if timers := sorted(self.desk.timers):
            self._see(self.desk.fire(*timers[index % len(timers)]))

    @invariant()
    def the_rows_say_what_the_events_said(self) -> None:
        lane = self.desk.rows.get(RowKey(APP, Lane.kind, ""), Lane())
        assert isinstance(lane, Lane)
        assert set(lane.under_way) == self._in(STARTED, ENTERED)
        assert ({lane.owner} - {None}) == self._in(ENTERED)
        assert {*lane.waiting, *self._recovery()} == self._in(WAITS)
        assert len(set(lane.waiting)) == len(lane.waiting)
        assert lane.number == self.number
        held = any(isinstance(row, Pause) for row in self.desk.rows.values())
        looks = held or (APP, "look") in self.desk.timers
        assert lane.under_way or not lane.waiting or looks, "a release waits for nothing"

    @invariant()
    def each_living_release_has_its_rows_and_no_other_has(self) -> None:
        releases = {key.id: row for key, row in self.desk.rows.items() if isinstance(row, Release)}
        pending = {row.release: key.id for key, row in self.desk.rows.items() if isinstance(row, Pending)}
        assert set(releases) == set(pending) == self._in(WAITS, STARTED, ENTERED)
        phases = {WAITS: Phase.QUEUED, STARTED: Phase.PREPRODUCTION, ENTERED: Phase.PRODUCTION}
        for release, row in releases.items():
            assert pending[release] == row.artifact.digest
            assert row.phase is phases[self.where[release]]

    @invariant()
    def a_fix_that_waits_is_the_first_and_waits_for_what_is_on_its_way_out_or_for_a_pause(self) -> None:
        lane = self.desk.rows.get(RowKey(APP, Lane.kind, ""), Lane())
        assert isinstance(lane, Lane)
        fixes = [id_ for id_ in lane.waiting if self.desk.row(Release, APP, id_).fix]
        assert fixes == list(lane.waiting[: len(fixes)])
        assert len(fixes) <= 1
        assert not fixes or set(lane.under_way) <= self.ending

    @invariant()
    def what_takes_a_completed_version_back_waits_for_what_is_on_its_way_out(self) -> None:
        lane = self.desk.rows.get(RowKey(APP, Lane.kind, ""), Lane())
        assert isinstance(lane, Lane)
        assert not self._recovery() or (lane.under_way and set(lane.under_way) <= self.ending)

    @invariant()
    def no_row_is_of_an_unknown_kind(self) -> None:
        assert {key.kind for key in self.desk.rows} <= {row.kind for row in KINDS}

    @invariant()
    def nothing_goes_on_without_a_look_that_a_pause_of_all_held(self) -> None:
        releases = [row for row in self.desk.rows.values() if isinstance(row, Release)]
        paused = RowKey(APP, Pause.kind, "") in self.desk.rows
        looks = paused or (APP, "look") in self.desk.timers
        assert looks or not any(row.ready for row in releases)


Intake.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestIntakeInAnyOrder = Intake.TestCase
