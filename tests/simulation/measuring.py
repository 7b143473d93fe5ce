"""The verifier's work in the simulated world: what is measured of a pilot, scrape by scrape, by the kind of version.

What a scrape says comes from a `Source`: the `oracle`, or `samples` for the real statistics.
"""

from collections.abc import Callable
from typing import Protocol

from lockgate.verifier.core.measure import Counted, Measure, Unavailable
from tests.simulation.artifacts import Kind
from tests.simulation.cluster import Runs
from tests.simulation.surroundings import Surroundings, Work


class Source(Protocol):
    """What was measured in the scrapes from `first` to before `end`, as the run of this name reports it."""

    def counted(self, run: str, first: int, end: int) -> tuple[Counted, bool]:
        """The report, and whether a verdict is reached with it."""
        ...


def measuring(source: Callable[[Kind, Measure], Source]) -> Callable[[Surroundings, Measure], Work]:
    return lambda around, order: _measure(around, order, source(_kind(around, order), order))


def _measure(around: Surroundings, order: Measure, source: Source) -> Work:
    """From the start whenever it is run, as the real work does."""
    since, dark, done, run = around.seconds(order.since), 0.0, 0, f"{around.clock():.6f}"
    while True:
        yield max(since + (done + 1) * order.step - around.clock(), 0.0)
        if not around.metrics():
            dark = dark or around.clock()
            no_answer = Unavailable(reason="Prometheus does not answer").model_dump(mode="json")
            if around.clock() > dark + order.metrics.outage:
                return no_answer
            yield no_answer
            yield 60.0
            continue
        first, dark = done, 0.0
        done = min(int((around.clock() - since) / order.step + 1e-6), order.scrapes)
        said, over = source.counted(run, first, done)
        if over:
            return said.model_dump(mode="json")
        yield said.model_dump(mode="json")


def _kind(around: Surroundings, order: Measure) -> Kind:
    clusters = around.clusters[order.region].runs.items()
    runs = (runs for name, runs in clusters if order.pods.pilot.startswith(name))
    return around.kind_of(next(runs, Runs()).share)
