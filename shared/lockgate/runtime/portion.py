"""How many records are read at once: fewer after a batch that was not written in time, and more again once batches are. Pure.

A statement of the database has a bound. On a machine that is very busy a full batch may not be written within it; read
again as a whole it would fail again, and nothing would ever be handled.
"""

from math import inf

MOST = 500


class Portion:
    def __init__(self) -> None:
        self.most, self.taken = MOST, 0
        self._late: float = inf
        """So many were too many the last time."""

    def late(self) -> None:
        """Writing what was taken last took too long. What times out before more is taken is no batch."""
        if self.taken:
            self._late = min(self.most, self.taken)
            self.most, self.taken = max(1, int(self._late) // 2), 0

    def written(self) -> None:
        """Twice as many, but few more where that would be as many as were too many: else every other batch would be late."""
        twice = 2 * self.most
        self.most = min(MOST, twice if twice < self._late else self.most + max(1, self.most // 8))
        if self.most >= self._late:
            self._late = inf
