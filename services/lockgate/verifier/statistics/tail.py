"""How likely the pilot's error count, or a higher one, is if pilot and production fail equally often.

In each stratum (one region, one interval of time) the totals are given: `pilot` and `baseline` requests, and
`errors` of both together. If both arms fail equally often, the pilot's errors then have the hypergeometric law
(Fisher), whatever the error rate was in that interval; so load, time of day and incidents that hit both arms cancel.

Strata are added, not pooled: the sum over strata is compared with the law of the sum. Pooling would compare a minute
in which the pilot was not measured with one in which it was, and would see a shared incident as a difference (Simpson).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lockgate.verifier.statistics.arithmetic import log

EXACT_SUPPORT = 600
"""Up to so many possible values of the sum its law is computed; beyond, its upper bound is."""

_TILTS = tuple(1.0 + 2.0 ** (-step / 4) for step in range(-20, 41))
"""Where the bound is tried: 1 + 32 down to 1 + 1/1024. Each gives a valid bound; the least counts."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Requests and errors of both arms in the same interval of time."""

    pilot: int
    pilot_errors: int
    baseline: int
    baseline_errors: int

    @property
    def requests(self) -> int:
        return self.pilot + self.baseline

    @property
    def errors(self) -> int:
        return self.pilot_errors + self.baseline_errors

    @property
    def telling(self) -> bool:
        """Whether it can tell anything: both arms served, and neither nothing nor everything failed."""
        return self.pilot > 0 and self.baseline > 0 and 0 < self.errors < self.requests


def upper_tail(strata: Sequence[Stratum]) -> float:
    """P(sum of the pilot's errors >= the observed one), exact, or an upper bound of it where counts are large.

    1.0 if no stratum tells anything. Always at least the true probability, so a test with it keeps its level.
    """
    telling = [stratum for stratum in strata if stratum.telling]
    if sum(min(s.errors, s.pilot) for s in telling) > EXACT_SUPPORT:
        return _bound(telling)
    return _exact(telling)


def _exact(strata: Sequence[Stratum]) -> float:
    first, law = 0, [1.0]
    for stratum in strata:
        low, one = _hypergeometric(stratum)
        first, law = first + low, _sum_law(law, one)
    observed = sum(s.pilot_errors for s in strata)
    return min(1.0, _from_small(law[max(observed - first, 0) :]))


def _from_small(values: Sequence[float]) -> float:
    """The sum, added from the smallest to the largest: one order, so one result."""
    total = 0.0
    for value in sorted(values):
        total += value
    return total


def _hypergeometric(stratum: Stratum) -> tuple[int, list[float]]:
    """The lowest possible count of pilot errors, and the probabilities from there on, by recurrence from the mode."""
    pilot, baseline, errors = stratum.pilot, stratum.baseline, stratum.errors
    low, high = max(0, errors - baseline), min(errors, pilot)
    mode = min(max((errors + 1) * (pilot + 1) // (pilot + baseline + 2), low), high)
    weights = [0.0] * (high - low + 1)
    weights[mode - low] = 1.0
    for k in range(mode, high):
        ratio = ((pilot - k) * (errors - k)) / ((k + 1) * (baseline - errors + k + 1))
        weights[k + 1 - low] = weights[k - low] * ratio
    for k in range(mode, low, -1):
        ratio = (k * (baseline - errors + k)) / ((pilot - k + 1) * (errors - k + 1))
        weights[k - 1 - low] = weights[k - low] * ratio
    total = _from_small(weights)
    return low, [weight / total for weight in weights]


def _sum_law(law: list[float], other: list[float]) -> list[float]:
    """The law of the sum of two independent counts."""
    result = [0.0] * (len(law) + len(other) - 1)
    for place, probability in enumerate(law):
        if probability > 0.0:
            for step, factor in enumerate(other):
                result[place + step] += probability * factor
    return result


def _bound(strata: Sequence[Stratum]) -> float:
    """Chernoff's bound. A hypergeometric count is dominated in convex order by Bin(d, mean/d), d = min(errors, pilot)
    (Hoeffding 1963), so its moment generating function is at most that one's.
    """
    observed = sum(s.pilot_errors for s in strata)
    expected = 0.0
    for stratum in strata:
        expected += stratum.pilot * stratum.errors / stratum.requests
    if observed <= expected:
        return 1.0
    best = 0.0
    for tilt in _TILTS:
        exponent = -observed * log(tilt)
        for stratum in strata:
            draws = min(stratum.errors, stratum.pilot)
            chance = stratum.pilot * stratum.errors / (stratum.requests * draws)
            exponent += draws * log(1.0 + chance * (tilt - 1.0))
        best = min(best, exponent)
    return _exp(best)


def _exp(x: float) -> float:
    """Exponential of a number <= 0, by squaring a short Taylor series; 0.0 below -700, where no level of a test is."""
    if x < -700.0:
        return 0.0
    small, series = x / 1024.0, 1.0
    for k in range(18, 0, -1):
        series = 1.0 + small * series / k
    for _ in range(10):
        series *= series
    return series
