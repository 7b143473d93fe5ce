"""How long a stage takes: at least, by the plan alone; and as past releases took, where they went through the very same stage. Pure.

What the plan alone gives comes from the verifier's own tables: its schedules of comparisons, and the waits between the steps of a
strategy. How long roll-outs and requests take no plan knows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import assert_never

from lockgate.cli.preview.history import Passed
from lockgate.messages.plan import PilotStage, Plan, PreprodStage, Stage, WatchStage, WaveStage
from lockgate.verifier.core.measure import Schedule
from lockgate.verifier.core.rows import Phase
from lockgate.verifier.core.steps import parts_of
from lockgate.verifier.core.terms import Terms


@dataclass(frozen=True, slots=True)
class Past:
    """Of so many releases: how long each took for something, in seconds."""

    releases: int
    least: float
    middle: float
    most: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Past | None":
        found = sorted(seconds)
        return cls(len(found), found[0], median(found), found[-1]) if found else None


def took(stage: Stage, passed: Iterable[Passed]) -> Past | None:
    """Another stage of the same name tells nothing."""
    return Past.of(each.took for each in passed if each.stage == stage)


def approving(stage: Stage, passed: Iterable[Passed]) -> Past | None:
    return Past.of(each.approving for each in passed if each.stage == stage)


def least(plan: Plan, stage: Stage) -> float:
    """Seconds that go by even if each roll-out took no time and each comparison passed as early as it may."""
    match stage:
        case PreprodStage():
            return 0.0
        case PilotStage():
            return _soak(plan, Terms.of_pilot(stage))
        case WaveStage(regions=regions, max_parallel=most, after=after):
            beside = Terms.of_wave(plan, stage)
            compared = 0.0 if beside is None else _soak(plan, beside)
            return ceil(len(regions) / most) * _in_a_region(plan, stage) + compared + after.bake
        case WatchStage():
            before = Terms.of(plan, stage, Phase.WATCH)
            return stage.for_ if before is None else _planned(plan, before)
        case _:
            assert_never(stage)


def _in_a_region(plan: Plan, stage: WaveStage) -> float:
    parts = parts_of(stage.strategy)
    steps = Terms.of(plan, stage, Phase.REGIONS)
    compared = 0.0 if steps is None else steps.steps * _soak(plan, steps)
    return compared + sum(part.wait for part in parts if not part.verified)


def _planned(plan: Plan, terms: Terms) -> float:
    """All of its time, in whole scrapes."""
    schedule = Schedule.of(terms, plan.metrics.interval)
    return schedule.planned * schedule.step


def _soak(plan: Plan, terms: Terms) -> float:
    """Before that nothing passes."""
    schedule = Schedule.of(terms, plan.metrics.interval)
    return schedule.soak * schedule.step
