"""Intake's own settings: none yet. What every service has (Kafka, PostgreSQL, logs) is the runtime's.

What is released in which order is each plan's to say, so that the topics alone recompute every decision.
"""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Frozen, from the environment."""

    model_config = SettingsConfigDict(env_prefix="LOCKGATE_", frozen=True)
