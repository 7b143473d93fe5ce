"""How a region differed from others before its rollout began: what a comparison of regions takes off, and tolerates.

Regions are not drawn alike, as pods of one region are. The time before the rollout is cut into windows as long as the
watch: their mean is how the regions differ, and how they vary is how far a good release may be from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.comparing import Counted, Rows, count, deviations, even
from lockgate.verifier.statistics.dispersion import ONLINE_CAP, Terms
from lockgate.verifier.statistics.evidence import Evidence
from lockgate.verifier.statistics.gauges import Model, difference, model_of_difference
from lockgate.verifier.statistics.intervals import bits, close
from lockgate.verifier.statistics.mix import Mix
from lockgate.verifier.statistics.numerics import Array, exp, log, rounded, total
from lockgate.verifier.statistics.offsets import t95
from lockgate.verifier.statistics.refusal import EvidenceError
from lockgate.verifier.statistics.series import Indices

WINDOWS = 4
"""So many are needed at least to tell how they vary."""


class TooFewWindowsError(EvidenceError):
    def __init__(self, expected: str, found: int, scrapes: int) -> None:
        super().__init__("start", expected, f"{found} in {scrapes} scrapes")
        self.found = found


@dataclass(frozen=True, slots=True)
class Before:
    """All rounded. J binary metrics, G gauges."""

    odds: Array
    """[J]: the usual log odds ratio of the region against the others."""
    noise: Array
    """[J]: what a window may differ from it."""
    d: Array
    """[G]: the usual difference of mean logarithms."""
    above: Array
    """[G]: of geometric means."""
    weight: float
    """The region's usual part of the requests."""


def before(  # noqa: PLR0917  # what is known before has many sources
    evidence: Evidence,
    sums: Array,
    most: Sequence[tuple[int, int]],
    columns: Indices,
    began: int,
    mix: Mix | None,
) -> tuple[Before, tuple[Model | None, ...], Terms]:
    """Also how gauges move, and over-dispersion so far. `sums`: everything counted before each scrape, [*, P, M]; `most`:
    how many pods both arms have in each; `began`: the scrape in which the rollout did; `mix`: as in `count`.

    EvidenceError if there are less than four windows before it.
    """
    split, length = evidence.split, evidence.policy.deadline
    seen = evidence.seen[:began]
    rows = Rows(
        list(range(began)), sums[1 : began + 1], np.zeros((began, 1, 1)), seen, [*most[:began]], [0.0] * began
    )
    found, _ = close(bits(seen[:, split:]), bits(seen[:, :split]), rows.most)
    counted = count(rows, even(rows, found, split, mix), columns, split, mix)
    odds, noise = _odds(counted, window(counted.t, began, length), began)
    online = Terms.of(ONLINE_CAP, len(odds))
    online.fold(*deviations(counted, exp(odds)), counted.usable)
    values = [one[:began] for one in evidence.gauges.values()]
    each = window(np.arange(float(began)), began, length)
    d, above, models = np.zeros(len(values)), np.zeros(len(values)), []
    for g, one in enumerate(values):
        apart, higher = difference(one[:, None, split:], one[:, None, :split], np.array(rows.most, int))
        found_model = model_of_difference(apart[:, 0], each, evidence.policy)
        models.append(found_model)
        if found_model is not None:
            d[g], above[g] = _mean(apart[:, 0]), _mean(higher[:, 0])
    requests = total(counted.n)
    weight = float(requests[0]) / max(float(requests[0] + requests[1]), 1.0)
    usual = Before(odds, noise, rounded(d), rounded(above), float(rounded(np.array(weight))))
    return usual, tuple(models), online


def window(t: Array, began: int, length: int) -> Indices:
    """The number of the window that each scrape before `began` is in, the last ending there; -1 before the first."""
    return np.maximum((t - (began - began // length * length)) // length, -1).astype(np.intp)


def _odds(counted: Counted, windows: Indices, began: int) -> tuple[Array, Array]:
    """The mean of the windows' Mantel-Haenszel log odds ratios, and what another may differ from it, [J]."""
    n, m = counted.n[:, :1], counted.n[:, 1:]
    every = np.maximum(n + m, 1.0)
    x, y = counted.events[..., 0], counted.events[..., 1]
    one, other = x * (m - y) / every, y * (n - x) / every
    found = []
    for index in range(int(windows.max(initial=-1)) + 1):
        inside = windows == index
        if (counted.n[inside] > 0).all(axis=1).any():
            found.append(log((total(one[inside]) + 0.5) / (total(other[inside]) + 0.5)))
    count_ = len(found)
    if count_ < WINDOWS:
        expected = (
            f"{WINDOWS} windows as long as the deadline, with requests to both arms, before the rollout"
        )
        raise TooFewWindowsError(expected, count_, began)
    rows = np.array(found)
    middle = total(rows) / count_
    spread = np.sqrt(total((rows - middle) ** 2) / (count_ - 1))
    return rounded(middle), rounded(t95(count_ - 1) * spread * float(np.sqrt(1.0 + 1.0 / count_)))


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(total(known)) / max(len(known), 1)
