"""The traffic model: requests of a tick, from the demand to each pod's cumulative counters. Pure.

`advance(state, tick, ...) -> state` is decided by its arguments alone; counters never fall but when a
container starts again.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

from lockgate.sandbox.behaviour import Behaviour
from lockgate.sandbox.draws import Draws
from lockgate.sandbox.routing import Pod, Routing

# OpenTelemetry's advised bounds of http.server.request.duration, in seconds.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_SWING, _PERIOD = 0.2, 600.0  # load moves by ±20 % over ten minutes, out of step between regions
_JITTER = 0.02  # gauges of healthy pods differ a little from scrape to scrape

Zero = (0,) * (len(BOUNDS) + 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Cumulative counters of one status class: how many took how long (`buckets` are not added up)."""

    count: int = 0
    seconds: float = 0.0
    buckets: tuple[int, ...] = Zero

    def plus(self, count: int, seconds: float, buckets: list[int]) -> "Outcome":
        added = tuple(map(int.__add__, self.buckets, buckets))
        return Outcome(self.count + count, self.seconds + seconds, added)


@dataclass(frozen=True, slots=True)
class Counters:
    """What a container has counted since it started."""

    restarts: int
    served: Outcome = field(default_factory=Outcome)
    failed: Outcome = field(default_factory=Outcome)
    cpu: float = 0.0  # cores in use during the last tick
    jitter: float = 1.0  # how far gauges were off their mean in the last tick


@dataclass(frozen=True, slots=True)
class TrafficState:
    """Counters by pod name, and requests by application that found no ready pod."""

    pods: Mapping[str, Counters] = field(default_factory=dict)
    unrouted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tick:
    """One interval: it ends at `now` (epoch seconds), `seconds` long, number `index` of the region."""

    region: str
    seed: int
    index: int
    now: float
    seconds: float
    demand: Mapping[str, float]  # application -> requests a second
    usual_errors: float = 0.0  # that fail whatever the image: broken clients, flaky networks


def advance(
    state: TrafficState, tick: Tick, routing: Routing, flag_is_on: Callable[[str], bool]
) -> TrafficState:
    """The state after the tick's requests."""
    draws = Draws("traffic", tick.seed, tick.region, tick.index)
    pods = {name: _current(state.pods.get(name), pod) for name, pod in routing.pods.items()}
    pods = {name: _at_rest(counters, routing.pods[name], draws) for name, counters in pods.items()}
    unrouted = dict(state.unrouted)
    for application, rate in sorted(tick.demand.items()):
        arrived = draws.poisson(rate * tick.seconds * _load(tick, application))
        shares = routing.shares(application)
        backends = routing.backends(application)
        lost = arrived if not backends else 0
        for (service, _), count in zip(
            backends, draws.split(arrived, [share for _, share in backends]), strict=True
        ):
            ready = routing.services[service].ready if service in routing.services else ()
            if not ready:
                lost += count
                continue
            for pod, part in zip(ready, draws.split(count, [1 / len(ready)] * len(ready)), strict=True):
                own = pod.behaviour.errors_at(shares[pod.digest], pod.age(tick.now), flag_is_on)
                rate_of_errors = own + (1 - own) * tick.usual_errors
                pods[pod.name] = _served(
                    pods[pod.name], pod.behaviour, part, rate_of_errors, tick.seconds, draws=draws
                )
        unrouted[application] = unrouted.get(application, 0) + lost
    return TrafficState(pods, unrouted)


def count_one(state: TrafficState, pod: Pod, seconds: float, failed: bool) -> TrafficState:
    """The state after a single request that somebody really sent."""
    counters = _current(state.pods.get(pod.name), pod)
    buckets = list(Zero)
    buckets[next((at for at, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))] = 1
    if failed:
        counters = replace(counters, failed=counters.failed.plus(1, seconds, buckets))
    else:
        counters = replace(counters, served=counters.served.plus(1, seconds, buckets))
    return replace(state, pods={**state.pods, pod.name: counters})


def _current(counters: Counters | None, pod: Pod) -> Counters:
    """The pod's counters; a container that started again counts from zero."""
    if counters is None or counters.restarts != pod.restarts:
        return Counters(pod.restarts)
    return counters


def _at_rest(counters: Counters, pod: Pod, draws: Draws) -> Counters:
    jitter = draws.spread(_JITTER)
    return replace(counters, cpu=pod.behaviour.cpu * jitter, jitter=jitter)


def _load(tick: Tick, application: str) -> float:
    phase = Draws("phase", tick.seed, tick.region, application).uniform()
    return 1 + _SWING * math.sin(2 * math.pi * (tick.index * tick.seconds / _PERIOD + phase))


def _served(
    counters: Counters, behaviour: Behaviour, count: int, error_rate: float, seconds: float, *, draws: Draws
) -> Counters:
    if not count:
        return counters
    errors = draws.binomial(count, error_rate)
    good = count - errors
    cpu = counters.cpu + count * behaviour.cpu_ms_per_request / 1000 / seconds * draws.spread(0.05)
    served, failed = counters.served, counters.failed
    if good:
        served = served.plus(good, *_latencies(behaviour, good, draws))
    if errors:
        failed = failed.plus(errors, *_latencies(behaviour, errors, draws))
    return replace(counters, served=served, failed=failed, cpu=cpu)


def _latencies(behaviour: Behaviour, count: int, draws: Draws) -> tuple[float, list[int]]:
    """The summed duration of `count` requests, and how many fell into each bucket."""
    median, spread = behaviour.latency_ms / 1000, behaviour.latency_spread
    mean = median * math.exp(spread**2 / 2)
    seconds = count * mean * draws.spread(spread / math.sqrt(count) if spread else 0.0)
    return seconds, draws.split(count, fractions(median, spread))


@lru_cache(maxsize=1024)
def fractions(median: float, spread: float) -> tuple[float, ...]:
    """The share of requests in each bucket for a log-normal latency (seconds)."""
    below = [_below(bound, median, spread) for bound in BOUNDS]
    edges = [0.0, *below, 1.0]
    return tuple(high - low for low, high in pairwise(edges))


def _below(bound: float, median: float, spread: float) -> float:
    if spread == 0:
        return 1.0 if median <= bound else 0.0
    return 0.5 * (1 + math.erf(math.log(bound / median) / (spread * math.sqrt(2))))
