"""The evidence of gauges: innovations of the difference of the arms against levels that it may have jumped to, and leaks.

One G-column for each gauge that has a model; gains are given per scrape and summed into strata by `Folded`.
"""

from dataclasses import dataclass, field

import numpy as np

from lockgate.verifier.statistics.alternatives import LATE, LEAKS, LEVELS
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import Array, ln, running, some
from lockgate.verifier.statistics.series import Flags, Indices, Latest


@dataclass(slots=True)
class _Innovations:
    """What an AR(1) series does beyond what its last value makes it do, on the scale of one step. R series of G gauges."""

    powers: Array
    """[T + 1, G]: phi to the power of each gap."""
    scales: Array
    """[T + 1, G]: what makes an innovation over each gap as large as one over a gap of 1; 0 for none."""
    latest: Latest
    """Value and time."""
    root: Array = field(init=False)
    """[G]: of 1 - phi^2."""

    def __post_init__(self) -> None:
        self.root = np.sqrt(1.0 - self.powers[1] * self.powers[1])

    @classmethod
    def of(cls, phi: Array, longest: int, series: int) -> "_Innovations":
        steps = np.concatenate((np.ones((1, len(phi))), np.repeat(phi[None], longest, axis=0)))
        powers = np.multiply.accumulate(steps, axis=0)
        one, scales = 1.0 - phi * phi, np.zeros(powers.shape)
        scales[1:] = np.sqrt(one / (1.0 - powers[1:] * powers[1:]))
        return cls(powers, scales, Latest.none(series, len(phi), 2))

    def fold(self, t: Indices, y: Array, usable: Flags) -> tuple[Array, Flags]:
        """[N, R, G]: innovations, and whether they are of the first value, which has none before it. `t` [N, 1]"""
        values = np.empty((*y.shape, 2))
        now = np.where(usable, y, 0.0)
        values[..., 0], values[..., 1] = now, t[..., None]
        before, known = self.latest.before(usable, values)
        gap = np.where(known, values[..., 1] - before[..., 1], 1.0).astype(np.intp)
        gauges = np.arange(y.shape[-1])
        later = (now - self.powers[gap, gauges] * before[..., 0]) * self.scales[gap, gauges]
        first = usable & ~known
        return np.where(first, now * self.root, later) if some(first) else later, first


@dataclass(frozen=True, slots=True)
class _Factors:
    """By which an innovation is weighed for each alternative, and what is taken off it for their size."""

    by: Array
    less: Array

    @classmethod
    def of(cls, size: Array, square: Array) -> "_Factors":
        """[G, 10]: of levels."""
        by = size[:, None] * LEVELS / square[:, None]
        return cls(by, by * by * (square / 2.0)[:, None])

    @classmethod
    def of_leaks(cls, slope: Array, tolerated: Array, square: Array) -> "_Factors":
        """[T, G, 5]: beyond what is tolerated of an innovation."""
        by = np.maximum(slope[..., None] * LEAKS - tolerated[:, None], 0.0) / square[:, None]
        return cls(by, by * by * (square / 2.0)[:, None])


@dataclass(slots=True)
class Drift:
    """The gauges of one verification, scrape by scrape."""

    tol: Array
    known: Flags
    skip: int
    margin: float
    """The logarithm of what a pass allows."""
    series: _Innovations
    """Of what is above the tolerance, of what is missing to the margin, and of the difference itself."""
    square: Array
    lowest: Array
    highest: Array
    """[3, G]: where the innovations of the three are clipped."""
    leaks: _Factors
    """In each scrape."""
    trend: _Factors
    """[T, G]: the same of the leak that reaches the margin at the deadline; not divided by the square yet."""
    steady: _Factors
    """In a scrape after another one."""
    jump: _Factors
    """Of a level that the difference has just jumped to."""
    first: _Factors
    """The same in the first scrape of all."""

    @classmethod
    def of(cls, setup: Setup) -> "Drift":
        """A gauge without a model gets one that is never used."""
        policy = setup.policy
        rows = [(m.phi, m.sigma, m.tol) if m else (0.0, 1.0, 0.0) for m in setup.models]
        phi, sigma, tol = np.array(rows, float).reshape(len(rows), 3).T
        series = _Innovations.of(phi, policy.deadline, 3)
        square, margin, one = sigma * sigma, ln(1.0 + policy.g_margin), 1.0 - phi
        # what a leak of 1 a scrape adds to an innovation
        slope = phi + one * (np.arange(float(policy.deadline))[:, None] + 1.0)
        mean = slope * (margin / policy.deadline)
        return cls(
            tol=tol,
            known=np.array([m is not None for m in setup.models], bool),
            skip=policy.skip,
            margin=margin,
            series=series,
            square=square,
            lowest=np.array((-9.0 * sigma, -9.0 * sigma, -3.0 * sigma)),
            highest=np.array((5.0 * sigma, 5.0 * sigma, 9.0 * sigma)),
            leaks=_Factors.of_leaks(slope, one * tol, square),
            trend=_Factors(mean, mean * mean / (2.0 * square)),
            steady=_Factors.of(one, square),
            jump=_Factors.of(np.ones(len(rows)), square),
            first=_Factors.of(series.root, square),
        )

    def fold(self, block: Block) -> "Gains":
        now, t = slice(block.first, block.end), np.arange(block.first, block.end)[:, None]
        there = (block.d == block.d) & self.known  # no NaN
        d = np.where(there, block.d, 0.0)
        usable, y = np.empty((len(t), 3, len(self.tol)), bool), np.empty((len(t), 3, len(self.tol)))
        usable[:] = (there & (t >= self.skip))[:, None]
        usable[:, 1] &= t >= LATE
        np.subtract(d, self.tol, out=y[:, 0])
        np.subtract(self.margin, d, out=y[:, 1])
        y[:, 2] = d
        u, first = self.series.fold(t, y, usable)
        u = np.minimum(np.maximum(u, self.lowest), self.highest)
        used, each = usable[:, 0], u[..., None]
        leaks, levels = self.leaks, len(LEVELS)
        gains, passing = np.empty((*d.shape, levels + len(LEAKS))), np.empty((*d.shape, levels + 1))
        gains[..., :levels] = self.steady.by * each[:, 0] - self.steady.less
        gains[..., levels:] = leaks.by[now] * each[:, 0] - leaks.less[now]
        begins = self._levels(each[:, 0], first[:, 0], self.jump) - gains[..., :levels]
        gains *= used[..., None]
        passing[..., :levels] = self._levels(each[:, 1], first[:, 1], self.steady)
        passing[..., :levels] *= usable[:, 1, :, None]
        trend = self.trend.less[now] - self.trend.by[now] * u[:, 2] / self.square
        np.multiply(trend, used & ~first[:, 2], out=passing[..., levels])
        return Gains(used, gains, begins, passing)

    def _levels(self, u: Array, first: Flags, later: _Factors) -> Array:
        """[N, G, 10]: of normal laws: a shift to each level against none."""
        found = later.by * u - later.less
        if some(first):
            found[first] = (self.first.by * u - self.first.less)[first]
        return found


@dataclass(frozen=True, slots=True)
class Gains:
    """Logarithms per scrape."""

    used: Flags
    """[N, G]"""
    fail: Array
    """[N, G, 15]: of levels and leaks."""
    begins: Array
    """[N, G, 10]: how much more it is of a level that begins in a scrape that is used."""
    passing: Array
    """[N, G, 11]: mirrored, of levels; and that there is no leak that reaches the margin at the deadline."""


@dataclass(slots=True)
class Folded:
    """Sums over scrapes, into strata: a stratum takes those since the one before."""

    sums: Array
    """[2, G, 15]: gains of all scrapes so far; and what the first used scrape of each stratum adds where the regression
    begins in it.
    """
    used: Array
    """[G]: how many scrapes were used so far."""
    closed: tuple[Array, Array]
    """The same as they were when the last stratum closed."""

    @classmethod
    def of(cls, gauges: int) -> "Folded":
        zero, none = np.zeros((2, gauges, len(LEVELS) + len(LEAKS))), np.zeros(gauges)
        return cls(zero, none, (zero, none))

    def fold(self, gains: Gains, closes: Indices) -> tuple[Array, Array]:
        """Gains of S strata and what they are if it begins there, [S, F]. `closes`: their rows in the block."""
        n, ends = len(gains.used), closes + 1
        used = running(self.used, gains.used)
        before = np.concatenate((self.closed[1][None], used[ends]))
        base = before.take(closes.searchsorted(np.arange(n)), axis=0)
        parts = np.zeros((n, *self.sums.shape))
        parts[:, 0] = gains.fail
        first = gains.used & (used[1:] - base == 1)
        np.multiply(gains.begins, first[..., None], out=parts[:, 1, :, : len(LEVELS)])
        sums = running(self.sums, parts)
        closed = np.concatenate((self.closed[0][None], sums[ends]))
        self.sums, self.used = sums[-1], used[-1]
        if len(closes):
            self.closed = (closed[-1], before[-1])
        found = (closed[1:] - closed[:-1]).reshape(len(closes), 2, self.sums[0].size)
        return found[:, 0], found[:, 0] + found[:, 1]
