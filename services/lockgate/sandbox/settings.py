"""Settings of a sandbox: frozen, from the environment (`LOCKGATE_SANDBOX_…`, JSON for lists) or by name."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lockgate.sandbox.behaviour import Behaviour


class RegionSettings(BaseModel):
    """One region. Port 0 means a free one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    namespace: str = "shop"
    environments: str = ""  # another namespace that the region's token opens; "" means none
    token: str = ""  # "" means one derived from seed and name
    kubernetes_port: int = 0
    ingress_port: int = 0


class WorkloadSettings(BaseModel):
    """A sample application to install in every region at the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    application: str
    digest: str
    replicas: int = 3
    rate: float | None = None  # requests a second and region; None means the sandbox's own


class Settings(BaseSettings):
    """All of it; times in seconds."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="LOCKGATE_SANDBOX_", extra="forbid")

    seed: int = 1
    regions: tuple[RegionSettings, ...] = (RegionSettings(name="eu-west"),)
    control_port: int = 0
    prometheus_port: int = 0
    rate: float = Field(default=50.0, ge=0)  # requests a second for each application in each region
    usual_errors: float = Field(default=0.0, ge=0, le=1)  # of the modelled requests, whatever the image
    scrape_seconds: float = Field(default=1.0, gt=0)
    retention_seconds: float = Field(default=3600.0, gt=0)
    history: int = Field(default=512, ge=1)  # changes that a watch can resume over, for each region
    backoff_seconds: float = Field(default=10.0, gt=0)  # after a container's first crash, doubled with each
    termination_seconds: float = Field(default=0.0, ge=0)  # how long a deleted pod lingers
    images: Mapping[str, Behaviour] = Field(default_factory=dict)  # by digest; unknown ones are healthy
    workloads: tuple[WorkloadSettings, ...] = ()

    @field_validator("regions", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        """A region may be given by its name alone."""
        if isinstance(value, list | tuple):
            return tuple({"name": each} if isinstance(each, str) else each for each in value)
        return value

    @field_validator("regions")
    @classmethod
    def _distinct(cls, value: tuple[RegionSettings, ...]) -> tuple[RegionSettings, ...]:
        names = [region.name for region in value]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles or not names:
            raise ValueError(
                f"give each region a name of its own, and at least one region: {doubles or 'none given'}"
            )
        return value
