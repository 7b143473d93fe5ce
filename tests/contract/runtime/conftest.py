"""The toy service's world: topics with a prefix of their own and a database of its own, for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.servers import KafkaUnderTest, PostgresUnderTest
from tests.support.toy_world import World


@pytest.fixture
async def world(kafka: KafkaUnderTest, postgres: PostgresUnderTest, tmp_path: Path) -> AsyncIterator[World]:
    made = World(kafka, postgres, tmp_path, postgres.fresh_database())
    yield made
    await made.close()
