"""The toy service's world for the commands that look at what services leave on topics and in databases."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from tests.support.servers import KafkaUnderTest, PostgresUnderTest
from tests.support.toy_world import World


@pytest.fixture
async def world(kafka: KafkaUnderTest, postgres: PostgresUnderTest, tmp_path: Path) -> AsyncIterator[World]:
    # The toy runs in this process; what it logs is no output of the command that runs beside it.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))
    made = World(kafka, postgres, tmp_path, postgres.fresh_database())
    yield made
    await made.close()
    structlog.reset_defaults()
