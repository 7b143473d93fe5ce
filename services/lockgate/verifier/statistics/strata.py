"""From samples to strata: what both arms of a region served and failed in the same intervals of time.

Follows section 3 of the method: a pod's first sample is an anchor and no increment; a counter that fell was restarted,
and then all of its pod's increments are the new values; a stratum closes only when enough pods of both arms have
samples at both of its ends, and only those count, so that a missed scrape merges intervals in both arms alike.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Arm(StrEnum):
    PILOT = "pilot"
    BASELINE = "baseline"


class Value(NamedTuple):
    """A counter of a pod: its value, and whether it counts errors."""

    total: float
    error: bool


@dataclass(frozen=True, slots=True)
class Scrape:
    """All counters of one pod at one moment, by the name of their series."""

    at: float
    pod: str
    arm: Arm
    values: Mapping[str, Value]


@dataclass(slots=True)
class _Pod:
    arm: Arm
    at: float
    last: dict[str, Value]
    anchored: bool = False
    """It has a sample at the left end of the stratum that is open."""
    sampled: bool = True
    """It has a sample in the slice at hand."""
    requests: float = 0.0
    errors: float = 0.0

    def read(self, scrape: Scrape) -> None:
        fell = any(
            name in self.last and value.total < self.last[name].total for name, value in scrape.values.items()
        )
        known = {} if fell else self.last
        for name, value in scrape.values.items():
            grown = value.total - (known[name].total if name in known else 0.0)
            self.requests += grown
            self.errors += grown if value.error else 0.0
        self.last = {**known, **scrape.values}
        self.at, self.sampled = scrape.at, True

    @property
    def counts(self) -> bool:
        return self.anchored and self.sampled


@dataclass(slots=True)
class Strata:
    """The strata of one region, folded from its scrapes slice by slice. The same scrapes give the same strata."""

    closed: list[tuple[float, int, int, int, int]] = field(default_factory=list)
    _pods: dict[str, _Pod] = field(default_factory=dict)

    def slice(self, end: float, scrapes: Iterable[Scrape]) -> None:
        """Reads the scrapes of a slice that ends `end` seconds after the start. The first slice only anchors."""
        for scrape in sorted(scrapes, key=lambda scrape: (scrape.at, scrape.pod)):
            pod = self._pods.get(scrape.pod)
            if pod is None:
                self._pods[scrape.pod] = _Pod(scrape.arm, scrape.at, dict(scrape.values))
            elif scrape.at > pod.at:
                pod.read(scrape)
        self._close(end)

    def _close(self, end: float) -> None:
        pilot, baseline = self._arm(Arm.PILOT), self._arm(Arm.BASELINE)
        if not pilot or not baseline:
            self._open()
        elif _enough(pilot) and _enough(baseline):
            self.closed.append((end, *_served(pilot), *_served(baseline)))
            self._open()
        else:
            for pod in self._pods.values():
                pod.sampled = False

    def _arm(self, arm: Arm) -> list[_Pod]:
        return [pod for pod in self._pods.values() if pod.arm is arm and pod.anchored]

    def _open(self) -> None:
        """The next stratum begins here, with the pods that have a sample here. Others begin anew if they come back."""
        self._pods = {name: pod for name, pod in self._pods.items() if pod.sampled}
        for pod in self._pods.values():
            pod.anchored, pod.sampled = True, False
            pod.requests = pod.errors = 0.0


def _enough(pods: list[_Pod]) -> bool:
    sampled = sum(pod.sampled for pod in pods)
    return sampled >= 1 and 2 * sampled >= len(pods)


def _served(pods: list[_Pod]) -> tuple[int, int]:
    requests = errors = 0.0
    for pod in pods:
        if pod.counts:
            requests += pod.requests
            errors += pod.errors
    return round(requests), round(errors)
