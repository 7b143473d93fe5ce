"""Intake's settings, from the environment (prefix LOCKGATE_)."""

from pydantic import Field, FilePath
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Whom signatures by an identity are trusted from."""

    model_config = SettingsConfigDict(env_prefix="LOCKGATE_", frozen=True)

    trust_root: FilePath | None = Field(
        default=None,
        description="a sigstore trusted root (JSON); without, only signatures by a key can be checked",
    )
