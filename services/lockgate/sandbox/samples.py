"""What Prometheus scraped: for each target its scrapes in order, for a bounded time. Series are made when asked for.

A scrape keeps the counters' own (immutable) objects, so an hour of samples costs little more than the counts.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from lockgate.sandbox.promql import Matcher, Selector
from lockgate.sandbox.traffic import BOUNDS, Counters, Outcome

LOOKBACK = 300.0  # how old a sample an instant query may answer with, in seconds
_LE = (*map(repr, BOUNDS), "+Inf")
_HTTP = {"http_request_method": "GET", "url_scheme": "http"}
_DURATION = "http_server_request_duration_seconds"

Labels = Mapping[str, str]
Sample = tuple[float, float]  # epoch seconds, value


@dataclass(frozen=True, slots=True)
class PodScrape:
    """A pod at a scrape; `counters` is None where its container did not answer."""

    counters: Counters | None
    memory: float
    ready: bool
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class RouteScrape:
    """An application's requests that no ready pod was there for."""

    unrouted: int


Scrape = PodScrape | RouteScrape
Values = Iterator[tuple[Labels, float]]


@dataclass(slots=True)
class Target:
    """One scraped thing; None among its scrapes says that it was gone by then."""

    labels: Labels
    times: list[float] = field(default_factory=list)
    scrapes: list[Scrape | None] = field(default_factory=list)

    def add(self, now: float, scrape: Scrape | None, keep: float) -> None:
        """Add a scrape; forget what is older than `keep` seconds, some at a time."""
        self.times.append(now)
        self.scrapes.append(scrape)
        old = bisect_right(self.times, now - keep)
        if old > 64 or old == len(self.times):
            del self.times[:old], self.scrapes[:old]

    def mark_gone(self, now: float) -> None:
        if self.scrapes and self.scrapes[-1] is not None:
            self.times.append(now)
            self.scrapes.append(None)

    def between(self, after: float, until: float) -> Iterator[tuple[float, Scrape]]:
        """Scrapes in (after, until]."""
        for at in range(bisect_right(self.times, after), bisect_right(self.times, until)):
            scrape = self.scrapes[at]
            if scrape is not None:
                yield self.times[at], scrape

    def last(self, moment: float) -> tuple[float, Scrape] | None:
        """The newest scrape at `moment`, unless it is too old or the target was gone."""
        at = bisect_right(self.times, moment) - 1
        if at < 0 or self.times[at] <= moment - LOOKBACK:
            return None
        scrape = self.scrapes[at]
        return (self.times[at], scrape) if scrape is not None else None


def _outcomes(counters: Counters) -> Iterator[tuple[dict[str, str], Outcome]]:
    """A status code's series exists from its first request on, as with any OpenTelemetry histogram."""
    for code, outcome in (("200", counters.served), ("500", counters.failed)):
        if outcome.count:
            yield {**_HTTP, "http_response_status_code": code}, outcome


def _http(read: Callable[[Outcome], float]) -> Callable[[Scrape], Values]:
    def values(scrape: Scrape) -> Values:
        if isinstance(scrape, PodScrape) and scrape.counters is not None:
            for labels, outcome in _outcomes(scrape.counters):
                yield labels, read(outcome)

    return values


def _buckets(scrape: Scrape) -> Values:
    if isinstance(scrape, PodScrape) and scrape.counters is not None:
        for labels, outcome in _outcomes(scrape.counters):
            for le, count in zip(_LE, accumulate(outcome.buckets), strict=True):
                yield {**labels, "le": le}, float(count)


def _gauge(read: Callable[[PodScrape, Counters], float]) -> Callable[[Scrape], Values]:
    def values(scrape: Scrape) -> Values:
        if isinstance(scrape, PodScrape) and scrape.counters is not None:
            yield {}, read(scrape, scrape.counters)

    return values


def _up(scrape: Scrape) -> Values:
    if isinstance(scrape, PodScrape):
        yield {}, float(scrape.counters is not None)


def _ready(scrape: Scrape) -> Values:
    if isinstance(scrape, PodScrape):
        yield {"condition": "true"}, float(scrape.ready)


def _restarts(scrape: Scrape) -> Values:
    if isinstance(scrape, PodScrape):
        yield {}, float(scrape.restarts)


def _unrouted(scrape: Scrape) -> Values:
    if isinstance(scrape, RouteScrape):
        yield {"code": "503"}, float(scrape.unrouted)


METRICS: Mapping[str, Callable[[Scrape], Values]] = {
    f"{_DURATION}_count": _http(lambda outcome: float(outcome.count)),
    f"{_DURATION}_sum": _http(lambda outcome: outcome.seconds),
    f"{_DURATION}_bucket": _buckets,
    "process_memory_usage_bytes": _gauge(lambda scrape, _: scrape.memory),
    "process_cpu_utilization": _gauge(lambda _, counters: counters.cpu),
    "kube_pod_container_status_restarts_total": _restarts,
    "kube_pod_status_ready": _ready,
    "up": _up,
    "gateway_route_requests_total": _unrouted,
}


@dataclass(slots=True)
class Samples:
    """All targets by region and name."""

    keep: float
    targets: dict[str, dict[str, Target]] = field(default_factory=dict)

    def add(self, region: str, name: str, labels: Labels, now: float, scrape: Scrape) -> None:
        there = self.targets.setdefault(region, {})
        target = there.get(name)
        if target is None:
            target = there[name] = Target({"region": region, **labels})
        target.add(now, scrape, self.keep)

    def retire(self, region: str, gone: set[str], now: float) -> None:
        """These targets of a region are there no more; their samples stay for the time kept."""
        for name in gone:
            if (target := self.targets.get(region, {}).get(name)) is not None:
                target.mark_gone(now)

    def forget(self, now: float) -> None:
        """Drop targets whose last sample is older than the time kept."""
        for there in self.targets.values():
            old = [name for name, each in there.items() if not each.times or each.times[-1] < now - self.keep]
            for name in old:
                del there[name]

    def raw(self, selector: Selector, after: float, until: float) -> list[tuple[Labels, list[Sample]]]:
        """Every sample in (after, until] of every selected series."""
        return self._collect(selector, lambda target: target.between(after, until))

    def instant(self, selector: Selector, moment: float) -> list[tuple[Labels, list[Sample]]]:
        """The one sample of every selected series that stands at `moment`."""
        return self.stepped(selector, [moment])

    def stepped(self, selector: Selector, moments: list[float]) -> list[tuple[Labels, list[Sample]]]:
        """What an instant query would find at each of `moments`."""

        def scrapes(target: Target) -> Iterator[tuple[float, Scrape]]:
            for moment in moments:
                found = target.last(moment)
                if found is not None:
                    yield moment, found[1]

        return self._collect(selector, scrapes)

    def _collect(
        self, selector: Selector, scrapes: Callable[[Target], Iterator[tuple[float, Scrape]]]
    ) -> list[tuple[Labels, list[Sample]]]:
        named = [matcher for matcher in selector.matchers if matcher.label == "__name__"]
        metrics = [name for name in METRICS if all(matcher.holds({"__name__": name}) for matcher in named)]
        # Labels that a target has are the same for all its series, so most targets drop out here.
        common = [matcher for matcher in selector.matchers if matcher not in named]
        found: list[tuple[Labels, list[Sample]]] = []
        for target in self._targets(common):
            own = [matcher for matcher in common if matcher.label in target.labels]
            if all(matcher.holds(target.labels) for matcher in own):
                for metric in metrics:
                    found += _series(metric, target, selector, scrapes(target))
        return found

    def _targets(self, matchers: Sequence[Matcher]) -> Iterator[Target]:
        """Targets worth a look: those of one region where the selector names it, as nearly all do."""
        named = [
            matcher.value for matcher in matchers if (matcher.label, matcher.operator) == ("region", "=")
        ]
        regions = [self.targets.get(named[0], {})] if named else self.targets.values()
        return (target for there in regions for target in there.values())


def _series(
    metric: str, target: Target, selector: Selector, scrapes: Iterator[tuple[float, Scrape]]
) -> list[tuple[Labels, list[Sample]]]:
    series: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for moment, scrape in scrapes:
        for extra, value in METRICS[metric](scrape):
            series.setdefault(tuple(extra.items()), []).append((moment, value))
    labelled = (
        ({"__name__": metric, **target.labels, **dict(extra)}, points) for extra, points in series.items()
    )
    return [(labels, points) for labels, points in labelled if selector.selects(labels)]
