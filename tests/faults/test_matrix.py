"""kill -9 of each service at each named point that it can come to, while a release is under way: it ends right.

The rows are services; the points of a row come one after another, in one release. What is left is audited from the
topics, the clusters and the ledger. `.ci/run` runs all of it; otherwise a sample of four cells runs.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from lockgate.deployer.service import service as deployer
from lockgate.deployer.settings import DeployerSettings
from lockgate.intake.service import service as intake
from lockgate.intake.settings import Settings as IntakeSettings
from lockgate.messages.deployments import RegionRolledBack
from lockgate.messages.payload import Payload
from lockgate.messages.releases import (
    ApplicationResumed,
    ArtifactVerified,
    ReleaseClosed,
    ReleaseCompleted,
    ReleaseOutcome,
)
from lockgate.messages.rollbacks import DebtCleared, ReleaseSettled, RollbackOrdered, VersionMarked
from lockgate.messages.verdicts import WatchStarted
from lockgate.rollback.service import service as rollback
from lockgate.rollback.settings import Settings as RollbackSettings
from lockgate.runtime.faults import Point
from lockgate.runtime.service import Service, no_work
from lockgate.verifier.service import service as verifier
from lockgate.verifier.settings import Settings as VerifierSettings
from tests.support.audit import Expected, audit
from tests.support.cells import NEVER, NTH, TIMERS, WORK, reached
from tests.support.crashes import NOTHING_MORE, PATIENCE, Crashes
from tests.support.plans import PILOTED, REST, pilot, preprod, watch, wave
from tests.support.signing import by_key, new_key, pem, statement
from tests.support.story import Story
from tests.support.whole import Whole

P = TypeVar("P", bound=Payload)

SHORT = {"LOCKGATE_ROLLBACK_DEADLINE": "3s", "LOCKGATE_ROLLBACK_GRACE": "1s"}
"""A coordinator that soon gives a region up, so that its timer fires."""


def declared(service: Service) -> set[Point]:
    """The points that a declaration makes impossible."""
    never = set()
    if service.at_start is None:
        never.add(Point.START_TOLD)
    if service.open_work is no_work:
        never |= set(WORK)
    if not getattr(service.core, "timers", None):
        never |= set(TIMERS)
    return never


def test_the_cells_that_are_left_out_are_those_that_the_declarations_make_impossible() -> None:
    services = {
        "intake": intake(IntakeSettings()),
        "verifier": verifier(VerifierSettings.model_construct()),
        "rollback": rollback(RollbackSettings()),
        "deployer-eu": deployer(DeployerSettings.model_construct(name="deployer-eu", regions=())),
    }
    assert {name: declared(service) for name, service in services.items()} == {
        name: set(NEVER[name]) for name in services
    }


PATIENT = {"budget": "120s"}
"""A region may take as long as its deployer's kills do."""


SLOW = 8.0
"""Seconds that a pod takes to start: on a busy machine, too, every region is registered before one is done."""


class Row:
    """One row: its release, its kills, and what is left of it."""

    def __init__(self, whole: Whole, story: Story, log: Path) -> None:
        self.whole, self.story = whole, story
        self.crashes = Crashes(whole, log)
        self._restarted = 0.0

    async def kills(
        self,
        service: str,
        points: Sequence[Point],
        meanwhile: Callable[[], Awaitable[object]],
        settings: Mapping[str, str] = NOTHING_MORE,
    ) -> None:
        """The service ends at each of the points, in this order; at last it is started as it was.

        `meanwhile` is what happens while it is dead for the first time, so that it finds all of it later. Whenever
        it is started to end somewhere, the release is still under way.
        """
        for point in points:
            assert self.ends() == [] or service == "ledger", f"the release ended before {point} was armed"
            nth = NTH.get((service, point), 1)
            await self.crashes.arm(service, point, nth=nth, environment=settings)
            await self.crashes.dies(service, point)
            if point is points[0]:
                await meanwhile()
            await self.story.telling.catch_up()
        await self.goes_on(service)

    async def goes_on(self, service: str) -> None:
        self._restarted = await self.crashes.runs(service)

    def ends(self) -> list[ReleaseCompleted | ReleaseClosed]:
        return [*self.story.heard(ReleaseCompleted), *self.story.heard(ReleaseClosed)]

    def said(self, kind: type[P]) -> list[P]:
        """What was said, each once: what was sent and not marked is sent again."""
        told = {each.message.id: each.body for each in self.story.telling.of(self.story.application)}
        return [body for body in told.values() if isinstance(body, kind)]

    @property
    def left(self) -> float:
        """Seconds that are left for settling."""
        return PATIENCE - (time.monotonic() - self._restarted)

    async def completes(self, release: str) -> None:
        await self.story.completes(release, within=self.left)
        await self.is_sound(changes=1, runs="v2")

    async def is_sound(self, *, changes: int, runs: str) -> None:
        assert await audit(self.whole, Expected(self.story, changes, runs)) == []


@pytest.fixture
async def row(whole: Whole, tmp_path: Path) -> AsyncIterator[Row]:
    made = Row(whole, whole.story("killed-at"), tmp_path / "faults")
    yield made
    await made.crashes.disarm()


@pytest.mark.timeout(400)
async def test_a_sample_of_the_matrix(row: Row) -> None:
    story, crashes = row.story, row.crashes
    cells = {
        "intake": Point.SENT,
        "verifier": Point.AFTER_COMMIT,
        "deployer-eu": Point.WORK_DONE,
        "ledger": Point.BEFORE_COMMIT,
    }
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}, **PATIENT), watch())
    for service, point in cells.items():
        await crashes.arm(service, point, nth=NTH.get((service, point), 1))
    await story.says_published("v2")
    for service, point in cells.items():
        await crashes.dies(service, point)
        assert row.ends() == [], f"{service} ended at {point} after the release"
        await row.goes_on(service)
    await row.completes(await story.hears_queued("v2"))


@pytest.mark.ci
@pytest.mark.timeout(400)
async def test_intake_at_each_point(row: Row) -> None:
    story = row.story
    await story.begins(preprod(**PATIENT), wave("rest", "us-east", **PATIENT), watch("5s"))
    points = [point for point in reached("intake") if point not in {*TIMERS, *WORK}]
    await row.kills("intake", points, lambda: story.says_published("v2"))
    await row.completes(await story.hears_queued("v2"))


@pytest.mark.ci
@pytest.mark.timeout(400)
async def test_intake_at_the_points_of_a_timer(row: Row) -> None:
    story = row.story
    await story.begins(preprod(**PATIENT), wave("rest", "us-east", **PATIENT), watch())
    await story.pauses(5.0)
    await row.kills("intake", TIMERS, lambda: story.says_published("v2"))
    await row.completes(await story.hears_queued("v2"))
    assert len(row.said(ApplicationResumed)) == 1


@pytest.mark.ci
@pytest.mark.timeout(400)
async def test_intake_at_the_points_of_a_check(row: Row) -> None:
    story, key = row.story, new_key()
    demands = {"signers": [{"key": pem(key)}]}
    await story.begins(wave("rest", "us-east", **PATIENT), watch("5s"), provenance=demands)
    bundle = by_key(key, statement(story.digest("v2")))
    points = (Point.ASSIGNED, *WORK)
    await row.kills("intake", points, lambda: story.says_published("v2", bundles=[bundle]))
    await row.completes(await story.hears_queued("v2"))
    assert len(row.said(ArtifactVerified)) == 1


@pytest.mark.ci
@pytest.mark.timeout(400)
async def test_the_verifier_at_each_point(row: Row) -> None:
    story = row.story
    await story.begins(pilot(**PATIENT), wave("first", PILOTED, **PATIENT), watch())
    await row.kills("verifier", reached("verifier"), lambda: story.says_published("v2"))
    await row.completes(await story.hears_queued("v2"))


@pytest.mark.ci
@pytest.mark.timeout(400)
async def test_a_deployer_at_each_point(row: Row) -> None:
    story = row.story
    story.image("v2", start_seconds=SLOW)
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}, **PATIENT), watch())
    await row.kills("deployer-eu", reached("deployer-eu"), lambda: story.says_published("v2"))
    await row.completes(await story.hears_queued("v2"))


@pytest.mark.ci
@pytest.mark.timeout(400)
async def test_the_ledger_at_each_point(row: Row) -> None:
    story = row.story
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}), watch())
    await row.kills("ledger", reached("ledger"), lambda: story.says_published("v2"))
    await row.completes(await story.hears_queued("v2"))


@pytest.mark.ci
@pytest.mark.timeout(400)
async def test_the_coordinator_at_each_point(row: Row) -> None:
    story, whole = row.story, row.whole
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}, budget="10s"), watch("120s"))
    release = await story.announces("v2")
    await story.hears(WatchStarted)

    async def fails_where_a_deployer_is_away() -> None:
        await whole.kill("deployer-world")
        await story.alarms("too slow", "us-east")

    await row.kills("rollback", reached("rollback"), fails_where_a_deployer_is_away, SHORT)
    closed = await story.is_taken_back(release, within=row.left)
    assert closed.outcome is ReleaseOutcome.ROLLED_BACK_WITH_DEBTS
    assert [settled.debts for settled in row.said(ReleaseSettled)] == [("us-east",)]
    await row.goes_on("deployer-world")
    await story.hears(DebtCleared, region="us-east", within=row.left)
    assert len(row.said(VersionMarked)) == 1
    await row.is_sound(changes=2, runs="v1")


@pytest.mark.ci
@pytest.mark.timeout(400)
async def test_a_deployer_at_the_points_of_an_order(row: Row) -> None:
    story = row.story
    story.image("v1", start_seconds=SLOW)
    await story.begins(wave("rest", *REST, **{"max-parallel": 2}, **PATIENT), watch("120s"))
    release = await story.announces("v2")
    await story.hears(WatchStarted)
    points = (Point.ASSIGNED, Point.DECIDED, Point.BEFORE_COMMIT, Point.AFTER_COMMIT, Point.SENT, *WORK)
    await row.kills("deployer-eu", points, lambda: story.alarms("too slow", "us-east"))
    closed = await story.is_taken_back(release, within=row.left)
    assert closed.outcome is ReleaseOutcome.ROLLED_BACK
    assert len(row.said(RollbackOrdered)) == len(row.said(RegionRolledBack)) == len(REST)
    await row.is_sound(changes=2, runs="v1")
