"""How many records are read at once: fewer after a batch that was not written in time, and more again once batches are. Pure.

A statement of the database has a bound. On a machine that is very busy a full batch may not be written within it; read
again as a whole it would fail again, and nothing would ever be handled.
"""

MOST = 500


class Portion:
    def __init__(self) -> None:
        self.most = MOST

    def late(self, taken: int) -> None:
        """So many were taken at most, and writing them took too long."""
        self.most = max(1, min(self.most, taken) // 2)

    def written(self) -> None:
        self.most = min(MOST, 2 * self.most)
