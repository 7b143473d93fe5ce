"""Native histograms, as Prometheus' HTTP API tells them, brought onto bounds that all of them have. Pure; used by `units`.

An answer has the buckets that are not empty, as intervals, and says neither of which resolution they are nor where the others end. So
how many observations there are up to a bound is known for certain where no bucket lies on both sides of it, and nowhere else. That holds
whatever the resolution, for a zero bucket, for buckets that were merged, and for custom ones.

Exponential buckets are gathered in cells of one ladder, whose bounds grow by a fourth root of two: each finer resolution has those bounds
as well, so what a histogram loses when it halves its resolution are bounds that were never looked at.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import inf, isfinite, log2
from typing import Any, NamedTuple


class Cell(NamedTuple):
    """Observations above `left`, up to and including `right`."""

    left: float
    right: float


Cells = Mapping[Cell, float]
NO_NUMBER = Cell(inf, inf)
"""Observations that are in no bucket, as those of NaN: they are counted, and are up to no bound, as with a classic histogram."""

_STEPS = (1.0, 1.189207115002721, 1.4142135623730951, 1.681792830507429)
_LOWEST, _HIGHEST = {1.0: -10, 1000.0: 0}, {1.0: 6, 1000.0: 16}
"""Powers of two in the histogram's own unit, by how many of those a second is: a millisecond, and a minute."""
_FINEST, _COARSEST = 8, -4
"""Resolutions of exponential buckets."""
_SAME = 1e-9
"""So far two bounds may lie apart, as a share, that are one."""
_MOST = 10_000
"""Buckets of one histogram: the finest resolution, from a nanosecond to an hour."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """One sample."""

    count: float
    buckets: tuple[tuple[float, float, float], ...]
    """(left, right, how many), those that are not empty."""


def read_histogram(given: Any) -> Histogram | None:
    """One sample of an answer; None if it tells no numbers, as one that went stale. ValueError, TypeError or KeyError if it is
    malformed.
    """
    count, told = float(given["count"]), given.get("buckets") or ()
    if len(told) > _MOST:
        raise ValueError(f"expected at most {_MOST} buckets in a histogram, got {len(told)}")
    buckets = tuple(_bucket(*one) for one in told)
    whole = sum(many for _, _, many in buckets)
    if not isfinite(count) or count < 0 or not isfinite(whole):
        return None
    if whole > count * (1 + _SAME):
        raise ValueError(f"expected at most the {count:g} of the histogram in its buckets, got {whole:g}")
    return Histogram(count, buckets)


def _bucket(rule: Any, left: Any, right: Any, many: Any) -> tuple[float, float, float]:
    low, high, count = float(left), float(right), float(many)
    if not low <= high or not low < inf or not high > -inf:
        raise ValueError(f"expected a bucket from a lower to a higher bound, got {low:g} to {high:g}")
    if rule not in _CLOSED and not (rule in _OPEN and high <= 0):
        raise ValueError(f"expected a bucket that includes its higher bound, got boundary rule {rule!r:.20}")
    if count < 0:
        raise ValueError(f"expected a count in a bucket, got {count:g}")
    return low, high, count


_CLOSED, _OPEN = (0, 3), (1, 2)
"""Boundary rules: those that include the higher bound, and those that do not, as buckets below zero."""


@cache
def ladder(unit: float) -> tuple[float, ...]:
    """The bounds, in the histogram's own unit, `unit` of which are a second."""
    octaves = range(_LOWEST[unit], _HIGHEST[unit])
    return (*(step * 2.0**power for power in octaves for step in _STEPS), 2.0 ** _HIGHEST[unit])


def cells(histogram: Histogram, unit: float) -> Cells:
    """In seconds, with everything that was counted."""
    rungs, found = ladder(unit), defaultdict[Cell, float](float)
    for left, right, many in histogram.buckets:
        if many > 0:
            cell = _placed(left, right, rungs)
            found[Cell(cell.left / unit, cell.right / unit)] += many
    beyond = histogram.count - sum(found.values())
    return {**found, NO_NUMBER: max(beyond, 0.0)}


def _placed(left: float, right: float, rungs: tuple[float, ...]) -> Cell:
    """What is as fast as the lowest bound, or a bucket finer than the ladder, is in the cell of the ladder that it is in."""
    if right <= 0 or (right <= rungs[0] and left >= -right):
        return Cell(-inf, rungs[0])
    schema = _schema(left, right)
    if schema is None:
        return Cell(left, right)
    low, high = bisect_right(rungs, left * (1 + _SAME)), bisect_left(rungs, right * (1 - _SAME))
    if low == len(rungs):
        return Cell(rungs[-1], inf)
    if high == 0:
        return Cell(-inf, rungs[0])
    below = rungs[low - 1] if low else -inf
    above = rungs[high] if high < len(rungs) else inf
    return Cell(below, above)


def _schema(left: float, right: float) -> int | None:
    """The resolution of an exponential bucket; None of others."""
    if not 0 < left < right < inf:
        return None
    octaves = log2(right / left)
    schema = round(-log2(octaves))
    place = log2(right) / octaves
    exponential = abs(octaves * 2.0**schema - 1) < _SAME and abs(place - round(place)) < 1e-6 * max(
        abs(place), 1
    )
    return schema if exponential and _COARSEST <= schema <= _FINEST else None


def grown(now: Cells, before: Cells) -> Cells | None:
    """What came since. None if something fell: it began anew.

    Where cells of both overlap, because buckets were merged in between, only what they have together is known.
    """
    found: dict[Cell, float] = {}
    for cell, here, there in _together(now, before):
        if here < there:
            return None
        if here > there:
            found[cell] = here - there
    return found


def _together(now: Cells, before: Cells) -> Iterable[tuple[Cell, float, float]]:
    """The smallest cells that no cell of either crosses the end of, with how many were in them."""
    left = right = -inf
    here = there = 0.0
    for cell in sorted({*now, *before}):
        if cell.left >= right:
            if here or there:
                yield Cell(left, right), here, there
            (left, right), here, there = cell, 0.0, 0.0
        right = max(right, cell.right)
        here, there = here + now.get(cell, 0.0), there + before.get(cell, 0.0)
    if here or there:
        yield Cell(left, right), here, there


def known(counted: Iterable[Cell], unit: float) -> set[float]:
    """The bounds, in seconds, at which it is certain how many observations are not above them."""
    cells_ = [cell for cell in counted if cell != NO_NUMBER]
    ends = sorted(
        {bound / unit for bound in ladder(unit)} | {end for cell in cells_ for end in cell if 0 < end < inf}
    )
    found = set(ends)
    for left, right in cells_:
        found.difference_update(ends[bisect_right(ends, left) : bisect_left(ends, right)])
    return found


class Steps(NamedTuple):
    """How many were counted up to a bound that is known."""

    ends: tuple[float, ...]
    counts: tuple[float, ...]

    @classmethod
    def of(cls, counted: Cells) -> "Steps":
        by_end = defaultdict[float, float](float)
        for cell, many in counted.items():
            by_end[cell.right] += many
        ends, total, counts = sorted(by_end), 0.0, []
        for end in ends:
            total += by_end[end]
            counts.append(total)
        return cls(tuple(ends), tuple(counts))

    def get(self, bound: float, default: float) -> float:
        place = bisect_right(self.ends, bound)
        return self.counts[place - 1] if place else default
