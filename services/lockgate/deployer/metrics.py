"""A deployer's metrics, beside those that every process has at `/metrics`."""

from dataclasses import dataclass, field

from prometheus_client import Counter

from lockgate.runtime.metrics import REGISTRY


@dataclass(frozen=True, slots=True)
class Metrics:
    requests: Counter = field(
        default_factory=lambda: Counter(
            "lockgate_cluster_requests",
            "Requests sent to a region's API server, a watch being one; by HTTP method",
            ("region", "method"),
            registry=REGISTRY,
        )
    )


METRICS = Metrics()
