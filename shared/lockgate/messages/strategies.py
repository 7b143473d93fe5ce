"""How a region changes version, as a wave of a plan says it."""

from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from lockgate.messages.plan_parts import PlanPart, Request
from lockgate.messages.undecided import Inconclusive, Margins
from lockgate.messages.values import Duration, Share

_HOW: Final = "write rolling, {canary: [25%, 50%, 100%]} or {blue-green: {keep: 10m}}"


class Canary(PlanPart):
    """A clone takes a growing share of a region's traffic, one grant a step; then production rolls and the clone goes."""

    canary: list[Share] = Field(
        min_length=1, max_length=20, description="the clone's share of the traffic, step by step"
    )
    wait: Duration = Field(default=60.0, description="how long a region is left alone after each step")
    verify: Duration = Field(
        default=0.0,
        exclude_if=lambda length: length == 0,
        description="instead: how long the clone is compared with the production beside it after each step below 100 %",
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

    @property
    def compared(self) -> int:
        """So many steps are compared with production, where that is asked for: those that leave some of it."""
        return sum(share < 1 for share in self.canary)

    @field_validator("canary")
    @classmethod
    def _growing(cls, steps: list[float]) -> list[float]:
        if steps != sorted(set(steps)):
            raise ValueError(
                "the shares of a canary grow from step to step: write them so, such as [25%, 50%, 100%]"
            )
        return steps


class Green(PlanPart):
    keep: Duration = Field(
        description="how long the old side is kept after the switch; going back takes seconds then"
    )
    requests: list[Request] = Field(
        default=[], max_length=200, description="sent to the green side before it gets any traffic"
    )

    @field_validator("requests")
    @classmethod
    def _once(cls, requests: list[Request]) -> list[Request]:
        if any(request.times > 1 for request in requests):
            raise ValueError("a green side is sent each request once: write `times` in a preprod stage only")
        return requests


class BlueGreen(PlanPart):
    """A clone of full size gets all of a region's traffic at once; then production rolls without any, and gets it back."""

    blue_green: Green


def _named(written: Any) -> str | None:
    """Which strategy something is written as."""
    match written:
        case "rolling":
            return "rolling"
        case Canary() | {"canary": _}:
            return "canary"
        case BlueGreen() | {"blue-green": _} | {"blue_green": _}:
            return "blue-green"
        case _:
            return None


Strategy = Annotated[
    Annotated[Literal["rolling"], Tag("rolling")]
    | Annotated[Canary, Tag("canary")]
    | Annotated[BlueGreen, Tag("blue-green")],
    Discriminator(_named, custom_error_type="strategy", custom_error_message=_HOW),
]
"""How a region changes version."""
