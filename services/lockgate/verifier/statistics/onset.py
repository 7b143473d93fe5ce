"""When a regression began is not known: a mixture over its beginnings, for each alternative, in constant memory.

M is the mixture's likelihood ratio; V and its stratum are the likeliest beginning, from which the gates look.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.numerics import Array, exp, log
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.series import Indices

_CAP = 1e250
_NEVER = -1e300


@dataclass(slots=True)
class Mixture:
    """F alternatives, whose regressions may begin from scrape `first` [F] on."""

    policy: Policy
    first: Array
    groups: tuple[Indices, Indices]
    """A column of each group that begins at the same scrape, and the group of each column."""
    m: Array
    v: Array
    onset: Indices
    """[F]: the number of the stratum that is the likeliest beginning."""
    t: float = -1.0
    """The scrape that closed the last stratum."""
    strata: int = 0

    @classmethod
    def of(cls, policy: Policy, first: Array) -> "Mixture":
        size = len(first)
        _, columns, which = np.unique(first, return_index=True, return_inverse=True)
        return cls(
            policy, first, (columns, which), np.zeros(size), np.full(size, _NEVER), np.zeros(size, np.intp)
        )

    def fold(self, t: Array, steady: Array, later: Array, begins: Array) -> "Mixed":
        """Gains of S strata: those that do not depend on the beginning, and those that do, later and where it begins.
        The first and the others make up the F columns.
        """
        same, other = steady.shape[1], later.shape[1]
        gains, onsets = (np.concatenate((steady, one), axis=1) for one in (later, begins))
        factors = exp(np.concatenate((steady, later, begins), axis=1))
        grown = factors[:, : same + other]
        times = np.concatenate(([self.t], t))[:, None]
        prior = self._prior(times[1:], times[:-1])
        begun = prior * np.concatenate((factors[:, :same], factors[:, same + other :]), axis=1)
        entry = np.where(prior > 0, self._ln(prior) + onsets, _NEVER)
        m, v, onset = (np.empty_like(gains), np.empty_like(gains), np.empty(gains.shape, np.intp))
        for s in range(len(t)):
            self.m = np.minimum(self.m * grown[s] + begun[s], _CAP)
            kept = np.maximum(self.v + gains[s], _NEVER)
            later = entry[s] > kept
            self.v = np.where(later, entry[s], kept)
            self.onset = np.where(later, self.strata, self.onset)
            self.strata += 1
            m[s], v[s], onset[s] = self.m, self.v, self.onset
        if len(t):
            self.t = float(t[-1])
        return Mixed(m, v, onset, np.maximum(1.0 - self._begun(times[1:]), 0.0))

    def _ln(self, prior: Array) -> Array:
        """The logarithm, taken once for all columns that begin at the same scrape."""
        columns, which = self.groups
        chosen = prior[:, columns]
        return log(np.where(chosen > 0, chosen, 1.0))[:, which]

    def _begun(self, t: Array) -> Array:
        """The prior chance that it has begun by scrape t."""
        rest = self.policy.deadline - self.first - 1.0
        rate = np.where(rest > 0, (1.0 - self.policy.onset0) / np.maximum(rest, 1.0), 0.0)
        return np.asarray(
            (t >= self.first) * self.policy.onset0 + rate * np.clip(t - self.first, 0.0, np.maximum(rest, 0))
        )

    def _prior(self, t: Array, before: Array) -> Array:
        """That it began after `before`, by `t`; 0 exactly where it cannot have."""
        return np.where(t >= self.first, self._begun(t) - self._begun(before), 0.0)


@dataclass(frozen=True, slots=True)
class Mixed:
    """After each of S strata, [S, F]."""

    m: Array
    v: Array
    onset: Indices
    waiting: Array
    """The prior mass that has not begun."""
