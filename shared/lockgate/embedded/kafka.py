"""One Kafka broker (KRaft, broker and controller in one process) on loopback.

It has no authentication: every program of this machine can use it while it runs.
"""

import shutil
from pathlib import Path
from typing import ClassVar

from lockgate.embedded import jars, java
from lockgate.embedded.kafka_files import DATA, cluster_of, formatted, properties, template
from lockgate.embedded.kafka_health import cluster_at
from lockgate.embedded.process import Order
from lockgate.embedded.progress import silent
from lockgate.embedded.server import Server


class Kafka(Server):
    """A broker that clients reach at `bootstrap`. Topics exist only when somebody creates them.

    `extra_flags` goes to the JVM (the training of the start-up cache needs one); `settings` adds to
    server.properties or replaces what is there.
    """

    kind: ClassVar[str] = "kafka"
    ports_needed: ClassVar[int] = 2  # for clients, and for the controller

    def __init__(
        self,
        directory: Path | str,
        *,
        port: int | None = None,
        keep: bool = False,
        settings: dict[str, str] | None = None,
        extra_flags: tuple[str, ...] = (),
    ) -> None:
        super().__init__(directory, port=port, keep=keep)
        self._settings = settings or {}
        self._extra_flags = extra_flags

    @property
    def bootstrap(self) -> str:
        """`host:port` for `bootstrap_servers`."""
        return f"127.0.0.1:{self.port}"

    def ready(self) -> bool:
        """Whether this cluster answers a metadata request; an open port alone proves nothing."""
        return bool(self._ports) and cluster_at("127.0.0.1", self.port) == cluster_of(self.directory / DATA)

    def _edition(self) -> str:
        return f"kafka {jars.VERSION}"

    def _prepare(self) -> None:
        jars.ensure(silent)
        data = self.directory / DATA
        if not (data / "meta.properties").exists():
            shutil.rmtree(data, ignore_errors=True)  # half a format, from a start that was cut off
            formatted(data, template())

    def _order(self, ports: tuple[int, ...]) -> Order:
        file = self.directory / "server.properties"
        file.write_text(properties(ports[0], ports[1], self._settings), encoding="ascii")
        trained = java.startup_cache()
        cached = (f"-XX:AOTCache={trained}",) if trained.exists() and not self._extra_flags else ()
        return Order(
            command=java.command("kafka.Kafka", str(file), extra_flags=cached + self._extra_flags),
            cwd=self.directory,
            log=self.log,
            environment=java.environment(),
            stop="TERM" if self.keep else "KILL",
            discard=() if self.keep else self._discarded(),
        )
