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
    telling: Gauge = field(
        default_factory=lambda: Gauge(
            "lockgate_notices_telling",
            "1 in the process that tells people, 0 in any other",
            registry=REGISTRY,
        )
    )
    behind: Gauge = field(
        default_factory=lambda: Gauge(
            "lockgate_notices_behind_records",
            "Records of the ledger that were not yet looked through for what people are told; 0 where nobody is told",
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

    def begin(self) -> None:
        """This process tells from here on."""
        self.telling.set(1)

    def end(self) -> None:
        """It does not any more, and so it knows nothing of what waits."""
        self.telling.set(0)
        self.behind.set(0)
        self.waiting.clear()
        self.oldest.clear()


METRICS = Metrics()
