"""The evidence of gauges: innovations of the difference of the arms against levels that it may have jumped to, and leaks.

One G-column for each gauge that has a model; gains are given per scrape and summed into strata by `Folded`.
"""

from dataclasses import dataclass, field

import numpy as np

from lockgate.verifier.statistics.alternatives import LATE, LEAKS, LEVELS
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import Array, ln, running
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

    def fold(self, t: Array, y: Array, usable: Flags) -> tuple[Array, Flags]:
        """[N, R, G]: innovations, and whether they are of the first value, which has none before it."""
        values = np.empty((*y.shape, 2))
        values[..., 0], values[..., 1] = np.where(usable, y, 0.0), t[:, None, None]
        before, known = self.latest.before(usable, values)
        gap = np.where(known, values[..., 1] - before[..., 1], 1.0).astype(np.intp)
        gauges = np.arange(y.shape[-1])
        later = (values[..., 0] - self.powers[gap, gauges] * before[..., 0]) * self.scales[gap, gauges]
        first = usable & ~known
        return np.where(first, values[..., 0] * self.root, later), first


@dataclass(frozen=True, slots=True)
class _Factors:
    """[G, 10] by which an innovation is weighed for each level, and what is taken off it for their size."""

    by: Array
    less: Array

    @classmethod
    def of(cls, size: Array, square: Array) -> "_Factors":
        by = size[:, None] * LEVELS / square[:, None]
        return cls(by, by * by * (square / 2.0)[:, None])


@dataclass(slots=True)
class Drift:
    """The gauges of one verification, scrape by scrape."""

    setup: Setup
    phi: Array
    tol: Array
    known: Flags
    margin: float
    """The logarithm of what a pass allows."""
    series: _Innovations
    """Of what is above the tolerance, of what is missing to the margin, and of the difference itself."""
    square: Array
    lowest: Array
    highest: Array
    """[3, G]: where the innovations of the three are clipped."""
    steady: _Factors
    """In a scrape after another one."""
    jump: _Factors
    """Of a level that the difference has just jumped to."""
    first: _Factors
    """The same in the first scrape of all."""

    @classmethod
    def of(cls, setup: Setup) -> "Drift":
        """A gauge without a model gets one that is never used."""
        rows = [(m.phi, m.sigma, m.tol) if m else (0.0, 1.0, 0.0) for m in setup.models]
        phi, sigma, tol = np.array(rows, float).reshape(len(rows), 3).T
        series = _Innovations.of(phi, setup.policy.deadline, 3)
        square = sigma * sigma
        return cls(
            setup=setup,
            phi=phi,
            tol=tol,
            known=np.array([m is not None for m in setup.models], bool),
            margin=ln(1.0 + setup.policy.g_margin),
            series=series,
            square=square,
            lowest=np.stack((-9.0 * sigma, -9.0 * sigma, -3.0 * sigma)),
            highest=np.stack((5.0 * sigma, 5.0 * sigma, 9.0 * sigma)),
            steady=_Factors.of(1.0 - phi, square),
            jump=_Factors.of(np.ones(len(rows)), square),
            first=_Factors.of(series.root, square),
        )

    def fold(self, block: Block) -> "Gains":
        policy = self.setup.policy
        t = np.arange(float(block.first), float(block.end))
        there = ~np.isnan(block.d) & self.known
        d = np.where(there, block.d, 0.0)
        used = there & (t >= policy.skip)[:, None]
        late = there & (t >= max(policy.skip, LATE))[:, None]
        usable, y = np.empty((len(t), 3, len(self.phi)), bool), np.empty((len(t), 3, len(self.phi)))
        usable[:, 0], usable[:, 1], usable[:, 2] = used, late, used
        y[:, 0], y[:, 1], y[:, 2] = d - self.tol, self.margin - d, d
        u, first = self.series.fold(t, y, usable)
        u = np.minimum(np.maximum(u, self.lowest), self.highest)
        slope = self.phi + (1.0 - self.phi) * (t[:, None] + 1.0)
        gains, onsets = self._fail(slope, u[:, 0], first[:, 0], used)
        level = self._levels(u[:, 1, :, None], first[:, 1], self.steady) * late[..., None]
        return Gains(used, gains, onsets, level, self._trend(slope, u[:, 2], used & ~first[:, 2]))

    def _fail(self, slope: Array, u: Array, first: Flags, used: Flags) -> tuple[Array, Array]:
        """[N, G, 15]: levels and leaks; and the same in the scrape in which they begin. `slope` [N, G]: what a leak of 1
        a scrape adds to an innovation.
        """
        leak = slope[..., None] * LEAKS
        leak -= ((1.0 - self.phi) * self.tol)[:, None]
        leak = np.maximum(leak, 0.0) / self.square[:, None]
        u = u[..., None]
        levels = len(LEVELS)
        gains, onsets = (np.empty((*slope.shape, levels + len(LEAKS))) for _ in range(2))
        gains[..., levels:] = leak * u - leak * leak * (self.square / 2.0)[:, None]
        onsets[..., levels:] = gains[..., levels:]
        gains[..., :levels] = self.steady.by * u - self.steady.less
        onsets[..., :levels] = self._levels(u, first, self.jump)
        gains *= used[..., None]
        onsets *= used[..., None]
        return gains, onsets

    def _levels(self, u: Array, first: Flags, later: _Factors) -> Array:
        """[N, G, 10]: of normal laws: a shift to each level against none."""
        found = later.by * u - later.less
        if first.any():
            found[first] = (self.first.by * u - self.first.less)[first]
        return found

    def _trend(self, slope: Array, u: Array, used: Flags) -> Array:
        """[N, G]: that there is no leak that reaches the margin at the deadline."""
        mean = slope * (self.margin / self.setup.policy.deadline)
        return np.asarray((mean * mean / (2.0 * self.square) - mean * u / self.square) * used)


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

    def fold(self, gains: Gains, closes: Indices) -> tuple[Array, Array]:
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
