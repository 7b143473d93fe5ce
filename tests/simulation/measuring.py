"""The verifier's work in the simulated world: what is measured of a region, scrape by scrape, by the kind of version.

What a scrape says comes from a `Source`: the `oracle`, or `samples` for the real statistics.
"""

from collections.abc import Callable
from typing import Protocol

from lockgate.verifier.core.measure import Counted, Measure, Unavailable
from tests.simulation.artifacts import Kind
from tests.simulation.cluster import Runs
from tests.simulation.surroundings import Surroundings, Work

_BLIND = 3600.0
"""Seconds in which a version that cannot be measured at first has no samples: longer than any plan allows."""


class Source(Protocol):
    """What was measured in the scrapes from `first` to before `end`, as the run of this name reports it."""

    def counted(self, run: str, first: int, end: int) -> tuple[Counted, bool]:
        """The report, and whether a verdict is reached with it."""
        ...


def measuring(source: Callable[[Kind, Measure], Source]) -> Callable[[Surroundings, Measure], Work]:
    def work(around: Surroundings, order: Measure) -> Work:
        kind = _kind(around, order)
        return _measure(around, order, kind, source(kind, order))

    return work


def _measure(around: Surroundings, order: Measure, kind: Kind, source: Source) -> Work:
    """From the start whenever it is run, as the real work does."""
    blind = _BLIND if kind is Kind.UNMEASURED else 0.0
    since, dark, done, run = around.seconds(order.since), 0.0, 0, f"{around.clock():.6f}"
    while True:
        yield max(since + (done + 1) * order.step - around.clock(), 0.0)
        if not around.metrics() or around.clock() < since + blind:
            dark = dark or around.clock()
            too_long = around.clock() > dark + order.metrics.outage
            no_answer = Unavailable(reason="Prometheus does not answer", too_long=too_long)
            yield no_answer.model_dump(mode="json")
            yield 60.0
            continue
        first, dark = done, 0.0
        done = min(int((around.clock() - since) / order.step + 1e-6), order.scrapes)
        said, over = source.counted(run, first, done)
        if over:
            return said.model_dump(mode="json")
        yield said.model_dump(mode="json")


def _kind(around: Surroundings, order: Measure) -> Kind:
    """Of what is measured: the pilot, or in a watch what the region runs."""
    clusters = around.clusters[order.region].runs.items()
    if not order.pods.pilot:
        return around.kind_of(around.clusters[order.region].look(order.pods.baseline).digest)
    runs = (runs for name, runs in clusters if order.pods.pilot.startswith(name))
    return around.kind_of(next(runs, Runs()).share)
