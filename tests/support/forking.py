"""Processes of services forked from one that has loaded all of them already: a start costs a tenth of what it costs else.

`Forking` is the tests' side, `forking_parent` the other one. A forked service is a process of its own, with its own
environment, log, signals and end; but for the loading it is started as `lockgate run` starts it, and but for the hashes of
strings, which all have from the one (a decision that hung on the order of a set would come out the same again: replay, which
is a process of its own, would see it). For runs that start services by the thousand; the others start them from nothing.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from lockgate.cli.local.system import SERVICE_MODULE
from lockgate.embedded.process import Guarded, Order, SignalName

_KILLED = 128 + 9
LOADING = 60.0
"""Seconds that the loading may take on a busy machine."""


class Forked:
    """A running service. Its parent signals it, so that none can hit a process that was given the same id later."""

    def __init__(self, order: Order, address: str) -> None:
        command = order.command
        if command[:3] != (sys.executable, "-m", SERVICE_MODULE):
            raise ValueError(f"only services are forked, by {SERVICE_MODULE}, and this is {command}")
        self._status: int | None = None
        self._parent = socket.socket(socket.AF_UNIX)
        self._parent.connect(address)
        asked = {
            "arguments": command[3:],
            "cwd": str(order.cwd),
            "log": str(order.log),
            "environment": dict(order.environment),
        }
        self._parent.sendall(json.dumps(asked).encode() + b"\n")
        self.pid = int(self._line().removeprefix("started "))

    @property
    def exit_status(self) -> int | None:
        """None while it runs; 128 + n when signal n ended it."""
        if self._status is None and self._answered(0.0):
            self._hear()
        return self._status

    def send(self, name: SignalName) -> None:
        """Returns once it is sent; nothing happens when the service has ended already."""
        if self.exit_status is None:
            with contextlib.suppress(BrokenPipeError):  # it ended just now
                self._parent.sendall(f"{name}\n".encode())
            self._hear()

    def wait(self, timeout: float) -> int:
        """The exit status; raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        while self._status is None:
            if not self._answered(timeout):
                raise subprocess.TimeoutExpired(f"the service {self.pid}", timeout)
            self._hear()
        return self._status

    def _answered(self, timeout: float) -> bool:
        """Whether there is something to read: but for the answer to a signal that can only be the end."""
        self._parent.settimeout(timeout)
        try:
            self._parent.recv(1, socket.MSG_PEEK)
        except (TimeoutError, BlockingIOError):
            return False
        except ConnectionError:
            return True
        else:
            return True
        finally:
            self._parent.settimeout(None)

    def _hear(self) -> None:
        """One line. None is left to come from a parent that is gone: the kernel kills its services with it."""
        match self._line().split():
            case ["ended", status]:
                self._status = int(status)
                self._parent.close()
            case []:
                self._status = _KILLED
                self._parent.close()
            case _:
                pass  # the signal was sent

    def _line(self) -> str:
        """Byte by byte, so that nothing of the next line is taken, and `_answered` sees it."""
        got = bytearray()
        while not got.endswith(b"\n"):
            try:
                one = self._parent.recv(1)
            except ConnectionError:
                return ""
            if not one:
                return ""
            got += one
        return got.decode().strip()


class Forking:
    """Starts services by forking them. All of them end with it, and it ends with this process."""

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix="lockgate-forking-"))
        self._address = str(self._home / "parent")
        command = (sys.executable, "-m", "tests.support.forking_parent", self._address)
        environment = {"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
        root = Path(__file__).resolve().parents[2]
        order = Order(command, root, self._home / "log", environment, stop="KILL", discard=(self._home,))
        self._parent = Guarded(order)
        self._await_loaded()
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.send("KILL")
        self._parent.wait(10.0)
        shutil.rmtree(self._home, ignore_errors=True)

    def launch(self, order: Order) -> Forked:
        return Forked(order, self._address)

    def _await_loaded(self) -> None:
        """Its address is there once all is loaded."""
        for _ in range(round(LOADING / 0.05)):
            if Path(self._address).exists():
                return
            try:
                self._parent.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            raise ConnectionError(f"the parent of the services ended: {(self._home / 'log').read_text()}")
        raise TimeoutError(f"the services were not loaded in {LOADING:.0f} s")
