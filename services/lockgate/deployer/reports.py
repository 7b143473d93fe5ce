"""What a piece of work may report: a closed union, told apart by `outcome`. Written by the work, read by the core."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lockgate.messages.deployments import Live, ProbeResult
from lockgate.messages.flags import FlagKey
from lockgate.messages.values import Digest, Fence, Sentence, Share

_LEFT = Field(default=(), exclude_if=lambda left: not left)
"""Flags that were to be put back, and may not be as they were; most answers have none, and say none."""


class Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def json_body(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


class Registered(Report):
    outcome: Literal["registered"] = "registered"
    cluster: str = Field(max_length=128)
    live: dict[str, Live]


class Started(Report):
    """The region was looked at, nothing stands in the way, and the first write comes next."""

    outcome: Literal["started"] = "started"
    found: Digest | None
    seconds: float | None = Field(default=None, ge=0)
    estimate: Sentence | None = None


class Progressed(Report):
    outcome: Literal["progressed"] = "progressed"
    updated: int = Field(ge=0)
    wanted: int = Field(ge=0)
    reason: Sentence


class Deployed(Report):
    outcome: Literal["deployed"] = "deployed"
    requests: int | None = Field(default=None, ge=0)


class Piloted(Report):
    outcome: Literal["piloted"] = "piloted"
    share: Share
    pilot_pods: str
    baseline_pods: str
    start: float | None = Field(default=None, ge=0)


class Prepared(Report):
    """A clone is ready that has no traffic. What prepared it goes on from there; no core reads this."""

    outcome: Literal["prepared"] = "prepared"


class Probed(Report):
    outcome: Literal["probed"] = "probed"
    results: tuple[ProbeResult, ...]


class Failed(Report):
    outcome: Literal["failed"] = "failed"
    reason: Sentence


class Fenced(Report):
    """The cluster itself shows a newer fence: nothing was written any more."""

    outcome: Literal["fenced"] = "fenced"
    live: Fence
    reason: Sentence


class RolledBack(Report):
    outcome: Literal["rolled-back"] = "rolled-back"
    digest: Digest
    flags_left: tuple[FlagKey, ...] = _LEFT


class Switched(Report):
    """The flags are in the state that was ordered."""

    outcome: Literal["switched"] = "switched"
    flags: tuple[FlagKey, ...]
    were_on: tuple[FlagKey, ...] | None = None
    reason: Sentence


class Untouched(Report):
    outcome: Literal["untouched"] = "untouched"
    reason: Sentence
    flags_left: tuple[FlagKey, ...] = _LEFT


StepReport = Annotated[
    Started | Progressed | Deployed | Piloted | Probed | Failed | Fenced, Field(discriminator="outcome")
]
OrderReport = Annotated[
    RolledBack | Untouched | Failed | Fenced | Progressed | Started, Field(discriminator="outcome")
]

FlagsReport = Annotated[Switched | Failed | Fenced, Field(discriminator="outcome")]

_STEP: TypeAdapter[StepReport] = TypeAdapter(StepReport)
_ORDER: TypeAdapter[OrderReport] = TypeAdapter(OrderReport)
_FLAGS: TypeAdapter[FlagsReport] = TypeAdapter(FlagsReport)


def step_report(report: dict[str, Any]) -> StepReport:
    return _STEP.validate_python(report)


def order_report(report: dict[str, Any]) -> OrderReport:
    return _ORDER.validate_python(report)


def flags_report(report: dict[str, Any]) -> FlagsReport:
    return _FLAGS.validate_python(report)
