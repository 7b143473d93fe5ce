"""How slow production is, and what a slowdown of the pilot would look like in counts of requests slower than a bound.

Production's exceedance of each bound, as logits over the logarithm of latency, is the reference in which a slowdown
(3 % more, 10 ms more) becomes a log odds ratio at each chosen bound.
"""

from dataclasses import dataclass, field

import numpy as np

from lockgate.verifier.statistics.numerics import Array, exp, log, logit, rounded
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.series import Flags

_LN2 = 0.6931471805599453
_LOWEST, _HIGHEST = 0.0008, 0.97
_WANTED = (0.5, 0.1, 0.01, 0.002)
_MOST = 6.0


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
    ends: Array = field(init=False)
    """Logarithms of the bounds."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", log(np.array(self.bounds, float)))

    def slowness(self, t: Array, requests: Array, slower: Array) -> Slowness:
        """t: scrapes since the start [S]; the baseline's requests [S] and slower ones [S, B] up to each left end."""
        policy, k = self.policy, len(self.chosen)
        logits = logit((slower + 0.5) / (requests[:, None] + 1.0))
        at = np.array([self.bounds[index] for index in self.chosen])
        warm = policy.lat_tol + policy.warm_max * halving(t, policy.warm_half)
        excess = (policy.lat_tol, policy.lat_ratio, policy.lat_margin)
        factors = [at / (1.0 + one) for one in excess] + [np.maximum(at - policy.lat_abs, 1e-9)]
        fixed = np.broadcast_to(np.concatenate(factors), (len(t), 4 * k))
        asked = log(np.concatenate((fixed, at / (1.0 + warm[:, None])), axis=1))
        own = logits[:, list(self.chosen)]
        found = (self._at(logits, asked).reshape(len(t), 5, k) - own[:, None, :]).swapaxes(0, 1)
        tol, ratio, margin, _, scheduled = np.minimum(np.maximum(found, 0.0), _MOST)
        tolerated = rounded(np.maximum(tol, self.offsets))
        during = (t < policy.warm_scrapes)[:, None]
        return Slowness(
            tolerated=tolerated,
            scheduled=np.where(during, np.maximum(scheduled - tolerated, 0.0), 0.0),
            ratio=rounded(ratio),
            absolute=rounded(np.maximum(found[3], 0.0)),
            margin=rounded(margin),
        )

    def _at(self, logits: Array, x: Array) -> Array:
        """Logits [S, B] at logarithms of latency [S, Q]: linear between bounds, constant outside."""
        if len(self.bounds) == 1:
            return np.broadcast_to(logits, x.shape)
        ends = self.ends
        left = np.clip(np.searchsorted(ends, x, side="right") - 1, 0, len(ends) - 2)
        part = np.clip((x - ends[left]) / (ends[left + 1] - ends[left]), 0.0, 1.0)
        low = np.take_along_axis(logits, left, axis=1)
        return np.asarray(low + part * (np.take_along_axis(logits, left + 1, axis=1) - low))


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
        decay = float(log(np.array(self.policy.warm_gamma))) / self.policy.warm_half
        for s in np.flatnonzero(t < self.policy.warm_scrapes):
            self.limit = self.limit * float(exp(np.array((t[s] - self.t) * decay)))
            self.t = float(t[s])
            allowed[s] = np.minimum(scheduled[s], self.limit)
            self.limit = np.where(usable[s], np.minimum(self.limit, observed[s]), self.limit)
        return allowed


def observed(x: Array, n: Array, y: Array, m: Array, kappa: Array) -> Array:
    """The log odds ratio of x of n against y of m, plus twice its standard error; half an event is added to each cell."""
    cells = np.stack(np.broadcast_arrays(x, n - x, y, m - y)) + 0.5
    logs = log(cells)
    inverse = 1.0 / cells
    e = n * (x + y) / np.maximum(n + m, 1.0)
    squared = (1.0 + kappa * e) * (((inverse[0] + inverse[1]) + inverse[2]) + inverse[3])
    return np.asarray(((logs[0] - logs[1]) - (logs[2] - logs[3])) + 2.0 * np.sqrt(squared))
