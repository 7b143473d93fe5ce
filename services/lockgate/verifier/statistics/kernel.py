"""The evidence of one stratum in one binary metric, for each alternative: a likelihood ratio that is fair under the null.

Given both arms' requests and their events in all, the pilot's events have Fisher's noncentral hypergeometric law. That
is dominated in convex order by a binomial of the same mean, and where counts are over-dispersed by a beta-binomial that
keeps one shape of the null's, so the ratio of two of those has a mean of at most 1.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.numerics import ONE, TWO, ZERO, Array, every, lgamma, log
from lockgate.verifier.statistics.series import Flags, Indices

_EDGE, _OTHER_EDGE = np.array(1e-9), np.array(1.0 - 1e-9)
_LEAST, _MOST = np.array(-60.0), np.array(60.0)
_FOUR, _HALF, _TINY, _TINIEST = map(np.array, (4.0, 0.5, 1e-300, 1e-200))
_PLAIN = np.array(1e6)
"""From this sum of shapes on, a beta-binomial is as good as a binomial."""


def mean(r: Array, n: Array, m: Array, s: Array) -> Array:
    """Cornfield's mean of the pilot's events at an odds ratio r: n requests of the pilot, m of the baseline, s events."""
    b = (m - s) + r * (n + s)
    root = np.sqrt(np.maximum(b * b + _FOUR * (ONE - r) * r * n * s, ZERO))
    return np.asarray(TWO * r * n * s / np.maximum(b + root, _TINY))


def chance(mean_: Array, d: Array) -> Array:
    """The mean as a chance of each of d draws."""
    return np.asarray(np.minimum(np.maximum(mean_ / d, _EDGE), _OTHER_EDGE))


@dataclass(frozen=True, slots=True)
class Case:
    """C comparisons in each of S strata: d draws of which x hit with chance p0 under the null, [S, C]."""

    d: Array
    x: Array
    p0: Array
    excess: Array
    """kappa times the expectation: how much more the count varies than by chance."""
    up: Flags
    """[C]: whether the alternatives have higher chances; in the others they have lower ones."""
    usable: Flags
    """[S, C]"""


def gains(case: Case, p1: Array, owner: Indices) -> Array:
    """Logarithms of the likelihood ratios [S, K], of chances p1 [S, K] against the null of the case that owns each."""
    cases = len(case.up)
    index = np.concatenate((np.arange(cases), owner))
    # Seen from the side whose shape is kept: the chance p, and h the draws that went the other way.
    both = np.concatenate((case.p0, p1), axis=1)
    p = np.where(case.up.take(index), both, ONE - both)
    h = np.where(case.up, case.d - case.x, case.x)
    nu = np.maximum((case.d - ONE) / np.maximum(case.excess, _TINIEST) - ONE, _HALF)
    dispersed = (nu < _PLAIN) & (case.d > ONE) & (case.excess > ZERO)
    d, h, kept = (one.take(index, axis=1) for one in (case.d, h, nu * p[:, :cases]))
    found = _logs(p, dispersed.take(index, axis=1), d, h, kept)
    ratio = found[:, cases:] - found.take(owner, axis=1)
    moved = case.usable.take(owner, axis=1) & (p1 != case.p0.take(owner, axis=1))
    return np.where(moved, np.minimum(np.maximum(ratio, _LEAST), _MOST), 0.0)


def _logs(p: Array, dispersed: Flags, d: Array, h: Array, kept: Array) -> Array:
    """Log likelihoods, of beta-binomials where `dispersed`; mostly all are."""
    if every(dispersed):
        return _beta(p, kept, d, h)
    found, plain = np.empty(p.shape), ~dispersed
    found[dispersed] = _beta(p[dispersed], kept[dispersed], d[dispersed], h[dispersed])
    found[plain] = _binomial(p[plain], d[plain], h[plain])
    return found


def _beta(p: Array, kept: Array, d: Array, h: Array) -> Array:
    """Log likelihood of a beta-binomial, but for what both of a ratio have in common."""
    at = np.empty((4, *p.shape))
    np.divide(kept * (ONE - p), p, out=at[1])
    np.divide(kept, p, out=at[3])
    np.add(h, at[1], out=at[0])
    np.add(d, at[3], out=at[2])
    one, two, three, four = lgamma(at)
    return np.asarray((one - two) - (three - four))


def _binomial(p: Array, d: Array, h: Array) -> Array:
    one, other = log(np.array((p, 1.0 - p)))
    return np.asarray((d - h) * one + h * other)
