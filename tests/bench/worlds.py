"""Servers of their own for a bench: a broker and a database with its settings of production (durable)."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockgate.embedded import Kafka, Postgres
from tests.support.servers import KafkaUnderTest, PostgresUnderTest
from tests.support.toy_world import World


@contextmanager
def a_world() -> Iterator[World]:
    """The toy's world on an empty broker and an empty database, which are gone at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Kafka(folder / "kafka") as kafka, Postgres(folder / "postgres") as server:
            postgres = PostgresUnderTest(server.dsn())
            yield World(KafkaUnderTest(kafka.bootstrap), postgres, folder, postgres.fresh_database())
