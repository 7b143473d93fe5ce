"""As `test_any_order`, with every input that intake's table knows: also checks, fixes that CI announces, recoveries, regions.

Nothing that is announced is lost: each artifact is answered once, or is being checked.
"""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from lockgate.intake.core import TABLE
from lockgate.intake.rows import Unchecked
from lockgate.messages.artifacts import ArtifactPublished, OtherEvent
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.operations import Abort, Answer, Fix, Mark, Pause, Reassign, Resume, Rollback
from lockgate.messages.payload import Payload
from lockgate.messages.plans import PlanPublished
from lockgate.messages.releases import ArtifactRefused, ReleaseEntered, ReleaseQueued
from lockgate.messages.rollbacks import RecoveryRequested, ReleaseSettled, VersionMarked
from lockgate.messages.values import Artifact
from lockgate.messages.verdicts import RollbackVerified, StagePassed, WatchEnded
from tests.core.intake.test_any_order import ARTIFACTS, PICKS, Intake
from tests.support.intake import APP, published, purl, registered
from tests.support.unproven import SIGNED

DRIVEN = frozenset(
    {
        *(ArtifactPublished, OtherEvent, PlanPublished, RegionRegistered),
        *(StagePassed, WatchEnded, RollbackVerified, ReleaseSettled, VersionMarked, RecoveryRequested),
        *(Pause, Resume, Abort, Rollback, Mark, Fix, Reassign),
    }
)
"""Whatever is handed over by a rule, here or in `test_any_order`. Timers fall due and checks report besides."""

REPORTS: dict[bool, dict[str, Any]] = {
    True: {"outcome": "verified", "signer": "release@acme.example"},
    False: {"outcome": "unproven", "code": "other-signer", "reason": "it is signed by nobody that is named"},
}


def test_whatever_the_table_knows_is_driven() -> None:
    assert {*TABLE.shared, *TABLE.events} == DRIVEN
    assert set(TABLE.timers) == {"unpause", "look", "check"}
    assert set(TABLE.work) == {"check"}


class AnyInput(Intake):
    def __init__(self) -> None:
        super().__init__()
        self.announced = self.answered = 0
        self.wanted = False
        """The coordinator asks for a recovery just now."""
        self.artifacts: dict[str, Artifact] = {}

    def _give(self, body: Payload) -> None:
        self.announced += isinstance(body, ArtifactPublished | OtherEvent)
        self.wanted = isinstance(body, RecoveryRequested)
        super()._give(body)
        self.wanted = False

    def _see(self, events: list[Payload]) -> None:
        super()._see(events)
        recoveries = {e.release for e in events if isinstance(e, ReleaseEntered) and e.recovers is not None}
        self.ending |= recoveries
        queued = {e.release: e.artifact for e in events if isinstance(e, ReleaseQueued)}
        self.artifacts |= queued
        asked = self.wanted or any(isinstance(event, Answer) for event in events)
        self.answered += 0 if asked else len(queued)
        self.answered += sum(isinstance(event, ArtifactRefused) for event in events)

    @initialize(demands=st.booleans())
    def begin(self, demands: bool) -> None:
        if demands:
            self._give(published(provenance=SIGNED))

    @rule(supersede=st.booleans())
    def publish_with_demands(self, supersede: bool) -> None:
        self._give(published(provenance=SIGNED, queue={"supersede": supersede}))

    @rule(n=ARTIFACTS, fixed=ARTIFACTS, signed=st.booleans())
    def announce_what_fixes(self, n: int, fixed: int, signed: bool) -> None:
        bundles = ({"some": "bundle"},) if signed else ()
        self._give(ArtifactPublished(purl=f"{purl(n)}&fixes=v{fixed}", bundles=bundles))

    @rule(n=ARTIFACTS)
    def announce_what_is_signed(self, n: int) -> None:
        self._give(ArtifactPublished(purl=purl(n), bundles=({"some": "bundle"},)))

    @rule()
    def announce_nothing(self) -> None:
        self._give(OtherEvent(subject="payments", event_type="dev.cdevents.build.finished.0.3.0"))

    @rule(index=PICKS, shown=st.booleans())
    def a_check_ends(self, index: int, shown: bool) -> None:
        if work := sorted(self.desk.work):
            self._see(self.desk.report(*work[index % len(work)], REPORTS[shown]))

    @rule(pick=PICKS)
    def the_coordinator_wants_it_back(self, pick: int) -> None:
        release = self._pick(pick)
        if artifact := self.artifacts.get(release):
            told = RecoveryRequested(
                application=APP, release=release, artifact=artifact, reason="errors rose"
            )
            self._give(told)

    @rule(pick=PICKS, recovered=st.booleans())
    def it_is_seen_whether_a_rollback_helped(self, pick: int, recovered: bool) -> None:
        told = {"application": APP, "release": self._pick(pick), "reason": "errors stay"}
        self._give(RollbackVerified(recovered=recovered, **told))

    @rule(deployer=st.sampled_from(["one", "two"]))
    def a_deployer_registers(self, deployer: str) -> None:
        self._give(registered("eu-west", deployer))

    @rule(region=st.sampled_from(["eu-west", "moon"]), deployer=st.sampled_from(["one", "two"]))
    def a_region_is_reassigned(self, region: str, deployer: str) -> None:
        self._ask(Reassign(region=region, deployer=deployer, who="ann", why="its cluster was built anew"))

    @invariant()
    def what_was_announced_is_answered_once_or_is_being_checked(self) -> None:
        unchecked = sum(isinstance(row, Unchecked) for row in self.desk.rows.values())
        assert self.announced == self.answered + unchecked


AnyInput.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestIntakeWithAnyInput = AnyInput.TestCase


class Longer(AnyInput):
    """The same for more than 100,000 steps."""


Longer.TestCase.settings = settings(max_examples=2_500, stateful_step_count=50, deadline=None)
TestIntakeWithAnyInputForLong = pytest.mark.ci(pytest.mark.timeout(1800)(Longer.TestCase))
