"""The topic `plans`, an inlet written by operators (the door, or the command line)."""

from typing import Any

from pydantic import Field

from lockgate.messages.inlet import Inlet


class PlanPublished(Inlet, topic="plans", custom="plan.published"):
    """An operator publishes a plan. It is carried as written and checked by intake, which answers."""

    plan: dict[str, Any]
    author: str = Field(default="", max_length=256)

    def subject_id(self) -> str:
        return str(self.plan.get("application", ""))
