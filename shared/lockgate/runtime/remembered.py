"""The rows that a replica remembers: how much they are, and which of them another replica may change. No I/O here."""

from collections.abc import Collection

from lockgate.messages.decision import RowKey
from lockgate.runtime.decider import Loaded

MAX_ROWS = 20_000
MAX_BYTES = 4 << 20
"""Of their canonical JSON. In memory a row weighs some sixteen times as much: of intake's plans one of 1.3 KB has 21."""


class Remembered:
    def __init__(self) -> None:
        self.rows: dict[RowKey, Loaded] = {}
        self.bytes = 0
        self._sizes: dict[RowKey, int] = {}
        self._passing: set[RowKey] = set()

    def put(self, name: RowKey, loaded: Loaded, size: int, *, passing: bool) -> None:
        """`passing` if another replica may change it before the next batch."""
        self.bytes += size - self._sizes.get(name, 0)
        self.rows[name], self._sizes[name] = loaded, size
        if passing:
            self._passing.add(name)

    @property
    def is_too_much(self) -> bool:
        return len(self.rows) > MAX_ROWS or self.bytes > MAX_BYTES

    def forget_passing(self) -> None:
        """Looks at no other: there may be very many, and this comes after each batch."""
        for name in self._passing:
            self._drop(name)
        self._passing.clear()

    def forget_passing_of(self, keys: Collection[str]) -> None:
        """Those that were loaded before their key's counters are, which are to say how old they may be."""
        for name in [name for name in self._passing if name.key in keys]:
            self._drop(name)
            self._passing.remove(name)

    def _drop(self, name: RowKey) -> None:
        del self.rows[name]
        self.bytes -= self._sizes.pop(name)

    def clear(self) -> None:
        for held in (self.rows, self._sizes, self._passing):
            held.clear()
        self.bytes = 0
