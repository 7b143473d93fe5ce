"""The rows of the public benchmark of verdicts, with the bars that each is held to.

Never tune the method to them: seeds are fresh for every qualification, and the bars are older than the method.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.bench.traffic import Array, Shape, World, steady


@dataclass(frozen=True, slots=True)
class Quiet:
    """The pilot is as good as production. Per cent of runs; None where there is no bar."""

    name: str
    world: World
    most_fails: float
    least_passes: float | None
    most_passes: float = 100.0


@dataclass(frozen=True, slots=True)
class Regression:
    """Found in at least so many per cent of runs, at the median within so many minutes since it began."""

    name: str
    world: World
    least: float
    within: float
    begins: int = 0


@dataclass(frozen=True, slots=True)
class FalsePass:
    """A regression that must not pass."""

    name: str
    world: World
    most: float = 5.0


def by(factor: float, since: int = 0) -> Shape:
    return lambda t: np.where(t >= since, factor, 1.0)


def plus(extra: float) -> Shape:
    return lambda t: np.full_like(t, extra)


def leak(rate: float) -> Shape:
    return lambda t: 1.0 + rate * (t + 1.0)


def _rising(t: Array) -> Array:
    return 1.0 + 4.0 * t / 60.0


def _ramp(t: Array) -> Array:
    return np.asarray(np.array([0.01, 0.05, 0.1, 0.25, 0.5])[np.clip(t // 12, 0, 4).astype(int)])


def _warm(size: float, time: float) -> Callable[[Array], Array]:
    return lambda t: np.asarray(1.0 + size * np.exp(-np.maximum(t, 0.0) / time))


QUIET = (
    Quiet("A/A iid", World(real=False), 1, 85),
    Quiet("A/A real", World(), 1, 74),
    Quiet("A/A 1000 req/s", World(requests=1000), 2, 86),
    Quiet("A/A 2 req/s", World(requests=2), 1, 0, most_passes=0),
    Quiet("A/A share 1 %", World(share=steady(0.01)), 1, None),
    Quiet("A/A p_err .1 %", World(errors=0.001), 1, 25),
    Quiet("A/A 20 % missing", World(missing=0.2), 1, 65),
    Quiet("A/A warm-up", World(latency=_warm(1.0, 1.5), cpu=_warm(0.5, 2.0)), 2, 75),
    Quiet("A/A bursty", World(bursty=True), 2, 48),
    Quiet("A/A incident", World(incident=True), 1.5, 80),
    Quiet("A/A ramp", World(share=_ramp), 1, 78),
)
MEAN_FAILS, MEAN_FAILS_AT_5, MOST_FAILS_AT_5 = 0.6, 2.0, 5.0

REGRESSIONS = (
    Regression("errors x1.5", World(error_factor=by(1.5)), 80, 29),
    Regression("errors x2", World(error_factor=by(2)), 99, 10),
    Regression("errors x5", World(error_factor=by(5)), 100, 2),
    Regression("errors +10 pp", World(error_extra=plus(0.1)), 100, 1),
    Regression("x5 on .1 %", World(errors=0.001, error_factor=by(5)), 99, 6),
    Regression("x2 from min 20", World(error_factor=by(2, 20)), 97, 14, begins=20),
    Regression("ramp to x5", World(error_factor=_rising), 99, 21),
    Regression("x2, 20 % missing", World(error_factor=by(2), missing=0.2), 98, 12),
    Regression("x2, bursty", World(error_factor=by(2), bursty=True), 79, 29),
    Regression("x2, 1000 req/s", World(error_factor=by(2), requests=1000), 100, 2),
    Regression("+20 pp, 12 req/min", World(error_extra=plus(0.2), requests=2), 99, 4),
    Regression("latency x1.1", World(latency=by(1.1)), 97, 14),
    Regression("latency x1.25", World(latency=by(1.25)), 100, 5),
    Regression("latency x1.5", World(latency=by(1.5)), 100, 4),
    Regression("x1.25 from min 20", World(latency=by(1.25, 20)), 99, 3, begins=20),
    Regression("x1.5, 12 req/min", World(latency=by(1.5), requests=2), 98, 15),
    Regression("tail .5 % at 1 s", World(tail=0.005), 99, 12),
    Regression("tail 2 % at 1 s", World(tail=0.02), 100, 5),
    Regression("CPU x1.3", World(cpu=by(1.3)), 97, 8),
    Regression("memory +1 %/min", World(memory=leak(0.01)), 99, 26),
    Regression("memory +.5 %/min", World(memory=leak(0.005)), 77, 49),
)
MEAN_POWER = 97.0

FALSE_PASSES = (
    FalsePass("false PASS, x1.5", World(error_factor=by(1.5))),
    FalsePass("false PASS, x2 from min 20", World(error_factor=by(2, 20))),
    FalsePass("false PASS, x2 bursty", World(error_factor=by(2), bursty=True)),
    FalsePass("false PASS, leak .5", World(memory=leak(0.005))),
)
