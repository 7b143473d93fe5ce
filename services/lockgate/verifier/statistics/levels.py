"""How high each metric of a region is, scrape by scrape, by itself: errors, slower than some bounds, and gauges.

For `interrupted`, which has nothing beside it to compare with. A logarithm of a rate means nothing where hardly anything
is counted, so it is drawn to what is usual there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lockgate.verifier.statistics.comparing import FIRST_BOUND
from lockgate.verifier.statistics.evidence import Evidence
from lockgate.verifier.statistics.numerics import Array, exp, log, logit, total
from lockgate.verifier.statistics.series import Counting


@dataclass(frozen=True, slots=True)
class Levels:
    """Of all scrapes [A]: how many requests, and how high each metric is."""

    requests: Array
    """NaN where no pod was scraped twice in a row."""
    y: Array
    """[A, W]: as a logarithm of odds, or of a gauge."""
    own: Array
    """[A, W]: in its own units."""

    @classmethod
    def of(
        cls, evidence: Evidence, rates: Mapping[str, float], requests: float, end: int | None = None
    ) -> "Levels":
        """`rates`: what is usual of each binary metric, by its name; one that the evidence does not have is not known.
        `requests`: how many a scrape has.

        One event is added, and as many requests as usually have one; and requests that a scrape has less than usual are
        taken to be as usual. So traffic that falls is no failure: neither is a rate the higher the fewer requests there
        are, nor does it move more than what is known of how it moves.
        """
        n, events = counted(evidence, end)
        columns = [_column(name, evidence.bounds) for name in rates]
        events = np.concatenate((events, np.full((len(n), 1), np.nan)), axis=1)[:, columns]
        usual = np.array(list(rates.values()))
        gauges = [_geometric(values[:end]) for values in evidence.gauges.values()]
        others = np.array(gauges).reshape(len(gauges), len(n)).T
        lacking = np.maximum(requests - n, 0.0)[:, None]
        shares = (events + 1.0 + lacking * usual) / (n[:, None] + lacking + 1.0 / usual)
        odds = of_known(logit, shares)
        rate = (events + usual) / (n[:, None] + 1.0)
        y = np.concatenate((odds, of_known(log, others)), axis=1)
        return cls(n, y, np.concatenate((rate, others), axis=1))


def counted(evidence: Evidence, end: int | None = None) -> tuple[Array, Array]:
    """Requests [A], NaN where no pod was scraped twice in a row, and events [A, 1 + bounds]."""
    counting = Counting.of(len(evidence.names), FIRST_BOUND + len(evidence.bounds))
    counts = counting.fold(evidence.counters[:end], evidence.seen[:end])
    new = total(counts.new * counts.adjacent[..., None], axis=1)
    return np.where(counts.adjacent.any(axis=1), new[:, 0], np.nan), new[:, 1:]


def of_known(function: Callable[[Array], Array], values: Array) -> Array:
    """Of numbers and NaN."""
    there = ~np.isnan(values)
    return np.where(there, function(np.where(there, values, 0.5)), np.nan)


def _column(name: str, bounds: Sequence[float]) -> int:
    """Of `counted`'s events; the one after the last, which has nothing, where there is no such bound."""
    latencies = [f"latency>{bound!r}" for bound in bounds]
    return ["errors", *latencies, name].index(name)


def _geometric(values: Array) -> Array:
    """[A, P] to [A]: the geometric mean of what there is; NaN where there is nothing."""
    there = ~np.isnan(values)
    counts = np.add.reduce(there, axis=1, dtype=float)
    means = exp(total(log(np.where(there, values, 1.0)) * there, axis=1) / np.maximum(counts, 1.0))
    return np.where(counts > 0, means, np.nan)
