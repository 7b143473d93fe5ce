"""The door's metrics, beside those that every process has at `/metrics`."""

from dataclasses import dataclass, field

from prometheus_client import Counter, Histogram

from lockgate.runtime.metrics import REGISTRY

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metrics:
    deliveries: Counter = field(
        default_factory=lambda: Counter(
            "lockgate_door_requests",
            "Requests by route and by what became of them: published, nothing, or the code of a problem",
            ("route", "outcome"),
            registry=REGISTRY,
        )
    )
    events: Counter = field(
        default_factory=lambda: Counter(
            "lockgate_door_events", "Events that the broker acknowledged", ("topic",), registry=REGISTRY
        )
    )
    seconds: Histogram = field(
        default_factory=lambda: Histogram(
            "lockgate_door_seconds", "From a request to its answer", buckets=_BUCKETS, registry=REGISTRY
        )
    )


METRICS = Metrics()
