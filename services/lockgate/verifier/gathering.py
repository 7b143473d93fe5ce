"""From raw samples to evidence: what each pod had counted at each point of the grid. Pure; used by the work.

A point of the grid is the end of a scrape interval; a pod's newest whole sample in it counts. It is whole if requests
and buckets have samples of the same moment, no bucket is missing, and none grew by less than a lower one: half a sample
would make slow requests of those whose buckets come later. No whole sample is a failed scrape, whatever comes later.

After the start only those scrapes are evidence in which all arms have a row. In others nothing can be compared; they are
no part of the time that the plan gives, and what was counted in them comes with the next one.

Where nothing is known of production before the start, since Prometheus is new or lost what it had, the first scrapes stand in for
that: what is usual has to be known before anything is compared with it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from lockgate.verifier.core.measure import HISTORY, Measure
from lockgate.verifier.grid import Grid
from lockgate.verifier.native import Cells, cells
from lockgate.verifier.presets import By, Preset, arm_of, unit_of
from lockgate.verifier.prometheus import Series
from lockgate.verifier.statistics.evidence import BASELINE, PILOT, SCHEMA
from lockgate.verifier.units import Counter, Form, Group, Row, Unit

START = HISTORY + 1
"""The index of the first scrape after the start of a pilot; the one before it is at the start itself."""
ARMS = {BASELINE: "production", PILOT: "the pilot"}
BOTH = frozenset(ARMS)
BY_REGION = {BASELINE: "the regions without the release", PILOT: "the region"}


@dataclass(slots=True)
class Moment:
    """What was sampled of one unit at one moment."""

    values: dict[Counter, float] = field(default_factory=dict)
    natives: dict[Group, Cells] = field(default_factory=dict)

    def add(self, what: Counter | Group, value: Any) -> None:
        if isinstance(what, Group):
            self.natives[what] = value
        else:
            self.values[what] = value

    def of(self, *, native: bool, counts: bool) -> tuple[Mapping[Counter, float], Mapping[Group, Cells]]:
        """What tells one form of the histogram, and no more. `counts`: the histogram's own requests are those that count."""
        if not native:
            return self.values, {}
        requests = {} if counts else {one: value for one, value in self.values.items() if one.bound is None}
        return requests, self.natives


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
        moments: dict[int, dict[str, dict[float, Moment]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(Moment))
        )
        for name, what, index, at, value in self._samples(found):
            if first <= index <= last:
                moments[index][name][at].add(what, value)
        histogram = self.preset.latency is not None
        for index in sorted(moments):
            for name, scrapes in moments[index].items():
                whole = [self._read(name, index, at, scrapes[at]) for at in sorted(scrapes)]
                if any(whole):
                    self.units[name].keep(index, histogram=histogram)
        after = range(max(first, self.grid.start), last + 1)
        self.compared.extend(index for index in after if self._arms(index) == self.arms)

    def _read(self, name: str, index: int, at: float, moment: "Moment") -> bool:
        """By the form of its histogram, whatever else there is. That is native if it ever was before the start, else the first one
        that was scraped, and native if both were.
        """
        unit = self.units[name]
        if moment.natives and unit.form is Form.CLASSIC and index < self.grid.start:
            unit = self.units[name] = self._unit(
                unit.arm
            )  # what was counted otherwise cannot be gone on with
        native = unit.form is Form.NATIVE or (unit.form is None and bool(moment.natives))
        if native and not moment.natives:
            return False
        values, natives = moment.of(native=native, counts=self.preset.counts)
        return unit.read(at, values, natives, histogram=self.preset.latency is not None)

    def _unit(self, arm: str) -> Unit:
        return Unit(arm, self.preset.unit, self.preset.counts)

    @property
    def forms(self) -> frozenset[Form]:
        """Of the histograms that are there, once all arms are; until then, all that there may be."""
        if self.missing is not None:
            return frozenset(self.preset.forms)
        return frozenset(unit.form for unit in self.units.values() if unit.rows and unit.form is not None)

    def _arms(self, index: int) -> frozenset[str]:
        """Which of them were scraped."""
        return frozenset(unit.arm for unit in self.units.values() if index in unit.rows)

    def _samples(self, found: Iterable[Series]) -> Iterator[tuple[str, Counter | Group, int, float, Any]]:
        for series in found:
            labels = series.labels
            arm = arm_of(self.preset, self.order, labels)
            told = _told(self.preset, series)
            if arm is None or told is None:
                continue
            name = unit_of(self.preset, self.order, arm, labels)
            self.units.setdefault(name, self._unit(arm))
            for at, value in told[1]:
                if (index := self.grid.index(at)) is not None:
                    yield name, told[0], index, at, value

    @property
    def lent(self) -> int:
        """So many of the scrapes after the start stand in for a history that there is not."""
        needed = self.arms == BOTH and not self.order.control
        return self.order.policy["min_strata"] if needed and not self._is_known() else 0

    def _is_known(self) -> bool:
        """Whether any request of production was counted before the start. One that was scraped and idle tells nothing of what is usual."""
        return any(self._counted_before(unit) for unit in self.units.values() if unit.arm == BASELINE)

    def _counted_before(self, unit: Unit) -> bool:
        before = (row.requests for index, row in unit.rows.items() if index < self.grid.start)
        first = next(before, inf)
        return any(requests > first for requests in before)

    @property
    def start(self) -> int:
        """The first scrape that is judged, as evidence counts them."""
        return self.grid.start + self.lent

    @property
    def scrapes(self) -> int:
        """So many may be judged."""
        return max(len(self.compared) - self.lent, 0)

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
        start = self.start - first
        indices = (*range(first, self.grid.start), *self.compared[: self.lent + scrapes])
        since = {*indices} if first else None
        units = {
            name: unit
            for name, unit in self.units.items()
            if unit.rows and (since is None or not since.isdisjoint(unit.rows))
        }
        bounds = sorted(set().union(*(unit.bounds for unit in units.values())))
        if self.preset.latency is not None and not bounds:
            return f"{self.preset.latency} has no bounds that can be compared"
        return {"start": start, **self._evidence(indices, start, bounds, units)}

    def more(self, first: int, scrapes: int) -> dict[str, Any]:
        """The same without the history, and without so many of the scrapes after the start, of whoever was ever there."""
        bounds = sorted(set().union(*(unit.bounds for unit in self.units.values())))
        units = {name: unit for name, unit in self.units.items() if unit.rows}
        lent = self.lent
        new = self.compared[lent + first : lent + scrapes]
        return {"start": self.start, **self._evidence(new, 0, bounds, units)}

    def _evidence(
        self, indices: Sequence[int], before: int, bounds: list[float], units: Mapping[str, Unit]
    ) -> dict[str, Any]:
        """`before`: so many of the scrapes are before anything is judged."""
        return {
            "schema": SCHEMA,
            "scrape_seconds": self.order.step,
            "weight": [0.0 if place < before else self.order.share for place in range(len(indices))],
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


def _told(preset: Preset, series: Series) -> tuple[Counter | Group, Iterable[tuple[float, Any]]] | None:
    """What a series counts, and its samples. Numbers of the name of a native histogram are of something else."""
    labels = series.labels
    own = tuple(sorted((name, value) for name, value in labels.items() if name not in {"__name__", "le"}))
    if preset.native is not None and labels.get("__name__") == preset.native:
        samples = ((at, cells(one, preset.unit)) for at, one in series.histograms)
        return Group(preset.is_error(labels), own), samples
    counter = _counter(preset, labels, own)
    return None if counter is None else (counter, series.points)


def _counter(preset: Preset, labels: Mapping[str, str], own: tuple[tuple[str, str], ...]) -> Counter | None:
    """None if it is neither requests nor a bucket of some length: none is faster than 0 s."""
    if labels.get("__name__") != preset.latency:
        return Counter(None, preset.is_error(labels), own)
    try:
        bound = float(labels.get("le", "")) / preset.unit
    except ValueError:
        return None
    return Counter(bound, False, own) if bound > 0.0 else None


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
