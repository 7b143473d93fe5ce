"""How many pods each arm has, as far as scrapes tell: half of them must be there before anything is concluded.

Production scales up and down: of its pods those of the last scrapes count. The pilot's do not: what is missing of it is
what is looked for.
"""

import numpy as np
from numpy.typing import NDArray


class Beside:
    """Scrapes in order, in any parts. What is carried does not grow."""

    def __init__(self, stale: int) -> None:
        """`stale`: so many scrapes, the latest included, are recent."""
        self.recent = np.zeros(stale - 1, np.intp)
        self.pilots = 0

    def fold(self, counts: NDArray[np.intp]) -> list[tuple[int, int]]:
        """From how many pods of pilot and baseline [N, 2] were scraped: how many there are in each scrape."""
        if not len(counts):
            return []
        pilots = np.maximum.accumulate(np.concatenate(([self.pilots], counts[:, 0])))[1:]
        baseline = np.concatenate((self.recent, counts[:, 1]))
        most = np.lib.stride_tricks.sliding_window_view(baseline, len(self.recent) + 1).max(axis=1)
        self.pilots, self.recent = int(pilots[-1]), baseline[len(counts) :]
        return list(zip(pilots.tolist(), most.tolist(), strict=True))
