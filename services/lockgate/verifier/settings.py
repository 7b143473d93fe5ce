"""The verifier's settings, from the environment (prefix LOCKGATE_)."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from lockgate.messages.values import Name
from lockgate.verifier.named_checks import NamedCheck


class Settings(BaseSettings):
    """Where the metrics are, how long an answer may take, and which checks the stages of plans may name."""

    model_config = SettingsConfigDict(env_prefix="LOCKGATE_", frozen=True, hide_input_in_errors=True)

    prometheus: str = Field(
        default="http://127.0.0.1:9090",
        pattern=r"^https?://[^\s]+$",
        description="the base URL of Prometheus, or of what speaks its HTTP API",
    )
    prometheus_timeout: float = Field(default=10.0, gt=0, le=120, description="seconds for one answer")
    prometheus_most_bytes: int = Field(
        default=32 << 20, ge=1024, description="of one answer; more is no data"
    )
    checks: dict[Name, NamedCheck] = Field(
        default={}, max_length=200, description="by their names, as JSON; no plan can ask for anything else"
    )
