"""Evidence of a release that does not exist: production that moves by itself as services do, and a pilot beside it.

Pure: the same seed gives the same evidence. Load follows the day by 30 %; it, the rate of errors (30 %) and latency (5 %) go up
and down in waves of some ten minutes that all pods share, and pods differ a little from each other. So does production in the
public benchmark (`tests/bench/traffic.py`), which these numbers are of.
"""

from dataclasses import dataclass
from math import pi
from typing import Final

import numpy as np

from lockgate.cli.power.traffic import Array, Change, Traffic
from lockgate.verifier.core.measure import HISTORY
from lockgate.verifier.statistics.evidence import Evidence
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.series import Flags

START: Final = HISTORY + 1
"""The first scrape after the start; the one before it is at the start itself."""
_DAY: Final = 86_400.0
_DAILY: Final = 0.3
_SHARED: Final = {"load": 0.05, "errors": 0.3, "latency": 0.05}
"""The standard deviations, as logarithms, of what all pods share."""
_APART: Final = {"errors": 0.05, "latency": 0.01}
"""Of how pods differ for good."""
_OF_A_POD: Final = 0.02
"""Of the latency of each pod from minute to minute."""
_LASTS, _LASTS_IN_A_POD = 0.9, 0.5
"""How much of a wave is left after a minute."""
_BUSY: Final = 0.2
"""The power of the load by which latency grows."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a region is measured."""

    step: float
    """Seconds between two scrapes."""
    share: float
    """Of the traffic that the pilot gets."""
    pods: int
    """Of production."""
    pilots: int
    """Of the pilot."""
    policy: Policy


def drawn(traffic: Traffic, change: Change, shape: Shape, seed: tuple[int, ...]) -> Evidence:
    """One run up to its deadline."""
    rng = np.random.default_rng(seed)
    length, pods, pilots = START + shape.policy.deadline, shape.pods, shape.pilots
    arms = np.arange(pods + pilots) >= pods
    since = np.arange(length) >= START
    waves = _Waves(rng, length, len(arms), shape.step / 60.0)
    weight = np.where(since, shape.share, 0.0)
    parts = np.where(arms[:, None], weight / pilots, (1.0 - weight) / pods)
    requests = rng.poisson(traffic.requests * shape.step * waves.load * parts)
    released = arms[:, None] & since
    errors = rng.binomial(requests, _errors(rng, traffic, change, waves, released))
    faster = _faster(traffic, change, waves, released)
    within = np.cumsum(rng.multinomial(requests, faster), axis=-1)[..., :-1]
    counted = np.concatenate((requests[..., None], errors[..., None], requests[..., None] - within), axis=-1)
    seen = (~arms[:, None] | (np.arange(length) >= START - 1)).swapaxes(0, 1)
    unknown = np.full(seen.shape, np.nan)
    return Evidence(
        start=START,
        weight=weight,
        bounds=traffic.bounds,
        policy=shape.policy,
        names=tuple(f"{'pilot' if new else 'production'}-{at}" for at, new in enumerate(arms)),
        pilots=arms,
        counters=np.cumsum(counted, axis=1).swapaxes(0, 1).astype(float),
        seen=seen,
        gauges={},
        ready=unknown,
        restarts=unknown,
    )


class _Waves:
    """Of one run, [scrapes] or [pods, scrapes]: factors of the load, the rate of errors, and latency."""

    def __init__(self, rng: np.random.Generator, length: int, pods: int, minutes: float) -> None:
        at, phase = np.arange(length) * minutes * 60.0, rng.uniform(0.0, 2.0 * pi)
        lasts, in_a_pod = _LASTS**minutes, _LASTS_IN_A_POD**minutes
        shared = {name: wave(rng, lasts, sd, (length,)) for name, sd in _SHARED.items()}
        apart = {name: rng.normal(0.0, sd, (pods, 1)) for name, sd in _APART.items()}
        own = wave(rng, in_a_pod, _OF_A_POD, (length, pods)).swapaxes(0, 1)
        self.load = (1.0 + _DAILY * np.sin(2.0 * pi * at / _DAY + phase)) * np.exp(shared["load"])
        self.errors = np.exp(shared["errors"] + apart["errors"])
        self.latency = np.exp(shared["latency"] + apart["latency"] + own) * self.load**_BUSY


def wave(rng: np.random.Generator, lasts: float, sd: float, shape: tuple[int, ...]) -> Array:
    """A stationary AR(1) along the first axis, of that standard deviation."""
    steps = rng.normal(0.0, sd, shape)
    for at in range(1, len(steps)):
        steps[at] = lasts * steps[at - 1] + np.sqrt(1.0 - lasts * lasts) * steps[at]
    return steps


def _errors(
    rng: np.random.Generator, traffic: Traffic, change: Change, waves: _Waves, released: Flags
) -> Array:
    rate = traffic.errors * waves.errors
    if traffic.bursts > 0.0:
        rate = rate * rng.gamma(1.0 / traffic.bursts, traffic.bursts, rate.shape)
    rate = np.minimum(rate, 1.0)
    return np.where(released, change.errors(rate), rate)


def _faster(traffic: Traffic, change: Change, waves: _Waves, released: Flags) -> Array:
    """The chance of each bucket, [pods, scrapes, bounds + 1]."""
    scale = np.where(released, waves.latency * change.slower, waves.latency)[..., None]
    none, every = np.zeros_like(scale), np.ones_like(scale)
    within = traffic.latency.shares(np.array(traffic.bounds) / scale)
    return np.maximum(np.diff(np.concatenate((none, within, every), axis=-1), axis=-1), 0.0)
