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
from lockgate.messages.rollbacks import Grade, VersionMarked
from lockgate.messages.values import EVERY
from lockgate.messages.verdicts import Granted, StagePassed, WatchStarted

FACTS, STEPS = ("releases", "rollbacks"), ("verdicts",)
"""The topics that tell what holds now, and the one that tells how stages went."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A stage that a release went through, as its plan had it then."""

    stage: Stage
    waited: float
    """Seconds after the stage before, until its first grant."""
    took: float


@dataclass(slots=True)
class _Way:
    """Of a release under way: since when it waits for its next stage, and when it began that."""

    stages: dict[str, Stage]
    since: datetime
    begun: dict[str, datetime] = field(default_factory=dict)


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

    def concerns(self, message: Message[Payload]) -> bool:
        """Whether an event tells anything here: evidence of verdicts is large, and of no use."""
        used = message.body.topic not in STEPS or isinstance(
            message.body, Granted | StagePassed | WatchStarted
        )
        return used and message.key in {self.application, EVERY}

    def see(self, message: Message[Payload]) -> None:
        """Takes one event in, whosever it is; they come in the order of their time."""
        if self.concerns(message):
            self._published(message)
            self._queue(message.body)
            self._end(message.body)
            self._versions(message.body)
            self._pause(message.body)
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
                self.releases[release] = Release(artifact=artifact)
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
            case ApplicationPaused(who=who, reason=why):
                self.pauses[self.application] = Pause(who=who, why=why)
            case AllPaused(who=who, reason=why):
                self.pauses[EVERY] = Pause(who=who, why=why)
            case ApplicationResumed():
                self.pauses.pop(self.application, None)
            case AllResumed():
                self.pauses.pop(EVERY, None)
            case _:
                pass

    def _stages(self, body: Payload, at: datetime) -> None:
        if isinstance(body, ReleaseStarted):
            self._ways[body.release] = _Way({stage.name: stage for stage in body.plan.stages}, at)
            return
        way = self._ways.get(body.chain or "")
        if way is None:
            return
        match body:
            case ReleaseEntered():
                way.since = at
            case Granted(stage=name) | WatchStarted(stage=name):
                way.begun.setdefault(name, at)
            case StagePassed(stage=name) if name in way.begun:
                begun = way.begun[name]
                waited, took = (begun - way.since).total_seconds(), (at - begun).total_seconds()
                self.passed.append(Passed(way.stages[name], waited, took))
                way.since = at
            case _:
                pass
