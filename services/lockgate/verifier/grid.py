"""The grid of scrapes of one order to measure: which of them a moment is in, and when each ends. Pure; used by the work.

A scrape is an interval, numbered as in evidence: those of the history, one that ends with the start, and those after it.
The history ends with that one, or where the release was begun, if it is the time before that a region is compared with.
"""

from dataclasses import dataclass
from math import ceil
from typing import Self

from lockgate.verifier.core.measure import Measure

_TOUCHES = 1e-6
"""A moment that is later than the end of a scrape by so small a part of one is in it still."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Epoch seconds."""

    since: float
    step: float
    history: int
    """So many scrapes; the next one ends with the start."""
    began: float
    """The end of the history."""

    @classmethod
    def of(cls, order: Measure) -> Self:
        since = order.since.timestamp()
        began = since - order.step if order.began is None else order.began.timestamp()
        return cls(since, order.step, order.history, began)

    @property
    def start(self) -> int:
        """The first scrape after the start."""
        return self.history + 1

    @property
    def apart(self) -> int:
        """So many scrapes would lie between the history and the first one after the start."""
        return round((self.since - self.began) / self.step)

    def index(self, at: float) -> int | None:
        """None between the history and the start."""
        if at > self.since - self.step:
            return self.history + self._later(at, self.since)
        return self.history - 1 + self._later(at, self.began) if at <= self.began else None

    def edge(self, index: int) -> float:
        """When the scrape ends."""
        if index < self.history:
            return self.began + (index - self.history + 1) * self.step
        return self.since + (index - self.history) * self.step

    def _later(self, at: float, than: float) -> int:
        return ceil((at - than) / self.step - _TOUCHES)
