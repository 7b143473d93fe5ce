"""When a regression began is not known: a mixture over its beginnings, for each alternative, in constant memory.

M is the mixture's likelihood ratio; V and its stratum are the likeliest beginning, from which the gates look.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.numerics import ONE, ZERO, Array, log
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.series import Indices

_CAP = np.array(1e250)
_NEVER = -1e300


@dataclass(slots=True)
class Mixture:
    """F alternatives, in groups of those whose regressions may begin from the same scrape on."""

    onset0: float
    first: Array
    """[groups]: that scrape."""
    rest: Array
    rate: Array
    """[groups]: how many scrapes there are after it, and the chance that it begins in one of these."""
    which: Indices
    """[F]: the group of each."""
    m: Array
    v: Array
    onset: Indices
    """[F]: the number of the stratum that is the likeliest beginning."""
    begun: Array
    """[groups]: the prior chance that it has begun by the last stratum."""
    strata: int = 0

    @classmethod
    def of(cls, policy: Policy, first: Array) -> "Mixture":
        """`first`: of each of the F."""
        size = len(first)
        firsts = np.array(sorted({*first.tolist()}))
        which = firsts.searchsorted(first)
        rest = policy.deadline - firsts - 1.0
        rate = np.where(rest > 0, (1.0 - policy.onset0) / np.maximum(rest, 1.0), 0.0)
        zero, never, none = np.zeros(size), np.full(size, _NEVER), np.zeros(size, np.intp)
        begun = np.zeros(len(firsts))
        return cls(policy.onset0, firsts, np.maximum(rest, 0.0), rate, which, zero, never, none, begun)

    def fold(self, t: Array, logs: Array, factors: Array) -> "Mixed":
        """Gains of S strata, of each of the F columns, and then again of the last of these, where a regression gains
        otherwise in the stratum in which it begins. `factors`: e to the power of them.
        """
        grown = len(self.m)
        same, begun = 2 * grown - logs.shape[1], self._begun(t[:, None])
        prior = begun[1:] - begun[:-1]
        there = prior > ZERO
        entry = np.where(there, log(np.where(there, prior, 1.0)), _NEVER).take(self.which, axis=1)
        entry[:, :same] += logs[:, :same]
        entry[:, same:] += logs[:, grown:]
        enters = prior.take(self.which, axis=1)
        enters[:, :same] *= factors[:, :same]
        enters[:, same:] *= factors[:, grown:]
        m, kept, v = self._grow(factors[:, :grown], enters, logs[:, :grown], entry)
        numbers = np.arange(self.strata, self.strata + len(t))[:, None]
        onset = np.maximum.accumulate(np.where(entry > kept, numbers, self.onset), axis=0)
        if len(t):
            self.begun, self.m, self.v, self.onset = begun[-1], m[-1], v[-1], onset[-1]
            self.strata += len(t)
        return Mixed(m, v, onset, np.maximum(ONE - begun[1:], ZERO))

    def _grow(self, grown: Array, enters: Array, gains: Array, entry: Array) -> tuple[Array, Array, Array]:
        """M and V after each stratum, [S, F]: what was there grows, and what begins comes in. Between them what V was
        without that.
        """
        ms, kepts, vs = np.empty((3, *enters.shape))
        last, likeliest = self.m, self.v
        for m, kept, v, factor, enter, gain, begin in zip(
            ms, kepts, vs, grown, enters, gains, entry, strict=True
        ):
            np.multiply(last, factor, out=m)
            np.add(m, enter, out=m)
            last = np.minimum(m, _CAP, out=m)
            np.add(likeliest, gain, out=kept)
            likeliest = np.maximum(kept, begin, out=v)
        return ms, kepts, vs

    def _begun(self, t: Array) -> Array:
        """[S + 1, groups]: the prior chance that it has begun, before the first stratum and by each."""
        begun = np.empty((len(t) + 1, len(self.first)))
        begun[0] = self.begun
        since = np.minimum(np.maximum(t - self.first, ZERO), self.rest)
        np.add((t >= self.first) * self.onset0, self.rate * since, out=begun[1:])
        return begun


@dataclass(frozen=True, slots=True)
class Mixed:
    """After each of S strata, [S, F]; `waiting` [S, groups]."""

    m: Array
    v: Array
    onset: Indices
    waiting: Array
    """The prior mass that has not begun."""
