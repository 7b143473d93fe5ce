"""Lets records that cannot be read wait for each other for a moment, so that their dead letters share a transaction.

Every service that reads a topic writes a dead letter for each bad record on it; one transaction for each of them costs
twenty times what an event costs that shares one, and whoever writes bad records at a steady pace keeps all cores busy
with it. What waits here was not handled, and no offset was moved over it: whoever ends meanwhile reads it again. Nothing
good waits: it is handled at once, with what came before it. Pure.
"""

from collections.abc import Sequence

from lockgate.runtime.reading import Item, Rejected

WAIT_SECONDS = 0.1
"""At some hundred bad records a second ten share a transaction, and nobody looks for a dead letter as soon as that."""

MOST = 100
"""So many wait at most; what comes in hundreds shares transactions by itself."""

MOST_BYTES = 1 << 20
"""So much wait at most, so that large records neither fill the memory nor make a transaction long."""


class Gathering:
    """The records that wait, in the order in which they were read."""

    def __init__(self) -> None:
        self._waiting: list[Item] = []
        self._size = 0
        self._until = 0.0

    def __bool__(self) -> bool:
        """Whether any record waits."""
        return bool(self._waiting)

    def due(self, items: Sequence[Item], now: float) -> list[Item]:
        """What is to be handled now that these came, in order; nothing while all there is may wait."""
        if not self._waiting:
            self._until = now + WAIT_SECONDS
        self._waiting += items
        self._size += sum(len(item.record.value or b"") for item in items)
        if now < self._until and self._is_little() and all(isinstance(item, Rejected) for item in items):
            return []
        return self.taken()

    def left(self, now: float, otherwise: float) -> float:
        """In how many seconds what waits is due; something else if nothing waits."""
        return max(0.0, self._until - now) if self._waiting else otherwise

    def taken(self) -> list[Item]:
        """All that waits, which waits no longer."""
        taken, self._waiting, self._size = self._waiting, [], 0
        return taken

    def _is_little(self) -> bool:
        return len(self._waiting) < MOST and self._size < MOST_BYTES
