"""What a past verdict was, and what it would have been. Shapes only."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from lockgate.cli.backtest.history import Case
from lockgate.messages.verdicts import Outcome
from lockgate.verifier.statistics.otherwise import Untold


@dataclass(frozen=True, slots=True)
class Fell:
    """A verdict: the one that fell, or one that would have."""

    outcome: Outcome
    scrapes: int | None
    """After which it did; None where there are none, as of dummy requests."""
    why: str
    reason: str
    follows: str | None = None
    """What the plan says of one that is inconclusive."""

    @property
    def is_same(self) -> tuple[object, ...]:
        return (self.outcome, self.scrapes, self.follows)


@dataclass(frozen=True, slots=True)
class NotYet:
    """None would have fallen by then, where the evidence ends: it would have come later, and nobody knows which."""

    scrapes: int


@dataclass(frozen=True, slots=True)
class Finding:
    case: Case
    fell: Fell
    would: Fell | NotYet | Untold
    step: float = 0.0
    """Seconds from scrape to scrape."""

    @property
    def changed(self) -> bool:
        match self.would:
            case Fell() as would:
                return would.is_same != self.fell.is_same
            case NotYet():
                return True
            case Untold():
                return False

    @property
    def later(self) -> int | None:
        """By so many scrapes, where both are known."""
        if not isinstance(self.would, Fell) or self.would.scrapes is None or self.fell.scrapes is None:
            return None
        return self.would.scrapes - self.fell.scrapes

    @property
    def at(self) -> datetime | None:
        """About when it would have fallen."""
        if self.later is None:
            return None
        return datetime.fromisoformat(self.case.at) + timedelta(seconds=self.later * self.step)
