"""Every metric of the mechanism, in one table. Served at `/metrics`; a misspelt name fails mypy."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
_FAST = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"lockgate_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(f"lockgate_{name}", text, labels, registry=REGISTRY)


@dataclass(frozen=True, slots=True)
class Metrics:
    consumed: Counter = field(
        default_factory=lambda: _counter("records_consumed", "Records taken from topics", "topic")
    )
    decided: Counter = field(default_factory=lambda: _counter("decisions", "Decisions made"))
    published: Counter = field(
        default_factory=lambda: _counter("records_published", "Records sent and acknowledged")
    )
    duplicates: Counter = field(
        default_factory=lambda: _counter("duplicates", "Events that had been handled before", "topic")
    )
    dead: Counter = field(
        default_factory=lambda: _counter("dead_letters", "Records that could not be read", "reason")
    )
    parked: Gauge = field(
        default_factory=lambda: _gauge(
            "parked_events", "Events that wait in order. Alert on `decide` and `undecodable`", "reason"
        )
    )
    conflicts: Counter = field(
        default_factory=lambda: _counter("conflicts", "Batches refused because another replica was first")
    )
    dismissed: Counter = field(
        default_factory=lambda: _counter(
            "replicas_dismissed", "Other replicas that died, of which this one told the broker"
        )
    )
    relay_errors: Counter = field(
        default_factory=lambda: _counter("relay_errors", "Failed attempts to publish")
    )
    work_errors: Counter = field(
        default_factory=lambda: _counter(
            "work_errors", "Pieces of work that raised and are tried again", "kind"
        )
    )
    working: Gauge = field(default_factory=lambda: _gauge("work_running", "Pieces of work running now"))
    lag: Gauge = field(
        default_factory=lambda: _gauge("lag_records", "Records written but not yet handled", "topic")
    )
    partitions: Gauge = field(
        default_factory=lambda: _gauge("partitions_owned", "Partitions assigned to this replica")
    )
    batch_seconds: Histogram = field(
        default_factory=lambda: Histogram(
            "lockgate_batch_seconds", "Deciding and committing one batch", buckets=_FAST, registry=REGISTRY
        )
    )


METRICS = Metrics()
