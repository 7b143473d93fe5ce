"""Whether the regions that others are compared with are steady themselves: each against the rest, as if it had the release.

Without that a control region that goes astray would look like a guilty release.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lockgate.verifier.statistics.evidence import Evidence
from lockgate.verifier.statistics.refusal import EvidenceError
from lockgate.verifier.statistics.verification import Verification

ENOUGH = 3
"""With fewer regions it cannot be told which of them has gone astray."""


class Placebos:
    """Each control region as if it had the release, scrape by scrape. Of fewer than three nothing is known."""

    def __init__(self, evidence: Evidence, regions: Mapping[str, str], began: int) -> None:
        """Takes the scrapes before the start. `regions`: of each baseline pod by name; `began`: as in `Verification.of`. A region
        that there was too little of before the rollout is not looked at.
        """
        self.regions = regions
        found = sorted({regions[name] for name in evidence.names[: evidence.split]})
        every = found if len(found) >= ENOUGH else ()
        runs = {
            region: _placebo(_against_the_rest(evidence, regions, region), began, regions) for region in every
        }
        self.runs = {region: run for region, run in runs.items() if run is not None}

    def fold(self, evidence: Evidence, scrapes: int) -> None:
        """Takes the new ones of so many scrapes since the start."""
        for region, run in self.runs.items():
            run.fold(_against_the_rest(evidence, self.regions, region), evidence.start + scrapes)

    @property
    def astray(self) -> dict[str, int]:
        """Those that fail, although nothing was deployed to them: by the scrape with which they do, the first is 1."""
        return {name: run.outcome.at for name, run in self.runs.items() if run.outcome.verdict == "fail"}


@dataclass(frozen=True, slots=True)
class Control:
    """The regions without the release."""

    regions: tuple[str, ...]
    astray: Mapping[str, int]
    """Of them those that went astray by themselves, and since which scrape that is known."""

    def gone(self, at: int) -> tuple[str, ...]:
        """Those that have by then."""
        return tuple(sorted(name for name, since in self.astray.items() if since <= at))

    def unstable(self, at: int) -> bool:
        """Whether so many have that nothing can be compared with them: half of them."""
        gone = len(self.gone(at))
        return len(self.regions) >= ENOUGH and 2 * gone >= len(self.regions)


def _placebo(evidence: Evidence, began: int, regions: Mapping[str, str]) -> Verification | None:
    try:
        return Verification.of(evidence, began, regions)
    except EvidenceError:
        return None


def _against_the_rest(evidence: Evidence, regions: Mapping[str, str], region: str) -> Evidence:
    """The same without the pods that are judged, and with those of one region in their place."""
    own = np.array([regions[name] == region for name in evidence.names[: evidence.split]])
    order = np.concatenate((np.flatnonzero(~own), np.flatnonzero(own)))
    return replace(
        evidence,
        names=tuple(evidence.names[index] for index in order),
        pilots=own[order],
        counters=evidence.counters[:, order],
        seen=evidence.seen[:, order],
        gauges={name: values[:, order] for name, values in evidence.gauges.items()},
        ready=evidence.ready[:, order],
        restarts=evidence.restarts[:, order],
    )
