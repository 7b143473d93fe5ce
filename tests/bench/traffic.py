"""Evidence of services that do not exist: production and a pilot as the public benchmark of the method has them.

Sixty scrapes of history and sixty of the run, a minute each; nine pods of production and one of the pilot.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockgate.cli.power.drawing import wave

Array = NDArray[np.float64]
Shape = Callable[[Array], Array]
"""Of the minutes since the start, [A], to a factor or a rate for each."""

HISTORY, RUN, BASELINE = 60, 60, 9
BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]


def once(t: Array) -> Array:
    return np.ones_like(t)


def steady(weight: float) -> Shape:
    return lambda t: np.full_like(t, weight)


def nothing(t: Array) -> Array:
    return np.zeros_like(t)


@dataclass(frozen=True, slots=True)
class World:
    """What production is like, and what the pilot does otherwise. Factors are the pilot's."""

    requests: float = 100.0
    """A second, in all."""
    share: Shape = field(default=steady(0.1))
    errors: float = 0.005
    real: bool = True
    """With load, shared waves and pods that differ; without, only white noise of the pods."""
    bursty: bool = False
    missing: float = 0.0
    incident: bool = False
    error_factor: Shape = once
    error_extra: Shape = nothing
    latency: Shape = once
    tail: float = 0.0
    cpu: Shape = once
    memory: Shape = once


def evidence(world: World, seed: tuple[int, ...], policy: dict[str, Any]) -> dict[str, Any]:
    """One run, as `lockgate.evidence/1`. The same seed gives the same run."""
    rng = np.random.default_rng(seed)
    pods, scrapes = BASELINE + 1, HISTORY + RUN
    t = np.arange(-HISTORY, RUN).astype(float)
    drawn = _Drawn(world, rng, t)
    share = np.where(t >= 0, world.share(t), 0.0)
    spread = np.concatenate((np.tile((1 - share) / BASELINE, (BASELINE, 1)), share[None]))
    requests = rng.poisson(60.0 * world.requests * drawn.load * spread)
    errors = rng.binomial(requests, np.minimum(drawn.error_rate(), 1.0))
    slots = rng.multinomial(requests, drawn.slots())
    seen = rng.random((pods, scrapes)) >= world.missing
    seen[-1, t < -1] = False
    gauges = drawn.gauges()
    return {
        "schema": "lockgate.evidence/1",
        "scrape_seconds": 60,
        "start": HISTORY,
        "weight": share.tolist(),
        "bounds": BOUNDS,
        "policy": policy,
        "pods": [
            {
                "name": f"pod-{pod}",
                "arm": "pilot" if pod == BASELINE else "baseline",
                "requests": _nulled(np.cumsum(requests[pod]), seen[pod]),
                "errors": _nulled(np.cumsum(errors[pod]), seen[pod]),
                "buckets": _nulled(np.cumsum(np.cumsum(slots[pod], axis=1), axis=0), seen[pod]),
                "gauges": {name: _nulled(values[pod], seen[pod]) for name, values in gauges.items()},
            }
            for pod in range(pods)
        ],
    }


def _nulled(values: NDArray[Any], seen: NDArray[np.bool_]) -> list[Any]:
    return [value if there else None for value, there in zip(values.tolist(), seen.tolist(), strict=True)]


class _Drawn:
    """The waves and offsets of one run, [A] or [pods, A]."""

    def __init__(self, world: World, rng: np.random.Generator, t: Array) -> None:
        self.world, self.rng, self.t = world, rng, t
        size, pods = len(t), BASELINE + 1
        phase = rng.uniform(0, 2 * np.pi)
        real = 1.0 if world.real else 0.0
        self.load = (1 + 0.3 * real * np.sin(2 * np.pi * t / 1440 + phase)) * np.exp(
            real * self._ar(0.9, 0.05, ())
        )
        self.shared = {name: real * self._ar(0.9, sd, ()) for name, sd in _SHARED.items()}
        self.offset = {name: real * rng.normal(0, sd, (pods, 1)) for name, sd in _OFFSET.items()}
        self.pod = {name: self._ar(phi * real, sd, (pods,)) for name, (phi, sd) in _POD.items()}
        begin = int(rng.integers(5, RUN - 15))
        self.incident = world.incident & (t >= begin) & (t < begin + 10)
        self.burst = rng.gamma(1.0, 1.0, (pods, size)) if world.bursty else np.ones((pods, size))

    def _ar(self, phi: float, sd: float, shape: tuple[int, ...]) -> Array:
        """As `wave`, the scrapes last."""
        return np.moveaxis(wave(self.rng, phi, sd, (len(self.t), *shape)), 0, -1)

    def error_rate(self) -> Array:
        rate = np.where(self.incident, 0.05, self.world.errors * np.exp(self.shared["errors"]))
        rate = rate * np.exp(self.offset["errors"]) * self.burst
        return self._pilots(rate, self.world.error_factor, self.world.error_extra)

    def slots(self) -> Array:
        """Chances of each bucket, [pods, A, bounds + 1]."""
        scale = np.exp(self.shared["latency"] + self.offset["latency"] + self.pod["latency"]) * self.load**0.2
        scale = self._pilots(scale * np.where(self.incident, 1.6, 1.0), self.world.latency)[..., None]
        bounds = np.array(BOUNDS)
        below = 0.99 * _lognormal(bounds / scale, 0.06, 0.6) + 0.01 * _lognormal(bounds / scale, 0.3, 0.5)
        tail = np.zeros((len(scale), len(self.t), 1))
        tail[-1, self.t >= 0] = self.world.tail
        below = (1 - tail) * below + tail * _lognormal(bounds, 1.0, 0.2)
        edges = np.concatenate((np.zeros_like(tail), below, np.ones_like(tail)), axis=-1)
        return np.maximum(np.diff(edges, axis=-1), 0.0)

    def gauges(self) -> dict[str, Array]:
        found = {}
        for name, (level, power, shape) in {
            "cpu": (50.0, 1.0, self.world.cpu),
            "memory": (500.0, 0.1, self.world.memory),
        }.items():
            logs = self.shared[name] + self.offset[name] + self.pod[name]
            found[name] = self._pilots(level * self.load**power * np.exp(logs), shape)
        return found

    def _pilots(self, values: Array, factor: Shape, extra: Shape = nothing) -> Array:
        """What the pilot does otherwise, from the start on."""
        values[-1] = np.where(self.t >= 0, values[-1] * factor(self.t) + extra(self.t), values[-1])
        return values


_SHARED = {"errors": 0.3, "latency": 0.05, "cpu": 0.05, "memory": 0.01}
_OFFSET = {"errors": 0.05, "latency": 0.01, "cpu": 0.03, "memory": 0.02}
_POD = {"latency": (0.5, 0.02), "cpu": (0.8, 0.05), "memory": (0.95, 0.03)}


def _lognormal(x: Array, median: float, sigma: float) -> Array:
    """The chance to be below x."""
    z = np.log(x / median) / sigma
    return np.where(z > 0, 1 - _tail(abs(z)), _tail(abs(z)))


def _tail(z: Array) -> Array:
    """The upper tail of the normal law, to 1e-7 (Abramowitz and Stegun 26.2.17)."""
    k = 1 / (1 + 0.2316419 * z)
    series = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    return np.asarray(series * np.exp(-z * z / 2) / np.sqrt(2 * np.pi))
