"""What the topics say of one application: its plan, what runs and what waits, and how long past releases took. A fold, pure."""

from dataclasses import dataclass, field
from datetime import datetime

from lockgate.intake.core.versions import KNOWN_BAD
from lockgate.intake.rows import BadVersion, Ending, Lane, NewestPlan, Pause, Release
from lockgate.messages.message import Message
from lockgate.messages.operations import Answer
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Stage
from lockgate.messages.releases import (
    AbortRequested,
    AllPaused,
    AllResumed,
    ApplicationPaused,
    ApplicationResumed,
    MarkRequested,
    PlanAccepted,
    RegionAccepted,
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleasePreempted,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
    RollbackRequested,
)
from lockgate.messages.rollbacks import (
    FlagsOrdered,
    Grade,
    ReleaseHeld,
    ReleaseResumed,
    RollbackOrdered,
    VersionMarked,
)
from lockgate.messages.values import EVERY
from lockgate.messages.verdicts import Granted, StagePassed, StageWaiting, WaitingFor, WatchStarted

FACTS, STEPS = ("releases", "rollbacks"), ("verdicts",)
"""The topics that tell what holds now, and the one that tells how stages went."""
_USED = (Granted, StagePassed, StageWaiting, WatchStarted)


@dataclass(frozen=True, slots=True)
class Passed:
    """A stage that a release went through, as its plan had it then."""

    stage: Stage
    approving: float
    """Seconds that it waited for an operator's approval: windows and pauses are not in it."""
    took: float


@dataclass(slots=True)
class _Way:
    """Of a release under way: when it began its stages, and what it waited for the approval of the next one."""

    stages: dict[str, Stage]
    begun: dict[str, datetime] = field(default_factory=dict)
    asked: datetime | None = None
    """Since when it waits for it, if it does."""
    approving: float = 0.0

    def asks(self, at: datetime, *, approval: bool) -> None:
        """It waits for this from now on, and no more for what it waited for before."""
        if self.asked is not None:
            self.approving += (at - self.asked).total_seconds()
        self.asked = at if approval else None

    def passed(self, name: str, at: datetime) -> Passed:
        approving, self.approving = self.approving, 0.0
        return Passed(self.stages[name], approving, (at - self.begun[name]).total_seconds())


@dataclass(slots=True)
class History:
    """Rows as intake has them, as far as events tell; and the stages that were passed, oldest first."""

    application: str
    newest: NewestPlan | None = None
    accepted: str = ""
    """When, as its event says."""
    lane: Lane = field(default_factory=Lane)
    releases: dict[str, Release] = field(default_factory=dict)
    pauses: dict[str, Pause] = field(default_factory=dict)
    """Under the application, and under `*`."""
    bad: dict[str, BadVersion] = field(default_factory=dict)
    passed: list[Passed] = field(default_factory=list)
    regions: set[str] = field(default_factory=set)
    """That a deployer serves."""
    _ways: dict[str, _Way] = field(default_factory=dict)
    _held: dict[tuple[str, str], str] = field(default_factory=dict)
    """By release and topic: the coordinator holds what failed, the verifier what it cannot judge."""

    def concerns(self, message: Message[Payload]) -> bool:
        """Whether an event tells anything here: evidence of verdicts is large, and of no use."""
        used = message.body.topic not in STEPS or isinstance(message.body, _USED)
        return used and message.key in {self.application, EVERY}

    def see(self, message: Message[Payload]) -> None:
        """Takes one event in, whosever it is; they come in the order of their time."""
        if self.concerns(message):
            self._published(message)
            self._queue(message.body)
            self._end(message.body)
            self._versions(message.body)
            self._pause(message.body)
            self._hold(message.body)
            self._stages(message.body, datetime.fromisoformat(message.at))

    def _published(self, message: Message[Payload]) -> None:
        body = message.body
        if isinstance(body, PlanAccepted):
            if self.newest is None or self.newest.version != body.version:
                self.accepted = message.at
            self.newest = NewestPlan(version=body.version, plan=body.plan)
        if isinstance(body, RegionAccepted):
            self.regions.add(body.place.region)

    def _queue(self, body: Payload) -> None:
        match body:
            case ReleaseQueued(release=release, artifact=artifact):
                # A bad version is queued only to be taken back: no newer one takes the place of that.
                first = artifact.digest in self.bad
                self.releases[release] = Release(artifact=artifact, fix=first)
                self._move(release, waiting=(*self.lane.waiting, release))
            case (
                ReleaseStarted(release=release, artifact=artifact)
                | ReleaseEntered(release=release, artifact=artifact)
            ):
                self.releases.setdefault(
                    release, Release(artifact=artifact)
                )  # it may have waited for longer than topics are kept
                if isinstance(body, ReleaseEntered) and body.recovers is not None:
                    self._marked(release, ending=Ending.ROLLBACK)
                waiting = tuple(id_ for id_ in self.lane.waiting if id_ != release)
                self._move(release, waiting=waiting, under_way=(release,))
            case ReleasePreempted(release=release, by=fix):
                self._marked(fix, fix=True)
                self._marked(release, ending=Ending.PREEMPTION)
            case AbortRequested(release=release):
                self._marked(release, ending=Ending.ABORT)
            case RollbackRequested(release=release):
                self._marked(release, ending=Ending.ROLLBACK)
            case Answer(operation="fix", code=None):  # nothing but the fix waits after it
                for release in self.lane.waiting:
                    self._marked(release, fix=True)
            case _:
                pass

    def _end(self, body: Payload) -> None:
        if not isinstance(body, ReleaseSuperseded | ReleaseCompleted | ReleaseClosed):
            return
        self.releases.pop(body.release, None)
        self._ways.pop(body.release, None)
        for topic in (*FACTS, *STEPS):
            self._held.pop((body.release, topic), None)
        left = {
            name: tuple(id_ for id_ in ids if id_ != body.release)
            for name, ids in (("waiting", self.lane.waiting), ("under_way", self.lane.under_way))
        }
        self.lane = self.lane.model_copy(update=left)

    def _move(self, release: str, **lane: tuple[str, ...]) -> None:
        """Of a release that was queued before all that is read, nothing is known."""
        if release in self.releases:
            self.lane = self.lane.model_copy(update=lane)

    def _marked(self, release: str, **fields: object) -> None:
        if release in self.releases:
            self.releases[release] = self.releases[release].model_copy(update=fields)

    def _versions(self, body: Payload) -> None:
        match body:
            case MarkRequested(bad=True) | VersionMarked(grade=Grade.BAD):
                self.bad.pop(body.digest, None)
                self.bad[body.digest] = BadVersion(reason=body.reason)
                if len(self.bad) > KNOWN_BAD:
                    del self.bad[next(iter(self.bad))]
            case MarkRequested() | VersionMarked(grade=Grade.GOOD):
                self.bad.pop(body.digest, None)
            case _:
                pass

    def _pause(self, body: Payload) -> None:
        match body:
            case ApplicationPaused():
                self.pauses[self.application] = _row(body)
            case AllPaused():
                self.pauses[EVERY] = _row(body)
            case ApplicationResumed():
                self.pauses.pop(self.application, None)
            case AllResumed():
                self.pauses.pop(EVERY, None)
            case _:
                pass

    def _hold(self, body: Payload) -> None:
        match body:
            case ReleaseHeld() | StageWaiting(waiting_for=WaitingFor.HELD):
                self._held[body.release, body.topic] = body.reason
            case (
                ReleaseResumed()
                | RollbackOrdered()
                | FlagsOrdered()
                | Granted()
                | StageWaiting()
                | StagePassed()
            ):
                self._held.pop((body.release, body.topic), None)
            case _:
                pass

    def held(self, release: str) -> str | None:
        """Why it stays as it is, if it does."""
        return next((why for topic in (*FACTS, *STEPS) if (why := self._held.get((release, topic)))), None)

    def _stages(self, body: Payload, at: datetime) -> None:
        if isinstance(body, ReleaseStarted):
            self._ways[body.release] = _Way({stage.name: stage for stage in body.plan.stages})
            return
        way = self._ways.get(body.chain or "")
        if way is None:
            return
        match body:
            case StageWaiting(waiting_for=what):
                way.asks(at, approval=what is WaitingFor.APPROVAL)
            case Granted(stage=name) | WatchStarted(stage=name):
                way.asks(at, approval=False)
                way.begun.setdefault(name, at)
            case StagePassed(stage=name) if name in way.begun:
                self.passed.append(way.passed(name, at))
            case _:
                pass


def _row(body: ApplicationPaused | AllPaused) -> Pause:
    until = None if body.until is None else datetime.fromisoformat(body.until)
    return Pause(who=body.who, why=body.reason, until=until)
