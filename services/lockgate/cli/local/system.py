"""Starts everything, says what it does, and stops everything in order."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from asyncpg import DuplicateDatabaseError

from lockgate.cli.local.child import Child, Launch
from lockgate.cli.local.claim import claimed
from lockgate.cli.local.door import LocalDoor
from lockgate.cli.local.kubeconfig import Clusters
from lockgate.cli.local.regions import Sandboxed, deployer_environment
from lockgate.embedded import EmbeddedError, Kafka, Postgres
from lockgate.embedded.process import Guarded

Say = Callable[[str], None]

SERVICE_MODULE = "lockgate.cli.run"
DATABASE = "lockgate"
DECIDING = ("intake", "verifier", "rollback", "ledger")


@dataclass(frozen=True, slots=True)
class Servers:
    """Where Kafka and PostgreSQL are: ours, or outside ones named by the environment."""

    kafka: str
    postgres: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What is started. `deployers` maps each deployer to the regions that it serves; `door`: HTTP too.

    `trials`: of those, the ones in which releases are tried on demand -> the region whose live workloads they are made from.
    """

    deployers: Mapping[str, tuple[str, ...]]
    sandbox: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    prefix: str = "lockgate."
    door: bool = False
    trials: Mapping[str, str] = field(default_factory=dict)

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(region for served in self.deployers.values() for region in served))


class LocalSystem:
    """The system in a folder of its own. With `home` that folder, and so all state of the servers, outlives it.

    Without it the folder is thrown away, whatever ends this process; but its logs stay when something failed.
    `servers`: use these instead of starting embedded ones (they are not stopped). `clusters`: the regions are
    those of real clusters, and no sandbox is started. `launch` starts a service's process.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        home: Path | None = None,
        servers: Servers | None = None,
        clusters: Clusters | None = None,
        launch: Launch = Guarded,
        say: Say = lambda _: None,
    ) -> None:
        self.shape = shape
        self.keep = home is not None
        self.home = home.resolve() if home else Path(tempfile.mkdtemp(prefix="lockgate-"))
        self.home.mkdir(parents=True, exist_ok=True)
        self.children: dict[str, Child] = {}
        self.kafka: Kafka | None = None
        self.postgres: Postgres | None = None
        self.door: LocalDoor | None = None
        self._servers = servers
        self._launch = launch
        self._say = say
        self._places: Sandboxed | Clusters | None = clusters
        self._claim = ExitStack()

    def start(self) -> Self:
        """Starts all and waits until all is ready. What was started is stopped again if something fails.

        InUseError, before anything is touched, if another process runs a system in the same folder.
        """
        self._claim.enter_context(claimed(self.home))
        try:
            began = time.monotonic()
            self._start_ground()
            self._say(
                f"Kafka on {self.servers.kafka}, PostgreSQL, and {len(self.shape.regions)} regions are up"
            )
            self._start_services([*DECIDING, *self.shape.deployers, *self._open_door()])
            names = ", ".join(name for name in self.children if name != "sandbox")
            took = time.monotonic() - began
            self._say(f"{len(self.children) - 1} services are ready, after {took:.1f} s: {names}")
        except BaseException as error:
            self.stop(failed=isinstance(error, Exception))
            raise
        return self

    def stop(self, *, failed: bool = False) -> None:
        """Stops all, the services first. Nothing is left behind, but the logs if something failed."""
        services = [child for name, child in self.children.items() if name != "sandbox"]
        for child in services:
            child.terminate()
        for child in services:
            child.stop()
        if sandbox := self.children.get("sandbox"):
            sandbox.stop()
        for server in (self.postgres, self.kafka):
            if server is not None:
                if failed and not self.keep:
                    _save(server.log, self.home)
                server.close()
        if failed and not self.keep:
            self._say(f"the logs are kept in {self.home}")
        elif not self.keep:
            shutil.rmtree(self.home, ignore_errors=True)
        self._claim.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.stop(failed=isinstance(error, Exception))

    @property
    def servers(self) -> Servers:
        if self._servers is None:
            raise RuntimeError("the local system is not started")
        return self._servers

    @property
    def places(self) -> Sandboxed | Clusters:
        """The regions."""
        if self._places is None:
            raise RuntimeError("the local system is not started")
        return self._places

    @property
    def sandbox(self) -> Sandboxed:
        if not isinstance(self.places, Sandboxed):
            raise TypeError("the regions of this system are real clusters: there is no sandbox")
        return self.places

    def child(self, service: str, replica: str = "") -> Child:
        """A process of a service that is not started yet; `replica` tells several of one service apart."""
        name = service + replica
        if self.door is not None and service == "door":
            return self._process(name, service, self.door.environment)
        served = self.shape.deployers.get(service)
        if served is not None:
            return self._process(name, "deployer", self._told(service, served))
        return self._process(name, service)

    def deployer(self, name: str, served: Iterable[str]) -> Child:
        """A deployer beyond the shape's, not started yet; its regions are among the shape's."""
        return self._process(name, "deployer", self._told(name, served))

    def _told(self, deployer: str, served: Iterable[str]) -> dict[str, str]:
        return deployer_environment(deployer, served, self.places, self.home)

    def ended(self) -> list[Child]:
        """The processes that ended although nobody stopped them."""
        return [child for child in self.children.values() if not child.running]

    def ended_servers(self) -> list[Kafka | Postgres]:
        """The servers of ours that ended although nobody stopped them."""
        return [server for server in (self.kafka, self.postgres) if server is not None and not server.running]

    def _process(self, name: str, kind: str, settings: Mapping[str, str] | None = None) -> Child:
        environment = {**self._environment(), **(settings or {})}
        return self._child(name, SERVICE_MODULE, (kind,), environment, self._launch)

    def _child(
        self,
        name: str,
        module: str,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        launch: Launch = Guarded,
    ) -> Child:
        discard = () if self.keep else (self.home,)
        child = Child(name, module, arguments, environment, self.home, discard=discard, launch=launch)
        self.children[name] = child
        return child

    def _open_door(self) -> tuple[str, ...]:
        """The name of its process, if there is to be one."""
        if not self.shape.door:
            return ()
        self.door = LocalDoor.in_folder(self.home)
        return ("door",)

    def _start_services(self, names: Iterable[str]) -> None:
        for name in names:
            self.child(name).start()
        for name in names:
            self.children[name].wait_ready()
            self._say(f"  {name} is ready")

    def _start_ground(self) -> None:
        """What the services stand on: servers and regions."""
        starting = [] if self._servers else ["Kafka", "PostgreSQL"]
        if self._places is None:
            starting.append(f"a sandbox of {len(self.shape.regions)} regions")
        self._say(f"starting {', '.join(starting) or 'the services'}")
        with ThreadPoolExecutor(2) as pool:
            sandbox = pool.submit(self._start_sandbox) if self._places is None else None
            self._servers = self._servers or self._start_servers()
            if sandbox is not None:
                self._places = sandbox.result()

    def _start_servers(self) -> Servers:
        self.kafka = Kafka(self.home / "kafka", keep=self.keep)
        self.postgres = Postgres(self.home / "postgres", keep=self.keep)
        with ThreadPoolExecutor(2) as pool:
            kafka, postgres = pool.submit(self.kafka.start), pool.submit(self.postgres.start)
            kafka.result()
            postgres.result()
        _ensure_database(self.postgres)
        return Servers(self.kafka.bootstrap, self.postgres.dsn(DATABASE))

    def _start_sandbox(self) -> Sandboxed:
        file = self.home / "sandbox.json"
        child = self._child("sandbox", "lockgate.sandbox", (str(file),), {})
        return Sandboxed.start(self.shape.regions, self.shape.sandbox, child, file, self.shape.trials)

    def _environment(self) -> dict[str, str]:
        settings = {
            "LOCKGATE_KAFKA": self.servers.kafka,
            "LOCKGATE_POSTGRES": self.servers.postgres,
            "LOCKGATE_TOPIC_PREFIX": self.shape.prefix,
            "LOCKGATE_PROMETHEUS": self.places.prometheus,
            "LOCKGATE_LEDGER_POSTGRES": self.servers.postgres,
            "LOCKGATE_LEDGER_KEY": str(self.home / "ledger.pem"),
            "LOCKGATE_LEDGER_CREATE_KEY": "true",
            "LOCKGATE_LEDGER_SIGN_EVERY": "5s",
            **self.shape.environment,
        }
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("LOCKGATE_")}
        return {**inherited, **settings}


def _save(log: Path, home: Path) -> None:
    """A server's log lies in its folder, which goes with the server."""
    if log.exists():
        shutil.copy(log, home / log.name)


def _ensure_database(postgres: Postgres) -> None:
    """A kept state has it already."""
    try:
        postgres.create_database(DATABASE)
    except EmbeddedError as error:
        if not isinstance(error.__cause__, DuplicateDatabaseError):
            raise
