"""Simulated releases, each judged to its verdict by the verifier's statistics, and how many ended how. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from lockgate.cli.power.drawing import START, Shape, drawn
from lockgate.cli.power.traffic import Change, Traffic
from lockgate.verifier.statistics.deciding import Outcome
from lockgate.verifier.statistics.verification import Verification

SEED: Final = 20_261_201
"""So that the same question has the same answer."""
_PIECES: Final = (4, 16)
"""Most bad releases fail within so many scrapes, and what comes after a verdict need not be judged."""
_Z: Final = 1.96


@dataclass(frozen=True, slots=True)
class Chance:
    """How often something happened, with its 95 % interval (Wilson's)."""

    count: int
    runs: int

    @property
    def share(self) -> float:
        return self.count / self.runs

    @property
    def interval(self) -> tuple[float, float]:
        n, p, square = self.runs, self.share, _Z * _Z
        middle = (p + square / (2 * n)) / (1 + square / n)
        half = _Z * sqrt(p * (1 - p) / n + square / (4 * n * n)) / (1 + square / n)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Ended:
    """How the simulated releases of one kind ended."""

    change: Change
    outcomes: tuple[Outcome, ...]

    def chance(self, *verdicts: str) -> Chance:
        return Chance(sum(one.verdict in verdicts for one in self.outcomes), len(self.outcomes))

    def after(self, verdict: str, part: float) -> int | None:
        """Scrapes after which this part of those that ended so had; None if none did."""
        at = sorted(one.at for one in self.outcomes if one.verdict == verdict)
        return at[min(int(part * len(at)), len(at) - 1)] if at else None

    @property
    def hindered(self) -> tuple[str, int] | None:
        """What most of the undecided ones lacked evidence of, and how many did."""
        lacking = Counter(one.why for one in self.outcomes if one.verdict in {"inconclusive", "unmeasurable"})
        return min(lacking.items(), key=lambda item: (-item[1], item[0])) if lacking else None


def judged(traffic: Traffic, change: Change, shape: Shape, seed: Sequence[int]) -> Outcome:
    evidence = drawn(traffic, change, shape, tuple(seed))
    run = Verification.of(evidence)
    for scrapes in (*_PIECES, shape.policy.deadline):
        outcome = run.fold(evidence, START + scrapes)
        if outcome.verdict != "running":
            break
    return outcome


def tried(traffic: Traffic, change: Change, shape: Shape, runs: int, tick: Callable[[], None]) -> Ended:
    """Each kind of release meets with the same draws."""
    outcomes = []
    for number in range(runs):
        outcomes.append(judged(traffic, change, shape, (SEED, number)))
        tick()
    return Ended(change, tuple(outcomes))
