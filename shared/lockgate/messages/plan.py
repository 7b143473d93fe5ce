"""The plan: an application's ordered stages with its remediation policy, as operators write it.

Only what this version carries out can be written; anything else is refused as an unknown field.
"""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from lockgate.messages.environments import Egress, Environment, Overrides
from lockgate.messages.flags import MOST_FLAGS, Flag
from lockgate.messages.plan_parts import PlanPart, Request
from lockgate.messages.stage_rules import Outline, breaches
from lockgate.messages.strategies import Canary, Strategy
from lockgate.messages.values import (
    BucketName,
    Duration,
    LabelName,
    LabelValue,
    MetricName,
    Name,
    Share,
    Workload,
)
from lockgate.messages.windows import Window

MOST_SENT = 5000
"""Requests of one stage, in each of its regions."""


class Inconclusive(PlanPart):
    """What follows a verdict that the evidence could not decide. Where there was no evidence to be had, that is a hold."""

    extend: Duration = Field(default=0.0, description="how much longer to measure, once")
    then: Literal["rollback", "pass", "hold"] = Field(
        default="rollback", description="hold: it stays as it is until an operator says what follows"
    )


class Margins(PlanPart):
    """What a pass has to show: that the pilot is not worse than production by as much as this."""

    errors: float = Field(default=1.5, gt=1.05, le=1000, description="times production's odds of an error")
    latency: Share = Field(default=0.2, gt=0.05, description="slower than production")


class AfterPilot(PlanPart):
    verify: Duration = Field(gt=0, description="how long the pilot is compared with production")
    soak: Duration = Field(default=0.0, description="no pass before; 0 means half of `verify`")
    margins: Margins = Margins()
    on_inconclusive: Inconclusive = Inconclusive()


class AfterWave(PlanPart):
    bake: Duration = Field(default=0.0, description="how long the wave is left alone before the next stage")


def _window(text: str) -> str:
    Window.parse(text)
    return text


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day: write such as 2026-12-24") from None
    return text


WindowText = Annotated[str, Field(max_length=200), AfterValidator(_window)]
"""Days, times and a zone, such as `weekdays 08:00-17:00 Europe/Berlin`."""
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(_day)]


class Before(PlanPart):
    """What must hold before a stage begins; it waits until all of it does."""

    approval: Literal["required"] | None = Field(
        default=None, description="required: it begins once an operator approves it"
    )
    window: list[WindowText] = Field(
        default=[],
        max_length=20,
        exclude_if=lambda windows: not windows,
        description="it begins while one of them is open; what was begun is finished afterwards too",
    )
    closed_on: list[Day] = Field(
        default=[],
        max_length=400,
        exclude_if=lambda days: not days,
        description="days on which no window opens, by the calendar of its zone",
    )

    @field_validator("window", mode="before")
    @classmethod
    def _one_or_some(cls, given: Any) -> Any:
        return [given] if isinstance(given, str) else given

    @property
    def windows(self) -> tuple[Window, ...]:
        return tuple(map(Window.parse, self.window))

    @property
    def closed(self) -> frozenset[date]:
        return frozenset(map(date.fromisoformat, self.closed_on))


class StagePart(PlanPart):
    name: Name
    before: Before = Field(
        default=Before(),
        exclude_if=lambda given: given == Before(),  # so that a plan without any is as before
    )


class PreprodStage(StagePart):
    kind: Literal["preprod"]
    regions: list[Name] = Field(min_length=1, max_length=20)
    environment: Literal["always-on", "on-demand"] = Field(
        default="always-on",
        description="on-demand: made for the release from the region's live workload, and removed afterwards",
    )
    replicas: int = Field(default=1, ge=1, le=20, exclude_if=lambda count: count == 1)
    overrides: Overrides = Field(default=Overrides(), exclude_if=lambda given: given == Overrides())
    egress: list[Egress] = Field(
        default=[],
        max_length=50,
        exclude_if=lambda given: not given,
        description="whom an on-demand environment may talk to beside the cluster's DNS",
    )
    budget: Duration = Field(default=600.0, gt=0, description="deploying and all requests together")
    requests: list[Request] = Field(min_length=1, max_length=200)
    concurrency: int = Field(
        default=4,
        ge=1,
        le=32,
        exclude_if=lambda count: count == 4,
        description="so many at once of a request that is sent several times",
    )
    failures: Share = Field(
        default=0.01,
        lt=1,
        exclude_if=lambda share: share == 0.01,
        description="of the requests that are sent several times, so many may fail",
    )
    on_inconclusive: Literal["rollback", "pass"] = Field(
        default="rollback",
        exclude_if=lambda then: then == "rollback",
        description="what follows where the requests that are sent several times prove neither",
    )

    @model_validator(mode="after")
    def _as_its_environment_needs(self) -> Self:
        if self.environment == "always-on" and (
            self.replicas != 1 or self.egress or self.overrides != Overrides()
        ):
            raise ValueError(
                "replicas, overrides and egress are those of an environment that is made: write environment: on-demand"
            )
        if (sent := sum(request.times for request in self.requests)) > MOST_SENT:
            raise ValueError(
                f"{sent} requests are to be sent, and {MOST_SENT} are the most: lower `times` of some of them"
            )
        return self

    @property
    def asked(self) -> Environment | None:
        """What a deployer is told of the environment that it makes; None if there is one always."""
        if self.environment == "always-on":
            return None
        return Environment(replicas=self.replicas, overrides=self.overrides, egress=self.egress)


class PilotStage(StagePart):
    kind: Literal["pilot"]
    regions: list[Name] = Field(min_length=1, max_length=20)
    share: Share
    budget: Duration = Field(default=600.0, gt=0, description="until the pilot is ready and has its share")
    after: AfterPilot


class WaveStage(StagePart):
    kind: Literal["wave"]
    regions: list[Name] = Field(min_length=1, max_length=2000)
    strategy: Strategy = "rolling"
    max_parallel: int = Field(default=1, ge=1, le=1000)
    retry: int = Field(default=0, ge=0, le=10, description="further attempts in a region that failed")
    budget: Duration = Field(
        default=900.0, gt=0, description="for one attempt in one region; each step of a strategy has it anew"
    )
    after: AfterWave = AfterWave()


class WatchStage(StagePart):
    kind: Literal["watch"]
    for_: Duration = Field(alias="for", gt=0, description="post-deployment verification")


Stage = Annotated[PreprodStage | PilotStage | WaveStage | WatchStage, Field(discriminator="kind")]


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


class Remediation(PlanPart):
    flags: list[Flag] = Field(
        default=[],
        max_length=MOST_FLAGS,
        exclude_if=lambda flags: not flags,  # so that a plan without any is as before
        description="switched off first, all at once; the release goes on if that helps",
    )
    then: Literal["rollback", "hold"] = Field(
        default="rollback", description="hold: it stays as it is, halted, until an operator says what follows"
    )
    to: Literal["previous", "good"] = "previous"

    @model_validator(mode="after")
    def _flags_once(self) -> Self:
        names = [each.flag for each in self.flags]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the flag {doubled[0]} is declared twice: name it once")
        return self


class Queue(PlanPart):
    supersede: bool = Field(default=True, description="a newer artifact replaces those that wait")


def _outline(stage: Stage) -> Outline:
    regions = () if isinstance(stage, WatchStage) else stage.regions
    canary = stage.strategy if isinstance(stage, WaveStage) and isinstance(stage.strategy, Canary) else None
    return Outline(stage.name, stage.kind, regions, canary.canary if canary is not None else ())


class Plan(PlanPart):
    """An application's way to production."""

    kind: Literal["Plan"] = "Plan"
    application: Name
    artifact: str = Field(
        pattern=r"^pkg:oci/[a-z0-9._-]{1,128}$",
        description="the package URL, without version, of its artifacts",
    )
    workload: Workload
    metrics: Metrics = Metrics()
    false_alarms: Share = Field(default=0.01, le=0.2, description="per release")
    stages: list[Stage] = Field(min_length=1, max_length=50)
    remediation: Remediation = Remediation()
    queue: Queue = Queue()

    @model_validator(mode="after")
    def _stages_together(self) -> Self:
        outlines = [_outline(stage) for stage in self.stages]
        for _path, told in breaches(outlines, routed=self.workload.route is not None):
            raise ValueError(told)
        return self

    @property
    def regions(self) -> tuple[str, ...]:
        """Every region of the plan, in the order in which the stages reach them."""
        named = [r for stage in self.stages if not isinstance(stage, WatchStage) for r in stage.regions]
        return tuple(dict.fromkeys(named))

    @property
    def production(self) -> tuple[str, ...]:
        """The regions of the pilots and the waves."""
        stages = [s for s in self.stages if isinstance(s, PilotStage | WaveStage)]
        return tuple(dict.fromkeys(region for stage in stages for region in stage.regions))

    @property
    def preproduction(self) -> tuple[str, ...]:
        stages = [s for s in self.stages if isinstance(s, PreprodStage)]
        return tuple(dict.fromkeys(region for stage in stages for region in stage.regions))
