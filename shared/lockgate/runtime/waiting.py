"""What waits, by writer and key, and what each first one waits for. Pure.

Anybody who may write to a topic can make very many events wait for ever, so nothing here is looked through: a first
one is looked at when it becomes the first, when a number that it waits for is reached, or when somebody asks.
"""

import heapq
from collections import Counter, deque
from collections.abc import Callable, Sequence

from lockgate.messages.values import EVERY
from lockgate.runtime.batch import ParkedRow

Name = tuple[str, str]
"""Writer and key: what waits under one name waits in one order."""


class Waiting:
    """`owns` says whether the numbers of a key move only where `told` hears of it; others are looked up in turn."""

    def __init__(self, owns: Callable[[str], bool]) -> None:
        self._owns = owns
        self.queues: dict[Name, deque[ParkedRow]] = {}
        self._due: dict[Name, None] = {}
        self._until: dict[Name, list[tuple[int, Name]]] = {}
        self._elsewhere: dict[str, set[Name]] = {}
        self._awaited: set[tuple[Name, int, Name]] = set()
        self._reasons: Counter[str] = Counter()
        self._keys: Counter[str] = Counter()

    def clear(self) -> None:
        for held in (self.queues, self._due, self._until, self._elsewhere, self._awaited):
            held.clear()
        self._reasons.clear()
        self._keys.clear()

    def count(self, reason: str) -> int:
        return self._reasons[reason]

    def has_key(self, key: str) -> bool:
        return self._keys[key] > 0

    # --- the queues -----------------------------------------------------------------------------------------

    def add(self, row: ParkedRow) -> None:
        """Puts it where its number belongs."""
        name = (row.writer, row.key)
        queue = self.queues.setdefault(name, deque())
        at = len(queue)
        while row.number is not None and at and (queue[at - 1].number or 0) > row.number:
            at -= 1  # it was missing when those behind it came
        queue.insert(at, row)
        self._reasons[row.reason] += 1
        self._keys[row.key] += 1
        if not at:
            self.wake(name)

    def replace_first(self, name: Name, row: ParkedRow) -> None:
        queue = self.queues[name]
        self._reasons[queue[0].reason] -= 1
        self._reasons[row.reason] += 1
        queue[0] = row

    def drop_first(self, name: Name) -> None:
        """It waits no longer; the one behind it is looked at."""
        row = self.queues[name].popleft()
        self._reasons[row.reason] -= 1
        self._keys[row.key] -= 1
        if not self._keys[row.key]:
            del self._keys[row.key]
        if self.queues[name]:
            self.wake(name)
        else:
            del self.queues[name]

    # --- when they are looked at ----------------------------------------------------------------------------

    def wake(self, name: Name) -> None:
        self._due[name] = None

    def take_due(self, only: Name | None = None) -> list[Name]:
        """The names whose first one has to be looked at now; of the `only` one if it is among them."""
        if only is not None:
            due = [only] if only in self._due else []
            self._due.pop(only, None)
        else:
            due = list(self._due)
            self._due.clear()
        return [name for name in due if name in self.queues]

    def until(self, name: Name, mark: Name, number: int) -> None:
        """The first one of this name is looked at again once this mark has come to the number."""
        if (mark, number, name) in self._awaited:
            return
        self._awaited.add((mark, number, name))
        heapq.heappush(self._until.setdefault(mark, []), (number, name))
        if not self._owns(mark[1]):
            self._elsewhere.setdefault(mark[1], set()).add(mark)

    def told(self, mark: Name, number: int) -> None:
        """A mark has come to this number."""
        waiting = self._until.get(mark)
        while waiting and waiting[0][0] <= number:
            reached, name = heapq.heappop(waiting)
            self._awaited.discard((mark, reached, name))
            self.wake(name)
        if waiting is not None and not waiting:
            del self._until[mark]
            self._forget_elsewhere(mark)

    def elsewhere(self, most: int) -> Sequence[str]:
        """Keys whose marks others move, and that something waits for: `*`, which all share, and the next others in turn."""
        others = (key for key in self._elsewhere if key != EVERY)
        keys = [key for key, _ in zip(others, range(most), strict=False)]
        for key in keys:
            self._elsewhere[key] = self._elsewhere.pop(key)
        return [*(key for key in (EVERY,) if key in self._elsewhere), *keys]

    def awaited_of(self, key: str) -> Sequence[Name]:
        """The marks of such a key that something waits for."""
        return tuple(self._elsewhere.get(key, ()))

    def _forget_elsewhere(self, mark: Name) -> None:
        marks = self._elsewhere.get(mark[1])
        if marks is not None:
            marks.discard(mark)
            if not marks:
                del self._elsewhere[mark[1]]
