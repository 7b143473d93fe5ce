"""Series that are read in parts: what was before is carried, so that one more scrape costs one scrape. Pure.

Whatever is folded in parts gives the same bytes as folded at once: `Latest` and `numerics.running` see to that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockgate.verifier.statistics.numerics import Array, every, running, some

Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(slots=True)
class Latest:
    """The latest usable values of each of many series, [*K, F], and whether there were any yet, [*K]."""

    values: Array
    known: Flags

    @classmethod
    def none(cls, *shape: int) -> "Latest":
        """`shape`: K and, last, how many values F belong together."""
        return cls(np.zeros(shape), np.zeros(shape[:-1], bool))

    def before(self, usable: Flags, values: Array) -> tuple[Array, Flags]:
        """For each row of [N, *K, F] the latest usable values before it, and whether there are any; carries on."""
        n = len(usable)
        if n == 1:
            before, known = self.values, self.known
            self.values = np.where(usable[0, ..., None], values[0], before)
            self.known = known | usable[0]
            return before[None], known[None]
        if n and every(usable):
            before, known = np.concatenate((self.values[None], values[:-1])), np.ones(usable.shape, bool)
            known[0], self.values, self.known = self.known, values[-1].copy(), known[-1].copy()
            return before, known
        rows = np.arange(1, n + 1).reshape(n, *[1] * (usable.ndim - 1))
        at = np.zeros((n + 1, *usable.shape[1:]), np.intp)
        np.multiply(rows, usable, out=at[1:])
        at = np.maximum.accumulate(at, axis=0)
        together = np.concatenate((self.values[None], values))
        flat = together.reshape(n + 1, -1, together.shape[-1])
        found = flat[at.reshape(n + 1, -1), np.arange(flat.shape[1])].reshape(together.shape)
        known = self.known | (at > 0)
        self.values, self.known = found[-1].copy(), known[-1].copy()
        return found[:-1], known[:-1]


@dataclass(slots=True)
class Counting:
    """Cumulative counters of P pods as what was counted between successful scrapes, restarts included."""

    latest: Latest
    counted: Array
    """[P, M]: everything counted so far."""
    scraped: Flags
    """[P]: whether the pod was in the previous scrape."""

    @classmethod
    def of(cls, pods: int, counters: int) -> "Counting":
        return cls(Latest.none(pods, counters), np.zeros((pods, counters)), np.zeros(pods, bool))

    def fold(self, counters: Array, seen: Flags) -> "Counts":
        """Counters [N, P, M] of which column 0 is the requests and the others are parts of them; seen [N, P]."""
        previous, known = self.latest.before(seen, counters)
        grown = counters - previous
        measured, odd = seen & known, (grown < 0) | (grown > grown[..., :1])
        if some(odd):
            restarted = np.logical_or.reduce(odd, axis=-1)
            grown = np.where(restarted[..., None], counters, grown)
        new = grown * measured[..., None]
        adjacent = measured & np.concatenate((self.scraped[None], seen[:-1]))[: len(seen)]
        sums = running(self.counted, new)
        self.counted, self.scraped = sums[-1].copy(), seen[-1] if len(seen) else self.scraped
        return Counts(new, sums, measured, adjacent)


@dataclass(frozen=True, slots=True)
class Counts:
    new: Array
    """[N, P, M]: counted since the pod's last successful scrape."""
    sums: Array
    """[N + 1, P, M]: everything counted before each of N scrapes, and after the last."""
    measured: Flags
    """[N, P]: whether there is such a number at all."""
    adjacent: Flags
    """[N, P]: whether it is of one scrape interval."""
