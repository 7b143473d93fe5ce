"""What a plan says of a comparison: what a pass has to show, and what follows where the evidence decides neither way."""

from typing import Literal

from pydantic import Field

from lockgate.messages.plan_parts import PlanPart
from lockgate.messages.values import Duration, Share


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


class VerifyWatch(PlanPart):
    """In the watch each region of the waves is compared with its own time before the release, as there is no other left."""

    margins: Margins = Field(
        default=Margins(),
        description="as beside production, doubled: what happens to all regions alike is not taken off",
    )
    on_inconclusive: Literal["rollback", "pass", "hold"] = Field(
        default="pass",
        description="what follows where the time decides neither way; where nothing is measured, that is a hold",
    )
