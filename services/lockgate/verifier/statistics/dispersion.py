"""How much more than by chance counts differ from scrape to scrape: kappa, from placebo pods and from the arms.

Differences of successive scrapes see the noise and not a lasting regression, so a sick pilot does not hide itself. A
single difference counts only so much, so that an incident does not blind the test; but where many are cut off, they are
no exceptions, and what one may count rises to the next of a few steps.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.numerics import ONE, TWO, ZERO, Array, add_up, some, total
from lockgate.verifier.statistics.series import Flags, Latest

PLACEBO_CAP, ONLINE_CAP = 36.0, 16.0
PRIOR_TERMS = 12.0
ENOUGH_TERMS = 30
_STEPS = 16.0 ** np.arange(1.0, 5.0)
"""By which a cap rises: up to that of bursts of a million events."""
_EXCEPTIONS = np.array(8.0)
"""One of so many may be cut off, and one more."""
_LARGEST = np.array(0.99)
"""Part of a hypergeometric count's expectation that its variance is less by."""
MANY_PODS = 5
"""From so many baseline pods on, the one that differs most is left out: one sick pod must not blind the test."""


@dataclass(slots=True)
class Terms:
    """Sums over successive differences, for series of shape K: of chi-squares, of expectations, and their count; then,
    for each step of the cap, of chi-squares up to it; and how many the cap before each step cuts off.
    """

    latest: Latest
    sums: Array
    """[*K, 3 + 2 steps]"""
    cap: float

    @classmethod
    def of(cls, cap: float, *shape: int) -> "Terms":
        return cls(Latest.none(*shape, 3), np.zeros((*shape, 3 + 2 * len(_STEPS))), cap)

    def fold(self, x: Array, e: Array, variance: Array, usable: Flags) -> Array:
        """Counts, expectations > 0 and variances per expectation, all [N, *K]; the sums before each and after the last,
        [N + 1, *K, 3 + 2 steps].
        """
        dims = range(1, e.ndim + 1)
        both = np.empty((2, 3, *e.shape))  # now and before: a call for both costs hardly more than for one
        now = both[0]
        now[0], now[1], now[2] = x, np.where(usable, e, 1.0), variance
        before, known = self.latest.before(usable, now.transpose(*dims, 0))
        both[1] = np.where(known, before.transpose(-1, *range(e.ndim)), 1.0)
        ratios, inverse, (xs, es) = both[:, ::2] / both[:, 1:2], ONE / both[:, 1], now[:2] + both[1, :2]
        r, step = xs / es, ratios[0, 0] - ratios[1, 0]
        good = usable & known & (r > ZERO)
        spread = np.where(good, r * (ratios[0, 1] + ratios[1, 1]), 1.0)
        chi, caps = (step * step / spread)[:, None], (self.cap * _STEPS).reshape(-1, *[1] * (e.ndim - 1))
        sums = np.empty((len(e) + 1, 3 + 2 * len(caps), *e.shape[1:]))
        sums[0], new = self.sums.transpose(-1, *range(e.ndim - 1)), sums[1:]
        np.minimum(self.cap, chi, out=new[:, :1])
        np.divide(TWO, inverse[0] + inverse[1], out=new[:, 1])
        new[:, 2] = 1.0
        np.minimum(caps, chi, out=new[:, 3 : 3 + len(caps)])
        np.greater(chi, caps / _STEPS[0], out=new[:, 3 + len(caps) :])
        new *= good[:, None]
        found = add_up(sums).transpose(0, *range(2, sums.ndim), 1)
        self.sums = found[-1].copy()
        return found


def binomial_variance(e: Array, s: Array, n: Array) -> Array:
    """Variance per expectation of a hypergeometric count with mean e among s events and n requests."""
    return np.asarray(ONE - np.minimum(e / np.maximum(np.minimum(s, n), ONE), _LARGEST))


@dataclass(slots=True)
class Placebo:
    """Baseline pods against each other, for J binary metrics and, last, the requests themselves. B baseline pods."""

    terms: Terms
    included: Flags
    """[J + 1, B]"""

    @classmethod
    def of(cls, metrics: int, pods: int) -> "Placebo":
        return cls(Terms.of(PLACEBO_CAP, metrics + 1, pods), np.ones((metrics + 1, pods), bool))

    def fold(self, new: Array, adjacent: Flags) -> Array:
        """New counts [N, B, 1 + J], requests first; the sums over the included pods after each scrape, [N, J + 1, *]."""
        return self.over_pods(self.learn(new, adjacent)[1:])

    def learn(self, new: Array, adjacent: Flags) -> Array:
        """The same for each pod, before the first scrape as well, [N + 1, J + 1, B, *]."""
        counts = np.where(adjacent[..., None], new, 0.0).swapaxes(1, 2)
        n, x = counts[:, :1], counts[:, 1:]
        sums = total(counts, axis=2)[..., None]
        requests, s = sums[:, :1], sums[:, 1:]
        pods = np.maximum(np.add.reduce(adjacent, axis=1, dtype=float), ONE)[:, None, None]
        shape = (len(new), len(self.included), counts.shape[2])
        every, e, variance, usable = (*(np.empty(shape) for _ in range(3)), np.empty(shape, bool))
        every[:, :-1], every[:, -1:] = x, n
        product = s * n
        e[:, :-1], e[:, -1:] = product / np.maximum(requests, ONE), requests / pods
        variance[:, :-1], variance[:, -1:] = binomial_variance(e[:, :-1], s, n), ONE - ONE / pods
        usable[:, :-1] = (product > ZERO) & (n < requests) & (s < requests)
        usable[:, -1:] = adjacent[:, None, :] & (requests > ZERO) & (pods > ONE)
        return self.terms.fold(every, e, variance, usable)

    def over_pods(self, sums: Array) -> Array:
        """The sums [..., J + 1, B, *] over the pods that are included, in their order."""
        return total(sums * self.included[..., None], axis=-2)

    def leave_out(self, pods: int) -> None:
        """At the start, once for all: the pod with the largest mean chi-square of each metric, of `pods` pods."""
        if pods < MANY_PODS:
            return
        chi, count = self.terms.sums[..., 0], self.terms.sums[..., 2]
        mean = np.where(count > 0, chi / np.maximum(count, 1.0), -1.0)
        worst = np.argmax(mean, axis=1)
        for metric, pod in enumerate(worst):
            self.included[metric, pod] = mean[metric, pod] < 0


def chi_square(sums: Array) -> Array:
    """The sum of chi-squares at the lowest cap that cuts off exceptions only."""
    steps = (sums.shape[-1] - 3) // 2
    many = sums[..., 3 + steps :] * _EXCEPTIONS > sums[..., 2:3] + _EXCEPTIONS
    if not some(many):
        return sums[..., 0]
    at = np.add.reduce(many, axis=-1, dtype=int)[..., None]
    return np.take_along_axis(sums, np.where(at > 0, at + 2, 0), axis=-1)[..., 0]


def kappa(sums: Array, prior: Array | float = 0.0) -> Array:
    """From sums of `Terms`. `prior`: terms of the size that chance alone gives, which shrink it."""
    chi, e, count = chi_square(sums), sums[..., 1], sums[..., 2]
    excess = np.maximum((prior + chi) / np.maximum(prior + count, ONE) - ONE, ZERO)
    told = e > ZERO
    return np.where(told, excess * np.maximum(count, ONE) / np.where(told, e, ONE), ZERO)


def placebo_kappa(own: Array, count: Array, factor: Array, default: float) -> Array:
    """From that of placebo pods, of so many terms: how much a comparison of the arms is over-dispersed. `factor` is
    q(m - 1)/m, 0 for one pod.
    """
    return np.where((count >= ENOUGH_TERMS) & (factor > ZERO), own * factor, default)
