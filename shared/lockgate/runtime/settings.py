"""The settings of every service, from the environment (prefix LOCKGATE_). Frozen; no module holds them globally."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lockgate.runtime import faults


def _is_prefix(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9._-]{0,100}", text):
        raise ValueError("a topic prefix has letters, digits, dots, dashes and underscores only")
    return text


def _is_fault(text: str) -> str:
    faults.parse(text)
    return text


class ProcessSettings(BaseSettings):
    """What every process needs to know, also one without a database."""

    model_config = SettingsConfigDict(env_prefix="LOCKGATE_", frozen=True, extra="ignore")

    kafka: str = Field(description="bootstrap servers, HOST:PORT[,HOST:PORT]")
    topic_prefix: Annotated[str, AfterValidator(_is_prefix)] = "lockgate."
    partitions: int = Field(default=4, ge=1, le=512, description="of every topic, when they are created")
    replication: int = Field(default=1, ge=1, le=9, description="of every topic, when they are created")
    create_topics: bool = Field(
        default=True, description="create what is missing; what is there is only checked"
    )
    http_host: str = "127.0.0.1"
    http_port: int = Field(
        default=0, ge=0, le=65535, description="/metrics, /healthz, /readyz; 0 = any free port"
    )
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    stop_seconds: float = Field(default=10.0, gt=0, description="the longest that a graceful stop may take")


class RuntimeSettings(ProcessSettings):
    """What the mechanism needs to know, the same for all services."""

    postgres: SecretStr = Field(
        description="URL of the service's database; each service has a schema of its own"
    )
    session_seconds: float = Field(
        default=10.0,
        ge=1,
        le=300,
        description="a replica that is silent for so long loses its partitions and its right to publish",
    )
    stall_seconds: float = Field(
        default=60.0, gt=0, description="no progress for so long while there is lag: exit"
    )
    fault: Annotated[str, AfterValidator(_is_fault)] = Field(
        default="", description="for tests only: POINT:ACTION[:NTH], where this process is to end or to hang"
    )
    fault_log: Path | None = Field(
        default=None, description="for tests only: where the fault is written down before it acts"
    )

    @model_validator(mode="after")
    def _is_provable(self) -> Self:
        if self.fault and self.fault_log is None:
            raise ValueError("LOCKGATE_FAULT needs LOCKGATE_FAULT_LOG, where the fault is written down")
        return self
