"""Where each alternative of a binary metric is among the columns, and what its odds ratio is told from; for `alternatives`.

It depends on nothing but how many bounds there are, so it is made once for all verifications with as many.
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from lockgate.verifier.statistics.numerics import Array, ln
from lockgate.verifier.statistics.series import Flags, Indices

ERRORS = ln(1.25) + (ln(40.0) - ln(1.25)) / 15.0 * np.arange(16.0)
"""Logarithms of odds ratios from 1.25 to 40."""
SLOWER = np.array((0.12, 0.25, 0.4, 0.55, 0.75, 1.0, 1.35, 1.8, 2.5, 3.5))
SHARES = np.array((0.25, 0.1, 0.02))
NO_WORSE = np.array((0.5, 0.7, 0.85, 1.0, 1.15))
_MIRRORED = 8


@dataclass(frozen=True, slots=True)
class Columns:
    """J metrics: errors, and slower than each of K bounds. C cases: these upwards, the share, and these downwards. O odds
    ratios: of the null and of what a pass has to exclude, of each metric, and of the alternatives upwards and downwards.
    """

    owner: Indices
    """The case of each alternative: upwards, of the share, and downwards."""
    up: Flags
    """[C]"""
    mirrored: tuple[slice, ...]
    """Which of the alternatives downwards are of each metric."""
    places: Indices
    """[O]: the metric of each."""
    upwards: int
    """How many alternatives are upwards."""
    beside: Indices
    """[O + 2 K]: which of what a stratum tells each odds ratio is told from, and then those of both gates of latency: see `columns`."""
    added: Array
    """[O + 2 K]: what is added to it. 0 for what is `fixed`."""
    fixed: Indices
    """Those that are the same in all strata: what a pass has to exclude of errors, and then the alternatives downwards of errors."""
    slower: slice
    """Those of latency upwards, which are not below the null."""
    nulls: Indices
    """The metric of each of these."""


@cache
def columns(bounds: int) -> Columns:
    """Told are, in this order, of each metric the null and its part without warm-up; of each bound the margin, the gate's ratio,
    and the same with seconds; and nothing, for what is fixed.
    """
    k, each = bounds, np.arange(bounds + 1)
    up, down = [len(ERRORS), *[len(SLOWER)] * k], [len(NO_WORSE), *[_MIRRORED] * k]
    sizes, ends = [*up, len(SHARES), *down], np.add.accumulate([0, *down]).tolist()
    tol, margin, gates = (each[:k] + at for at in (k + 2, 2 * k + 2, 3 * k + 2))
    nothing = 5 * k + 2
    rows: list[tuple[Indices, Array]] = [
        (each, np.zeros(k + 1)),
        (np.array([nothing]), np.zeros(1)),
        (margin, np.zeros(k)),
        (each[:1].repeat(len(ERRORS)), ERRORS),
        (tol.repeat(len(SLOWER)), np.tile(SLOWER, k)),
        (np.full(len(NO_WORSE), nothing), np.zeros(len(NO_WORSE))),
        (margin.repeat(_MIRRORED), np.tile(-SLOWER[:_MIRRORED], k)),
        (np.concatenate((gates, gates + k)), np.zeros(2 * k)),
    ]
    beside, added = (np.concatenate(one) for one in zip(*rows, strict=True))
    return Columns(
        owner=np.arange(len(sizes)).repeat(sizes),
        up=np.arange(len(sizes)) <= k,
        mirrored=tuple(slice(a, b) for a, b in pairwise(ends)),
        places=np.concatenate((each, each, each.repeat(up), each.repeat(down))),
        upwards=sum(up),
        beside=beside,
        added=added,
        fixed=np.flatnonzero(beside == nothing),
        slower=slice(2 * (k + 1) + len(ERRORS), 2 * (k + 1) + sum(up)),
        nulls=each[1:].repeat(len(SLOWER)),
    )
