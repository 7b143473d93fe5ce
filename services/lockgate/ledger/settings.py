"""The ledger's settings, from the environment (prefix LOCKGATE_)."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from lockgate.messages.values import Duration


class Settings(BaseSettings):
    """Where it reads, where it writes, how often it signs. Durations in seconds, or as 90s, 10m."""

    model_config = SettingsConfigDict(env_prefix="LOCKGATE_", frozen=True)

    kafka: str = Field(default="127.0.0.1:9092", description="bootstrap servers")
    topic_prefix: str = "lockgate."
    ledger_postgres: str = Field(
        default="postgresql://127.0.0.1/lockgate", repr=False, description="a URL; tables lie in `ledger`"
    )
    ledger_key: Path = Field(
        default=Path("/etc/lockgate/ledger.pem"), description="Ed25519, PKCS#8 PEM, not readable by others"
    )
    ledger_create_key: bool = Field(default=False, description="make the key if there is none")
    ledger_batch: int = Field(default=2000, ge=1, description="records in one transaction at most")
    ledger_sign_records: int = Field(default=1000, ge=1, description="sign after that many records")
    ledger_sign_every: Duration = Field(default=60.0, gt=0, description="sign if anything was appended since")
    ledger_look_every: Duration = Field(default=10.0, gt=0, description="look for new topics and partitions")
    ledger_stop: Duration = Field(default=10.0, gt=0, description="longest time for a graceful stop")
    ledger_continue_after: int = Field(
        default=0,
        ge=0,
        description="number of the signed head after which the chain may go on otherwise than it says; only after"
        " the ledger refused to start because its database was restored to an earlier time",
    )
