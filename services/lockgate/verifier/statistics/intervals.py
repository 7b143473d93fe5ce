"""Which scrapes close a stratum: an interval over which enough pods of both arms were measured at both ends.

A missed scrape merges intervals, in both arms alike, so nothing is compared across different minutes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lockgate.verifier.statistics.series import Flags


class Interval(NamedTuple):
    """From row `left`, excluded, to row `right`; how many pods of pilot and baseline count in it, and whether these
    are all that there are.
    """

    left: int
    right: int
    pilots: int
    baseline: int
    everybody: bool


def at(rows: list[int]) -> slice | list[int]:
    """What takes these rows, in their order, of an array: where none is left out, without a copy."""
    return slice(rows[0], rows[-1] + 1) if rows and rows[-1] - rows[0] < len(rows) else rows


def bits(seen: Flags) -> list[int]:
    """Each row of flags [N, P] as a whole number, to count what two rows share."""
    packed = np.packbits(seen, axis=1)
    every, width = packed.tobytes(), packed.shape[1]
    return [int.from_bytes(every[row * width : (row + 1) * width], "big") for row in range(len(packed))]


def close(
    pilots: Sequence[int], baseline: Sequence[int], most: Sequence[tuple[int, int]]
) -> tuple[list[Interval], int]:
    """The strata of rows of which row 0 is the left end so far, and the left end after them.

    `most`: for each row, how many pods pilot and baseline have. A production that has scaled down is whole with the pods
    that it has: more than those are not waited for.
    """
    closed, left = [], 0
    for right in range(1, len(pilots)):
        a0, b0 = pilots[left].bit_count(), baseline[left].bit_count()
        a, b = (pilots[left] & pilots[right]).bit_count(), (baseline[left] & baseline[right]).bit_count()
        if not a0 or not b0:
            left = right
        elif a and b and 2 * a >= a0 and 2 * b >= min(b0, most[right][1]):
            now = pilots[right].bit_count(), baseline[right].bit_count()
            everybody = (a0, b0) == (a, b) == now == most[left]
            closed.append(Interval(left, right, a, b, everybody))
            left = right
    return closed, left
