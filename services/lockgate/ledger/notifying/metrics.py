"""What became of notices, by receiver: beside the metrics that every process has at `/metrics`."""

from dataclasses import dataclass, field

from prometheus_client import Counter, Gauge

from lockgate.runtime.metrics import REGISTRY


@dataclass(frozen=True, slots=True)
class Metrics:
    notices: Counter = field(
        default_factory=lambda: Counter(
            "lockgate_notices",
            "Notices by receiver and outcome: delivered, failed (tried again), given-up, stale (too old when it was read)",
            ("receiver", "outcome"),
            registry=REGISTRY,
        )
    )
    waiting: Gauge = field(
        default_factory=lambda: Gauge(
            "lockgate_notices_waiting",
            "Notices that are not delivered yet",
            ("receiver",),
            registry=REGISTRY,
        )
    )
    oldest: Gauge = field(
        default_factory=lambda: Gauge(
            "lockgate_notices_oldest_seconds",
            "How long ago what the oldest of them tells of happened",
            ("receiver",),
            registry=REGISTRY,
        )
    )
    defects: Counter = field(
        default_factory=lambda: Counter(
            "lockgate_notices_defects",
            "Events of which no notice could be made, and rounds that raised: defects of Lockgate",
            registry=REGISTRY,
        )
    )


METRICS = Metrics()
