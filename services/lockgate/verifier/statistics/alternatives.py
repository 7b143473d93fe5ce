"""Which alternatives each metric has, with their weights and the chances that they give to each stratum.

Each binary metric is judged upwards (is it worse?) and, mirrored, downwards (is it shown not to be?); the pilot's share
of the traffic downwards only.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lockgate.verifier.statistics.kernel import Case, chance, mean
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import Array, exp, ln, log
from lockgate.verifier.statistics.series import Flags, Indices

_ERRORS = ln(1.25) + (ln(40.0) - ln(1.25)) / 15.0 * np.arange(16.0)
"""Logarithms of odds ratios from 1.25 to 40."""
_SLOWER = np.array((0.12, 0.25, 0.4, 0.55, 0.75, 1.0, 1.35, 1.8, 2.5, 3.5))
_SHARES = np.array((0.25, 0.1, 0.02))
_NO_WORSE = np.array((0.5, 0.7, 0.85, 1.0, 1.15))
_MIRRORED = 8
LATE = 5
"""Latency and the level of gauges are shown not to be worse from this scrape on."""

LEVELS = exp(ln(0.05) + (ln(1.2) - ln(0.05)) / 9.0 * np.arange(10.0))
LEAKS = np.array((0.003, 0.006, 0.012, 0.025, 0.05))
_LEVEL_WEIGHT, _LEAK_WEIGHT = 0.7, 0.06


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with the columns of its alternatives. `family` is errors, latency, gauges or share."""

    name: str
    family: str
    weight: float
    columns: slice
    index: int
    """Which bound or gauge it is."""


@dataclass(frozen=True, slots=True)
class Alternatives:
    """F columns to find a regression (errors, latency by bound, share, gauges), P mirrored ones to rule it out."""

    setup: Setup
    metrics: tuple[Metric, ...]
    weights: Array
    """[F]"""
    first: Array
    """[F]: the first scrape at which a regression may begin."""
    owner: Indices
    """[F - gauges' + P]: the case of each binary column."""
    up: Flags
    """[C]"""
    mirrored: tuple[slice, ...]
    """Columns among the P of errors and each bound."""
    margin: float
    """The logarithm of `err_margin`."""
    better: Array
    """Logarithms of the odds ratios at which errors are no worse."""

    @property
    def binary(self) -> int:
        """How many of the F columns are not of gauges."""
        return int(len(self.owner) - self.mirrored[-1].stop)

    def case(self, block: Block, x: Array | None = None) -> Case:
        """Cases: J upwards, the share, J downwards. `x` instead of the events of the pilot, for what is expected."""
        policy, n, m = self.setup.policy, block.n[:, :1], block.n[:, 1:]
        s, every = block.events[..., 0] + block.events[..., 1], n + m
        draws = np.maximum(np.minimum(s, n), 1.0)
        usable = (s > 0) & (s < every) & (n > 0) & (m > 0)
        excess = block.kappa * (n * s / np.maximum(every, 1.0))
        late = np.arange(s.shape[1]) > 0
        down = usable & ~(late & (block.t < max(policy.skip, LATE))[:, None])
        share = block.share[:, :1] * (1.0 - policy.share_tol)
        all_ = np.maximum(every, 1.0)
        odds = exp(np.stack((block.psi0, self._margins(block))))
        p_up, p_down = chance(mean(odds, n, m, s), draws)
        hits = block.events[..., 0] if x is None else x
        return Case(
            d=np.concatenate((draws, all_, draws), axis=1),
            x=np.concatenate((hits, n, hits), axis=1),
            p0=np.concatenate((p_up, np.maximum(share, 1e-9), p_down), axis=1),
            excess=np.concatenate((excess, block.share[:, 1:] * share * every, excess), axis=1),
            up=self.up,
            usable=np.concatenate(
                (usable & ~(late & (block.t < policy.skip)[:, None]), (share > 0) & (every > 0), down), axis=1
            ),
        )

    def chances(self, block: Block) -> Array:
        """Of each binary column's alternative, [S, F - gauges' + P]."""
        n, m, k = block.n[:, :1], block.n[:, 1:], len(self.setup.bounds)
        s = block.events[..., 0] + block.events[..., 1]
        draws, metric = np.maximum(np.minimum(s, n), 1.0), np.arange(k + 1)
        errors = block.psi0[:, :1] + _ERRORS
        floor = np.repeat(block.psi0[:, 1:], len(_SLOWER), axis=1)
        slower = np.maximum(floor, np.repeat(block.tol[:, 1:], len(_SLOWER), axis=1) + np.tile(_SLOWER, k))
        up = np.concatenate((errors, slower), axis=1)
        of = np.concatenate((np.zeros(len(_ERRORS), int), np.repeat(metric[1:], len(_SLOWER))))
        better = np.broadcast_to(self.better, (len(s), len(self.better)))
        margins = np.repeat(block.margin, _MIRRORED, axis=1) - np.tile(_SLOWER[:_MIRRORED], k)
        down = np.concatenate((better, margins), axis=1)
        of_down = np.concatenate((np.zeros(better.shape[1], int), np.repeat(metric[1:], _MIRRORED)))
        index = np.concatenate((of, of_down))
        found = chance(mean(exp(np.concatenate((up, down), axis=1)), n, m, s[:, index]), draws[:, index])
        share = np.minimum(
            block.share[:, :1] * _SHARES, block.share[:, :1] * (1.0 - self.setup.policy.share_tol)
        )
        return np.concatenate((found[:, : len(of)], np.maximum(share, 1e-9), found[:, len(of) :]), axis=1)

    def _margins(self, block: Block) -> Array:
        errors = np.full((len(block.t), 1), self.margin)
        return np.concatenate((errors, block.margin), axis=1)


def alternatives(setup: Setup) -> Alternatives:
    policy, k = setup.policy, len(setup.bounds)
    falling = 1.0 / np.arange(1, len(_ERRORS) + 1)
    gauge = np.array([_LEVEL_WEIGHT / len(LEVELS)] * len(LEVELS) + [_LEAK_WEIGHT] * len(LEAKS))
    rows: list[tuple[str, str, int, Array]] = [
        ("errors", "errors", 0, falling / np.add.accumulate(falling)[-1])
    ]
    rows += [(f"latency>{bound!r}", "latency", at, np.full(10, 0.1)) for at, bound in enumerate(setup.bounds)]
    rows.append(("share", "share", 0, np.full(len(_SHARES), 1 / len(_SHARES))))
    rows += [(name, "gauges", at, gauge) for at, name in enumerate(setup.gauges)]
    members = {"errors": 1, "share": 1, "latency": k, "gauges": len(setup.gauges)}
    metrics, weights, first, at = [], [], [], 0
    for name, family, index, shape in rows:
        weight = policy.weights[family] / members[family]
        metrics.append(Metric(name, family, weight, slice(at, at + len(shape)), index))
        weights.append(shape * weight)
        first.append(np.full(len(shape), policy.skip if family in {"latency", "gauges"} else 0, float))
        at += len(shape)
    sizes = [len(_ERRORS), *[len(_SLOWER)] * k, len(_SHARES), len(_NO_WORSE), *[_MIRRORED] * k]
    ends = np.add.accumulate([0, len(_NO_WORSE), *[_MIRRORED] * k]).tolist()
    return Alternatives(
        setup=setup,
        metrics=tuple(metrics),
        weights=np.concatenate(weights),
        first=np.concatenate(first),
        owner=np.repeat(np.arange(len(sizes)), sizes),
        up=np.arange(len(sizes)) <= k,
        margin=ln(policy.err_margin),
        better=log(np.minimum(_NO_WORSE, 0.95 * policy.err_margin)),
        mirrored=tuple(slice(a, b) for a, b in pairwise(ends)),
    )
