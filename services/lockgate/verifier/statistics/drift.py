"""The evidence of gauges: innovations of the difference of the arms against levels that it may have jumped to, and leaks.

One G-column for each gauge that has a model; gains are given per scrape and summed into strata by `Folded`.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.alternatives import LATE, LEAKS, LEVELS
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import Array, ln, running
from lockgate.verifier.statistics.series import Flags, Latest


@dataclass(slots=True)
class _Innovations:
    """What an AR(1) series does beyond what its last value makes it do, on the scale of one step. G series."""

    powers: Array
    """[T + 1, G]: phi to the power of each gap."""
    latest: Latest
    """Value and time."""

    def fold(self, t: Array, y: Array, usable: Flags) -> tuple[Array, Flags]:
        """[N, G]: innovations, and whether they are of the first value, which has none before it."""
        times = np.broadcast_to(t[:, None], y.shape)
        before, known = self.latest.before(usable, np.stack((np.where(usable, y, 0.0), times), axis=-1))
        gap = np.where(known, times - before[..., 1], 1.0).astype(int)
        power = np.take_along_axis(self.powers, gap, axis=0)
        one = 1.0 - self.powers[1] * self.powers[1]
        later = (np.where(usable, y, 0.0) - power * before[..., 0]) * np.sqrt(one / (1.0 - power * power))
        first = usable & ~known
        return np.where(first, np.where(usable, y, 0.0) * np.sqrt(one), later), first


@dataclass(slots=True)
class Drift:
    """The gauges of one verification, scrape by scrape."""

    setup: Setup
    phi: Array
    sigma: Array
    tol: Array
    known: Flags
    margin: float
    """The logarithm of what a pass allows."""
    level: _Innovations
    below: _Innovations
    trend: _Innovations

    @classmethod
    def of(cls, setup: Setup) -> "Drift":
        """A gauge without a model gets one that is never used."""
        rows = [(m.phi, m.sigma, m.tol) if m else (0.0, 1.0, 0.0) for m in setup.models]
        phi, sigma, tol = np.array(rows, float).reshape(len(rows), 3).T
        known = np.array([m is not None for m in setup.models], bool)
        steps = np.concatenate((np.ones((1, len(rows))), np.tile(phi, (setup.policy.deadline, 1))))
        powers = np.multiply.accumulate(steps, axis=0)
        three = [_Innovations(powers, Latest.none(len(rows), 2)) for _ in range(3)]
        return cls(setup, phi, sigma, tol, known, ln(1.0 + setup.policy.g_margin), *three)

    def fold(self, block: Block) -> "Gains":
        policy = self.setup.policy
        t = np.arange(block.first, block.end).astype(float)
        there = ~np.isnan(block.d) & self.known
        d = np.where(there, block.d, 0.0)
        used = there & (t >= policy.skip)[:, None]
        late = there & (t >= max(policy.skip, LATE))[:, None]
        gains, onsets = self._fail(t, d, used)
        return Gains(used, gains, onsets, self._level(t, self.margin - d, late), self._trend(t, d, used))

    def _fail(self, t: Array, d: Array, used: Flags) -> tuple[Array, Array]:
        """[N, G, 15]: levels and leaks; and the same in the scrape in which they begin."""
        u, first = self.level.fold(t, d - self.tol, used)
        u = np.minimum(np.maximum(u, -9.0 * self.sigma), 5.0 * self.sigma)
        square = self.sigma * self.sigma
        levels = (1.0 - self.phi)[:, None] * LEVELS / square[:, None]
        jump = np.where(first, np.sqrt(1.0 - self.phi * self.phi), 1.0)[..., None] * LEVELS / square[:, None]
        slope = self._slope(t)[..., None] * LEAKS - ((1.0 - self.phi) * self.tol)[:, None]
        leaks = np.maximum(slope, 0.0) / square[:, None]
        later = np.concatenate((np.broadcast_to(levels, jump.shape), leaks), axis=-1)
        begins = np.concatenate((jump, leaks), axis=-1)
        return _ratio(later, u, square) * used[..., None], _ratio(begins, u, square) * used[..., None]

    def _level(self, t: Array, y: Array, late: Flags) -> Array:
        """[N, G, 10]: that the level is below the margin."""
        u, first = self.below.fold(t, y, late)
        u = np.minimum(np.maximum(u, -9.0 * self.sigma), 5.0 * self.sigma)
        square = self.sigma * self.sigma
        factor = np.where(first, np.sqrt(1.0 - self.phi * self.phi), 1.0 - self.phi)
        return _ratio(factor[..., None] * LEVELS / square[:, None], u, square) * late[..., None]

    def _trend(self, t: Array, d: Array, used: Flags) -> Array:
        """[N, G]: that there is no leak that reaches the margin at the deadline."""
        u, first = self.trend.fold(t, d, used)
        u = np.minimum(np.maximum(u, -3.0 * self.sigma), 9.0 * self.sigma)
        mean = self._slope(t) * (self.margin / self.setup.policy.deadline)
        square = self.sigma * self.sigma
        return np.asarray((mean * mean / (2.0 * square) - mean * u / square) * (used & ~first))

    def _slope(self, t: Array) -> Array:
        """[N, G]: what a leak of 1 a scrape adds to an innovation."""
        return np.asarray(self.phi + (1.0 - self.phi) * (t[:, None] + 1.0))


def _ratio(factor: Array, u: Array, square: Array) -> Array:
    """Of normal laws: a shift that weighs an innovation with `factor`, against none."""
    return factor * u[..., None] - factor * factor * (square / 2.0)[:, None]


@dataclass(frozen=True, slots=True)
class Gains:
    """Logarithms per scrape: `used` [N, G]; `fail` and `onset` [N, G, 15]; mirrored `level` [N, G, 10], `trend` [N, G]."""

    used: Flags
    fail: Array
    onset: Array
    level: Array
    trend: Array


@dataclass(slots=True)
class Folded:
    """Sums over scrapes, into strata: a stratum takes those since the one before."""

    sums: Array
    """[F]: gains of all scrapes so far."""
    onsets: Array
    """[F]: what the first used scrape of each stratum adds where the regression begins in it."""
    used: Array
    """[G]: how many scrapes were used so far."""
    closed: tuple[Array, Array, Array]
    """The same as they were when the last stratum closed."""

    @classmethod
    def of(cls, gauges: int, alternatives: int) -> "Folded":
        zero = np.zeros(gauges * alternatives)
        return cls(zero, zero, np.zeros(gauges), (zero, zero, np.zeros(gauges)))

    def fold(self, gains: Gains, closes: Array) -> tuple[Array, Array]:
        """Gains of S strata and what they are if it begins there, [S, F]. `closes`: their rows in the block."""
        n, f = len(gains.used), len(self.sums)
        used = running(self.used, gains.used.astype(float))
        began = np.searchsorted(closes, np.arange(n), side="left")
        base = np.concatenate((self.closed[2][None], used[closes + 1]))[began]
        first = gains.used & (used[1:] - base == 1)
        sums = running(self.sums, gains.fail.reshape(n, f))
        extra = ((gains.onset - gains.fail) * first[..., None]).reshape(n, f)
        onsets = running(self.onsets, extra)
        ends = np.concatenate((self.closed[0][None], sums[closes + 1]))
        extras = np.concatenate((self.closed[1][None], onsets[closes + 1]))
        self.sums, self.onsets, self.used = sums[-1], onsets[-1], used[-1]
        if len(closes):
            self.closed = (ends[-1], extras[-1], used[closes[-1] + 1])
        found = ends[1:] - ends[:-1]
        return found, found + (extras[1:] - extras[:-1])
