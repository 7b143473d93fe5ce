"""The process that has loaded all services and forks one for whoever connects. Spoken to by `forking.Forked`, a line a message.

One connection a service: its order comes in, `started PID` goes out; names of signals come in and `sent` goes out;
`ended STATUS` at the end. A closed connection kills its service. It has one thread, as forking demands.
"""

import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from lockgate.cli.run import SERVICES, run_service

_PR_SET_PDEATHSIG = 1


class Parent:
    """`children` are those that run, each with the connection of whoever ordered it."""

    def __init__(self, address: str) -> None:
        self.children: dict[int, socket.socket] = {}
        self.address = address
        self.events = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX)
        self.wakeup, woken = os.pipe()
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> NoReturn:
        self.listener.bind(f"{self.address}.new")
        self.listener.listen(64)
        self.events.register(self.listener, selectors.EVENT_READ)
        self.events.register(self.wakeup, selectors.EVENT_READ)
        Path(f"{self.address}.new").rename(self.address)  # whoever sees it can connect
        while True:
            for key, _ in self.events.select():
                match key.fileobj:
                    case self.listener:
                        self.events.register(self.listener.accept()[0], selectors.EVENT_READ)
                    case self.wakeup:
                        os.read(self.wakeup, 512)
                    case socket.socket() as connection:
                        self.hear(connection)
                    case other:
                        raise TypeError(f"nothing else is registered, and this is {other!r}")
            self.reap()

    def hear(self, connection: socket.socket) -> None:
        pid = next((pid for pid, theirs in self.children.items() if theirs is connection), None)
        line = _line(connection)
        if pid is None and line:
            self.fork(connection, json.loads(line))
        elif pid is None:
            self.events.unregister(connection)
            connection.close()
        elif line:
            os.kill(pid, signal.Signals[f"SIG{line}"])
            connection.sendall(b"sent\n")
        else:
            os.kill(pid, signal.SIGKILL)
            self.events.unregister(connection)

    def fork(self, connection: socket.socket, order: dict[str, Any]) -> None:
        this = os.getpid()
        if (pid := os.fork()) == 0:
            _become(order, this)
        self.children[pid] = connection
        connection.sendall(f"started {pid}\n".encode())

    def reap(self) -> None:
        for pid in list(self.children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                connection = self.children.pop(pid)
                try:
                    connection.sendall(f"ended {code if code >= 0 else 128 - code}\n".encode())
                    self.events.unregister(connection)
                except (OSError, KeyError):
                    pass  # whoever ordered it is gone
                connection.close()


def _line(connection: socket.socket) -> str:
    """One message; empty at the end. Whoever is spoken to sends the next one only after an answer."""
    got = bytearray()
    while not got.endswith(b"\n"):
        try:
            part = connection.recv(1 << 16)
        except ConnectionError:
            return ""
        if not part:
            return ""
        got += part
    return got.decode().strip()


def _become(order: dict[str, Any], parent: int) -> NoReturn:
    """This process is the service from here on."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        _redirect(Path(order["log"]))
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["environment"])
        code = run_service(*order["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001  this process may not go on as the parent's copy, whatever happened
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(log: Path) -> None:
    """Output to the log, no input, and none of the parent's descriptors."""
    os.closerange(3, 1 << 16)
    null, file = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for source, target in ((null, 0), (file, 1), (file, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(file)


if __name__ == "__main__":
    for name in SERVICES:
        import_module(f"lockgate.{name}.service")
    gc.freeze()
    Parent(sys.argv[1]).serve()
