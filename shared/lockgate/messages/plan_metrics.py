"""Where a plan's metrics come from: which series, by which labels, how often, and how long they may be away."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lockgate.messages.plan_parts import PlanPart
from lockgate.messages.values import BucketName, Duration, LabelName, LabelValue, MetricName


class Labels(PlanPart):
    """What the labels are called in this Prometheus, where it is not as usual."""

    region: LabelName = Field(default="region", description="`none` if there is no such label")
    namespace: LabelName = "namespace"
    pod: LabelName = "pod"


class Custom(PlanPart):
    """Series that no preset names. Both must have a label with the name of the pod that served the request."""

    requests: MetricName = Field(description="a counter of requests, such as http_requests_total")
    code: LabelName = Field(default="code", description="the label that tells errors")
    failed: list[LabelValue] = Field(
        default=["5"], min_length=1, max_length=20, description="what the label begins with for an error"
    )
    latency: BucketName | None = Field(
        default=None, description="the buckets of a histogram; without, latency is not judged"
    )
    unit: Literal["s", "ms"] = Field(default="s", description="of the histogram")
    where: dict[LabelName, LabelValue] = Field(
        default={}, max_length=10, description="further labels of both, and their values"
    )


class Metrics(PlanPart):
    preset: Literal["opentelemetry-http", "istio", "linkerd", "envoy-gateway", "nginx", "custom"] = (
        "opentelemetry-http"
    )
    interval: Duration = Field(default=15.0, ge=0.5, le=300, description="between two scrapes")
    outage: Duration = Field(
        default=600.0,
        gt=0,
        description="how long the metrics may be away; longer, and the release is held until they are back",
    )
    late: Duration = Field(
        default=0.0,
        le=600,
        exclude_if=lambda late: late == 0,
        description="how much later than it was taken a sample may be found; 0 means a quarter of `interval`, at most 5 s",
    )
    labels: Labels = Labels()
    custom: Custom | None = None

    @model_validator(mode="after")
    def _custom_or_preset(self) -> Self:
        if self.preset == "custom" and self.custom is None:
            raise ValueError(
                "the preset custom names no series: write custom: {requests: http_requests_total, "
                "latency: http_request_duration_seconds_bucket}"
            )
        if self.preset != "custom" and self.custom is not None:
            raise ValueError(
                f"the preset {self.preset} names its own series: remove custom, or write preset: custom"
            )
        return self
