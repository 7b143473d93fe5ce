"""Gates: whether what was found is large enough to matter, over the window since its likeliest beginning.

They can only lower false alarms. Sums since the start are kept, so a window of any length costs the same.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.alternatives import Alternatives
from lockgate.verifier.statistics.measured import Block
from lockgate.verifier.statistics.numerics import ONE, ZERO, Array, exp, log, running, some
from lockgate.verifier.statistics.offsets import median
from lockgate.verifier.statistics.series import Flags, Indices
from lockgate.verifier.statistics.slowness import halving

_HALF_AN_EVENT = np.array(0.05)
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
        self.usual = exp(np.array(setup.usual)) if setup.usual else np.ones(k + 1)
        self.higher = np.arange(k) >= np.arange(k)[:, None]
        t = np.arange(float(longest))
        warm = np.zeros(longest)
        soon = t < self.policy.warm_scrapes
        warm[soon] = self.policy.warm_max * halving(t[soon], self.policy.warm_half)
        ratios = np.array([self.policy.of("g_ratio", name) for name in setup.gauges]).reshape(g, 1)
        excess = np.repeat(log(1.0 + ratios), longest, axis=1)
        excess[:, soon] = log((1.0 + ratios) + warm[soon])
        self.excess, self.each = excess.T, np.arange(g)

    def add(self, block: Block, used: Flags) -> None:
        """`used` [N, G]: the values of gauges that count."""
        s, n = self.strata, len(block.t)
        self.left[s : s + n] = block.left
        sums, counts = self.sums[s : s + n + 1], self.counts[block.first : block.end + 1]
        sums[1:], counts[1:] = _steps(block), used
        np.add.accumulate(sums, axis=0, out=sums)
        np.add.accumulate(counts, axis=0, out=counts)
        self.strata += n
        if self.setup.gauges:
            # the values that count, one after the other: one that does not is added as nothing, and leaves its sum in its place
            self.d[counts, self.each] = running(self.d[counts[0], self.each], np.where(used, block.d, 0.0))
            scrapes, gauges = used.nonzero()
            self.above[counts[scrapes, gauges], gauges] = block.above[scrapes, gauges]

    def told(self, block: Block) -> Flags:
        """[S, G]: whether a gauge had a value so far."""
        return self.counts[(block.t + 1.0).astype(np.intp)] > 0

    def gate(self, block: Block, onset: Indices, odds: Array) -> Gate:
        """For the S strata of the block that was added last, and the windows from `onset` [S, metrics]: of errors, each
        bound, the share and each gauge. `odds` [S, 2 K]: at which latency matters, for each bound by the ratio, and by the ratio
        and in seconds.
        """
        k = len(self.setup.bounds)
        estimate, opened = np.empty(onset.shape), np.empty(onset.shape, bool)
        ends = self.sums[self.strata - len(onset) + 1 : self.strata + 1]
        window = ends[:, None, :] - self.sums[onset[:, : 2 + k]]
        worse, usual, size = window[:, 0, :3].T
        estimate[:, 0], opened[:, 0] = self._errors(worse, usual, size)
        if k:
            estimate[:, 1 : k + 1], opened[:, 1 : k + 1] = self._latency(odds, window[:, 1 : k + 1, 5:])
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

    def _latency(self, odds: Array, window: Array) -> tuple[Array, Flags]:
        """[S, K]: at this bound by the ratio, and here or at a higher one by the ratio and in seconds. `window`
        [S, K, 2 K]: that of each, at all bounds.
        """
        k = len(self.setup.bounds)
        slower, usual = window[..., 0::2], window[..., 1::2] + _HALF_AN_EVENT
        own, beside = slower.diagonal(axis1=1, axis2=2), usual.diagonal(axis1=1, axis2=2)
        both = (slower >= odds[:, None, k:] * usual) & self.higher
        large = (own >= odds[:, :k] * beside) & np.logical_or.reduce(both, axis=2)
        return own / (beside * self.usual[1:]), large

    def _share(self, had: Array, wanted: Array, long: Flags) -> tuple[Array, Flags]:
        low = (had <= (1.0 - self.policy.share_tol) * wanted) & (wanted > 0)
        return had / np.maximum(wanted, 1e-9), long & low

    def _gauges(self, block: Block, onset: Indices) -> tuple[Array, Flags]:
        """[S, G]: by the mean over the whole window, or over its last values."""
        each, t = self.each, block.t.astype(np.intp)
        begin, end = self.counts[self.left[onset].astype(np.intp) + 1, each], self.counts[t + 1]
        begins = np.empty((2, *begin.shape), np.intp)
        begins[0] = begin
        np.maximum(begin, end - _RECENT, out=begins[1])
        many = end - begins
        means = (self.d[end, each] - self.d[begins, each]) / np.maximum(many, 1)
        large = np.where(many >= _ENOUGH, means, _NOTHING)  # one outlying minute is no window
        enough = np.maximum(large[0], large[1]) >= self.excess[t]
        for s, g in np.argwhere(enough) if some(enough) else ():
            least = self.policy.of("g_abs", self.setup.gauges[g])
            enough[s, g] = median(self.above[begin[s, g] : end[s, g], g]) >= least
        return np.where(many[0] > 0, means[0], np.nan), enough


def _steps(block: Block) -> Array:
    """Mantel-Haenszel sums of each stratum: errors' three, the share's two, two of each bound."""
    n, m = block.n[:, 0], block.n[:, 1]
    all_ = n + m
    every = np.maximum(all_, ONE)
    found = np.empty((len(n), 3 + 2 * block.events.shape[1]))
    slow, usual = block.events[..., 0], block.events[..., 1]
    found[:, 3::2] = slow * (m[:, None] - usual) / every[:, None]
    found[:, 4::2] = usual * (n[:, None] - slow) / every[:, None]
    found[:, 0] = slow[:, 0] * m / every
    found[:, 1] = usual[:, 0] * n / every
    found[:, 2] = n * m / every
    found[:, 3] = n * (block.share[:, 0] > ZERO)
    found[:, 4] = block.share[:, 0] * all_
    return found
