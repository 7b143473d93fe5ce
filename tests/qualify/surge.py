"""Roll-outs on a real API server that would not fit their budget: met by the maxSurge that is chosen, and said beforehand.

Pods start as slowly as is said, by KWOK; how slowly is measured in the release's clone beside production, as after a pilot. Violated
if a roll-out is not done in its budget, takes a fifth more or less than was said, has fewer ready pods than its strategy allows
at any moment, or leaves another strategy than it found.
"""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from lockgate.deployer.core.steps import answer_by
from lockgate.deployer.objects import may_add, may_miss
from lockgate.deployer.settings import RegionSettings
from lockgate.messages.verdicts import Action
from tests.qualify.clusters import Run, counted
from tests.support.changing import BLUE_GREEN, Changing, Steps, canary, changing
from tests.support.controlplane.behaviours import slow
from tests.support.deployer import WORKLOAD
from tests.support.deployer_at_work import DEPLOYMENTS
from tests.support.places import Json, Place

_WITHIN = 0.2


@dataclass(frozen=True, slots=True)
class Case:
    """A Deployment of so many pods, as its owner lets it roll, and the steps before its roll-out."""

    name: str
    pods: int
    surge: int | str
    unavailable: int | str
    before: Steps = ((Action.PILOT, 0.1),)

    @property
    def strategy(self) -> Json:
        bounds = {"maxSurge": self.surge, "maxUnavailable": self.unavailable}
        return {"type": "RollingUpdate", "rollingUpdate": bounds}

    @property
    def steps(self) -> Steps:
        return (*self.before, (Action.DEPLOY, None))


_CASES = (
    Case("pilot, 100 pods", 100, 5, 0),
    Case("pilot, 100 pods of which some may be missing", 100, 1, "8%"),
    Case("canary, 60 pods", 60, 1, 1, canary(0.25)[:-1]),
    Case("blue-green, 40 pods", 40, 1, 0, BLUE_GREEN[:-1]),
    Case("pilot, 500 pods", 500, "2%", 0, ((Action.PILOT, 0.02),)),
)


def measure(numbers: Mapping[str, int]) -> dict[str, Any]:
    """Each case, some `lanes` at a time, with pods that take `start` seconds and a stage that has `budget`."""
    start, budget = float(numbers["start"]), float(numbers["budget"])

    @asynccontextmanager
    async def rolling() -> AsyncIterator[Run[Case]]:
        async def one(place: Place, case: Case) -> str:
            return await _rolled(place, case, start, budget)

        yield one

    draws: Iterator[Case] = iter(_CASES)
    return counted(draws, len(_CASES), numbers["lanes"], rolling)


async def _rolled(place: Place, case: Case, start: float, budget: float) -> str:
    wanted = slow(round(start * 1000))
    async with changing(place, WORKLOAD, case.pods, case.strategy, _roomy, patience=budget) as region:
        *before, roll_out = region.grants(case.steps, wanted)
        for granted in before:
            answer = await region.west.step(granted, budget)
            assert answer["outcome"] in {"piloted", "probed"}, answer
        mark, began = await region.seen.now(), time.monotonic()
        until = answer_by(region.west.now(), budget)
        answer = await region.west.step(roll_out, (until - region.west.now()).total_seconds())
        took = time.monotonic() - began
        assert answer == {"outcome": "deployed"}, answer
        said = [each for each in region.west.reports if each["outcome"] == "started"][-1]
        assert abs(said["seconds"] - took) <= _WITHIN * took, (said, took)
        surge = await _chosen(region, case, mark)
        own = _own(case, start)
        assert own > budget, f"with its own strategy it takes {own} s: that shows nothing"
        return (
            f"{case.name}: maxSurge {case.surge}, by itself about {own:.0f} s; with {surge} it was to take "
            f"{said['seconds']:.0f} s, and took {took:.0f} s of {budget:.0f} s"
        )


def _roomy(region: RegionSettings) -> RegionSettings:
    return region.model_copy(update={"surge": 1.0})


async def _chosen(region: Changing, case: Case, mark: int) -> int:
    """The maxSurge that it rolled with, of which nothing is left."""
    live = await region.west.object(DEPLOYMENTS)
    assert live["spec"]["strategy"] == case.strategy, live["spec"]["strategy"]
    writes = await region.seen.written(since=mark)
    rolled = [each.obj for each in writes if (each.kind, each.name) == ("deployments", "payments")]
    surges = {each["spec"]["strategy"]["rollingUpdate"]["maxSurge"] for each in rolled}
    (chosen,) = surges - {case.surge}
    assert isinstance(chosen, int)
    fewest = case.pods - may_miss(live)
    for sample in await region.seen.samples(since=mark):
        assert sample.ready >= fewest, f"{sample.ready} pods were ready, and {fewest} are the fewest"
    return chosen


def _own(case: Case, start: float) -> float:
    live = {"spec": {"replicas": case.pods, "strategy": case.strategy}}
    return -(-case.pods // (may_add(live) + may_miss(live))) * start
