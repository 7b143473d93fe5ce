"""From what was measured to the verdict, stratum by stratum: one function folds a block of strata into the state.

A block of one stratum at a time gives the same numbers as all of them at once. Decides nothing: `deciding` does.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.alternatives import LEAKS, LEVELS, alternatives
from lockgate.verifier.statistics.drift import Drift, Folded
from lockgate.verifier.statistics.gates import Gates
from lockgate.verifier.statistics.kernel import gains
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import Array, exp, log, rounded, running
from lockgate.verifier.statistics.onset import Mixed, Mixture
from lockgate.verifier.statistics.series import Flags, Indices
from lockgate.verifier.statistics.spotless import Spotless

_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Judged:
    """After each of S strata, for all metrics, in their order; logarithms are rounded."""

    ln_e: Array
    """[S, metrics]"""
    onset: Indices
    """[S, metrics]: the number of the stratum in which the metric's window begins."""
    estimate: Array
    opened: Flags
    ln_total: Array
    """[S]: of the weighted sum over the metrics whose gate is open; NaN where none is."""
    ln_pass: Array
    """[S, J + G]: mirrored, for errors, each bound and each gauge."""
    told: Flags
    """[S, J + G]: whether anything was told of these in the stratum; of gauges, so far."""


class Judging:
    """State of one verification: for each alternative a few numbers, and sums since the start for the gates."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        of = self.alternatives = alternatives(setup)
        self._ln_weights = log(np.maximum(of.weights, _TINY))
        self._share = np.array([metric.weight for metric in of.metrics])
        self._columns = _padded([metric.columns for metric in of.metrics])
        gauges = len(setup.gauges)
        start, sizes = of.mirrored[-1].stop, np.arange(gauges)
        levels = [slice(start + g * len(LEVELS), start + (g + 1) * len(LEVELS)) for g in sizes.tolist()]
        self._groups = _padded([*of.mirrored, *levels])
        self._sizes = np.array([one.stop - one.start for one in (*of.mirrored, *levels)], float)
        self.drift = Drift.of(setup)
        self.folded = Folded.of(gauges, len(LEVELS) + len(LEAKS))
        self.mixture = Mixture.of(setup.policy, of.first)
        self.gates = Gates(of)
        self.spotless = Spotless.of(setup.policy.err_none, setup.policy.kappa_default)
        self.mirrored = np.zeros(start)
        self.levels, self.trends = np.zeros((gauges, len(LEVELS))), np.zeros(gauges)

    def fold(self, block: Block) -> Judged:
        of, strata = self.alternatives, len(block.t)
        case, chances = of.compare(block)
        binary = gains(case, chances, of.owner)
        drift = self.drift.fold(block)
        closes = (block.t - block.first).astype(np.intp)
        later, begins = self.folded.fold(drift, closes)
        mixed = self.mixture.fold(block.t, binary[:, : of.binary], later, begins)
        self.gates.add(block, drift.used)
        mirrored = running(self.mirrored, binary[:, of.binary :])
        levels, trends = running(self.levels, drift.level), running(self.trends, drift.trend)
        self.mirrored, self.levels, self.trends = mirrored[-1], levels[-1], trends[-1]
        at, cases = closes + 1, len(of.mirrored)
        logs = np.concatenate((mirrored[1:], levels[at].reshape(strata, levels[0].size)), axis=1)
        passing = self._means(logs)
        passing[:, cases:] = np.minimum(passing[:, cases:], trends[at])
        spotless = self.spotless.fold(block)
        passing[:, 0] = np.maximum(passing[:, 0], spotless)
        usable = case.usable[:, :cases].copy()
        usable[:, 0] |= (block.n[:, 0] > 0) & np.isfinite(spotless)
        told = (usable, self.gates.counts[(block.t + 1.0).astype(np.intp)] > 0)
        return self._judged(block, mixed, passing, np.concatenate(told, axis=1))

    def _judged(self, block: Block, mixed: Mixed, ln_pass: Array, told: Flags) -> Judged:
        columns, rows = self._columns, np.arange(len(block.t))[:, None]
        mass = _last_total(_with(self.alternatives.weights * mixed.m, 0.0)[:, columns])
        e = np.maximum(mass / np.maximum(self._share, _TINY) + mixed.waiting[:, columns[:, 0]], _TINY)
        likeliest = _with(self._ln_weights + mixed.v, -np.inf)[:, columns].argmax(axis=2)
        onset = mixed.onset[rows, columns[np.arange(len(columns)), likeliest]]
        gate = self.gates.gate(block, onset)
        together = np.maximum(_last_total(self._share * e * gate.opened), _TINY)
        logs = rounded(log(_with(e, together)))
        return Judged(
            ln_e=logs[:, :-1],
            onset=onset,
            estimate=rounded(gate.estimate),
            opened=gate.opened,
            ln_total=np.where(gate.opened.any(axis=1), logs[:, -1], np.nan),
            ln_pass=rounded(ln_pass),
            told=told,
        )

    def _means(self, logs: Array) -> Array:
        """Logarithms of the means of what has these logarithms, for each group of columns: [S, K] to [S, groups]."""
        grouped = _with(logs, -np.inf)[:, self._groups]
        most = grouped.max(axis=2)
        parts = exp(grouped - most[..., None])
        return np.asarray(most + log(_last_total(parts) / self._sizes))


def _padded(columns: list[slice]) -> Indices:
    """The places of each group's columns, as many as the largest has; beyond its own that after all columns."""
    longest, end = max(one.stop - one.start for one in columns), columns[-1].stop
    found = np.full((len(columns), longest), end)
    for row, one in zip(found, columns, strict=True):
        row[: one.stop - one.start] = np.arange(one.start, one.stop)
    return found


def _with(values: Array, last: Array | float) -> Array:
    """[S, K + 1]: with one more column."""
    found = np.empty((len(values), values.shape[1] + 1))
    found[:, :-1], found[:, -1] = values, last
    return found


def _last_total(values: Array) -> Array:
    """The sum over the last axis in ascending order; what a group is padded with is nothing, and changes no bit."""
    return np.asarray(np.add.accumulate(values, axis=-1)[..., -1])
