"""The evidence of one stratum in one binary metric, for each alternative: a likelihood ratio that is fair under the null.

Given both arms' requests and their events in all, the pilot's events have Fisher's noncentral hypergeometric law. That
is dominated in convex order by a binomial of the same mean, and where counts are over-dispersed by a beta-binomial that
keeps one shape of the null's, so the ratio of two of those has a mean of at most 1.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.numerics import Array, lgamma, log
from lockgate.verifier.statistics.series import Flags, Indices

_EDGE = 1e-9
_CLIP = 60.0
_PLAIN = 1e6
"""From this sum of shapes on, a beta-binomial is as good as a binomial."""


def mean(r: Array, n: Array, m: Array, s: Array) -> Array:
    """Cornfield's mean of the pilot's events at an odds ratio r: n requests of the pilot, m of the baseline, s events."""
    b = (m - s) + r * (n + s)
    root = np.sqrt(np.maximum(b * b + 4.0 * (1.0 - r) * r * n * s, 0.0))
    return np.asarray(2.0 * r * n * s / np.maximum(b + root, 1e-300))


def chance(mean_: Array, d: Array) -> Array:
    """The mean as a chance of each of d draws."""
    return np.minimum(np.maximum(mean_ / d, _EDGE), 1.0 - _EDGE)


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
    up = case.up[index]
    both = np.concatenate((case.p0, p1), axis=1)
    p = np.where(up, both, 1.0 - both)
    h = np.where(case.up, case.d - case.x, case.x)
    nu = np.maximum((case.d - 1.0) / np.maximum(case.excess, 1e-200) - 1.0, 0.5)
    dispersed = (nu < _PLAIN) & (case.d > 1.0) & (case.excess > 0)
    kept = nu * p[:, :cases]
    found = _logs(p, dispersed[:, index], case.d[:, index], h[:, index], kept[:, index])
    ratio = found[:, cases:] - found[:, owner]
    moved = case.usable[:, owner] & (p1 != both[:, owner])
    return np.where(moved, np.minimum(np.maximum(ratio, -_CLIP), _CLIP), 0.0)


def _logs(p: Array, dispersed: Flags, d: Array, h: Array, kept: Array) -> Array:
    """Log likelihoods, of beta-binomials where `dispersed`; mostly all are."""
    if dispersed.all():
        return _beta(p, kept, d, h)
    found, plain = np.empty(p.shape), ~dispersed
    found[dispersed] = _beta(p[dispersed], kept[dispersed], d[dispersed], h[dispersed])
    found[plain] = _binomial(p[plain], d[plain], h[plain])
    return found


def _beta(p: Array, kept: Array, d: Array, h: Array) -> Array:
    """Log likelihood of a beta-binomial, but for what both of a ratio have in common."""
    at = np.empty((4, *p.shape))
    np.divide(kept * (1.0 - p), p, out=at[1])
    np.divide(kept, p, out=at[3])
    np.add(h, at[1], out=at[0])
    np.add(d, at[3], out=at[2])
    one, two, three, four = lgamma(at)
    return np.asarray((one - two) - (three - four))


def _binomial(p: Array, d: Array, h: Array) -> Array:
    one, other = log(np.stack((p, 1.0 - p)))
    return np.asarray((d - h) * one + h * other)
