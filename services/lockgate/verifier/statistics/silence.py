"""A pilot that is not there: one that gets no requests although it should, or that is down. Counts scrapes, no chances.

Where the baseline is missing as well, monitoring failed, and that is never evidence against a release.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from lockgate.verifier.statistics.evidence import Evidence
from lockgate.verifier.statistics.numerics import total
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.series import Counts

Rule = Literal["silence", "down"]


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one scrape tells of both arms."""

    measured: bool
    """Whether a pilot pod was scraped, and before."""
    scraped: bool
    """Whether a pilot pod was scraped."""
    requests: float
    """Of the pilot."""
    beside: bool
    """Whether half of the baseline was scraped."""
    serving: bool
    """Whether half of the baseline was scraped and had requests."""
    baseline: float
    """Requests of the baseline."""
    weight: float
    not_ready: bool
    """Whether something is known of the pilot's pods, and it is that none is ready."""
    restarts: float


@dataclass(slots=True)
class Silence:
    """Rows of scrapes. A scrape that tells nothing neither lengthens a row of silence nor ends it."""

    policy: Policy
    quiet: int = 0
    expected: float = 0.0
    down: int = 0
    restarts: float = field(default=0.0)

    def fold(self, scrape: Scrape) -> Rule | None:
        """The rule by which the pilot has failed, if it has."""
        self._quiet(scrape)
        self._down(scrape)
        if self.quiet >= self.policy.silent and self.expected >= self.policy.silent_expected:
            return "silence"
        return "down" if self.down >= self.policy.silent else None

    def _quiet(self, scrape: Scrape) -> None:
        if scrape.requests > 0:
            self.quiet, self.expected = 0, 0.0
        elif scrape.measured and scrape.serving and 0 < scrape.weight < 1:
            self.quiet += 1
            self.expected += scrape.baseline * scrape.weight / (1.0 - scrape.weight)

    def _down(self, scrape: Scrape) -> None:
        gone = not scrape.scraped and scrape.beside
        if gone and (scrape.not_ready or scrape.restarts > self.restarts):
            self.down += 1
        else:
            self.down, self.restarts = 0, scrape.restarts


def told(evidence: Evidence, rows: slice, counts: Counts, most: Sequence[tuple[int, int]]) -> list[Scrape]:
    """What the scrapes of `rows` tell. `most`: pods of pilot and baseline that were scraped at once up to each."""
    pilots, seen = evidence.pilots, evidence.seen[rows]
    new, measured = counts.new[..., 0], counts.measured
    served = new[:, ~pilots]
    half = np.array([max(baseline, 1) for _, baseline in most]) / 2
    ready, restarts = evidence.ready[rows][:, pilots], np.nan_to_num(evidence.restarts[rows][:, pilots])
    columns: tuple[Any, ...] = (
        measured[:, pilots].any(axis=1),
        seen[:, pilots].any(axis=1),
        total(new[:, pilots], axis=1),
        seen[:, ~pilots].sum(axis=1) >= half,
        (measured[:, ~pilots] & (served > 0)).sum(axis=1) >= half,
        total(served, axis=1),
        evidence.weight[rows],
        (~np.isnan(ready)).any(axis=1) & ~(ready > 0).any(axis=1),
        total(restarts, axis=1),
    )
    return [Scrape(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
