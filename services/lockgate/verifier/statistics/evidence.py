"""Evidence as it is handed in, `lockgate.evidence/1`: checked, sorted, and as arrays. Used by `verification`."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockgate.verifier.statistics.naming import only_known, refuse_gauge, refuse_unwritable
from lockgate.verifier.statistics.numerics import Array
from lockgate.verifier.statistics.policy import Policy, number, parse_policy
from lockgate.verifier.statistics.refusal import EvidenceError

SCHEMA = "lockgate.evidence/1"
PILOT, BASELINE = "pilot", "baseline"
MOST = float(2**53)
"""Counts above this are not exact as floating-point numbers."""

_MOST_BOUNDS = 200
_FIELDS = ("schema", "scrape_seconds", "start", "weight", "bounds", "policy", "pods")
_POD_FIELDS = ("name", "arm", "requests", "errors", "buckets", "bounds", "gauges", "ready", "restarts")

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Evidence:
    """P pods, sorted by (arm, name), so the baseline's come first; A scrapes, oldest first; B common bounds."""

    start: int
    weight: Array
    bounds: tuple[float, ...]
    policy: Policy
    names: tuple[str, ...]
    pilots: Flags
    """[P]"""
    counters: Array
    """[A, P, 2 + B]: requests, errors, requests slower than each bound; cumulative. 0 where not `seen`."""
    seen: Flags
    """[A, P]: whether the pod's scrape succeeded."""
    gauges: Mapping[str, Array]
    """Name to [A, P]; NaN where there is no value above 0."""
    ready: Array
    restarts: Array
    """[A, P]; NaN where it is not known."""
    first: int = 0
    """The index of the first of the A scrapes; those before it were judged already."""

    @property
    def split(self) -> int:
        """The first so many pods are the baseline's."""
        return len(self.pilots) - int(np.count_nonzero(self.pilots))

    @property
    def scrapes(self) -> int:
        """How many there are so far, those before `first` included."""
        return self.first + len(self.weight)


def parse(evidence: Any, first: int = 0, judged: Sequence[str] = ()) -> Evidence:
    """EvidenceError names the first field that is not right, and what is expected there.

    `first`: the index of the first scrape in it, if it is what a verification goes on with; then `judged` are the
    gauges of that one, and `start` says as before where the history ended.
    """
    if not isinstance(evidence, dict):
        raise EvidenceError("evidence", "a JSON object", evidence)
    only_known("", evidence, _FIELDS)
    if evidence.get("schema") != SCHEMA:
        raise EvidenceError("schema", repr(SCHEMA), evidence.get("schema"))
    seconds: Any = evidence.get("scrape_seconds")
    if not number(seconds) or seconds <= 0:
        raise EvidenceError("scrape_seconds", "a number above 0", seconds)
    weight = _weight(evidence.get("weight"))
    start = evidence.get("start")
    if type(start) is not int or not 0 <= start <= first + len(weight):
        raise EvidenceError("start", f"the index of a scrape, from 0 to {first + len(weight)}", start)
    bounds = _bounds("bounds", evidence.get("bounds"))
    pods = _sorted(evidence.get("pods"))
    read = [_Pod(pod, f"pods[{index}]", len(weight), bounds) for index, pod in pods]
    common = tuple(bound for bound in bounds if all(bound in pod.columns for pod in read))
    names = tuple(sorted({name for pod in read for name in pod.gauges} | {*judged}))
    policy = parse_policy(evidence.get("policy", {}), names, histogram=bool(bounds))
    told = {name for pod in read for name in pod.known_before(start)} if first == 0 else {*judged}
    gauges = tuple(name for name in names if name in told or name in policy.required)
    shape = (len(weight), len(read))
    seen = _columns((pod.seen for pod in read), shape) > 0
    return Evidence(
        start=start,
        weight=weight,
        bounds=common,
        policy=policy,
        names=tuple(pod.name for pod in read),
        pilots=np.array([pod.arm == PILOT for pod in read], bool),
        counters=_stacked([pod.counters(common) for pod in read], seen, 2 + len(common)),
        seen=seen,
        gauges={name: _columns((pod.gauge(name) for pod in read), shape) for name in gauges},
        ready=_columns((pod.optional("ready") for pod in read), shape),
        restarts=_columns((pod.optional("restarts") for pod in read), shape),
        first=first,
    )


class _Pod:
    """One pod's series, checked. `where` is its place in the evidence."""

    def __init__(self, pod: Mapping[str, Any], where: str, length: int, bounds: tuple[float, ...]) -> None:
        self.pod, self.where, self.length = pod, where, length
        self.name, self.arm = pod["name"], pod["arm"]
        only_known(f"{where}.", pod, _POD_FIELDS)
        self.bounds = _bounds(f"{where}.bounds", pod["bounds"]) if "bounds" in pod else bounds
        self.columns = {bound: column for column, bound in enumerate(self.bounds)}
        self.requests, self.errors = self._counts("requests"), self._counts("errors")
        self.buckets = self._buckets() if self.bounds or pod.get("buckets") is not None else None
        self.seen = ~(np.isnan(self.requests) | np.isnan(self.errors))
        if self.buckets is not None:
            self.seen &= ~np.isnan(self.buckets[:, 0])
        self._refuse(self.errors > self.requests, "errors", "at most the requests of the same scrape")
        self.gauges = {name: self._gauge(name, given) for name, given in self._named_gauges()}

    def counters(self, common: tuple[float, ...]) -> Array:
        columns = [self.requests, self.errors]
        if self.buckets is not None:
            columns += [self.requests - self.buckets[:, self.columns[bound]] for bound in common]
        return np.stack(columns, axis=1)

    def gauge(self, name: str) -> Array:
        found = self.gauges.get(name)
        return np.full(self.length, np.nan) if found is None else found

    def known_before(self, start: int) -> Iterator[str]:
        """The gauges that have a value in the history: without, nothing is known of how one moves by itself."""
        for name, values in self.gauges.items():
            if values is not None and not np.isnan(values[:start]).all():
                yield name

    def _named_gauges(self) -> Iterable[tuple[str, Any]]:
        gauges = self.pod.get("gauges", {})
        if not isinstance(gauges, dict):
            raise EvidenceError(f"{self.where}.gauges", "an object of series by name", gauges)
        for name in gauges:
            refuse_gauge(f"{self.where}.gauges", name)
        return gauges.items()

    def _gauge(self, name: str, given: Any) -> Array | None:
        """Values of 0 and below are missing values."""
        if given is None:
            return None
        values = series(given, f"{self.where}.gauges.{name}", self.length)
        return np.where(values > 0.0, values, np.nan)

    def optional(self, field: str) -> Array:
        given = self.pod.get(field)
        if given is None:
            return np.full(self.length, np.nan)
        if field == "ready" and isinstance(given, list):
            given = [int(value) if isinstance(value, bool) else value for value in given]
        return series(given, f"{self.where}.{field}", self.length)

    def _counts(self, field: str) -> Array:
        values = series(self.pod.get(field), f"{self.where}.{field}", self.length)
        self._refuse(not_counts(values), field, "a whole number from 0 to 2^53")
        return values

    def _buckets(self) -> Array:
        rows, where, width = self.pod.get("buckets"), f"{self.where}.buckets", len(self.bounds) + 1
        if not isinstance(rows, list) or len(rows) != self.length:
            raise EvidenceError(where, f"a list of {self.length} rows, one a scrape", rows)
        empty = [None] * width
        for index, row in enumerate(rows):
            if row is not None and (type(row) is not list or len(row) != width):
                raise EvidenceError(
                    f"{where}[{index}]", f"null or a list of {width} counts, the last of +Inf", row
                )
        flat = list(chain.from_iterable(empty if row is None else row for row in rows))
        values = series(flat, where, len(flat), width).reshape(self.length, width)
        partly = np.isnan(values[:, 0]) != np.isnan(values).any(axis=1)
        self._refuse(partly, "buckets", "a count for each bound, or null for the whole row")
        self._refuse(not_counts(values).any(axis=1), "buckets", "whole numbers from 0 to 2^53")
        fell = (values[:, 1:] < values[:, :-1]).any(axis=1)
        self._refuse(
            fell, "buckets", "counts that do not fall from bound to bound: they are cumulative over le"
        )
        self._refuse(values[:, -1] > self.requests, "buckets", "a last count, +Inf, of at most the requests")
        return values

    def _refuse(self, bad: Any, field: str, expected: str) -> None:
        if bad.any():
            index = int(np.argmax(bad))
            raise EvidenceError(f"{self.where}.{field}[{index}]", expected, self.pod[field][index])


def series(given: Any, where: str, length: int, width: int = 1) -> Array:
    """A list of numbers and nulls as an array, NaN for null. `width`: values that share one place of `where`."""
    if not isinstance(given, list) or len(given) != length:
        raise EvidenceError(where, f"a list of {length} values, one a scrape", given)
    kinds = set(map(type, given))
    if not kinds <= {int, float, type(None)}:
        _refuse_first(given, where, width)
    try:
        values = np.array(
            [np.nan if v is None else v for v in given] if type(None) in kinds else given, float
        )
    except OverflowError:
        values = np.full(length, np.inf)
    if int(np.isnan(values).sum()) != given.count(None) or np.isinf(values).any():
        _refuse_first(given, where, width)
    return values


def _refuse_first(given: Sequence[Any], where: str, width: int) -> None:
    index, value = next((i, v) for i, v in enumerate(given) if v is not None and not number(v))
    raise EvidenceError(f"{where}[{index // width}]", "a finite number, or null for a failed scrape", value)


def not_counts(values: Array) -> Flags:
    return np.asarray((values < 0) | (values > MOST) | ((np.rint(values) != values) & ~np.isnan(values)))


def _weight(given: Any) -> Array:
    if not isinstance(given, list) or not given:
        raise EvidenceError("weight", "the pilot's share for each scrape, at least one", given)
    values = series(given, "weight", len(given))
    bad = ~((values >= 0) & (values <= 1))
    if bad.any():
        index = int(np.argmax(bad))
        raise EvidenceError(f"weight[{index}]", "a share from 0 to 1", given[index])
    return values


def _bounds(where: str, given: Any) -> tuple[float, ...]:
    expected = "a list of seconds above 0, ascending"
    if not isinstance(given, list) or not all(number(bound) and bound > 0 for bound in given):
        raise EvidenceError(where, expected, given)
    if len(given) > _MOST_BOUNDS:
        raise EvidenceError(where, f"at most {_MOST_BOUNDS} bounds", len(given))
    if any(later <= earlier for earlier, later in pairwise(given)):
        raise EvidenceError(where, expected, given)
    return tuple(float(bound) for bound in given)


def _sorted(pods: Any) -> list[tuple[int, dict[str, Any]]]:
    """Each pod with its place in the evidence, by arm and name."""
    if not isinstance(pods, list):
        raise EvidenceError("pods", "a list of pods", pods)
    names = set()
    for index, pod in enumerate(pods):
        if not isinstance(pod, dict):
            raise EvidenceError(f"pods[{index}]", "an object", pod)
        name, arm = pod.get("name"), pod.get("arm")
        if not isinstance(name, str) or not name or name in names:
            raise EvidenceError(f"pods[{index}].name", "a name that no other pod has", name)
        refuse_unwritable(f"pods[{index}].name", name)
        if arm not in {PILOT, BASELINE}:
            raise EvidenceError(f"pods[{index}].arm", "'pilot' or 'baseline'", arm)
        names.add(name)
    return sorted(enumerate(pods), key=lambda item: (item[1]["arm"], item[1]["name"]))


def _columns(series_of_pods: Iterable[NDArray[Any]], shape: tuple[int, int]) -> Array:
    found = list(series_of_pods)
    return np.stack(found, axis=1).astype(float) if found else np.zeros(shape)


def _stacked(counters: list[Array], seen: Flags, width: int) -> Array:
    if not counters:
        return np.zeros((*seen.shape, width))
    return np.where(seen[:, :, None], np.stack(counters, axis=1), 0.0)


def canonical(evidence: Mapping[str, Any], scrapes: int) -> bytes:
    """The evidence of the first scrapes as JSON in one way only: pods by arm and name, keys sorted, no spaces."""
    whole, pods = len(evidence["weight"]), [pod for _, pod in _sorted(evidence["pods"])]
    if scrapes < whole:
        pods = [
            {key: value if key == "bounds" else _cut(value, whole, scrapes) for key, value in pod.items()}
            for pod in pods
        ]
    chosen = {**evidence, "weight": evidence["weight"][:scrapes], "pods": pods}
    return json.dumps(
        chosen, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _cut(value: Any, whole: int, scrapes: int) -> Any:
    """A series, or an object of series; a name stays as it is."""
    if isinstance(value, dict):
        return {name: _cut(one, whole, scrapes) for name, one in value.items()}
    return value[:scrapes] if isinstance(value, list) and len(value) == whole else value
