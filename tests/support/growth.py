"""Whether a series of memory samples grows: by the means of its beginning and its end, and by a fitted line. Pure."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST = 0.10
"""The growth that is allowed, as a part of what there was."""

WARM_SECONDS = 300.0
COMPARED_SECONDS = 600.0
SHARE = 6
"""Of a shorter run a sixth is the warm-up, and a sixth each is compared."""

SHOWN = 60

Sample = tuple[float, float]
"""Seconds since the start, and MiB."""


@dataclass(frozen=True, slots=True)
class Growth:
    """`first` and `last` are means in MiB; `by_means` and `by_line` parts of what there was (0.1: a tenth more)."""

    first: float
    last: float
    by_means: float
    by_line: float
    series: tuple[float, ...]

    def wrong(self) -> Iterator[str]:
        for how, grown in (("by its means", self.by_means), ("by a fitted line", self.by_line)):
            if grown >= MOST:
                yield f"grew from {self.first} to {self.last} MiB: {grown:.1%}, {how}"


def growth(samples: Sequence[Sample], seconds: float) -> Growth:
    """That of a run of so many seconds. ValueError if it has no samples to compare."""
    warm = min(WARM_SECONDS, seconds / SHARE)
    compared = min(COMPARED_SECONDS, seconds / SHARE)
    kept = [sample for sample in samples if sample[0] >= warm]
    early = [value for at, value in kept if at <= warm + compared]
    late = [value for at, value in kept if at >= seconds - compared]
    if len(early) < 2 or len(late) < 2:
        raise ValueError(f"{len(early)} samples at the beginning and {len(late)} at the end compare nothing")
    first, last = statistics.fmean(early), statistics.fmean(late)
    slope, base = statistics.linear_regression(*zip(*kept, strict=True))
    start, stop = (base + slope * at for at in (warm, seconds))
    step = -(-len(samples) // SHOWN)
    shown = tuple(round(value, 1) for _, value in samples[::step])
    by_means, by_line = (round(after / before - 1, 4) for before, after in ((first, last), (start, stop)))
    return Growth(round(first, 1), round(last, 1), by_means, by_line, shown)
