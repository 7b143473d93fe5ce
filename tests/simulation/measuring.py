"""The verifier's work in the simulated world: counts of the pilot and of what runs beside it, by the kind of version."""

from lockgate.verifier.core.measure import Counted, Measure, Unavailable
from tests.simulation.artifacts import Kind
from tests.simulation.cluster import Runs
from tests.simulation.surroundings import Surroundings, Work


def measure(around: Surroundings, order: Measure) -> Work:
    """Cumulative counts by slices, from the start whenever it is run, as the real work does."""
    since = around.seconds(order.since)
    edges = [order.slice * n for n in range(1, int(order.duration / order.slice) + 1)]
    edges = [*(edge for edge in edges if edge < order.duration), order.duration]
    while edges:
        yield max(since + edges[0] - around.clock(), 0.0)
        if not around.metrics():
            no_answer = Unavailable(reason="Prometheus does not answer").model_dump(mode="json")
            if around.clock() > since + order.duration + 120:
                return no_answer
            yield no_answer
            yield 60.0
            continue
        edge = edges.pop(0)
        counted = Counted(
            until=edge, strata={name: _strata(around, order, name, edge) for name in order.regions}
        )
        if not edges:
            return counted.model_dump(mode="json")
        if around.clock() < since + edges[0]:
            yield counted.model_dump(mode="json")
    return Unavailable(reason="the verification has no duration").model_dump(mode="json")


def _strata(
    around: Surroundings, order: Measure, region: str, until: float
) -> tuple[tuple[float, int, int, int, int], ...]:
    runs = next(
        (
            runs
            for name, runs in around.clusters[region].runs.items()
            if order.regions[region].pilot.startswith(name)
        ),
        Runs(),
    )
    kind = around.kind_of(runs.share)
    if kind is Kind.UNMEASURED:
        return ()
    errors = 40 if kind is Kind.BAD_PILOT else 1
    count = int(until / order.slice)
    return tuple((order.slice * n, 100, errors, 900, 9) for n in range(1, count + 1))
