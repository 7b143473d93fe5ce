"""What a piece of work finds around it, and the form that it has: a generator in virtual time."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lockgate.verifier.core.measure import Measure
from tests.simulation.artifacts import Kind
from tests.simulation.cluster import Cluster

Yielded = float | dict[str, Any]
Work = Generator[Yielded, None, dict[str, Any]]


class RaisedError(Exception):
    """The work raised: it is tried again later."""


@dataclass
class Surroundings:
    """What a piece of work finds around it. `pause` draws the time that one request takes."""

    clusters: Mapping[str, Cluster]
    kind_of: Callable[[str | None], Kind]
    metrics: Callable[[], bool]
    clock: Callable[[], float]
    seconds: Callable[[datetime], float]
    pause: Callable[[], float]
    measure: Callable[["Surroundings", Measure], Work]
    """The verifier's work."""
