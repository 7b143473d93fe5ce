"""From what was measured to the verdict, stratum by stratum: one function folds a block of strata into the state.

A block of one stratum at a time gives the same numbers as all of them at once. Decides nothing: `deciding` does.
"""

from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.alternatives import LEAKS, LEVELS, Alternatives, alternatives
from lockgate.verifier.statistics.drift import Drift, Folded
from lockgate.verifier.statistics.gates import Gates
from lockgate.verifier.statistics.kernel import gains
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import Array, exp, log, rounded, running, total
from lockgate.verifier.statistics.onset import Mixed, Mixture
from lockgate.verifier.statistics.series import Flags, Indices

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
        self.alternatives: Alternatives = alternatives(setup)
        self._ln_weights = log(np.maximum(self.alternatives.weights, _TINY))
        gauges = len(setup.gauges)
        self.drift = Drift.of(setup)
        self.folded = Folded.of(gauges, len(LEVELS) + len(LEAKS))
        self.mixture = Mixture.of(setup.policy, self.alternatives.first)
        self.gates = Gates(self.alternatives)
        self.mirrored = np.zeros(self.alternatives.mirrored[-1].stop)
        self.levels, self.trends = np.zeros((gauges, len(LEVELS))), np.zeros(gauges)

    def fold(self, block: Block) -> Judged:
        of, strata = self.alternatives, len(block.t)
        case = of.case(block)
        binary = gains(case, of.chances(block), of.owner)
        drift = self.drift.fold(block)
        closes = (block.t - block.first).astype(int)
        later, begins = self.folded.fold(drift, closes)
        fail = binary[:, : of.binary]
        mixed = self.mixture.fold(block.t, fail, later, begins)
        self.gates.add(block, drift.used)
        mirrored = running(self.mirrored, binary[:, of.binary :])
        levels, trends = running(self.levels, drift.level), running(self.trends, drift.trend)
        self.mirrored, self.levels, self.trends = mirrored[-1], levels[-1], trends[-1]
        at, gauges = closes + 1, len(self.setup.gauges)
        sizes = [columns.stop - columns.start for columns in of.mirrored] + [len(LEVELS)] * gauges
        passing = _means(
            np.concatenate((mirrored[1:], levels[at].reshape(strata, gauges * len(LEVELS))), axis=1), sizes
        )
        passing[:, len(of.mirrored) :] = np.minimum(passing[:, len(of.mirrored) :], trends[at])
        told = (case.usable[:, : len(of.mirrored)], self.gates.counts[(block.t + 1).astype(int)] > 0)
        return self._judged(block, mixed, passing, np.concatenate(told, axis=1), strata)

    def _judged(self, block: Block, mixed: Mixed, ln_pass: Array, told: Flags, strata: int) -> Judged:
        of, rows = self.alternatives, np.arange(strata)
        metrics = of.metrics
        e, onset = np.empty((strata, len(metrics))), np.empty((strata, len(metrics)), np.intp)
        open_, estimate = np.empty(e.shape, bool), np.empty(e.shape)
        for j, metric in enumerate(metrics):
            columns = metric.columns
            weights = of.weights[columns]
            waiting = mixed.waiting[:, columns.start]
            mass = total(weights * mixed.m[:, columns], axis=1)
            e[:, j] = np.maximum(mass / max(metric.weight, _TINY) + waiting, _TINY)
            likeliest = np.argmax(self._ln_weights[columns] + mixed.v[:, columns], axis=1)
            onset[:, j] = mixed.onset[rows, columns.start + likeliest]
            gate = self.gates.gate(metric, block, onset[:, j])
            open_[:, j], estimate[:, j] = gate.opened, gate.estimate
        share = np.array([metric.weight for metric in metrics])
        together = np.maximum(total(share * e * open_, axis=1), _TINY)
        logs = rounded(log(np.concatenate((e, together[:, None]), axis=1)))
        return Judged(
            ln_e=logs[:, :-1],
            onset=onset,
            estimate=rounded(estimate),
            opened=open_,
            ln_total=np.where(open_.any(axis=1), logs[:, -1], np.nan),
            ln_pass=rounded(ln_pass),
            told=told,
        )


def _means(logs: Array, sizes: list[int]) -> Array:
    """Logarithms of the means of what has these logarithms, for groups of so many columns: [S, K] to [S, groups]."""
    ends = np.add.accumulate(sizes)
    groups = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    most = np.stack([logs[:, group].max(axis=1) for group in groups], axis=1)
    parts = exp(logs - np.repeat(most, sizes, axis=1))
    sums = np.stack([total(parts[:, group], axis=1) for group in groups], axis=1)
    return most + log(sums / np.array(sizes, float))
