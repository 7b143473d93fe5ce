"""How many pods each arm has, as far as scrapes tell: half of them must be there before anything is concluded.

Production scales up and down: of its pods those of the last scrapes count. The pilot's do not: what is missing of it is
what is looked for.
"""

from collections.abc import Iterable


class Beside:
    """Scrapes in order, in any parts. What is carried does not grow."""

    def __init__(self, stale: int) -> None:
        """`stale`: so many scrapes, the latest included, are recent."""
        self.recent = [0] * stale
        self.pilots = 0

    def fold(self, counts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """From how many pods of pilot and baseline were scraped in each: how many there are."""
        found = []
        for pilots, baseline in counts:
            self.pilots = max(self.pilots, pilots)
            self.recent = [*self.recent[1:], baseline]
            found.append((self.pilots, max(self.recent)))
        return found
