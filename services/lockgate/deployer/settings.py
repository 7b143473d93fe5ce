"""What one deployer is told: its name, and each region that it serves with the credentials for it alone."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lockgate.messages.values import Duration, Name


class RegionSettings(BaseModel):
    """One region: the API server of its cluster, its namespace, and a credential for nothing else.

    `token_file` is read anew for each request, because the tokens that Kubernetes mounts are rotated.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    region: Name
    namespace: Name
    url: str = Field(
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$", description="of the API server, without a path"
    )
    token: SecretStr | None = None
    token_file: Path | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError(f"the region {self.region} has a token and a token_file: keep one of them")
        return self

    @property
    def bearer(self) -> str | None:
        """The token as it is now. OSError if its file cannot be read."""
        if self.token is not None:
            return self.token.get_secret_value()
        return self.token_file.read_text().strip() if self.token_file is not None else None


class Pace(BaseModel):
    """How often the cluster is looked at, and how long things are waited for. Seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    poll: Duration = Field(default=1.0, gt=0, description="between two looks at a roll-out")
    progress: Duration = Field(default=5.0, description="at least this long between two reports of progress")
    drain: Duration = Field(default=2.0, description="from the end of a clone's share to its deletion")
    request: Duration = Field(default=10.0, gt=0, description="longest time for one answer of the API server")


class DeployerSettings(BaseSettings):
    """From the environment: LOCKGATE_DEPLOYER_NAME, and as JSON LOCKGATE_DEPLOYER_REGIONS and _PACE."""

    model_config = SettingsConfigDict(env_prefix="LOCKGATE_DEPLOYER_", frozen=True, extra="ignore")
    name: Name
    regions: tuple[RegionSettings, ...] = Field(min_length=1)
    pace: Pace = Pace()

    @model_validator(mode="after")
    def _regions_once(self) -> Self:
        names = [each.region for each in self.regions]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"the region {doubled[0]} is listed twice: a region is one cluster and namespace"
            )
        return self

    @property
    def namespaces(self) -> dict[str, str]:
        """Region -> namespace: what the core is made for."""
        return {each.region: each.namespace for each in self.regions}

    @property
    def facts(self) -> dict[str, Any]:
        """What the core learns at each start, and the journal keeps: no address and no secret."""
        return {"deployer": self.name, "regions": self.namespaces}
