"""One process of the local system: guarded, logging to a file, ready when it says so over HTTP."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Protocol

from lockgate.cli.local.http import answering
from lockgate.embedded.ports import free_ports
from lockgate.embedded.process import Guarded, Order, SignalName

STOP_SECONDS = 12.0


class Process(Protocol):
    """What is started by an order; as `Guarded` is one, and tests have another."""

    @property
    def pid(self) -> int: ...

    @property
    def exit_status(self) -> int | None: ...

    def send(self, name: SignalName) -> None: ...

    def wait(self, timeout: float) -> int: ...


Launch = Callable[[Order], Process]


class ChildError(Exception):
    """A process of the local system did not start or ended. The message names it and its log."""


class Child:
    """A service, or a replica of one. It ends with this process, whatever ends this process.

    Then its guard also removes `discard`, the folders that nobody is left to remove.
    """

    def __init__(
        self,
        name: str,
        module: str,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        home: Path,
        *,
        discard: tuple[Path, ...] = (),
        launch: Launch = Guarded,
    ) -> None:
        self.name = name
        self.log = home / f"{name}.log"
        self.port = free_ports(1)[0]
        self._home = home
        self._discard = discard
        self._launch = launch
        self._command = (sys.executable, "-m", module, *arguments)
        self._environment = {**environment, "PYTHONUNBUFFERED": "1"}
        self._more: Mapping[str, str] = {}
        self._said_before = 0
        self._process: Process | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.exit_status is None

    @property
    def exit_status(self) -> int | None:
        """None while it runs or was never started."""
        return None if self._process is None else self._process.exit_status

    @property
    def pid(self) -> int:
        return self._alive().pid

    def start(self, more: Mapping[str, str] | None = None) -> None:
        """Starts the process, and does not wait until it is ready. `more` is added to its environment, this once."""
        self._more = more or {}
        self._said_before = len(self.log.read_text(errors="replace")) if self.log.exists() else 0
        order = Order(
            self._command,
            self._home,
            self.log,
            {**self._environment, "LOCKGATE_HTTP_PORT": str(self.port), **self._more},
            grace=STOP_SECONDS,
            discard=self._discard,
        )
        self._process = self._launch(order)

    def ready(self) -> bool:
        """Whether it says that it is ready; not whether another process does that took its port."""
        try:
            return self.running and answering(f"http://127.0.0.1:{self.port}/readyz") == str(self.pid)
        except (OSError, HTTPException):
            return False

    def wait_ready(self, seconds: float = 60.0) -> None:
        """ChildError if it ends, or is not ready in time. If its port was taken meanwhile, it gets another one."""
        deadline = time.monotonic() + seconds
        while not self.ready():
            if not self.running and self._port_was_taken() and time.monotonic() < deadline:
                self.port = free_ports(1)[0]
                self.start(self._more)
            if not self.running:
                raise ChildError(
                    f"{self.name} ended with status {self.exit_status} while it started. Its log: {self.log}"
                )
            if time.monotonic() > deadline:
                raise ChildError(f"{self.name} was not ready after {seconds:.0f} s. Its log: {self.log}")
            time.sleep(0.05)

    def _port_was_taken(self) -> bool:
        """Whether that is what ended it."""
        return "address already in use" in self.log.read_text(errors="replace")[self._said_before :]

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        if self.running:
            self._alive().send("CONT")
            self._alive().send("TERM")

    def stop(self) -> int:
        """Stops it gracefully, by force if it takes longer than STOP_SECONDS; returns its exit status."""
        if not self.running:
            return self.exit_status or 0
        self.terminate()
        try:
            return self._alive().wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.exit_status or 0

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._alive().send("KILL")
        self._alive().wait(10.0)

    def pause(self) -> None:
        self._alive().send("STOP")

    def resume(self) -> None:
        self._alive().send("CONT")

    def _alive(self) -> Process:
        if self._process is None:
            raise ChildError(f"{self.name} was never started")
        return self._process
