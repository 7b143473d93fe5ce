"""What a piece of work is told. Made by the core, read by the work: the grant or order itself, and its times."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from lockgate.messages.rollbacks import FlagsOrdered, RollbackOrdered
from lockgate.messages.values import Name
from lockgate.messages.verdicts import Granted


class Body(BaseModel):
    """As it lies in the work row: JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def json_body(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    @classmethod
    def read(cls, body: dict[str, Any]) -> Self:
        return cls.model_validate(body)


class RegisterBody(Body):
    region: Name
    namespace: Name


class StepBody(Body):
    grant: Granted
    until: datetime


class OrderBody(Body):
    """`touched`: the region row knows that this release number has been written to the region, or what runs there is
    taken back whoever wrote it.
    """

    order: RollbackOrdered
    until: datetime
    touched: bool


class FlagsBody(Body):
    order: FlagsOrdered
    until: datetime
