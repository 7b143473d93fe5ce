"""What a pod, or what else counts by itself, had counted at each point of the grid, from its samples in order of time. Pure; used by
`gathering`.

Counters are added up series by series, from a pod's first sample on, so one that begins anew, with its container, or
that is no longer told, takes nothing away from what was counted; within a scrape interval each sample is looked at.

Latency comes from a classic histogram, whose buckets are series, or from a native one, which is one sample: never from both.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple, Protocol

from lockgate.verifier.native import Cell, Cells, Steps, grown, known


class Counter(NamedTuple):
    """A series of one unit: what of it counts, by the labels that tell it from the others."""

    bound: float | None
    """None: of requests; else of those up to so many seconds."""
    error: bool
    own: tuple[tuple[str, str], ...]


class Form(StrEnum):
    """Of a histogram."""

    CLASSIC = "classic"
    NATIVE = "native"


class Group(NamedTuple):
    """A native histogram of one unit, by the labels that tell it from the others."""

    error: bool
    own: tuple[tuple[str, str], ...]


class Buckets(Protocol):
    """How many requests took at most so many seconds."""

    def get(self, bound: float, default: float, /) -> float: ...


class Row(NamedTuple):
    """What a unit had counted at a point of the grid."""

    requests: float
    errors: float
    buckets: Buckets


_NO_NATIVES: Mapping[Group, Cells] = MappingProxyType({})
NOTHING = Row(0.0, 0.0, MappingProxyType({}))


@dataclass(slots=True)
class Unit:
    """A pod, or what else counts by itself."""

    arm: str
    scale: float = 1.0
    """So many of the histogram's units are a second."""
    counts: bool = False
    """Whether a native histogram tells the requests as well."""
    form: Form | None = None
    """Of its histogram; None until it was scraped."""
    last: dict[Counter, float] = field(default_factory=dict)
    read_at: dict[Counter, float] = field(default_factory=dict)
    """When each of them was."""
    requests: float = 0.0
    errors: float = 0.0
    buckets: dict[float, float] = field(default_factory=dict)
    natives: dict[Group, Cells] = field(default_factory=dict)
    """The newest of each."""
    cells: dict[Cell, float] = field(default_factory=dict)
    """What all of them counted."""
    row: Row = NOTHING
    """The newest one."""
    before: float = 0.0
    """The requests that were counted when it was kept."""
    beyond: float = 0.0
    """Those of them that came into no bucket."""
    rows: dict[int, Row] = field(default_factory=dict)
    """By the index of the scrape; one that failed is not there."""

    def read(
        self,
        at: float,
        values: Mapping[Counter, float],
        natives: Mapping[Group, Cells] = _NO_NATIVES,
        *,
        histogram: bool,
    ) -> bool:
        """All its series at one moment, in order of time. Says whether that is a scrape; if not, nothing is counted."""
        running = self._running(values)
        if histogram and not (self._has_requests(values) if natives else _is_whole(values, running)):
            return False
        first, anew = not self.last and not self.natives, bool(self.last) and not running
        began = values if first else running
        more = {counter: value - began.get(counter, 0.0) for counter, value in values.items()}
        self.last = {**running, **values}
        self.read_at = {**{c: self.read_at[c] for c in running}, **dict.fromkeys(values, at)}
        self.form = Form.NATIVE if natives else Form.CLASSIC
        if not _fits(more):
            return False
        self._count(more)
        self._count_natives(natives, first=first, anew=anew)
        return True

    def _has_requests(self, values: Iterable[Counter]) -> bool:
        return self.counts or any(counter.bound is None for counter in values)

    def _count(self, grown: Mapping[Counter, float]) -> None:
        for counter, more in grown.items():
            if counter.bound is not None:
                self.buckets[counter.bound] = self.buckets.get(counter.bound, 0.0) + more
                continue
            self.requests += more
            self.errors += more if counter.error else 0.0

    def _count_natives(self, natives: Mapping[Group, Cells], *, first: bool, anew: bool) -> None:
        """One that fell began anew by itself: a client may do so with a single one, to be rid of its buckets."""
        for group, now in natives.items():
            before = {} if anew else self.natives.get(group, now if first else {})
            more = grown(now, before)
            for cell, many in (now if more is None else more).items():
                self.cells[cell] = self.cells.get(cell, 0.0) + many
                self.buckets[inf] = self.buckets.get(inf, 0.0) + many
                if self.counts:
                    self.requests += many
                    self.errors += many if group.error else 0.0
        self.natives = ({} if anew else self.natives) | dict(natives)
        if natives:
            self.buckets.setdefault(inf, 0.0)

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
        buckets = Steps.of(self.cells) if self.form is Form.NATIVE else dict(self.buckets)
        self.row = self.rows[index] = Row(whole, errors, buckets)

    @property
    def bounds(self) -> set[float]:
        """Those that every group of its series has: others cannot be added up. Of native ones, those that no bucket lies across."""
        if self.form is Form.NATIVE:
            return known(self.cells, self.scale)
        groups: dict[tuple[tuple[str, str], ...], set[float]] = defaultdict(set)
        for counter in self.last:
            if counter.bound is not None:
                groups[counter.own].add(counter.bound)
        return set.intersection(*groups.values()) - {inf} if groups else set()


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
