"""The rollback coordinator's settings, from the environment (prefix LOCKGATE_ROLLBACK_)."""

from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from lockgate.messages.values import Duration


class Settings(BaseSettings):
    """How long a region may take to obey an order, and how often it is asked."""

    model_config = SettingsConfigDict(env_prefix="LOCKGATE_ROLLBACK_", frozen=True)

    deadline: Duration = Field(
        default=600.0, gt=0, description="for an order, if the plan's budget is shorter"
    )
    grace: Duration = Field(default=300.0, description="on top of a deadline after a gap in our own reading")
    attempts: int = Field(default=3, ge=1, le=20, description="orders to a region that answers `failed`")

    def for_core(self) -> dict[str, Any]:
        """What `ServiceStarted` carries: the core keeps it as a row, so that a replay needs no environment."""
        return self.model_dump(mode="json")
