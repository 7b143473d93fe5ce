"""Which alternatives each metric has, with their weights and the chances that they give to each stratum.

Each binary metric is judged upwards (is it worse?) and, mirrored, downwards (is it shown not to be?); the pilot's share
of the traffic downwards only.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.columns import ERRORS, NO_WORSE, SHARES, SLOWER, Columns, columns
from lockgate.verifier.statistics.kernel import Case, chance, mean
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import ONE, ZERO, Array, exp, ln, log

_LEAST = np.array(1e-9)
_FALLING = 1.0 / np.arange(1, len(ERRORS) + 1)
_FALLING /= np.add.accumulate(_FALLING)[-1]
_ALIKE, _OF_SHARES = np.full(len(SLOWER), 0.1), np.full(len(SHARES), 1 / len(SHARES))
LATE = 5
"""Latency and the level of gauges are shown not to be worse from this scrape on."""

LEVELS = exp(ln(0.05) + (ln(1.2) - ln(0.05)) / 9.0 * np.arange(10.0))
LEAKS = np.array((0.003, 0.006, 0.012, 0.025, 0.05))
_OF_GAUGES = np.array([0.7 / len(LEVELS)] * len(LEVELS) + [0.06] * len(LEAKS))


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
    begins: Array
    """[C]: the first scrape that a case is asked of."""
    columns: Columns
    """Where the binary ones are."""
    added: Array
    """As of the columns, with what is fixed."""

    @property
    def binary(self) -> int:
        """How many of the F columns are not of gauges."""
        return int(len(self.columns.owner) - self.columns.mirrored[-1].stop)

    def compare(self, block: Block, x: Array | None = None) -> tuple[Case, Array, Array]:
        """The cases (J upwards, the share, J downwards), the chances of each binary column's alternative,
        [S, F - gauges' + P], and the odds ratios of the gates of latency: by the ratio for each bound, and by the ratio and in
        seconds, [S, 2 K]. `x` instead of the events of the pilot, for what is expected.
        """
        n, m, of, cases = block.n[:, :1], block.n[:, 1:], self.columns.places, block.events.shape[1]
        s, every = block.events[..., 0] + block.events[..., 1], n + m
        draws = np.maximum(np.minimum(s, n), ONE)
        odds = exp(self._psi(block))
        p = chance(mean(odds[:, : len(of)], n, m, s.take(of, axis=1)), draws.take(of, axis=1))
        usable = (s > ZERO) & (s < every) & (np.minimum(n, m) > ZERO)
        share = block.share[:, :1] * (1.0 - self.setup.policy.share_tol)
        all_ = np.maximum(every, ONE)
        excess = block.kappa * (n * s / all_)
        hits, second = block.events[..., 0] if x is None else x, 2 * cases + self.columns.upwards
        case = Case(
            d=np.concatenate((draws, all_, draws), axis=1),
            x=np.concatenate((hits, n, hits), axis=1),
            p0=np.concatenate((p[:, :cases], np.maximum(share, _LEAST), p[:, cases : 2 * cases]), axis=1),
            excess=np.concatenate((excess, block.share[:, 1:] * share * every, excess), axis=1),
            up=self.columns.up,
            usable=np.concatenate((usable, (share > ZERO) & (every > ZERO), usable), axis=1)
            & (block.t[:, None] >= self.begins),
        )
        shares = np.maximum(np.minimum(block.share[:, :1] * SHARES, share), _LEAST)
        chances = np.concatenate((p[:, 2 * cases : second], shares, p[:, second:]), axis=1)
        return case, chances, odds[:, len(of) :]

    def _psi(self, block: Block) -> Array:
        """Log odds ratios: of the nulls, of what a pass has to exclude, of the alternatives upwards and downwards, and of gates."""
        both, none = np.maximum(block.ratio, block.absolute), np.zeros((len(block.t), 1))
        told = np.concatenate((block.psi0, block.tol, block.margin, block.ratio, both, none), axis=1)
        found = told.take(self.columns.beside, axis=1)
        found += self.added
        slower = found[:, self.columns.slower]
        np.maximum(slower, block.psi0.take(self.columns.nulls, axis=1), out=slower)
        return found


def alternatives(setup: Setup) -> Alternatives:
    policy, k = setup.policy, len(setup.bounds)
    rows: list[tuple[str, str, int, Array]] = [("errors", "errors", 0, _FALLING)]
    rows += [(f"latency>{bound!r}", "latency", at, _ALIKE) for at, bound in enumerate(setup.bounds)]
    rows.append(("share", "share", 0, _OF_SHARES))
    rows += [(name, "gauges", at, _OF_GAUGES) for at, name in enumerate(setup.gauges)]
    members = {"errors": 1, "share": 1, "latency": k, "gauges": len(setup.gauges)}
    metrics, weights, first, at = [], [], [], 0
    for name, family, index, shape in rows:
        weight = policy.weights[family] / members[family]
        metrics.append(Metric(name, family, weight, slice(at, at + len(shape)), index))
        weights.append(shape * weight)
        first += [policy.skip if family in {"latency", "gauges"} else 0] * len(shape)
        at += len(shape)
    begins = [0, *[policy.skip] * k, 0, 0, *[max(policy.skip, LATE)] * k]
    of = columns(k)
    return Alternatives(
        setup=setup,
        metrics=tuple(metrics),
        weights=np.concatenate(weights),
        first=np.array(first, float),
        begins=np.array(begins, float),
        columns=of,
        added=_added(of, policy.err_margin, setup.usual[0] if setup.usual else 0.0),
    )


def _added(of: Columns, margin: float, usual: float) -> Array:
    """With logarithms of `err_margin` and of the odds ratios at which errors are no worse."""
    added = of.added.copy()
    added[of.fixed[0]] = ln(margin) + usual
    added[of.fixed[1:]] = log(np.minimum(NO_WORSE, 0.95 * margin)) + usual
    return added
