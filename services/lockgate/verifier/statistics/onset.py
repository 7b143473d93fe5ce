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
    """F alternatives, in groups of those whose regressions may begin from the same scrape on."""

    policy: Policy
    first: Array
    """[groups]: that scrape."""
    which: Indices
    """[F]: the group of each."""
    m: Array
    v: Array
    onset: Indices
    """[F]: the number of the stratum that is the likeliest beginning."""
    t: float = -1.0
    """The scrape that closed the last stratum."""
    strata: int = 0

    @classmethod
    def of(cls, policy: Policy, first: Array) -> "Mixture":
        """`first`: of each of the F."""
        size = len(first)
        firsts, which = np.unique(first, return_inverse=True)
        return cls(policy, firsts, which, np.zeros(size), np.full(size, _NEVER), np.zeros(size, np.intp))

    def fold(self, t: Array, steady: Array, later: Array, begins: Array) -> "Mixed":
        """Gains of S strata: those that do not depend on the beginning, and those that do, later and where it begins.
        The first and the others make up the F columns.
        """
        same, grown = steady.shape[1], steady.shape[1] + later.shape[1]
        logs = np.concatenate((steady, later, begins), axis=1)
        factors = exp(logs)
        begun = self._begun(np.concatenate(([self.t], t))[:, None])
        prior = np.where(t[:, None] >= self.first, begun[1:] - begun[:-1], 0.0)
        entry = np.where(prior > 0, log(np.where(prior > 0, prior, 1.0)), _NEVER).take(self.which, axis=1)
        entry[:, :same] += logs[:, :same]
        entry[:, same:] += logs[:, grown:]
        enters = prior.take(self.which, axis=1)
        enters[:, :same] *= factors[:, :same]
        enters[:, same:] *= factors[:, grown:]
        m, v = self._grow(factors[:, :grown], enters, logs[:, :grown], entry)
        numbers = np.arange(self.strata, self.strata + len(t))[:, None]
        before = np.concatenate((self.v[None], v[:-1])) if len(t) else v
        later = np.where(entry > before + logs[:, :grown], numbers, self.onset)
        onset = np.maximum.accumulate(later, axis=0)
        if len(t):
            self.t, self.m, self.v, self.onset = float(t[-1]), m[-1], v[-1], onset[-1]
            self.strata += len(t)
        return Mixed(m, v, onset, np.maximum(1.0 - begun[1:], 0.0).take(self.which, axis=1))

    def _grow(self, grown: Array, enters: Array, gains: Array, entry: Array) -> tuple[Array, Array]:
        """M and V after each stratum, [S, F]: what was there grows, and what begins comes in."""
        m, v = np.empty(enters.shape), np.empty(enters.shape)
        last, likeliest = self.m, self.v
        for s in range(len(m)):
            np.multiply(last, grown[s], out=m[s])
            last = m[s]
            last += enters[s]
            np.minimum(last, _CAP, out=last)
            np.add(likeliest, gains[s], out=v[s])
            likeliest = v[s]
            np.maximum(likeliest, entry[s], out=likeliest)
        return m, v

    def _begun(self, t: Array) -> Array:
        """[*, groups]: the prior chance that it has begun by scrape t."""
        rest = self.policy.deadline - self.first - 1.0
        rate = np.where(rest > 0, (1.0 - self.policy.onset0) / np.maximum(rest, 1.0), 0.0)
        return np.asarray(
            (t >= self.first) * self.policy.onset0
            + rate * np.minimum(np.maximum(t - self.first, 0.0), np.maximum(rest, 0))
        )


@dataclass(frozen=True, slots=True)
class Mixed:
    """After each of S strata, [S, F]."""

    m: Array
    v: Array
    onset: Indices
    waiting: Array
    """The prior mass that has not begun."""
