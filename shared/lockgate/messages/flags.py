"""A feature flag that a plan declares: where it is defined in each region, and which of its variants is off."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from lockgate.messages.plan_parts import PlanPart
from lockgate.messages.values import Duration, ObjectName

FlagKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$")]
"""The key of a flag, and the name of a variant."""

MOST_FLAGS = 20


class Flag(PlanPart):
    """A flag that is switched off first when the release that it belongs to is blamed."""

    flag: FlagKey
    configmap: ObjectName | None = Field(
        default=None, description="that flagd reads; without one, the application's name and -flags"
    )
    featureflag: ObjectName | None = Field(
        default=None, description="the resource of the OpenFeature operator, where it is no ConfigMap"
    )
    off: FlagKey = Field(default="off", description="the variant that everybody gets then")
    wait: Duration = Field(
        default=120.0, description="until every instance has read it; the release is judged anew after that"
    )

    @model_validator(mode="after")
    def _in_one_place(self) -> Self:
        if self.configmap is not None and self.featureflag is not None:
            raise ValueError(
                f"the flag {self.flag} is defined in one place: keep configmap or featureflag, not both"
            )
        return self
