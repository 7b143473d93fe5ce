"""The topic `verdicts`, written by the verifier: every grant, every verdict, and what is waited for."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from lockgate.messages.environments import Environment
from lockgate.messages.operations import Answer
from lockgate.messages.payload import Payload
from lockgate.messages.plan_parts import Request
from lockgate.messages.values import Artifact, Duration, Fence, Name, Sentence, Share, Workload


class Action(StrEnum):
    """What a grant permits. Each is one step in one region. A public contract: actions are only added."""

    DEPLOY = "deploy"  # the region's Deployment rolls to the digest; takes over a clone of the release there
    CANARY = "canary"  # the clone of the release grows to the share of the traffic
    GREEN = "green"  # a clone of full size, the green side, gets ready and is sent the plan's requests, no traffic yet
    SWITCH = "switch"  # all traffic goes to the green side at once
    PILOT = "pilot"  # a clone of the Deployment takes a share of the traffic
    PROBE = "probe"  # the plan's requests are sent to what was deployed in pre-production
    ENVIRONMENT = "environment"  # a small clone of the live workload is made elsewhere, sent the plan's requests, removed


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105  # the name of a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"  # the evidence decides neither way
    UNMEASURABLE = "unmeasurable"  # there was no evidence to be had


class FailCause(StrEnum):
    """What a verdict of `fail` is made from. A public contract: causes are only added."""

    MEASURED = "measured"  # it is worse than what it is compared with
    INCIDENT = "incident"  # monitoring complained
    UNDECIDED = "undecided"  # the evidence did not suffice, and the plan asks for a fail then
    REQUESTS = "requests"  # the plan's requests were not answered as it expects
    DEPLOYMENT = "deployment"  # a region could not be deployed to
    CHECK = "check"  # the stage's check was not answered as the plan expects


class WaitingFor(StrEnum):
    PRODUCTION = "production"  # another release owns it
    PAUSE = "pause"  # an operator paused the application, or all
    WINDOW = "window"  # the plan lets the stage begin at certain times only
    APPROVAL = "approval"  # the plan asks for an operator's word before the stage
    REGIONS = "regions"  # granted regions have not answered yet
    STEP = "step"  # a region is left alone before the next step of its strategy
    BAKE = "bake"  # the wave is left alone for its bake time
    EVIDENCE = "evidence"  # the pilot, a step or a wave is being compared, or a check is asked
    METRICS = "metrics"  # Prometheus does not answer, or has no samples
    HELD = "held"  # it stays as it is: until the metrics are back, or an operator says what follows
    FLAGS = "flags"  # flags were switched off, and every instance has to read it
    WATCH = "watch"  # post-deployment verification
    COORDINATOR = "coordinator"  # it failed, and is being taken back


class WatchOutcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"


class Granted(Payload, topic="verdicts", custom="step.granted", version="0.3.0"):
    """The permission for one deployer to do one step. Void if it is not started within `valid_for`."""

    application: Name
    release: str
    stage: Name
    region: Name
    deployer: Name
    namespace: Name
    cluster: str
    action: Action
    fence: Fence
    artifact: Artifact
    workload: Workload
    share: Share | None = Field(default=None, description="of the region's traffic; pilot, canary and switch")
    requests: tuple[Request, ...] = Field(default=(), description="probe, green and environment")
    concurrency: int = Field(default=1, ge=1, le=32, description="of a request that is sent several times")
    environment: Environment | None = Field(
        default=None, description="what is made, for the action of that name"
    )
    start: float | None = Field(
        default=None,
        ge=0,
        exclude_if=lambda start: start is None,
        description="seconds that the release's pods took to get ready where it ran already; for a roll-out",
    )
    attempt: int = Field(ge=1)
    valid_for: Duration = Field(description="from the event's time until the deployer must have begun")
    deadline: Duration = Field(description="from the event's time until the deployer must have answered")


class StageWaiting(Payload, topic="verdicts", custom="stage.waiting"):
    """What the release waits for; emitted each time that this changes."""

    application: Name
    release: str
    stage: Name
    waiting_for: WaitingFor
    reason: Sentence
    until: str | None = Field(default=None, description="RFC 3339, where the end is known")


class VerificationStarted(Payload, topic="verdicts", custom="verification.started"):
    application: Name
    release: str
    stage: Name
    regions: tuple[Name, ...]
    duration: Duration
    alpha: float = Field(gt=0, lt=1, description="this stage's part of the false-alarm rate of the release")


class VerdictReached(Payload, topic="verdicts", custom="verdict.reached", version="0.3.0"):
    """A judgement of a stage, with the numbers that it was made from."""

    application: Name
    release: str
    stage: Name
    outcome: Outcome
    cause: FailCause | None = Field(default=None, description="of a fail; None: it is not known")
    reason: Sentence
    guilty: tuple[Name, ...] = Field(default=(), description="regions that the evidence names")
    evidence: dict[str, Any] = Field(default_factory=dict, description="what the verdict is recomputed from")


class RegionFailed(Payload, topic="verdicts", custom="region.failed"):
    application: Name
    release: str
    stage: Name
    region: Name
    attempt: int
    final: bool = Field(description="no attempt is left")
    unreachable: bool = Field(default=False, description="it did not answer until its deadline")
    reason: Sentence


class StagePassed(Payload, topic="verdicts", custom="stage.passed"):
    application: Name
    release: str
    stage: Name
    kind: str
    reason: Sentence


class WatchStarted(Payload, topic="verdicts", custom="watch.started"):
    application: Name
    release: str
    stage: Name
    duration: Duration
    until: str


class WatchEnded(Payload, topic="verdicts", custom="watch.ended"):
    application: Name
    release: str
    stage: Name
    outcome: WatchOutcome
    reason: Sentence


class RollbackVerified(Payload, topic="verdicts", custom="rollback.verified"):
    """Whether what a release was taken back for is over, in the time that its plan gives after it was settled."""

    application: Name
    release: str
    recovered: bool
    reason: Sentence


class StageOperationAnswered(Answer, topic="verdicts", custom="stageoperation.answered"):
    """The verifier's answer to an operation about the steps of a release."""
