"""The check of a stage: a question that is asked over HTTP beside the metrics, and what its answer has to be."""

from pydantic import Field

from lockgate.messages.plan_parts import Expectation, PlanPart
from lockgate.messages.values import Duration, Name


class Check(PlanPart):
    """Asked once every region of the stage runs the release. Only the status of an answer counts."""

    http: Name = Field(
        description="the name of a check in the verifier's settings (LOCKGATE_CHECKS), which say where it is"
    )
    expect: Expectation = Expectation()
    within: Duration = Field(default=5.0, gt=0, le=60, description="longest time for an answer")
    times: int = Field(default=1, ge=1, le=1000, description="so many answers have to be as expected")
    interval: Duration = Field(default=10.0, ge=1, le=3600, description="from an answer to the next question")
    failures: int = Field(default=0, ge=0, le=100, description="so many answers may be others")
    outage: Duration = Field(
        default=600.0,
        gt=0,
        description="how long there may be no answer; longer, and the release is held until there is one",
    )
