"""From raw samples to evidence: what each pod had counted at each point of the grid. Pure; used by the work.

A point of the grid is the end of a scrape interval; a pod's newest whole sample in it counts. It is whole if requests
and buckets have samples of the same moment, no bucket is missing, and none grew by less than a lower one: half a sample
would make slow requests of those whose buckets come later. No whole sample is a failed scrape, whatever comes later.

Counters are added up series by series, from a pod's first sample on, so one that begins anew, with its container, or
that is no longer told, takes nothing away from what was counted; within a scrape interval each sample is looked at.

After the start only those scrapes are evidence in which all arms have a row. In others nothing can be compared; they are
no part of the time that the plan gives, and what was counted in them comes with the next one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from lockgate.verifier.core.measure import HISTORY, Measure
from lockgate.verifier.grid import Grid
from lockgate.verifier.presets import By, Preset, arm_of, unit_of
from lockgate.verifier.prometheus import Series
from lockgate.verifier.statistics.evidence import BASELINE, PILOT, SCHEMA

START = HISTORY + 1
"""The index of the first scrape after the start of a pilot; the one before it is at the start itself."""
ARMS = {BASELINE: "production", PILOT: "the pilot"}
BOTH = frozenset(ARMS)
BY_REGION = {BASELINE: "the regions without the release", PILOT: "the region"}


class Counter(NamedTuple):
    """A series of one unit: what of it counts, by the labels that tell it from the others."""

    bound: float | None
    """None: of requests; else of those up to so many seconds."""
    error: bool
    own: tuple[tuple[str, str], ...]


class Row(NamedTuple):
    """What a unit had counted at a point of the grid."""

    requests: float
    errors: float
    buckets: Mapping[float, float]


NOTHING = Row(0.0, 0.0, MappingProxyType({}))


@dataclass(slots=True)
class Unit:
    """A pod, or what else counts by itself."""

    arm: str
    last: dict[Counter, float] = field(default_factory=dict)
    read_at: dict[Counter, float] = field(default_factory=dict)
    """When each of them was."""
    requests: float = 0.0
    errors: float = 0.0
    buckets: dict[float, float] = field(default_factory=dict)
    row: Row = NOTHING
    """The newest one."""
    before: float = 0.0
    """The requests that were counted when it was kept."""
    beyond: float = 0.0
    """Those of them that came into no bucket."""
    rows: dict[int, Row] = field(default_factory=dict)
    """By the index of the scrape; one that failed is not there."""

    def read(self, at: float, values: Mapping[Counter, float], *, histogram: bool) -> bool:
        """All its series at one moment, in order of time. Says whether that is a scrape; if not, nothing is counted."""
        known = self._running(values)
        if histogram and not _is_whole(values, known):
            return False
        began = known if self.last else values
        grown = {counter: value - began.get(counter, 0.0) for counter, value in values.items()}
        self.last = {**known, **values}
        self.read_at = {**{c: self.read_at[c] for c in known}, **dict.fromkeys(values, at)}
        if not _fits(grown):
            return False
        for counter, more in grown.items():
            if counter.bound is not None:
                self.buckets[counter.bound] = self.buckets.get(counter.bound, 0.0) + more
                continue
            self.requests += more
            self.errors += more if counter.error else 0.0
        return True

    def _running(self, values: Mapping[Counter, float]) -> dict[Counter, float]:
        """What is known of the series that did not begin anew.

        One that fell tells that its container restarted, and all of it began anew. Unless it was not there when the
        others were read last: then it began anew before, unseen because they had caught up, and only it comes from 0.
        """
        fell = [counter for counter, value in values.items() if value < self.last.get(counter, 0.0)]
        before = max((self.read_at[counter] for counter in values if counter in self.last), default=0.0)
        if any(self.read_at[counter] == before for counter in fell):
            return {}
        anew = {counter.own for counter in fell}
        return {counter: value for counter, value in self.last.items() if counter.own not in anew}

    def keep(self, index: int, *, histogram: bool) -> None:
        """What it has counted is its row.

        Where requests and buckets have labels of their own, one may be ahead by what is under way; a request that is in
        no bucket one row later never comes into one. Nothing grows by more than the requests do, which never fall.
        """
        whole = self.requests
        if histogram:
            self.beyond = max(self.beyond, self.before - self.buckets[inf])
            whole = self.buckets[inf] + self.beyond
        self.before = self.requests
        errors = min(self.errors, self.row.errors + whole - self.row.requests)
        self.row = self.rows[index] = Row(whole, errors, dict(self.buckets))

    @property
    def bounds(self) -> set[float]:
        """Those that every group of its series has: others cannot be added up."""
        groups: dict[tuple[tuple[str, str], ...], set[float]] = defaultdict(set)
        for counter in self.last:
            if counter.bound is not None:
                groups[counter.own].add(counter.bound)
        return set.intersection(*groups.values()) - {inf} if groups else set()


@dataclass(slots=True)
class Gathering:
    """Everything that was read of one region so far."""

    order: Measure
    preset: Preset
    grid: Grid = field(init=False)
    arms: frozenset[str] = field(init=False)
    """Those that there have to be."""
    units: dict[str, Unit] = field(default_factory=dict)
    compared: list[int] = field(default_factory=list)
    """The scrapes after the start in which all arms were scraped."""

    def __post_init__(self) -> None:
        self.grid = Grid.of(self.order)
        self.arms = BOTH if self.order.pods.pilot or self.order.control else frozenset({BASELINE})

    @property
    def named(self) -> Mapping[str, str]:
        """What the arms are called."""
        return BY_REGION if self.order.control else ARMS

    def take(self, first: int, last: int, found: Iterable[Series]) -> None:
        """The samples of the scrapes with these indices; others are not looked at."""
        moments: dict[int, dict[str, dict[float, dict[Counter, float]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(dict))
        )
        for name, counter, index, at, value in self._samples(found):
            if first <= index <= last:
                moments[index][name][at][counter] = value
        histogram = self.preset.latency is not None
        for index in sorted(moments):
            for name, scrapes in moments[index].items():
                unit = self.units[name]
                whole = [unit.read(at, scrapes[at], histogram=histogram) for at in sorted(scrapes)]
                if any(whole):
                    unit.keep(index, histogram=histogram)
        after = range(max(first, self.grid.start), last + 1)
        self.compared.extend(index for index in after if self._arms(index) == self.arms)

    def _arms(self, index: int) -> frozenset[str]:
        """Which of them were scraped."""
        return frozenset(unit.arm for unit in self.units.values() if index in unit.rows)

    def _samples(self, found: Iterable[Series]) -> Iterator[tuple[str, Counter, int, float, float]]:
        for series in found:
            labels = series.labels
            arm = arm_of(self.preset, self.order, labels)
            counter = _counter(self.preset, labels)
            if arm is None or counter is None:
                continue
            name = unit_of(self.preset, self.order, arm, labels)
            self.units.setdefault(name, Unit(arm))
            for at, value in series.points:
                if (index := self.grid.index(at)) is not None:
                    yield name, counter, index, at, value

    @property
    def missing(self) -> str | None:
        """What there never was a sample of, so that nothing can be compared."""
        arms = {unit.arm for unit in self.units.values() if unit.rows}
        if not arms:
            same = " at the same moment, with all buckets" if self.units else ""
            return f"there are no samples of {' and '.join(self.preset.metrics)}{same}"
        if lacking := sorted(self.arms - arms):
            return f"there are no samples of {self.named[lacking[0]]}"
        return None

    def evidence(self, scrapes: int, first: int = 0) -> dict[str, Any] | str:
        """Evidence of the first scrapes in which all arms were scraped, as `verify` takes it; or why there is none.

        `first`: without what was before that scrape, and whoever was there only then.
        """
        start = self.grid.start
        indices = (*range(first, start), *self.compared[:scrapes])
        since = {*indices} if first else None
        units = {
            name: unit
            for name, unit in self.units.items()
            if unit.rows and (since is None or not since.isdisjoint(unit.rows))
        }
        bounds = sorted(set().union(*(unit.bounds for unit in units.values())))
        if self.preset.latency is not None and not bounds:
            return f"{self.preset.latency} has no bounds that can be compared"
        return self._evidence(start - first, indices, bounds, units)

    def more(self, first: int, scrapes: int) -> dict[str, Any]:
        """The same without the history, and without so many of the scrapes after the start, of whoever was ever there."""
        bounds = sorted(set().union(*(unit.bounds for unit in self.units.values())))
        units = {name: unit for name, unit in self.units.items() if unit.rows}
        return self._evidence(self.grid.start, self.compared[first:scrapes], bounds, units)

    def _evidence(
        self, start: int, indices: Sequence[int], bounds: list[float], units: Mapping[str, Unit]
    ) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "scrape_seconds": self.order.step,
            "start": start,
            "weight": [self.order.share if index >= self.grid.start else 0.0 for index in indices],
            "bounds": bounds,
            "policy": self.order.policy,
            "pods": [_pod(name, unit, self._seen(unit, indices)) for name, unit in units.items()],
        }

    def _seen(self, unit: Unit, indices: Sequence[int]) -> list[Row | None]:
        """Its row in each of these scrapes. A pod that a region had before the release is not what is compared after it: one that
        is on its way out is scraped for a moment still.
        """
        end = self.grid.history if self._is_replaced(unit) else inf
        return [unit.rows.get(index) if index < end else None for index in indices]

    def _is_replaced(self, unit: Unit) -> bool:
        """Whether there are others in its place. At a gateway nothing is: that stays."""
        if not self.order.control or self.preset.by is not By.POD or unit.arm != PILOT:
            return False
        before, history = min(unit.rows), self.grid.history
        others = (one for one in self.units.values() if one.arm == PILOT and one.rows)
        return before < history and any(min(one.rows) >= history for one in others)


def _counter(preset: Preset, labels: Mapping[str, str]) -> Counter | None:
    """What a series counts; None if it is neither requests nor a bucket of some length: none is faster than 0 s."""
    own = tuple(sorted((name, value) for name, value in labels.items() if name not in {"__name__", "le"}))
    if labels.get("__name__") != preset.latency:
        return Counter(None, preset.is_error(labels), own)
    try:
        bound = float(labels.get("le", "")) / preset.unit
    except ValueError:
        return None
    return Counter(bound, False, own) if bound > 0.0 else None


def _fits(grown: Mapping[Counter, float]) -> bool:
    """Whether no bucket grew by less than a lower one of its group: it has what is in that too."""
    buckets = [(counter.bound, counter) for counter in grown if counter.bound is not None]
    lower: dict[tuple[tuple[str, str], ...], float] = {}
    for _, counter in sorted(buckets, key=itemgetter(0)):
        if grown[counter] < lower.get(counter.own, 0.0):
            return False
        lower[counter.own] = grown[counter]
    return True


def _is_whole(values: Mapping[Counter, float], known: Iterable[Counter]) -> bool:
    """Whether requests and buckets were sampled, the buckets up to the last, and of each group all that is known."""
    groups = {counter.own for counter in values}
    requests = {counter.own for counter in values if counter.bound is None}
    buckets = {counter.own for counter in values if counter.bound is not None}
    ended = {counter.own for counter in values if counter.bound == inf}
    if not requests or not buckets or buckets != ended:
        return False
    return all(counter in values for counter in known if counter.own in groups)


def _pod(name: str, unit: Unit, rows: Sequence[Row | None]) -> dict[str, Any]:
    bounds = sorted(unit.bounds)
    pod: dict[str, Any] = {
        "name": name,
        "arm": unit.arm,
        "requests": [None if row is None else round(row.requests) for row in rows],
        "errors": [None if row is None else round(row.errors) for row in rows],
    }
    if unit.buckets:
        ends = (*bounds, inf)
        pod["bounds"] = bounds
        pod["buckets"] = [
            None if row is None else [round(row.buckets.get(bound, 0.0)) for bound in ends] for row in rows
        ]
    return pod
