"""A pilot that is not there: one that gets no requests although it should, or that is down. Counts scrapes, no chances.

Where the baseline is missing as well, monitoring failed, and that is never evidence against a release.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from lockgate.verifier.statistics.evidence import Evidence
from lockgate.verifier.statistics.numerics import some, total
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.series import Counts, Flags, Latest

_AGAIN = 2

Rule = Literal["silence", "down"]
Arms = Sequence[tuple[int, int]]
"""For each scrape a number of pods of pilot and baseline."""


class Scrape(NamedTuple):
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
    ready: bool | None
    """Whether a pod of the pilot is; None where nothing is known of any."""
    restarted: bool
    """Whether a pod of the pilot is known to have, since what was known of it before."""


@dataclass(slots=True)
class Silence:
    """Rows of scrapes. A scrape that tells nothing neither lengthens a row of silence nor ends it.

    A pilot that cannot be scraped is down while it is not ready, or while it restarts again and again: one restart
    may be all that was wrong.
    """

    policy: Policy
    quiet: int = 0
    expected: float = 0.0
    down: int = 0
    restarts: int = 0
    """In the row of scrapes in which it is down."""
    since: float = math.inf
    """Scrapes since the last restart."""

    def fold(self, scrape: Scrape) -> Rule | None:
        """The rule by which the pilot has failed, if it has."""
        self._quiet(scrape)
        self._down(scrape)
        if self.quiet >= self.policy.silent and self.expected >= self.policy.silent_expected:
            return "silence"
        certain = scrape.ready is False or self.restarts >= _AGAIN
        return "down" if self.down >= self.policy.silent and certain else None

    def _quiet(self, scrape: Scrape) -> None:
        if scrape.requests > 0:
            self.quiet, self.expected = 0, 0.0
        elif scrape.measured and scrape.serving and 0 < scrape.weight < 1:
            self.quiet += 1
            self.expected += scrape.baseline * scrape.weight / (1.0 - scrape.weight)

    def _down(self, scrape: Scrape) -> None:
        self.since = 0.0 if scrape.restarted else self.since + 1.0
        gone = not scrape.scraped and scrape.beside and scrape.ready is not True
        if gone and (scrape.ready is False or self.since < self.policy.silent):
            self.down, self.restarts = self.down + 1, self.restarts + scrape.restarted
        else:
            self.down = self.restarts = 0


def restarted(evidence: Evidence, rows: slice, known: Latest) -> Flags:
    """[rows, pods]: whether a pod's count of restarts is above what was known before. A gap tells nothing, and the
    first count of a pod is where it begins. `known` carries on.
    """
    counts = evidence.restarts[rows]
    there: Flags = counts == counts  # noqa: PLR0124  # no NaN
    if not some(there):
        return there
    before, any_ = known.before(there, np.where(there, counts, 0.0)[..., None])
    return np.asarray(there & any_ & (counts > before[..., 0]))


def told(
    evidence: Evidence, rows: slice, counts: Counts, arms: Arms, most: Arms, *, known: Latest
) -> list[Scrape]:
    """What the scrapes of `rows` tell. `arms`: how many pods of pilot and baseline were scraped in each, and `most`: how many
    there are; `known`: the restarts of pods so far, which carries on.
    """
    split, new = evidence.split, counts.new[..., 0]
    served, ready = new[:, :split], evidence.ready[rows, split:]
    columns: tuple[Any, ...] = (
        np.logical_or.reduce(counts.measured[:, split:], axis=1),
        total(new[:, split:], axis=1),
        np.add.reduce(served > 0, axis=1, dtype=int),
        total(served, axis=1),
        evidence.weight[rows],
        np.logical_or.reduce(ready == ready, axis=1),  # noqa: PLR0124  # no NaN
        np.logical_or.reduce(ready > 0, axis=1),
        np.logical_or.reduce(restarted(evidence, rows, known)[:, split:], axis=1),
    )
    told_ = zip(arms, most, *(column.tolist() for column in columns), strict=True)
    return [
        Scrape(
            measured,
            pilots > 0,
            requests,
            2 * baseline >= max(all_, 1),
            2 * serving >= max(all_, 1),
            baselines,
            weight,
            up if is_known else None,
            again,
        )
        for (pilots, baseline), (
            _,
            all_,
        ), measured, requests, serving, baselines, weight, is_known, up, again in told_
    ]
