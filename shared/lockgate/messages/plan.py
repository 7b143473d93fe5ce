"""The plan: an application's ordered stages with its remediation policy, as operators write it.

Only what this version carries out can be written; anything else is refused as an unknown field.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lockgate.messages.environments import Egress, Environment, Overrides
from lockgate.messages.flags import MOST_FLAGS, Flag
from lockgate.messages.plan_before import Before
from lockgate.messages.plan_check import Check
from lockgate.messages.plan_metrics import Metrics
from lockgate.messages.plan_parts import PlanPart, Request
from lockgate.messages.plan_provenance import Provenance, Said
from lockgate.messages.stage_rules import Outline, breaches
from lockgate.messages.strategies import Canary, Strategy
from lockgate.messages.undecided import Inconclusive, Margins, VerifyWatch
from lockgate.messages.values import Duration, Name, Share, Workload

MOST_SENT = 5000
"""Requests of one stage, in each of its regions."""


class AfterPilot(PlanPart):
    verify: Duration = Field(gt=0, description="how long the pilot is compared with production")
    soak: Duration = Field(default=0.0, description="no pass before; 0 means half of `verify`")
    margins: Margins = Margins()
    on_inconclusive: Inconclusive = Inconclusive()


class AfterWave(PlanPart):
    """What of it a plan does not say is left out, so that one without any is as before."""

    verify: Duration = Field(
        default=0.0,
        exclude_if=lambda length: length == 0,
        description="how long its regions are compared with those of later waves, all as one; before `bake`",
    )
    soak: Duration = Field(
        default=0.0,
        exclude_if=lambda length: length == 0,
        description="no pass before; 0 means half of `verify`",
    )
    margins: Margins = Field(default=Margins(), exclude_if=lambda given: given == Margins())
    on_inconclusive: Inconclusive = Field(
        default=Inconclusive(), exclude_if=lambda given: given == Inconclusive()
    )
    bake: Duration = Field(default=0.0, description="how long the wave is left alone before the next stage")


class StagePart(PlanPart):
    name: Name
    before: Before = Field(
        default=Before(),
        exclude_if=lambda given: given == Before(),  # so that a plan without any is as before
    )
    check: Annotated[Check | None, Said] = Field(
        default=None,
        exclude_if=lambda given: given is None,  # likewise
        description="asked over HTTP beside the metrics; the stage passes once it is answered as expected too",
    )


class GatePart(StagePart):
    """A stage that a fix may go without."""

    fixes: Literal["skip"] | None = Field(
        default=None,
        exclude_if=lambda given: given is None,
        description="skip: a fix that goes first goes without this stage",
    )


class PreprodStage(GatePart):
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


class PilotStage(GatePart):
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
    on_region_failure: Literal["fail", "hold"] = Field(
        default="fail",
        exclude_if=lambda what: what == "fail",  # so that a plan without it is as before
        description="no attempt is left: the release fails, or is held as it is until an operator says what follows",
    )
    budget: Duration = Field(
        default=900.0, gt=0, description="for one attempt in one region; each step of a strategy has it anew"
    )
    after: AfterWave = AfterWave()

    @model_validator(mode="after")
    def _one_kind_of_hold(self) -> Self:
        compared = isinstance(self.strategy, Canary) and self.strategy.verify > 0
        if self.on_region_failure == "hold" and compared:
            raise ValueError(
                "a canary whose steps are compared is not held by a region that failed: leave on-region-failure out, or "
                "write `wait` instead of `verify`"
            )
        return self


class WatchStage(StagePart):
    kind: Literal["watch"]
    for_: Duration = Field(alias="for", gt=0, description="post-deployment verification")
    verify: Annotated[VerifyWatch | None, Said] = Field(
        default=None,
        exclude_if=lambda given: given is None,  # so that a plan without it is as before
        description="{}: every region is compared with its own time before; without, only incidents are waited for",
    )


Stage = Annotated[PreprodStage | PilotStage | WaveStage | WatchStage, Field(discriminator="kind")]


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
    recovers_within: Annotated[Duration | None, Said] = Field(
        default=None,
        gt=0,
        exclude_if=lambda within: within is None,  # so that a plan without it is as before
        description="after a rollback, by when incidents that it was for have to be resolved; else the application is paused",
    )

    @model_validator(mode="after")
    def _flags_once(self) -> Self:
        names = [each.flag for each in self.flags]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the flag {doubled[0]} is declared twice: name it once")
        return self


class Queue(PlanPart):
    supersede: bool = Field(default=True, description="a newer artifact replaces those that wait")
    fixes: Literal["ci", "operators"] = Field(
        default="ci",
        exclude_if=lambda who: who == "ci",  # so that a plan without it is as before
        description="who may say that an artifact is a fix, before which all else gives way: CI as well (`?fixes=v7`), or operators only",
    )


def _outline(stage: Stage) -> Outline:
    regions = () if isinstance(stage, WatchStage) else stage.regions
    canary = stage.strategy if isinstance(stage, WaveStage) and isinstance(stage.strategy, Canary) else None
    shares = canary.canary if canary is not None else ()
    verifies = isinstance(stage, WatchStage) and stage.verify is not None
    return Outline(stage.name, stage.kind, regions, shares, verifies=verifies)


class Plan(PlanPart):
    """An application's way to production."""

    kind: Literal["Plan"] = "Plan"
    application: Name
    artifact: str = Field(
        pattern=r"^pkg:oci/[a-z0-9._-]{1,128}$",
        description="the package URL, without version, of its artifacts",
    )
    provenance: Annotated[Provenance | None, Said] = Field(
        default=None,
        exclude_if=lambda given: given is None,  # so that a plan without it is as before
        description="who must have signed an artifact, and by which build from which source",
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
    def of_a_fix(self) -> Self:
        """The way of a fix: without the stages that it may skip. Waves and a watch it has always."""
        stages = [stage for stage in self.stages if not (isinstance(stage, GatePart) and stage.fixes)]
        return self.model_copy(update={"stages": stages})

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
    def deployed(self) -> tuple[str, ...]:
        """The regions of the waves: those that the release runs in at the end."""
        return tuple(r for stage in self.stages if isinstance(stage, WaveStage) for r in stage.regions)

    def beyond(self, wave: str) -> tuple[str, ...]:
        """The regions of the waves after this one that no pilot touches: they do not have the release until it is through."""
        named = [stage.name for stage in self.stages]
        later = [s for s in self.stages[named.index(wave) + 1 :] if isinstance(s, WaveStage)]
        piloted = {r for stage in self.stages if isinstance(stage, PilotStage) for r in stage.regions}
        return tuple(r for stage in later for r in stage.regions if r not in piloted)

    @property
    def preproduction(self) -> tuple[str, ...]:
        stages = [s for s in self.stages if isinstance(s, PreprodStage)]
        return tuple(dict.fromkeys(region for stage in stages for region in stage.regions))
