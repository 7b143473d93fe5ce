"""What must hold of releases: their order, who owns production, how they end. Known from the topics alone."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.deployments import RegionDeployed, RegionProbed
from lockgate.messages.payload import Payload
from lockgate.messages.plan import PilotStage, Stage, WatchStage, WaveStage
from lockgate.messages.releases import (
    ArtifactRefused,
    RegionAccepted,
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseEntered,
    ReleaseQueued,
    ReleaseStarted,
    ReleaseSuperseded,
)
from lockgate.messages.strategies import Canary
from lockgate.messages.values import Place
from lockgate.messages.verdicts import (
    Action,
    Granted,
    RegionFailed,
    StagePassed,
    StageWaiting,
    WaitingFor,
    WatchEnded,
    WatchOutcome,
    WatchStarted,
)
from tests.simulation.artifacts import UNPROVEN, is_worse_watched
from tests.simulation.broken import that
from tests.simulation.scenario import MOST_SKEW

if TYPE_CHECKING:
    from tests.simulation.world import World


def _asks_for_proof(stage: Stage) -> bool:
    """Whether what it does not show to be good is taken back."""
    match stage:
        case PilotStage(after=after):
            return after.on_inconclusive.then == "rollback"
        case WaveStage(strategy=Canary() as canary):
            return canary.verify > 0 and canary.on_inconclusive.then == "rollback"
        case _:
            return False


@dataclass
class Releases:
    world: "World"
    queued: dict[tuple[str, str], str] = field(default_factory=dict)
    """Application and digest -> the release that waits or is under way."""
    known: dict[str, None] = field(default_factory=dict)
    """Every release that was queued."""
    started: dict[str, ReleaseStarted] = field(default_factory=dict)
    entered: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    owner: dict[str, str] = field(default_factory=dict)
    ends: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    passed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Release -> the stages that passed, in order."""
    deployed: dict[tuple[str, str], float] = field(default_factory=dict)
    """Release and stage -> when the last region said that it deployed."""
    refuted: set[str] = field(default_factory=set)
    """Releases whose requests were not answered as the plan expects."""
    failed: set[tuple[str, str]] = field(default_factory=set)
    """Release and stage in which a region has no attempt left."""
    waiting: dict[str, StageWaiting] = field(default_factory=dict)
    """What each release waits for, as was said last."""
    held: dict[tuple[str, str], float] = field(default_factory=dict)
    """Release and stage -> since when it was held for the first time."""
    watched: dict[str, float] = field(default_factory=dict)
    """Release -> until when its watch lasts."""
    watch_passed: set[str] = field(default_factory=set)
    regions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Those of the newest release's plan: a region that was taken out of the plan is the operators' own."""
    completed: dict[str, ReleaseStarted] = field(default_factory=dict)
    """The last one of each application, until it is taken back."""
    recovers: dict[str, ReleaseStarted] = field(default_factory=dict)
    """Release that takes a completed one back -> the latter."""
    places: dict[str, Place] = field(default_factory=dict)

    def checks(self) -> dict[type[Payload], Callable[[Any], None]]:
        return {
            RegionAccepted: self._accepted,
            Granted: self._granted,
            StageWaiting: self._waiting,
            RegionFailed: self._failed,
            ReleaseQueued: self._queued,
            ReleaseStarted: self._started,
            ReleaseEntered: self._entered,
            RegionDeployed: self._deployed,
            RegionProbed: self._probed,
            StagePassed: self._passed,
            WatchStarted: self._watch_started,
            WatchEnded: self._watch_ended,
            ReleaseCompleted: self._completed,
            ReleaseClosed: self._closed,
            ReleaseSuperseded: lambda body: self._ended(body.release, "superseded"),
            ArtifactRefused: lambda body: self._ended(f"{body.event} {body.purl}", "refused"),
        }

    def is_open(self, release: str) -> bool:
        return (release in self.started or release in self.recovers) and not self.ends[release]

    def let_go(self, release: str) -> ReleaseStarted:
        """How it began; of one that takes a completed one back, how that one did."""
        return self.started.get(release) or self.recovers[release]

    def under_way(self, application: str) -> list[str]:
        """What was let go, and has not ended."""
        let_go = {**self.started, **self.recovers}
        return [name for name, by in let_go.items() if by.application == application and not self.ends[name]]

    def _accepted(self, body: RegionAccepted) -> None:
        """A region is served by whoever claimed it first."""
        first = self.places.setdefault(body.place.region, body.place)
        that(first == body.place, f"{body.place} is accepted, but {first} serves the region")

    def _queued(self, body: ReleaseQueued) -> None:
        """No version waits or is under way twice at once."""
        name = (body.application, body.artifact.digest)
        other = self.queued.get(name)
        that(other is None, f"{body.release} is queued, but {other} is the same version")
        self.queued[name] = body.release
        self.known[body.release] = None

    def _started(self, body: ReleaseStarted) -> None:
        """A release starts on a plan of its package."""
        self.started[body.release] = body
        self.regions[body.application] = body.plan.regions
        package = ArtifactPublished(purl=body.artifact.purl).package
        that(
            package == body.plan.artifact,
            f"{body.release} of {package} starts on the plan of {body.plan.artifact}",
        )
        self._rises(body.application, body.number, body.release)

    def _entered(self, body: ReleaseEntered) -> None:
        """Production has one owner at a time, and nobody enters before its pre-production passed."""
        other = self.owner.get(body.application)
        that(other is None, f"{body.release} enters production, which {other} owns")
        self.owner[body.application] = body.release
        self.entered[body.release] = body.number
        self._rises(body.application, body.number, body.release)
        if body.recovers is not None:
            self._recovers(body, body.recovers)
            return
        stages = [stage.name for stage in self.started[body.release].plan.stages if stage.kind == "preprod"]
        passed = self.passed[body.release]
        that(stages == passed, f"{body.release} enters production after {passed}, but has to pass {stages}")
        that(
            body.release not in self.refuted, f"{body.release} enters production, though its requests failed"
        )

    def _recovers(self, body: ReleaseEntered, recovers: str) -> None:
        """What takes a version back after its release was completed is about the one that was completed last, and nothing else is
        under way.
        """
        completed = self.completed.pop(body.application, None)
        that(
            completed is not None and completed.release == recovers,
            f"{body.release} takes {recovers} back, but completed is {completed and completed.release}",
        )
        under_way = self.under_way(body.application)
        that(not under_way, f"{body.release} takes {recovers} back, but {under_way} is under way")
        if completed is not None:
            self.recovers[body.release] = completed
        self.world.checks.counts["recovers"] += 1

    def _rises(self, application: str, number: int, release: str) -> None:
        """The number of an application rises with each release that is let go."""
        before = self.numbers[application]
        that(number > before, f"{release} is let go with the number {number}, after {before}")
        self.numbers[application] = number

    def _granted(self, body: Granted) -> None:
        """Where a plan asks for proof between a canary's steps, no second one is granted of what is not proven."""
        started = self.started[body.release]
        stage = next(stage for stage in started.plan.stages if stage.name == body.stage)
        if not (isinstance(stage, WaveStage) and isinstance(canary := stage.strategy, Canary)):
            return
        kind = self.world.scenario.kind_of(started.artifact.digest)
        if self._has_to_prove(body, stage) and kind in UNPROVEN:
            first = (body.action, body.share) == (Action.CANARY, canary.canary[0])
            that(
                first, f"{body.release} is {kind}, and is granted {body.action} {body.share} in {body.region}"
            )

    def _failed(self, body: RegionFailed) -> None:
        if body.final:
            self.failed.add((body.release, body.stage))

    def is_held_by_a_region(self, release: str) -> bool:
        """Whether what was said last is that it waits for people, in a wave in which a region failed for good, and whose plan asks for
        that.
        """
        said = self.waiting.get(release)
        if said is None or said.waiting_for is not WaitingFor.HELD:
            return False
        if (release, said.stage) not in self.failed:
            return False
        stages = self.started[release].plan.stages
        stage = next(stage for stage in stages if stage.name == said.stage)
        return isinstance(stage, WaveStage) and stage.on_region_failure == "hold"

    def _waiting(self, body: StageWaiting) -> None:
        self.waiting[body.release] = body
        if body.waiting_for is WaitingFor.HELD:
            self.held.setdefault((body.release, body.stage), self.world.checks.said)

    def _has_to_prove(self, body: Granted | StagePassed, stage: Stage) -> bool:
        """Where a plan asks for it, unless an operator has answered for what was held."""
        return _asks_for_proof(stage) and not self._approved(body)

    def _approved(self, body: Granted | StagePassed) -> bool:
        since = self.held.get((body.release, body.stage))
        return since is not None and self.world.checks.operators.approved(body.application, since)

    def _deployed(self, body: RegionDeployed) -> None:
        self.deployed[body.release, body.stage] = self.world.checks.said

    def _probed(self, body: RegionProbed) -> None:
        if not all(result.passed for result in body.results):
            self.refuted.add(body.release)

    def _passed(self, body: StagePassed) -> None:
        """Stages pass in the plan's order, each once, and a wave is left alone for its time before."""
        stages = self.started[body.release].plan.stages
        done = self.passed[body.release]
        expected = stages[len(done)].name if len(done) < len(stages) else None
        that(body.stage == expected, f"{body.release} passes {body.stage} after {done}")
        done.append(body.stage)
        stage = next(stage for stage in stages if stage.name == body.stage)
        if stage.kind == "wave":
            since = self.world.checks.said - self.deployed[body.release, body.stage]
            alone = since >= stage.after.bake - MOST_SKEW
            that(alone, f"{body.release} passes {body.stage} {since:.1f} s after it was deployed")
        kind = self.world.scenario.kind_of(self.started[body.release].artifact.digest)
        if self._has_to_prove(body, stage):
            that(kind not in UNPROVEN, f"{body.release} is {kind}, and passes {body.stage}")
        if isinstance(stage, WaveStage) and stage.after.verify > 0 and not self._approved(body):
            worse = is_worse_watched(kind, stage.after.on_inconclusive.then)
            that(not worse, f"{body.release} is {kind}, and passes the wave {body.stage}")

    def _watch_started(self, body: WatchStarted) -> None:
        self.watched[body.release] = self.world.checks.said + body.duration

    def _watch_ended(self, body: WatchEnded) -> None:
        """A watch passes when its whole time is over, and never after a fail; one that is verified passes nothing that is
        worse than what ran before.
        """
        if body.outcome is not WatchOutcome.PASSED:
            return
        failed = self.world.checks.versions.failed
        that(body.release not in failed, f"the watch of {body.release} passes, but it failed")
        early = self.watched[body.release] - self.world.checks.said
        that(early <= 0.001, f"the watch of {body.release} passes {early:.1f} s too early")
        started = self.started[body.release]
        watch, kind = started.plan.stages[-1], self.world.scenario.kind_of(started.artifact.digest)
        if isinstance(watch, WatchStage) and watch.verify is not None:
            worse = is_worse_watched(kind, watch.verify.on_inconclusive)
            that(not worse, f"{body.release} is {kind}, and passes its watch")
        self.watch_passed.add(body.release)

    def _completed(self, body: ReleaseCompleted) -> None:
        """A release is completed after its watch passed, and then every region of production runs it."""
        that(body.release in self.watch_passed, f"{body.release} is completed, but its watch has not passed")
        self._ended(body.release, "completed")
        self.owner.pop(body.application, None)
        started = self.started[body.release]
        self.completed[body.application] = started
        for region in started.plan.production:
            runs = self.world.clusters[region].look(body.application)
            that(
                runs.digest == body.artifact.digest,
                f"{body.release} is completed, but {region} runs {runs.digest} since {runs.fence}",
            )

    def _closed(self, body: ReleaseClosed) -> None:
        self._ended(body.release, "closed")
        if self.owner.get(body.application) == body.release:
            del self.owner[body.application]

    def _ended(self, subject: str, how: str) -> None:
        """Nothing ends twice."""
        self.ends[subject].append(how)
        that(len(self.ends[subject]) == 1, f"{subject} has the ends {self.ends[subject]}")
        self.queued = {name: release for name, release in self.queued.items() if release != subject}
