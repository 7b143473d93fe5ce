"""Kafka and PostgreSQL in containers, for `pytest --containers`."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docker.errors import DockerException  # type: ignore[import-untyped]  # docker ships no types
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer

from lockgate.embedded.jars import VERSION
from lockgate.embedded.kafka_files import properties
from lockgate.embedded.kafka_health import cluster_at
from lockgate.embedded.ports import free_ports

_PATIENCE = 60.0  # seconds from a container that runs to a broker that answers


def _require_docker() -> None:
    """Docker's client would find out as well, but leaves open sockets behind, which pytest takes for errors."""
    sockets = (Path("/var/run/docker.sock"), Path.home() / ".docker/run/docker.sock")
    if not os.environ.get("DOCKER_HOST") and not any(socket.exists() for socket in sockets):
        raise DockerException("No Docker runs on this machine, and DOCKER_HOST names none.")


@contextmanager
def kafka() -> Iterator[str]:
    """A broker with the settings of the embedded one; yields `host:port`.

    Clients must find it under the port that it advertises, so the port is the same inside and outside.
    """
    _require_docker()
    port, controller_port = free_ports(2)
    container = DockerContainer(f"apache/kafka:{VERSION}").with_bind_ports(port, port)
    for line in properties(port, controller_port, _inside(port, controller_port)).splitlines():
        name, _, value = line.partition("=")
        container = container.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)
    with container:
        _await(port)
        yield f"127.0.0.1:{port}"


def _inside(port: int, controller_port: int) -> dict[str, str]:
    listeners = f"CLIENT://0.0.0.0:{port},CONTROLLER://127.0.0.1:{controller_port}"
    return {"listeners": listeners, "log.dirs": "/tmp/kafka-data"}  # noqa: S108  the container's, not ours


def _await(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while cluster_at("127.0.0.1", port) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"The Kafka container does not answer on port {port} after {_PATIENCE:.0f} s.")
        time.sleep(0.1)


@contextmanager
def postgres() -> Iterator[str]:
    """A server of the version that the embedded one has; yields its URL."""
    _require_docker()
    with PostgresContainer("postgres:18", dbname="postgres", driver=None) as container:
        yield container.get_connection_url()
