"""kill -9 of random pairs of services at random points, one pair a release, with real processes on real servers.

A run counts only if both faults are proven to have happened at their points. Several systems work side by side
(`lanes`), since a run mostly waits. Each is started anew every EVERY runs, so that reading everything that was written
stays short, and audited before it ends; then its part is kept (tests/support/parts.py), and whoever starts the run
again goes on where it was cut off.
"""

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

from lockgate.cli.local.child import ChildError, Launch
from lockgate.messages.releases import ReleaseClosed, ReleaseCompleted
from lockgate.messages.verdicts import WatchStarted
from lockgate.runtime.faults import Point
from tests.bench.figures import commit
from tests.qualify.progress import say
from tests.support.audit import Expected, audit
from tests.support.cells import NTH, TIMERS, WORK, reached
from tests.support.crashes import PATIENCE, Crashes
from tests.support.eventually import eventually
from tests.support.forking import Forking
from tests.support.parts import Part, Parts
from tests.support.plans import PILOTED, REST, pilot, watch, wave
from tests.support.story import Story
from tests.support.whole import Whole, opened

Draw = TypeVar("Draw")

EVERY = 20
PATIENT = {"budget": "120s"}
LATER = (0, 0, 0, 1, 2)
"""So many times more than the first is a point passed before it acts: mostly none."""

ONCE = {Point.ASSIGNED, Point.RESTORED, Point.START_TOLD, Point.LANE_TAKEN, *TIMERS, *WORK}
"""Points that a release comes to no second time after a start."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A service, a point, and which time it is reached."""

    service: str
    point: Point
    nth: int

    def __str__(self) -> str:
        return f"{self.service}@{self.point}#{self.nth}"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run is: the two cells, and whether the release is a bad one that is to be taken back."""

    cells: tuple[Cell, Cell]
    bad: bool

    def __str__(self) -> str:
        return f"{'bad' if self.bad else 'good'}, {' + '.join(map(str, self.cells))}"

    @property
    def measured(self) -> bool:
        """Whether the release needs a pilot for its points to be reached."""
        return any(cell.service == "verifier" and cell.point in WORK for cell in self.cells)


def drawn(seed: int) -> Iterator[Run]:
    """The runs of a seed, without an end."""
    chance = random.Random(seed)
    services = ("intake", "verifier", "rollback", "deployer-eu", "ledger")
    while True:
        bad = chance.random() < 0.4
        cells = [_cell(chance, service, bad=bad) for service in chance.sample(services, 2)]
        yield Run((cells[0], cells[1]), bad)


def _cell(chance: random.Random, service: str, *, bad: bool) -> Cell:
    """A point that the service comes to in a release of this kind."""
    # Here no order's deadline passes, and no operator pauses anything.
    never = set(TIMERS) if service in {"rollback", "intake"} or bad else set()
    if bad and service == "verifier":
        never |= set(WORK)  # the pilot was measured before
    point = chance.choice([point for point in reached(service) if point not in never])
    later = 0 if point in ONCE or service == "ledger" else chance.choice(LATER)
    return Cell(service, point, NTH.get((service, point), 1) + later)


class Lanes(Generic[Draw]):
    """Several systems side by side, each with a chunk of the draws at a time. `kind` is the name of what is drawn, `one` does it."""

    def __init__(
        self,
        numbers: Mapping[str, int],
        commit: str,
        launch: Launch,
        *,
        kind: str,
        draw: Callable[[int], Iterator[Draw]],
        one: Callable[[Whole, Crashes, Draw, Part], Awaitable[tuple[Expected, bool]]],
    ) -> None:
        self.parts = Parts(kind, numbers["seed"])
        self._draw, self._one = draw, one
        self._launch = launch
        self._commit = commit
        self._wanted = numbers["runs"]
        self._seed = numbers["seed"]
        self._began = time.monotonic()
        self._from = numbers["from"]
        self._chunks = iter(range(self._from, self._from + 2 * self._wanted, EVERY))
        self._at_first = self.runs
        self._under_way = 0

    @property
    def runs(self) -> int:
        """Those that count, of the wanted draws, also of an earlier time."""
        return sum(part.runs for first, part in self.parts.done.items() if first >= self._from)

    async def run(self, lane: int) -> None:
        """Chunk after chunk, until enough runs count or twice as many were tried."""
        while self.runs + self._under_way < self._wanted:
            if (first := next(self._chunks, None)) is None:
                return
            if first in self.parts.done:
                continue
            self._under_way += EVERY
            part = Part(first, first + EVERY, self._commit)
            began = time.monotonic()
            try:
                with tempfile.TemporaryDirectory() as folder:
                    async with opened(None, launch=self._launch) as whole:
                        await self._several(whole, Path(folder) / "faults", part, lane)
            except ChildError as error:  # a service did not come back: this system is lost, and others go on
                part.violations.append(f"draws {part.first} to {part.end} were cut off: {error}")
                say(f"lane {lane}: {part.violations[-1]}")
            part.seconds = round(time.monotonic() - began, 1)
            self._under_way -= EVERY
            self.parts.add(part)
            say(self._progress())

    async def _several(self, whole: Whole, log: Path, part: Part, lane: int) -> None:
        ended: list[Expected] = []
        for run in islice(self._draw(self._seed), part.first, part.end):
            began, text = time.monotonic(), str(run)
            crashes = Crashes(whole, log)
            counts = True
            try:
                expected, counts = await self._one(whole, crashes, run, part)
                ended.append(expected)
                said = f"settled in {part.settled[-1]:.1f} s" if counts else "void"
            except (AssertionError, TimeoutError) as error:
                part.violations.append(f"{text}: {error}"[:2000])
                said = part.violations[-1]
            part.runs += counts
            part.void += not counts
            await crashes.disarm()
            await whole.mend()
            say(f"lane {lane}: {text}: {said}, {time.monotonic() - began:.1f} s in all")
        part.violations += await audit(whole, *ended)

    def _progress(self) -> str:
        done, took = self.runs - self._at_first, time.monotonic() - self._began
        if not done:
            return "no run counts yet"
        left = max(0, self._wanted - self.runs) * took / done
        wrong = sum(len(part.violations) for part in self.parts.done.values())
        return (
            f"{self.runs}/{self._wanted}: {took / done:.1f} s a run, about {left / 60:.0f} minutes left,"
            f" {wrong} violations"
        )


async def in_lanes(
    numbers: Mapping[str, int],
    *,
    kind: str,
    draw: Callable[[int], Iterator[Draw]],
    one: Callable[[Whole, Crashes, Draw, Part], Awaitable[tuple[Expected, bool]]],
) -> dict[str, Any]:
    """So many runs that count, from a draw on; the figures of all that were ever made with this seed."""
    load = os.getloadavg()[0]
    with Forking() as forking:
        lanes = Lanes(numbers, commit(), forking.launch, kind=kind, draw=draw, one=one)
        await asyncio.gather(*(lanes.run(lane) for lane in range(1, numbers["lanes"] + 1)))
    return {"seed": numbers["seed"], "load_before": round(load, 1), **lanes.parts.merged()}


async def _one(whole: Whole, crashes: Crashes, run: Run, part: Part) -> tuple[Expected, bool]:
    """One release with its two kills. Whether both happened."""
    story = whole.story("pair")
    stages = [wave("rest", *REST, **{"max-parallel": 2}, **PATIENT), watch("120s" if run.bad else "1s")]
    if run.measured:
        stages.insert(0, pilot(**PATIENT))
        stages.insert(1, wave("first", PILOTED, **PATIENT))
    await story.begins(*stages)
    if run.bad:
        await story.announces("v2")
        await story.hears(WatchStarted, within=PATIENCE)
    await asyncio.gather(*(crashes.arm(cell.service, cell.point, nth=cell.nth) for cell in run.cells))
    await (story.alarms("too slow", REST[0]) if run.bad else story.says_published("v2"))
    restarts = await asyncio.gather(*(cell_dies(crashes, story, cell) for cell in run.cells))
    last = max(restarts)
    if run.bad:
        await story.is_taken_back(_release(story), within=PATIENCE)
    else:
        await story.completes(await story.hears_queued("v2"), within=PATIENCE)
    if len(crashes.hits) == len(run.cells):
        part.settled.append(round(time.monotonic() - last, 2))
    for hit in crashes.hits:
        name = f"{hit.service}@{hit.point}"
        part.hits[name] = part.hits.get(name, 0) + 1
    return Expected(story, 2 if run.bad else 1, "v1" if run.bad else "v2"), len(crashes.hits) == 2


def _release(story: Story) -> str:
    return story.heard(WatchStarted)[0].release


async def cell_dies(crashes: Crashes, story: Story, cell: Cell) -> float:
    """Waits until the service is dead or the release has ended without it; starts it again. When; 0 if it did not die."""
    child = crashes.whole.service(cell.service)
    await eventually(lambda: not child.running or _over(story), within=2 * PATIENCE)
    await eventually(lambda: not child.running or child.ready(), within=PATIENCE)  # a start has points, too
    if child.running:
        await asyncio.to_thread(child.stop)
        if child.exit_status == 0:
            await crashes.runs(cell.service)
            return 0.0
    await crashes.dies(cell.service, cell.point)
    return await crashes.runs(cell.service)


def _over(story: Story) -> bool:
    return bool(story.heard(ReleaseCompleted) or story.heard(ReleaseClosed))


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    return asyncio.run(in_lanes(numbers, kind="crashes", draw=drawn, one=_one))
