"""What must hold of versions: which are good or bad, who is blamed for what, and which region owes an answer."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.deployments import DeploymentStarted, FlagsSwitched, RegionDeployed
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.releases import ReleaseStarted
from lockgate.messages.rollbacks import (
    DebtCleared,
    FlagsOrdered,
    Grade,
    RegionAnswer,
    ReleaseHeld,
    ReleaseResumed,
    ReleaseSettled,
    RollbackOrdered,
    VersionMarked,
)
from lockgate.messages.verdicts import Outcome, VerdictReached, WatchEnded, WatchOutcome
from tests.simulation.broken import Spot, that
from tests.simulation.node import Made
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass
class Versions:
    world: "World"
    bad: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    heard_bad: set[tuple[str, str]] = field(default_factory=set)
    """Application and version that intake has heard to be bad."""
    owed: dict[Spot, str] = field(default_factory=dict)
    paid: dict[Spot, float] = field(default_factory=dict)
    """When a debt was cleared last."""
    failed: dict[str, str] = field(default_factory=dict)
    """Release -> its version, once a verdict failed it."""
    ever: dict[str, str] = field(default_factory=dict)
    """The same, also after it was let go on."""
    switched: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Release -> regions that said that its flags are off."""
    turns: dict[str, int] = field(default_factory=dict)
    """Release -> the turn under which it was let go on."""
    held: set[str] = field(default_factory=set)
    """Releases about which people are asked."""
    forward: dict[Spot, list[str]] = field(default_factory=dict)
    """The version in a region that goes forward only, and those that were deployed upon it."""
    kept: set[tuple[str, str]] = field(default_factory=set)
    """Release and region that was ordered to stay with its version."""
    upon: set[str] = field(default_factory=set)
    """Applications whose releases come upon one that goes forward only and gave way to a fix."""
    begun: set[tuple[str, str]] = field(default_factory=set)
    """Release and region in which a step was begun."""

    def checks(self) -> dict[type[Payload], Callable[[Any], None]]:
        return {
            DeploymentStarted: lambda body: self.begun.add((body.release, body.region)),
            RegionDeployed: self._deployed,
            WatchEnded: self._watched,
            VerdictReached: self._judged,
            ReleaseHeld: lambda body: self.held.add(body.release),
            FlagsOrdered: self._flags_ordered,
            FlagsSwitched: lambda body: self.switched[body.release].add(body.region),
            ReleaseResumed: self._resumed,
            RollbackOrdered: self._ordered,
            VersionMarked: self._marked,
            ReleaseSettled: self._settled,
            DebtCleared: self._cleared,
        }

    def heard(self, process: Process, message: Message[Payload]) -> None:
        body = message.body
        if process.name == "intake" and isinstance(body, VersionMarked):
            version = {(body.application, body.digest)}
            self.heard_bad = self.heard_bad | version if body.grade is Grade.BAD else self.heard_bad - version

    def decided(self, process: Process, made: Made) -> None:
        """Intake starts no version that it has heard to be bad. One that was blamed since is judged once more."""
        for message in made.decision.messages:
            if process.name == "intake" and isinstance(body := message.body, ReleaseStarted):
                version = (body.application, body.artifact.digest)
                bad = version in self.heard_bad and version[1] in self.bad[body.application]
                that(not bad, f"{body.release} starts with a bad version")

    def _judged(self, body: VerdictReached) -> None:
        """A release fails once, unless it was let go on, and never for an incident of another version or of a region that it has not reached."""
        if body.outcome is not Outcome.FAIL:
            return
        releases = self.world.checks.releases
        started = releases.started[body.release]
        that(body.release not in self.failed, f"{body.release} fails twice without going on between")
        ended = self.world.checks.operators.ended(body.release)  # then a verdict may come late
        completed = releases.completed.get(body.application)
        back = releases.recovers.values()  # the verifier may not have read yet that it was taken back
        # Monitoring complains of what was completed later.
        left = body.release in {each.release for each in (completed, *back) if each is not None}
        that(ended or left or releases.is_open(body.release), f"{body.release} fails, but it is over")
        self.failed[body.release] = self.ever[body.release] = started.artifact.digest
        if body.evidence.get("incident") is None:
            return
        for region in body.guilty:
            that(
                (body.release, region) in self.begun, f"{body.release} is blamed in {region}, where it is not"
            )
        if purl := body.evidence["artifactId"]:
            blamed, own = ArtifactPublished(purl=purl).version, started.artifact.digest
            that(blamed == own, f"{body.release} of {own} is blamed for {blamed}")

    def _flags_ordered(self, body: FlagsOrdered) -> None:
        """Flags are switched off once a release, and only those that its plan declares."""
        declared = tuple(self.world.checks.releases.started[body.release].plan.remediation.flags)
        that(body.flags == declared, f"{body.region} is to switch {body.flags} off, declared are {declared}")
        that(body.fence.turn == 2, f"{body.region} is to switch flags off a second time, by {body.fence}")

    def _resumed(self, body: ReleaseResumed) -> None:
        """A release goes on only after a fail, and once its flags are off in every region of production."""
        started = self.world.checks.releases.started[body.release]
        off = self.switched[body.release]
        that(body.release in self.failed, f"{body.release} goes on, but it has not failed")
        that(set(started.plan.production) == off, f"{body.release} goes on with its flags off in {off} only")
        for region in started.plan.production:
            on = self.world.clusters[region].flag(body.application).on
            that(not on, f"{body.release} goes on, but its flag is on in {region}")
        self.turns[body.release] = body.turn
        del self.failed[body.release]

    def _deployed(self, body: RegionDeployed) -> None:
        spot, digest = (body.application, body.region), body.artifact.digest
        if body.region not in self.world.checks.releases.started[body.release].plan.production:
            return
        if body.artifact.forward_only:
            self.forward[spot] = [digest]
        elif spot in self.forward:
            self.forward[spot].append(digest)

    def _watched(self, body: WatchEnded) -> None:
        if body.outcome is WatchOutcome.PASSED:
            self.upon.discard(body.application)

    def _ordered(self, body: RollbackOrdered) -> None:
        """No region is ordered to a version that is known bad, and without an operator's word to none that ran before one
        that goes forward only.
        """
        bad, spot = self.bad[body.application], (body.application, body.region)
        that(body.digest not in bad, f"{body.region} is ordered back to the bad {body.digest}")
        operators = self.world.checks.operators
        if body.release in operators.aborted or body.release in operators.rolled_back:
            self.forward.pop(spot, None)
        elif body.release not in operators.preempted:
            started = self.world.checks.releases.let_go(body.release)
            held = body.application in self.upon and body.region in started.plan.production
            that(not held, f"{body.release} is taken back, but came upon one that goes forward only")
        reach = self.forward.get(spot)
        if body.digest == body.bad:
            self.kept.add((body.release, body.region))
            that(not body.restore, f"{body.region} keeps {body.bad}, and its flags are put back on")
            if reach is not None:
                reach.append(body.bad)
        # A coordinator that reads late orders again what a newer release has paid: no deployer obeys it.
        obeyed = body.fence.order >= self.world.clusters[body.region].look(body.application).fence.order
        that(
            reach is None or body.digest is None or body.digest in reach or not obeyed,
            f"{body.region} is ordered to {body.digest}, from before one that goes forward only",
        )

    def _marked(self, body: VersionMarked) -> None:
        """A version is bad when a release of it failed or was rolled back, and good when the watch of one passed."""
        bad = self.bad[body.application]
        match body.grade:
            case Grade.BAD:
                operators = self.world.checks.operators
                blamed = {*self.ever.values(), *operators.rolled_back.values(), *operators.marked}
                that(body.digest in blamed, f"{body.digest} is marked bad, but never failed")
                bad[body.digest] = None
            case Grade.GOOD:
                releases = self.world.checks.releases
                watched = {releases.started[name].artifact.digest for name in releases.watch_passed}
                that(body.digest in watched, f"{body.digest} is marked good, but passed no watch")
                bad.pop(body.digest, None)
            case Grade.ADOPTED:
                pass

    def _settled(self, body: ReleaseSettled) -> None:
        """What was taken back from production is bad, unless an operator ended it, with its flags as before; who may still
        run it is named.
        """
        digest, operators = body.artifact.digest, self.world.checks.operators
        entered = body.release in self.world.checks.releases.entered
        entered = entered and body.release not in operators.aborted | operators.preempted
        that(not entered or digest in self.bad[body.application], f"{digest} is settled, but not marked bad")
        number = self.world.checks.releases.entered.get(body.release)
        passed = body.release in self.world.checks.releases.watch_passed
        if body.artifact.forward_only and body.release in operators.preempted and number and not passed:
            self.upon.add(body.application)
        for region, answer in body.answers.items():
            back = answer in {RegionAnswer.ROLLED_BACK, RegionAnswer.UNTOUCHED}
            off = self.world.clusters[region].flag(body.application).by
            back = back and (body.release, region) not in self.kept
            that(not back or off is None or off != number, f"{region} is back, but its flag is off still")
            self.owed.pop((body.application, region), None)
        for region in body.debts:
            self.owed[body.application, region] = digest

    def _cleared(self, body: DebtCleared) -> None:
        """Only a debt that was named is cleared."""
        gone = self.owed.pop((body.application, body.region), None)
        self.paid[body.application, body.region] = self.world.now
        that(gone, f"a debt of {body.region} is cleared, which nobody named")
