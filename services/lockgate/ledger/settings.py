"""The ledger's settings, from the environment (prefix LOCKGATE_)."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from lockgate.ledger.notifying.receivers import Receiver
from lockgate.messages.values import Duration


def _once(receivers: tuple[Receiver, ...]) -> tuple[Receiver, ...]:
    names = [receiver.name for receiver in receivers]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"the receiver {doubled[0]} is listed twice: give each a name of its own")
    return receivers


class Settings(BaseSettings):
    """Where it reads, where it writes, how often it signs. Durations in seconds, or as 90s, 10m."""

    model_config = SettingsConfigDict(env_prefix="LOCKGATE_", frozen=True, hide_input_in_errors=True)

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
    notify: Annotated[tuple[Receiver, ...], AfterValidator(_once)] = Field(
        default=(), description="JSON: who is told of what; docs/notifications.md"
    )
    notify_within: Duration = Field(
        default=6 * 3600.0, gt=0, description="nobody is told later than this after it happened"
    )
    notify_timeout: Duration = Field(
        default=10.0, gt=0, description="longest time for one answer of a receiver"
    )
