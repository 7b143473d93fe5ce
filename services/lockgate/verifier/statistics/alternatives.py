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
_LEAST = 1e-9
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
    begins: Array
    """[C]: the first scrape that a case is asked of."""
    places: Indices
    """The metric of each null, margin and alternative."""
    upwards: int
    """How many of the alternatives are upwards."""
    fixed: Array
    """[1, *]: logarithms of `err_margin`, and of the odds ratios at which errors are no worse."""

    @property
    def binary(self) -> int:
        """How many of the F columns are not of gauges."""
        return int(len(self.owner) - self.mirrored[-1].stop)

    def compare(self, block: Block, x: Array | None = None) -> tuple[Case, Array]:
        """The cases (J upwards, the share, J downwards), and the chances of each binary column's alternative,
        [S, F - gauges' + P]. `x` instead of the events of the pilot, for what is expected.
        """
        n, m, of, cases = block.n[:, :1], block.n[:, 1:], self.places, block.events.shape[1]
        s, every = block.events[..., 0] + block.events[..., 1], n + m
        draws = np.maximum(np.minimum(s, n), 1.0)
        odds = exp(self._psi(block))
        p = chance(mean(odds, n, m, s.take(of, axis=1)), draws.take(of, axis=1))
        usable = (s > 0) & (s < every) & (n > 0) & (m > 0)
        share = block.share[:, :1] * (1.0 - self.setup.policy.share_tol)
        all_ = np.maximum(every, 1.0)
        excess = block.kappa * (n * s / all_)
        hits, second = block.events[..., 0] if x is None else x, 2 * cases + self.upwards
        case = Case(
            d=np.concatenate((draws, all_, draws), axis=1),
            x=np.concatenate((hits, n, hits), axis=1),
            p0=np.concatenate((p[:, :cases], np.maximum(share, _LEAST), p[:, cases : 2 * cases]), axis=1),
            excess=np.concatenate((excess, block.share[:, 1:] * share * every, excess), axis=1),
            up=self.up,
            usable=np.concatenate((usable, (share > 0) & (every > 0), usable), axis=1)
            & (block.t[:, None] >= self.begins),
        )
        shares = np.maximum(np.minimum(block.share[:, :1] * _SHARES, share), _LEAST)
        return case, np.concatenate((p[:, 2 * cases : second], shares, p[:, second:]), axis=1)

    def _psi(self, block: Block) -> Array:
        """Log odds ratios: of the nulls, of what a pass has to exclude, and of the alternatives upwards and downwards."""
        psi0, strata, k = block.psi0, len(block.t), len(self.setup.bounds)
        errors = psi0[:, :1] + _ERRORS
        slower = np.maximum(psi0[:, 1:, None], block.tol[:, 1:, None] + _SLOWER).reshape(
            strata, k * len(_SLOWER)
        )
        better = (block.margin[:, :, None] - _SLOWER[:_MIRRORED]).reshape(strata, k * _MIRRORED)
        fixed = np.repeat(self.fixed, strata, axis=0)
        return np.concatenate(
            (psi0, fixed[:, :1], block.margin, errors, slower, fixed[:, 1:], better), axis=1
        )


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
    begins = [0, *[policy.skip] * k, 0, 0, *[max(policy.skip, LATE)] * k]
    up, down = [len(_ERRORS), *[len(_SLOWER)] * k], [len(_NO_WORSE), *[_MIRRORED] * k]
    each = np.arange(k + 1)
    better = log(np.minimum(_NO_WORSE, 0.95 * policy.err_margin))
    sizes = [*up, len(_SHARES), *down]
    ends = np.add.accumulate([0, *down]).tolist()
    return Alternatives(
        setup=setup,
        metrics=tuple(metrics),
        weights=np.concatenate(weights),
        first=np.concatenate(first),
        owner=np.repeat(np.arange(len(sizes)), sizes),
        up=np.arange(len(sizes)) <= k,
        begins=np.array(begins, float),
        places=np.concatenate((each, each, np.repeat(each, up), np.repeat(each, down))),
        upwards=sum(up),
        fixed=np.concatenate(([ln(policy.err_margin)], better))[None]
        + (setup.usual[0] if setup.usual else 0.0),
        mirrored=tuple(slice(a, b) for a, b in pairwise(ends)),
    )
