"""Gates: whether what was found is large enough to matter, over the window since its likeliest beginning.

They can only lower false alarms. Sums since the start are kept, so a window of any length costs the same.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.alternatives import Alternatives, Metric
from lockgate.verifier.statistics.measured import Block
from lockgate.verifier.statistics.numerics import Array, exp, log, running
from lockgate.verifier.statistics.offsets import median
from lockgate.verifier.statistics.series import Flags, Indices
from lockgate.verifier.statistics.slowness import halving

_HALF_AN_EVENT = 0.05
_RECENT, _ENOUGH = 5, 3
_NOTHING = -1e9
"""Below what any gauge is compared with: its mean over a window of too few values."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Of one metric in S strata: how large the excess is in its window, and whether that matters."""

    estimate: Array
    """NaN over a window in which a gauge has no value."""
    opened: Flags


class Gates:
    """Sums of one verification. A window begins with a stratum, given by its number, and ends with a later one."""

    def __init__(self, alternatives: Alternatives) -> None:
        setup = alternatives.setup
        longest, k, g = setup.policy.deadline, len(setup.bounds), len(setup.gauges)
        self.setup, self.policy = setup, setup.policy
        self.strata = 0
        self.odds = np.ones((2, 0, k))
        self.left, self.sums = np.zeros(longest), np.zeros((longest + 1, 5 + 2 * k))
        self.counts = np.zeros((longest + 1, g), int)
        self.d, self.above = np.zeros((longest + 1, g)), np.zeros((longest, g))
        t = np.arange(float(longest))
        warm = np.where(
            t < self.policy.warm_scrapes, self.policy.warm_max * halving(t, self.policy.warm_half), 0.0
        )
        ratios = [self.policy.of("g_ratio", name) for name in setup.gauges]
        self.excess = log(1.0 + np.array(ratios).reshape(g, 1) + warm)

    def add(self, block: Block, used: Flags) -> None:
        """`used` [N, G]: the values of gauges that count."""
        s, n = self.strata, len(block.t)
        self.odds = exp(np.stack((block.ratio, np.maximum(block.ratio, block.absolute))))
        self.left[s : s + n] = block.left
        self.sums[s : s + n + 1] = running(self.sums[s], _steps(block))
        self.strata += n
        before = self.counts[block.first]
        self.counts[block.first + 1 : block.end + 1] = before + np.add.accumulate(used, axis=0, dtype=int)
        for gauge in range(used.shape[1]):
            rows = slice(before[gauge], before[gauge] + int(used[:, gauge].sum()))
            self.above[rows, gauge] = block.above[used[:, gauge], gauge]
            carried = self.d[rows.start, gauge]
            self.d[rows.start : rows.stop + 1, gauge] = running(carried, block.d[used[:, gauge], gauge])

    def gate(self, metric: Metric, block: Block, onset: Indices) -> Gate:
        """For the S strata of the block that was added last, and the windows from `onset` [S]."""
        match metric.family:
            case "errors":
                return self._errors(onset)
            case "latency":
                return self._latency(metric.index, onset)
            case "share":
                return self._share(block, onset)
            case _:
                return self._gauge(metric, block, onset)

    def _window(self, onset: Indices) -> Array:
        """[S, features]"""
        return self.sums[self.strata - len(onset) + 1 : self.strata + 1] - self.sums[onset]

    def _errors(self, onset: Indices) -> Gate:
        worse, usual, size = self._window(onset)[:, :3].T
        usual = usual + _HALF_AN_EVENT
        enough = (worse >= self.policy.err_ratio * usual) & (
            worse - (usual - _HALF_AN_EVENT) >= self.policy.err_abs * size
        )
        return Gate(worse / usual, enough)

    def _latency(self, k: int, onset: Indices) -> Gate:
        """At this bound by the ratio, and here or at a higher one by the ratio and in seconds."""
        slower, usual = (
            self._window(onset)[:, 5:].reshape(len(onset), len(self.setup.bounds), 2).transpose(2, 0, 1)
        )
        usual = usual + _HALF_AN_EVENT
        ratio, both = self.odds
        here = slower[:, k] >= ratio[:, k] * usual[:, k]
        return Gate(
            slower[:, k] / usual[:, k], here & (slower[:, k:] >= both[:, k:] * usual[:, k:]).any(axis=1)
        )

    def _share(self, block: Block, onset: Indices) -> Gate:
        had, wanted = self._window(onset)[:, 3:5].T
        long = block.t - self.left[onset] >= self.policy.silent
        low = (had <= (1.0 - self.policy.share_tol) * wanted) & (wanted > 0)
        return Gate(had / np.maximum(wanted, 1e-9), long & low)

    def _gauge(self, metric: Metric, block: Block, onset: Indices) -> Gate:
        g = metric.index
        begin = self.counts[(self.left[onset] + 1).astype(int), g]
        end = self.counts[(block.t + 1).astype(int), g]
        recent = np.maximum(begin, end - _RECENT)
        many, few = end - begin, end - recent
        whole = np.where(many > 0, (self.d[end, g] - self.d[begin, g]) / np.maximum(many, 1), _NOTHING)
        mean = np.where(many >= _ENOUGH, whole, _NOTHING)  # one outlying minute is no window
        last = np.where(few >= _ENOUGH, (self.d[end, g] - self.d[recent, g]) / np.maximum(few, 1), _NOTHING)
        enough = np.maximum(mean, last) >= self.excess[g, block.t.astype(int)]
        least = self.policy.of("g_abs", metric.name)
        for s in np.flatnonzero(enough):
            enough[s] = median(self.above[begin[s] : end[s], g]) >= least
        return Gate(np.where(many > 0, whole, np.nan), enough)


def _steps(block: Block) -> Array:
    """Mantel-Haenszel sums of each stratum: errors' three, the share's two, two of each bound."""
    n, m = block.n.T
    every = np.maximum(n + m, 1.0)
    x, y = block.events[:, 0].T
    judged = block.share[:, 0] > 0
    slow, usual = block.events[:, 1:, 0], block.events[:, 1:, 1]
    bounds = np.stack(
        (
            slow * (m[:, None] - usual) / every[:, None],
            usual * (n[:, None] - slow) / every[:, None],
        ),
        axis=-1,
    ).reshape(len(n), 2 * slow.shape[1])
    fixed = (x * m / every, y * n / every, n * m / every, n * judged, block.share[:, 0] * (n + m))
    return np.concatenate((np.stack(fixed, axis=1), bounds), axis=1)
