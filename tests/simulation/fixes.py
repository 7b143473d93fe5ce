"""Fixes that operators send at random, and what must hold of them. Drawn apart, so that the rest of a seed is as without."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.operations import Fix
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    OperationAnswered,
    ReleaseClosed,
    ReleaseCompleted,
    ReleasePreempted,
    ReleaseStarted,
    ReleaseSuperseded,
)
from lockgate.messages.rollbacks import ReleaseSettled
from tests.simulation.artifacts import Kind
from tests.simulation.blamed import is_way_back
from tests.simulation.broken import that
from tests.simulation.operators import Asked
from tests.simulation.scenario import CHAOS, Announcement, Scenario, digest_of

if TYPE_CHECKING:
    from tests.simulation.world import World

SHARE: Final = 1 / 3
"""Of the seeds, in which a fix is sent."""
_KINDS: Final = {Kind.GOOD: 12, Kind.BAD_LATE: 2, Kind.BAD_PILOT: 2, Kind.NEVER_READY: 1, Kind.BAD_PREPROD: 1}


def drawn(seed: int, scenario: Scenario) -> tuple[Asked, ...]:
    random = Random(f"fixes {seed}")
    if random.random() >= SHARE:
        return ()
    return tuple(_one(random, scenario, n) for n in range(random.randint(1, 3)))


def _one(random: Random, scenario: Scenario, n: int) -> Asked:
    application = random.choice(scenario.applications)
    at = random.uniform(600, CHAOS)
    return Asked(at, Fix, application, artifact=_artifact(random, scenario, application, n))


def _artifact(random: Random, scenario: Scenario, application: str, n: int) -> str:
    """Mostly one that nobody has announced; or one that was, or will be; seldom none that could be."""
    chance = random.random()
    if chance < 0.03:
        return f"pkg:oci/{application}@latest"
    if chance < 0.3:
        announced = [said for said in scenario.announcements if said.application == application]
        return random.choice(announced).purl
    return fresh(random, scenario, application, str(n))


def said(seed: int, scenario: Scenario) -> Scenario:
    """The scenario, in which CI may say of an artifact what it fixes, and plans let fixes skip stages."""
    random = Random(f"fixed {seed}")
    if random.random() >= SHARE:
        return scenario
    announcements = tuple(_fixing(random, each) for each in scenario.announcements)
    plans = tuple((at, _shorter(random, plan)) for at, plan in scenario.plans)
    return replace(scenario, announcements=announcements, plans=plans)


def _shorter(random: Random, plan: dict[str, Any]) -> dict[str, Any]:
    """Half of the gates are none for a fix."""
    gates = {stage["name"] for stage in plan["stages"] if stage["kind"] in {"preprod", "pilot"}}
    skipped = {name for name in sorted(gates) if random.random() < 0.5}
    stages = [{**each, "fixes": "skip"} if each["name"] in skipped else each for each in plan["stages"]]
    return {**plan, "stages": stages}


def _fixing(random: Random, said: Announcement) -> Announcement:
    return replace(said, purl=f"{said.purl}&fixes=v{random.randint(0, 4)}") if random.random() < 0.5 else said


def fresh(random: Random, scenario: Scenario, application: str, name: str) -> str:
    """An artifact that is built to mend what is wrong; it may be no better."""
    digest = digest_of(f"{application} fix {name}")
    scenario.kinds.setdefault(digest, random.choices(list(_KINDS), list(_KINDS.values()))[0])
    return digest if random.random() < 0.5 else f"pkg:oci/{application}@{digest.replace(':', '%3A')}?tag=fix"


@dataclass
class Fixes:
    world: "World"
    waiting: dict[str, str] = field(default_factory=dict)
    """Application -> the fix that waits."""
    settled: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    """Releases that operators wanted first."""

    def checks(self) -> dict[type[Payload], Callable[[Any], None]]:
        return {
            OperationAnswered: self._answered,
            ReleasePreempted: self._preempted,
            ReleaseSettled: lambda body: self.settled.add(body.release),
            ReleaseStarted: self._started,
            ReleaseCompleted: self._completed,
            ReleaseClosed: self._closed,
            ReleaseSuperseded: self._superseded,
        }

    def _answered(self, body: OperationAnswered) -> None:
        """A fix starts at once, or waits for a release that is on its way out and for nothing else."""
        if body.operation != "fix" or body.code is not None:
            return
        asked = self.world.operations[int(body.event.removeprefix("operation-"))]
        digest = meant_by(asked)
        releases, application = self.world.checks.releases, str(body.application)
        release = releases.queued.get((application, digest))
        that(release, f"the fix {asked.artifact} is done, but is no release")
        self.sent.add(str(release))
        if release is None or release in releases.started:
            return
        self.waiting[application] = release
        before = releases.under_way(application)
        that(before, f"{release} is a fix, and waits for nothing")
        for each in before:
            out = self.world.checks.operators.ended(each) or each in releases.recovers
            that(out, f"{release} is a fix, and waits for {each}, which goes on")

    def _preempted(self, body: ReleasePreempted) -> None:
        """What is pre-empted is under way, and what takes its place waits."""
        releases = self.world.checks.releases
        that(releases.is_open(body.release), f"{body.release} is pre-empted, but is not under way")
        waits = body.by in releases.queued.values() and body.by not in releases.started
        that(waits, f"{body.release} gives way to {body.by}, which does not wait")
        if not is_way_back(body):
            self.waiting[body.application] = body.by

    def _started(self, body: ReleaseStarted) -> None:
        """Nothing starts before a fix that waits, and that not before what it pre-empted is settled."""
        fix = self.waiting.pop(body.application, body.release)
        that(fix == body.release, f"{body.release} starts, though the fix {fix} waits")
        for release in self.world.checks.operators.preempted:
            about = self.world.checks.releases.started[release].application
            over = about != body.application or release in self.settled
            that(over, f"{body.release} starts, but {release} was pre-empted and is not settled")

    def _completed(self, body: ReleaseCompleted) -> None:
        """What was pre-empted is not completed any more."""
        gone = body.release in self.world.checks.operators.preempted
        that(not gone, f"{body.release} was pre-empted, and is completed")

    def _closed(self, body: ReleaseClosed) -> None:
        if self.waiting.get(body.application) == body.release:
            del self.waiting[body.application]

    def _superseded(self, body: ReleaseSuperseded) -> None:
        """A fix that waits gives way to another fix only."""
        if self.waiting.get(body.application) != body.release:
            return
        del self.waiting[body.application]
        sent = {meant_by(asked) for asked in self.world.operations if asked.kind is Fix}
        sent |= {ArtifactPublished(purl=p).version for p in self._announced() if "fixes=" in p}
        queued = self.world.checks.releases.queued.items()
        newer = {digest for (_, digest), release in queued if release == body.by}
        that(newer & sent, f"{body.release} is a fix, and gives way to {body.by}, which is none")

    def _announced(self) -> list[str]:
        return [each.purl for each in self.world.scenario.announcements]


def meant_by(asked: Asked) -> str:
    """The digest that a fix names."""
    return ArtifactPublished(purl=asked.artifact).version or asked.artifact
