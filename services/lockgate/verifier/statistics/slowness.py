"""How slow production is, and what a slowdown of the pilot would look like in counts of requests slower than a bound.

Production's exceedance of each bound, as logits over the logarithm of latency, is the reference in which a slowdown
(3 % more, 10 ms more) becomes a log odds ratio at each chosen bound.
"""

from dataclasses import dataclass, field

import numpy as np

from lockgate.verifier.statistics.numerics import ONE, Array, exp, exp_of, ln, log, logit, rounded, some
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.series import Flags, Indices

_LN2 = 0.6931471805599453
_LOWEST, _HIGHEST = 0.0008, 0.97
_WANTED = (0.5, 0.1, 0.01, 0.002)
_MOST = 6.0
_HALF = np.array(0.5)


def choose(requests: float, slower: Array) -> tuple[int, ...]:
    """The places of the bounds to compare at, by how many of the baseline's requests in the history were slower.

    At most four, those nearest to exceedances of 50, 10, 1 and 0.2 %; none without a history.
    """
    if requests <= 0:
        return ()
    exceeded = (slower + 0.5) / (requests + 1.0)
    usable = [int(k) for k in np.flatnonzero((exceeded > _LOWEST) & (exceeded < _HIGHEST))]
    if len(usable) <= len(_WANTED):
        return tuple(usable)
    have, wanted = logit(exceeded[usable]), logit(np.array(_WANTED))
    nearest = {usable[int(np.argmin(abs(have - one)))] for one in wanted}
    return tuple(sorted(nearest))


@dataclass(frozen=True, slots=True)
class Slowness:
    """Per stratum and chosen bound [S, K], as log odds ratios, rounded."""

    tolerated: Array
    scheduled: Array
    """What a warm-up may add to it at most, by the clock."""
    ratio: Array
    absolute: Array
    margin: Array


@dataclass(frozen=True, slots=True)
class Reference:
    """All bounds in seconds, which of them are compared at, and the tolerated offset of pods at each of those."""

    bounds: tuple[float, ...]
    chosen: tuple[int, ...]
    offsets: Array
    policy: Policy
    own: Indices = field(init=False)
    """[K]: the places of the chosen bounds."""
    at: Array = field(init=False)
    """[K]: the chosen bounds."""
    ends: Array = field(init=False)
    """Logarithms of the bounds."""
    fixed: "_Places" = field(init=False)
    """Of the latencies [4 K] that are asked for in every stratum."""
    least: Array = field(init=False)
    most: Array = field(init=False)
    """[4, K]: between these is what is found there."""

    def __post_init__(self) -> None:
        policy, at = self.policy, np.array([self.bounds[index] for index in self.chosen], float)
        zero = np.zeros(len(at))
        object.__setattr__(self, "own", np.array(self.chosen, np.intp))
        object.__setattr__(self, "least", np.array((self.offsets, zero, zero, zero)))
        tops = (np.maximum(self.offsets, _MOST), zero + _MOST, zero + _MOST, zero + np.inf)
        object.__setattr__(self, "most", np.array(tops))
        object.__setattr__(self, "at", at)
        object.__setattr__(self, "ends", log(np.array(self.bounds, float)))
        excess = (policy.lat_tol, policy.lat_ratio, policy.lat_margin)
        factors = [at / (1.0 + one) for one in excess] + [np.maximum(at - policy.lat_abs, 1e-9)]
        object.__setattr__(self, "fixed", self._places(np.concatenate(factors)))

    def slowness(self, t: Array, requests: Array, slower: Array) -> Slowness:
        """t: scrapes since the start [S]; the baseline's requests [S] and slower ones [S, B] up to each left end."""
        policy, k = self.policy, len(self.chosen)
        logits = logit((slower + _HALF) / (requests[:, None] + ONE))
        own = logits.take(self.own, axis=1)
        slower_by = self.fixed.of(logits).reshape(len(t), 4, k) - own[:, None, :]
        found = np.minimum(np.maximum(slower_by, self.least), self.most)
        tolerated, ratio, margin, absolute = rounded(found).swapaxes(0, 1)
        scheduled, during = np.zeros((len(t), k)), t < policy.warm_scrapes
        if some(during):
            warm = policy.lat_tol + policy.warm_max * halving(t[during], policy.warm_half)
            asked = self._places(self.at / (1.0 + warm[:, None])).of(logits[during])
            slow = np.minimum(np.maximum(asked - own[during], 0.0), _MOST)
            scheduled[during] = np.maximum(slow - tolerated[during], 0.0)
        return Slowness(tolerated, scheduled, ratio, absolute, margin)

    def _places(self, latencies: Array) -> "_Places":
        """Where latencies [*S, Q] in seconds are among the bounds."""
        if len(self.bounds) < 2:
            return _Places(None, np.zeros(latencies.shape))
        x, ends = log(latencies), self.ends
        left = np.minimum(np.maximum(ends.searchsorted(x, side="right") - 1, 0), len(ends) - 2)
        part = (x - ends[left]) / (ends[left + 1] - ends[left])
        return _Places(left, np.minimum(np.maximum(part, 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class _Places:
    """[*S, Q]: which bound each latency is after, and how far from it to the next."""

    left: Indices | None
    """None where there is one bound, so that nothing is known of what is beside it."""
    part: Array

    def of(self, logits: Array) -> Array:
        """[S, Q]: logits [S, B], linear between bounds, constant outside."""
        if self.left is None:
            return np.repeat(logits[:, :1], self.part.shape[-1], axis=1)
        if self.left.ndim == 1:
            low, high = logits.take(self.left, axis=1), logits.take(self.left + 1, axis=1)
        else:
            rows = np.arange(len(logits))[:, None]
            low, high = logits[rows, self.left], logits[rows, self.left + 1]
        return low + self.part * (high - low)


def halving(t: Array, half: float) -> Array:
    """2^(-t / half)."""
    return exp(t * (-_LN2 / half))


@dataclass(slots=True)
class Warmup:
    """The envelope of a warm-up: a pilot may start slow, but what it was seen to be slower by must decay."""

    policy: Policy
    limit: Array
    """[K]: what the observations still allow beyond the tolerance; infinite before the first."""
    t: float = field(default=0.0)

    def fold(self, t: Array, scheduled: Array, observed: Array, usable: Flags) -> Array:
        """[S, K]: what is allowed beyond the tolerance in each stratum, from what was observed before it."""
        allowed = np.zeros(scheduled.shape)
        if not len(t):
            return allowed
        decay = ln(self.policy.warm_gamma) / self.policy.warm_half
        for s, at in enumerate(t.tolist()):
            if at >= self.policy.warm_scrapes:
                continue
            self.limit = self.limit * exp_of((at - self.t) * decay)
            self.t = at
            np.minimum(scheduled[s], self.limit, out=allowed[s])
            self.limit = np.where(usable[s], np.minimum(self.limit, observed[s]), self.limit)
        return allowed


def observed(x: Array, n: Array, y: Array, m: Array, kappa: Array) -> Array:
    """The log odds ratio of x of n against y of m, plus twice its standard error; half an event is added to each cell."""
    cells = np.array((x, n - x, y, m - y)) + 0.5
    logs = log(cells)
    inverse = 1.0 / cells
    e = n * (x + y) / np.maximum(n + m, 1.0)
    squared = (1.0 + kappa * e) * (((inverse[0] + inverse[1]) + inverse[2]) + inverse[3])
    return np.asarray(((logs[0] - logs[1]) - (logs[2] - logs[3])) + 2.0 * np.sqrt(squared))
