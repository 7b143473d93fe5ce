"""kill -9 of random pairs of services at random points, one pair a release, with real processes on real servers.

A run counts only if both faults are proven to have happened at their points. The system is started anew every
EVERY runs, so that reading everything that was written stays short, and audited before it ends.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockgate.messages.releases import ReleaseClosed, ReleaseCompleted
from lockgate.messages.verdicts import WatchStarted
from lockgate.runtime.faults import Point
from tests.support.audit import Expected, audit
from tests.support.cells import NTH, TIMERS, WORK, reached
from tests.support.crashes import PATIENCE, Crashes
from tests.support.eventually import eventually
from tests.support.plans import PILOTED, REST, pilot, watch, wave
from tests.support.story import Story
from tests.support.whole import Whole, opened

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

    @property
    def measured(self) -> bool:
        """Whether the release needs a pilot for its points to be reached."""
        return any(cell.service == "verifier" and cell.point in WORK for cell in self.cells)


@dataclass
class Figures:
    """What came of the runs so far. `settled` are seconds from the last restart to the release's end."""

    runs: int = 0
    void: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    settled: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        return {
            "runs": self.runs,
            "void": self.void,
            "kills": sum(self.hits.values()),
            "hits": dict(sorted(self.hits.items())),
            "longest_seconds_to_settle": round(max(self.settled, default=0.0), 1),
            "violations": self.violations,
        }


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
    never = set(TIMERS) if service == "rollback" or bad else set()  # an order's deadline never passes here
    if bad and service == "verifier":
        never |= set(WORK)  # the pilot was measured before
    point = chance.choice([point for point in reached(service) if point not in never])
    later = 0 if point in ONCE or service == "ledger" else chance.choice(LATER)
    return Cell(service, point, NTH.get((service, point), 1) + later)


async def qualify(runs: int, seed: int) -> dict[str, Any]:
    """So many runs that count; their figures. At most twice as many are tried."""
    figures, source = Figures(), drawn(seed)
    tried = 0
    while figures.runs < runs and tried < 2 * runs:
        chunk = [next(source) for _ in range(min(EVERY, runs - figures.runs))]
        tried += len(chunk)
        with tempfile.TemporaryDirectory() as folder:
            async with opened(None) as whole:
                await _several(whole, Path(folder) / "faults", chunk, figures, runs)
    return {"seed": seed, **figures.as_data()}


async def _several(whole: Whole, log: Path, chunk: Iterable[Run], figures: Figures, of: int) -> None:
    ended: list[Expected] = []
    for run in chunk:
        began = time.monotonic()
        text = " + ".join(map(str, run.cells))
        crashes = Crashes(whole, log)
        try:
            expected, counts = await _one(whole, crashes, run, figures)
            ended.append(expected)
        except (AssertionError, TimeoutError) as error:
            figures.violations.append(f"{text}: {error}"[:2000])
            counts = True
        figures.runs += counts
        figures.void += not counts
        await crashes.disarm()
        await whole.mend()
        said = f"settled in {figures.settled[-1]:.1f} s" if counts and figures.settled else "void"
        kind = "bad" if run.bad else "good"
        sys.stdout.write(
            f"{figures.runs}/{of} {kind}, {text}: {said}, {time.monotonic() - began:.1f} s in all\n"
        )
        sys.stdout.flush()
    figures.violations += await audit(whole, *ended)


async def _one(whole: Whole, crashes: Crashes, run: Run, figures: Figures) -> tuple[Expected, bool]:
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
    restarts = await asyncio.gather(*(_cell_dies(crashes, story, cell) for cell in run.cells))
    last = max(restarts)
    if run.bad:
        await story.is_taken_back(_release(story), within=PATIENCE)
    else:
        await story.completes(await story.hears_queued("v2"), within=PATIENCE)
    figures.settled.append(max(0.0, time.monotonic() - last) if last else 0.0)
    figures.hits.update(f"{hit.service}@{hit.point}" for hit in crashes.hits)
    return Expected(story, 2 if run.bad else 1, "v1" if run.bad else "v2"), len(crashes.hits) == 2


def _release(story: Story) -> str:
    return story.heard(WatchStarted)[0].release


async def _cell_dies(crashes: Crashes, story: Story, cell: Cell) -> float:
    """Waits until the service is dead or the release has ended without it; starts it again. When; 0 if it did not die."""
    child = crashes.whole.service(cell.service)
    await eventually(lambda: not child.running or _over(story), within=2 * PATIENCE)
    if child.running:
        await asyncio.to_thread(child.stop)
        if child.exit_status == 0:
            await crashes.runs(cell.service)
            return 0.0
    await crashes.dies(cell.service, cell.point)
    return await crashes.runs(cell.service)


def _over(story: Story) -> bool:
    return bool(story.heard(ReleaseCompleted) or story.heard(ReleaseClosed))


def measure(arguments: Mapping[str, int]) -> dict[str, Any]:
    return asyncio.run(qualify(arguments["runs"], arguments["seed"]))
