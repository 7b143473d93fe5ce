"""From what was measured to the verdict, stratum by stratum: one function folds a block of strata into the state.

A block of one stratum at a time gives the same numbers as all of them at once. Decides nothing: `deciding` does.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lockgate.verifier.statistics.alternatives import LEVELS, alternatives
from lockgate.verifier.statistics.drift import Drift, Folded
from lockgate.verifier.statistics.gates import Gates
from lockgate.verifier.statistics.kernel import gains
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import Array, exp, log, rounded, running
from lockgate.verifier.statistics.onset import Mixed, Mixture
from lockgate.verifier.statistics.series import Flags, Indices
from lockgate.verifier.statistics.spotless import Spotless

_TINY = np.array(1e-300)


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
        self._share = np.array([metric.weight for metric in of.metrics])
        self._part = np.maximum(self._share, _TINY)
        self._first = np.array([metric.columns.start for metric in of.metrics])
        padded = _padded([metric.columns for metric in of.metrics])
        there = padded < len(of.weights)
        self._columns = np.where(there, padded, 0)
        self._weights = np.where(there, of.weights[self._columns], 0.0)
        self._ln_weights = np.where(there, log(np.maximum(of.weights, _TINY))[self._columns], -np.inf)
        gauges = len(setup.gauges)
        start, sizes = of.columns.mirrored[-1].stop, np.arange(gauges)
        levels = [slice(start + g * len(LEVELS), start + (g + 1) * len(LEVELS)) for g in sizes.tolist()]
        self._groups = _padded([*of.columns.mirrored, *levels])
        self._sizes = np.array([one.stop - one.start for one in (*of.columns.mirrored, *levels)], float)
        self.drift = Drift.of(setup)
        self.folded = Folded.of(gauges)
        self.mixture = Mixture.of(setup.policy, of.first)
        self._waiting = self.mixture.which[self._first]
        self.gates = Gates(of)
        self.spotless = Spotless.of(setup.policy.err_none, setup.policy.kappa_default)
        self.mirrored = np.zeros(start)
        self.passing = np.zeros((gauges, len(LEVELS) + 1))
        self._none = np.full((setup.policy.deadline, 1), -np.inf)

    def fold(self, block: Block) -> Judged:
        of, strata = self.alternatives, len(block.t)
        case, chances, odds = of.compare(block)
        binary = gains(case, chances, of.columns.owner)
        drift = self.drift.fold(block)
        closes = (block.t - block.first).astype(np.intp)
        later, begins = self.folded.fold(drift, closes)
        self.gates.add(block, drift.used)
        mirrored = running(self.mirrored, binary[:, of.binary :])
        levels = running(self.passing, drift.passing)
        self.mirrored, self.passing = mirrored[-1], levels[-1]
        passing = levels[closes + 1]
        shown = passing[..., :-1].reshape(strata, len(self.passing) * len(LEVELS))
        each = np.concatenate((mirrored[1:], shown, self._none[:strata]), axis=1)
        grouped = each.take(self._groups, axis=1)
        most = np.maximum.reduce(grouped, axis=2)
        apart = (grouped - most[..., None]).reshape(strata, self._groups.size)
        # Of each kind of numbers in one call: in one scrape a call costs more than what it does.
        logs = np.concatenate((binary[:, : of.binary], later, begins, apart), axis=1)
        factors, end = exp(logs), logs.shape[1] - apart.shape[1]
        mixed = self.mixture.fold(block.t, logs[:, :end], factors[:, :end])
        means = _last_total(factors[:, end:].reshape(grouped.shape)) / self._sizes
        return self._judged(block, mixed, odds, case.usable, _Passing(most, means, passing[..., -1]))

    def _judged(self, block: Block, mixed: Mixed, odds: Array, usable: Flags, passing: "_Passing") -> Judged:
        rows, metrics, cases = (
            np.arange(len(block.t))[:, None],
            len(self._share),
            len(self.alternatives.columns.mirrored),
        )
        mass = _last_total(mixed.m.take(self._columns, axis=1) * self._weights)
        e = np.maximum(mass / self._part + mixed.waiting.take(self._waiting, axis=1), _TINY)
        likeliest = (mixed.v.take(self._columns, axis=1) + self._ln_weights).argmax(axis=2)
        onset = mixed.onset[rows, self._first + likeliest]
        gate = self.gates.gate(block, onset, odds)
        together = np.maximum(_last_total(self._share * e * gate.opened), _TINY)
        logs = log(np.concatenate((e, together[:, None], passing.means), axis=1))
        passes = logs[:, metrics + 1 :]
        passes += passing.most
        passes[:, cases:] = np.minimum(passes[:, cases:], passing.trends)
        told = np.concatenate((usable[:, :cases], self.gates.told(block)), axis=1)
        if self.spotless.asked:
            spotless = self.spotless.fold(block)
            passes[:, 0] = np.maximum(passes[:, 0], spotless)
            told[:, 0] |= (block.n[:, 0] > 0) & np.isfinite(spotless)
        found = rounded(np.concatenate((logs, gate.estimate), axis=1))
        return Judged(
            ln_e=found[:, :metrics],
            onset=onset,
            estimate=found[:, -metrics:],
            opened=gate.opened,
            ln_total=np.where(np.logical_or.reduce(gate.opened, axis=1), found[:, metrics], np.nan),
            ln_pass=found[:, metrics + 1 : -metrics],
            told=told,
        )


class _Passing(NamedTuple):
    """Mirrored, of S strata [S, J + G]: the largest logarithm of a group, and the mean of all of it in parts of that one."""

    most: Array
    means: Array
    trends: Array
    """[S, G]"""


def _padded(columns: list[slice]) -> Indices:
    """The places of each group's columns, as many as the largest has; beyond its own that after all columns."""
    longest, end = max(one.stop - one.start for one in columns), columns[-1].stop
    found = np.full((len(columns), longest), end)
    for row, one in zip(found, columns, strict=True):
        row[: one.stop - one.start] = np.arange(one.start, one.stop)
    return found


def _last_total(values: Array) -> Array:
    """The sum over the last axis in ascending order; what a group is padded with is nothing, and changes no bit."""
    return np.add.accumulate(values, axis=-1)[..., -1]
