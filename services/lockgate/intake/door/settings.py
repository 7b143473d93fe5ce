"""The door's settings, from the environment (prefix LOCKGATE_)."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from lockgate.intake.door.callers import HASH_PATTERN, Caller, Role, hash_of, shared
from lockgate.intake.door.delivery import APPLICATION_LABELS, REGION_LABELS, Options
from lockgate.messages.values import Name
from lockgate.runtime.settings import ProcessSettings

LEAST_SECRET = 16
Package = Annotated[str, StringConstraints(pattern=r"^pkg:oci/[a-z0-9._-]+$")]


def _somebody(callers: tuple["CallerSettings", ...]) -> tuple["CallerSettings", ...]:
    if not callers:
        raise ValueError("nobody could ask: `lockgate door token NAME --role ROLE` makes an entry")
    return callers


class SecretError(Exception):
    """A secret cannot be used. The message names its file or its entries, and says what to do."""


class CallerSettings(BaseModel):
    """One who may ask: by a token, of which the hash is here, or by signing with the secret in a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    role: Role
    token: str | None = Field(
        default=None, pattern=HASH_PATTERN, description="its hash, from `lockgate door token`"
    )
    secret_file: Path | None = Field(
        default=None, description="what bodies are signed with; at least 16 bytes"
    )
    applications: frozenset[Name] = frozenset()
    packages: frozenset[Package] = frozenset()

    @model_validator(mode="after")
    def _proves_itself(self) -> Self:
        if self.token == hash_of(""):
            raise ValueError(
                "`token` is the hash of nothing: `lockgate door token` makes a token and its hash"
            )
        if (self.token is None) == (self.secret_file is None):
            raise ValueError(
                "name either `token`, the hash of one, or `secret_file`, whose content signs bodies"
            )
        return self

    def caller(self) -> Caller:
        """With its secret read. SecretError if that cannot be."""
        secret = _secret(self.secret_file) if self.secret_file else None
        return Caller(self.name, self.role, self.token, secret, self.applications, self.packages)


class Settings(ProcessSettings):
    """Where it listens, who may ask, and how alerts and tags are read."""

    door_host: str = "127.0.0.1"
    door_port: int = Field(default=8480, ge=0, le=65535, description="0 = any free port")
    door_callers: Annotated[tuple[CallerSettings, ...], AfterValidator(_somebody)] = Field(
        description="JSON: who may ask"
    )
    door_rate: float = Field(default=50.0, gt=0, le=1e6, description="requests a second, of each caller")
    door_burst: float = Field(default=200.0, ge=1, le=1e6, description="requests at once, of each caller")
    door_tags: str = Field(
        default="*",
        min_length=1,
        max_length=128,
        description="a pattern: which tags of registries are announced",
    )
    door_application_labels: tuple[str, ...] = APPLICATION_LABELS
    door_region_labels: tuple[str, ...] = REGION_LABELS

    def callers(self) -> tuple[Caller, ...]:
        """With their secrets. SecretError if one cannot be read, or is also somebody else's."""
        found = tuple(each.caller() for each in self.door_callers)
        if both := shared(found):
            raise SecretError(
                f"the entries {both[0]} and {both[1]} of LOCKGATE_DOOR_CALLERS have one token or secret: give each its own"
            )
        return found

    @property
    def options(self) -> Options:
        return Options(self.door_application_labels, self.door_region_labels, self.door_tags)


def _secret(file: Path) -> bytes:
    try:
        secret = file.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise SecretError(
            f"the secret in {file} cannot be read ({error.strerror}): see LOCKGATE_DOOR_CALLERS"
        ) from None
    if len(secret) < LEAST_SECRET:
        raise SecretError(
            f"the secret in {file} has fewer than {LEAST_SECRET} bytes: `openssl rand -hex 32` makes one"
        )
    return secret
