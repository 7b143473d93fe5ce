"""Gates: whether what was found is large enough to matter, over the window since its likeliest beginning.

They can only lower false alarms. Sums since the start are kept, so a window of any length costs the same.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.alternatives import Alternatives
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
    """Of the metrics in S strata, [S, metrics]: how large the excess is in its window, and whether that matters."""

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
        self.left, self.sums = np.zeros(longest), np.zeros((longest + 1, 5 + 2 * k))
        self.counts = np.zeros((longest + 1, g), int)
        self.d, self.above = np.zeros((longest + 1, g)), np.zeros((longest, g))
        self.usual = exp(np.array(setup.usual or np.zeros(k + 1)))
        self.higher = np.arange(k) >= np.arange(k)[:, None]
        t = np.arange(float(longest))
        warm = np.zeros(longest)
        soon = t < self.policy.warm_scrapes
        warm[soon] = self.policy.warm_max * halving(t[soon], self.policy.warm_half)
        ratios = np.array([self.policy.of("g_ratio", name) for name in setup.gauges]).reshape(g, 1)
        self.excess = np.repeat(log(1.0 + ratios), longest, axis=1)
        self.excess[:, soon] = log((1.0 + ratios) + warm[soon])

    def add(self, block: Block, used: Flags) -> None:
        """`used` [N, G]: the values of gauges that count."""
        s, n = self.strata, len(block.t)
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

    def gate(self, block: Block, onset: Indices) -> Gate:
        """For the S strata of the block that was added last, and the windows from `onset` [S, metrics]: of errors, each
        bound, the share and each gauge.
        """
        k = len(self.setup.bounds)
        estimate, opened = np.empty(onset.shape), np.empty(onset.shape, bool)
        ends = self.sums[self.strata - len(onset) + 1 : self.strata + 1]
        window = ends[:, None, :] - self.sums[onset[:, : 2 + k]]
        worse, usual, size = window[:, 0, :3].T
        estimate[:, 0], opened[:, 0] = self._errors(worse, usual, size)
        if k:
            estimate[:, 1 : k + 1], opened[:, 1 : k + 1] = self._latency(block, window[:, 1 : k + 1, 5:])
        long = block.t - self.left[onset[:, k + 1]] >= self.policy.silent
        had, wanted = window[:, k + 1, 3:5].T
        estimate[:, k + 1], opened[:, k + 1] = self._share(had, wanted, long)
        if self.setup.gauges:
            estimate[:, k + 2 :], opened[:, k + 2 :] = self._gauges(block, onset[:, k + 2 :])
        return Gate(estimate, opened)

    def _errors(self, worse: Array, usual: Array, size: Array) -> tuple[Array, Flags]:
        more = self.usual[0] * usual + _HALF_AN_EVENT
        enough = (worse >= self.policy.err_ratio * more) & (
            worse - (more - _HALF_AN_EVENT) >= self.policy.err_abs * size
        )
        return worse / more, enough

    def _latency(self, block: Block, window: Array) -> tuple[Array, Flags]:
        """[S, K]: at this bound by the ratio, and here or at a higher one by the ratio and in seconds. `window`
        [S, K, 2 K]: that of each, at all bounds.
        """
        odds = exp(np.concatenate((block.ratio, np.maximum(block.ratio, block.absolute)), axis=1))
        k = len(self.setup.bounds)
        slower, usual = window[..., 0::2], window[..., 1::2] + _HALF_AN_EVENT
        each = np.arange(k)
        own, beside = slower[:, each, each], usual[:, each, each]
        both = (slower >= odds[:, None, k:] * usual) & self.higher
        return own / (beside * self.usual[1:]), (own >= odds[:, :k] * beside) & both.any(axis=2)

    def _share(self, had: Array, wanted: Array, long: Flags) -> tuple[Array, Flags]:
        low = (had <= (1.0 - self.policy.share_tol) * wanted) & (wanted > 0)
        return had / np.maximum(wanted, 1e-9), long & low

    def _gauges(self, block: Block, onset: Indices) -> tuple[Array, Flags]:
        """[S, G]"""
        each, t = np.arange(onset.shape[1]), block.t.astype(np.intp)
        begin = self.counts[(self.left[onset] + 1.0).astype(np.intp), each]
        end = self.counts[t + 1]
        recent = np.maximum(begin, end - _RECENT)
        many, few, last = end - begin, end - recent, self.d[end, each]
        whole = np.where(many > 0, (last - self.d[begin, each]) / np.maximum(many, 1), _NOTHING)
        mean = np.where(many >= _ENOUGH, whole, _NOTHING)  # one outlying minute is no window
        late = np.where(few >= _ENOUGH, (last - self.d[recent, each]) / np.maximum(few, 1), _NOTHING)
        enough = np.maximum(mean, late) >= self.excess[:, t].T
        for s, g in np.argwhere(enough) if enough.any() else ():
            least = self.policy.of("g_abs", self.setup.gauges[g])
            enough[s, g] = median(self.above[begin[s, g] : end[s, g], g]) >= least
        return np.where(many > 0, whole, np.nan), enough


def _steps(block: Block) -> Array:
    """Mantel-Haenszel sums of each stratum: errors' three, the share's two, two of each bound."""
    n, m = block.n[:, 0], block.n[:, 1]
    all_ = n + m
    every = np.maximum(all_, 1.0)
    found = np.empty((len(n), 3 + 2 * block.events.shape[1]))
    slow, usual = block.events[..., 0], block.events[..., 1]
    found[:, 3::2] = slow * (m[:, None] - usual) / every[:, None]
    found[:, 4::2] = usual * (n[:, None] - slow) / every[:, None]
    found[:, 0] = slow[:, 0] * m / every
    found[:, 1] = usual[:, 0] * n / every
    found[:, 2] = n * m / every
    found[:, 3] = n * (block.share[:, 0] > 0)
    found[:, 4] = block.share[:, 0] * all_
    return found
