"""kill -9 of each service at each point that it comes to while a release is taken back, with real processes on real servers.

The way back is begun in four ways: from the watch, in the middle of the waves, with a region whose order fails first, and with
flags that are switched off before. Which step of it a kill hit is told from what was on the topics when the service was dead.
A run counts only if the service is proven to have died at its point. What is left is judged by the clusters and the topics
alone; the lanes, the audits and the parts are those of `crashes`.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lockgate.cli.local.http import ask
from lockgate.messages.deployments import RegionRolledBack, RegionUntouched
from lockgate.messages.releases import ReleaseClosed, ReleaseOutcome
from lockgate.messages.rollbacks import FlagsOrdered, ReleaseHalted, ReleaseSettled, RollbackOrdered
from lockgate.messages.verdicts import StageWaiting, WaitingFor, WatchStarted
from lockgate.runtime.faults import Point
from tests.qualify.crashes import PATIENT, Cell, cell_dies, in_lanes
from tests.support.audit import Expected, on_clusters
from tests.support.cells import NTH, TIMERS, WORK, reached
from tests.support.crashes import PATIENCE, Crashes
from tests.support.parts import Part
from tests.support.plans import PILOTED, REST, watch, wave
from tests.support.story import Story
from tests.support.whole import Whole

SERVICES = ("intake", "verifier", "rollback", "deployer-eu", "ledger")
DEEPEST = 4
"""So many times one after another a point is meant, beginning with the first after the start: that leads through the steps."""

AT_START = {Point.ASSIGNED, Point.RESTORED, Point.START_TOLD, Point.LANE_TAKEN}
"""Points of a start: the service is stopped before the failure and started, to end there, after it."""

FLAG = (
    '{"flags": {"new": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}}}'
)
REFUSALS = 6
"""So many refusals of a cluster one after another are a failure."""


class Way(StrEnum):
    """From where a release goes back."""

    WATCH = "from the watch"
    WAVES = "between the waves"
    RETRIED = "a region is tried again"
    FLAGS = "flags off first"


@dataclass(frozen=True, slots=True)
class Kill:
    way: Way
    cell: Cell

    def __str__(self) -> str:
        return f"{self.way}, {self.cell}"


def every() -> list[Kill]:
    """All that there are; some of the later times are not come to."""
    return [
        Kill(way, Cell(service, point, NTH.get((service, point), 1) + later))
        for way, service in itertools.product(Way, SERVICES)
        for point in _points(service, way)
        for later in range(1 if point in AT_START else DEEPEST)
    ]


def _points(service: str, way: Way) -> list[Point]:
    """Those of a way back: no deadline of an order passes, nothing is measured, and no artifact is checked."""
    timed = (service, way) == ("verifier", Way.FLAGS)
    never = set() if timed else set(TIMERS)
    if service != "deployer-eu":
        never |= set(WORK)
    return [point for point in reached(service) if point not in never]


def drawn(seed: int) -> Iterator[Kill]:
    """All of them, in an order of the seed's, again and again."""
    chance, kills = random.Random(seed), every()
    while True:
        chance.shuffle(kills)
        yield from kills


async def one(whole: Whole, crashes: Crashes, kill: Kill, part: Part) -> tuple[Expected, bool]:
    """One release that is taken back, with its kill. Whether it happened. AssertionError if anything is half back."""
    story, service = whole.story("back"), kill.cell.service
    expected = await _under_way(story, kill.way)
    if kill.way is Way.RETRIED:
        refusing = {"mode": "error", "status": 403, "methods": ["PATCH"], "times": REFUSALS}
        story.sandbox.put(f"faults/kubernetes/{PILOTED}", refusing)
    try:
        if kill.cell.point in AT_START:
            await asyncio.to_thread(whole.service(service).stop)
            await story.alarms("errors", PILOTED)
        await crashes.arm(service, kill.cell.point, nth=kill.cell.nth)
        if kill.cell.point not in AT_START:
            await story.alarms("errors", PILOTED)
        restarted = await cell_dies(crashes, story, kill.cell)
        step = step_of(story)
        closed = await story.hears(ReleaseClosed, within=PATIENCE)
    finally:
        story.sandbox.delete(f"faults/kubernetes/{PILOTED}")
    _is_back(expected, closed)
    if restarted:
        part.settled.append(round(time.monotonic() - restarted, 2))
        name = f"{kill.way}, {step}: {service}@{kill.cell.point}"
        part.hits[name] = part.hits.get(name, 0) + 1
    return expected, bool(restarted)


def _is_back(expected: Expected, closed: ReleaseClosed) -> None:
    """All of it, at the moment in which it is said to be closed."""
    story = expected.story
    assert closed.outcome is ReleaseOutcome.ROLLED_BACK, closed.reason
    assert list(on_clusters(expected)) == []
    assert [settled.debts for settled in story.heard(ReleaseSettled)] == [()]
    wanted = {region: story.digest("v1") for region in story.regions if region not in expected.untouched}
    back = {event.region: event.digest for event in story.heard(RegionRolledBack)}
    assert back == wanted, f"{back} answered that they are back, and {wanted} were to"
    assert {event.region for event in story.heard(RegionUntouched)} == set(expected.untouched)


async def _under_way(story: Story, way: Way) -> Expected:
    """A release that waits for what comes, in its watch or before its second wave."""
    first, rest, end = wave("first", PILOTED, **PATIENT), wave("rest", *REST, **PATIENT), watch("300s")
    match way:
        case Way.WAVES:
            await story.begins(first, {**rest, "before": {"approval": "required"}}, end)
            await story.announces("v2")
            await story.hears(StageWaiting, waiting_for=WaitingFor.APPROVAL, within=PATIENCE)
            return Expected(story, 2, "v1", untouched=REST)
        case Way.WATCH | Way.RETRIED:
            await story.begins(first, {**rest, "max-parallel": 2}, end)
        case Way.FLAGS:
            flags = {"flags": [{"flag": "new", "wait": "1s"}], "then": "rollback"}
            await story.begins(first, {**rest, "max-parallel": 2}, end, remediation=flags)
            for region in story.regions:
                _with_flag(story, region)
    await story.announces("v2")
    await story.hears(WatchStarted, within=PATIENCE)
    return Expected(story, 2, "v1")


def _with_flag(story: Story, region: str) -> None:
    place = story.sandbox.regions[region]
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"{story.application}-flags"},
        "data": {"flags.json": FLAG},
    }
    ask(
        "POST",
        f"{place['kubernetes']}/api/v1/namespaces/{place['namespace']}/configmaps",
        body,
        place["token"],
    )


def step_of(story: Story) -> str:
    """How far the way back was, by what has been said."""
    answers = len(story.heard(RegionRolledBack)) + len(story.heard(RegionUntouched))
    ordered = {order.region for order in story.heard(RollbackOrdered)}
    if story.heard(ReleaseClosed):
        return "closed"
    if story.heard(ReleaseSettled):
        return "settled"
    if ordered:
        return f"ordered, {answers} of {len(ordered)} answered"
    if story.heard(FlagsOrdered):
        return "flags"
    return "halted" if story.heard(ReleaseHalted) else "failed"


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    """`runs` that count, of the draws of a `seed` `from` a number on, in some `lanes`."""
    return asyncio.run(in_lanes(numbers, kind="rollback-kills", draw=drawn, one=one))
