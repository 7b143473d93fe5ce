"""A child process behind a guard: it ends with this process, whatever ends this process."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from lockgate.embedded import guard
from lockgate.embedded.account import Account
from lockgate.embedded.errors import EmbeddedError

SignalName = Literal["TERM", "INT", "QUIT", "KILL", "STOP", "CONT"]


@dataclass(frozen=True, slots=True)
class Order:
    """What to run and how it ends when its starter is gone: by `stop`, killed after `grace` seconds."""

    command: tuple[str, ...]
    cwd: Path
    log: Path
    environment: Mapping[str, str]
    account: Account | None = None
    stop: SignalName = "TERM"
    grace: float = 10.0
    discard: tuple[Path, ...] = ()

    def argument(self) -> str:
        """The JSON that the guard reads; the environment is inherited instead, so that `ps` shows none of it."""
        return json.dumps(
            {
                "command": self.command,
                "cwd": str(self.cwd),
                "log": str(self.log),
                "uid": self.account.uid if self.account else None,
                "gid": self.account.gid if self.account else None,
                "stop": self.stop,
                "grace": self.grace,
                "discard": [str(path) for path in self.discard],
                "parent": os.getpid(),
            },
        )


class Guarded:
    """A running server and its guard, which ends when the server ends. Signals go through the guard, so that
    none can hit a process that was given the same id later.
    """

    def __init__(self, order: Order, *, lock: int | None = None) -> None:
        """Start it. The guard keeps the descriptor `lock` open for as long as the server lives."""
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, order.argument()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # a signal is sent when it is written
            env=dict(order.environment),
            pass_fds=() if lock is None else (lock,),
            start_new_session=True,  # a terminal's Ctrl-C is for the starter, who stops the server in order
        )
        assert self._guard.stdin is not None  # noqa: S101  PIPE was asked for; this is for mypy
        assert self._guard.stdout is not None  # noqa: S101  as above
        self._orders, self._answers = self._guard.stdin, self._guard.stdout
        word, _, rest = self._answers.readline().decode().strip().partition(" ")
        if word != "started":
            self.wait(10.0)
            raise EmbeddedError(
                f"{order.command[0]} cannot be started: {rest or 'its guard process failed'}.",
                "see that the file exists and may be executed; `make clean setup` installs it again.",
                order.log,
            )
        self.pid = int(rest)

    @property
    def exit_status(self) -> int | None:
        """None while it runs; 128 + n when signal n ended it."""
        status = self._guard.poll()
        if status is not None:
            self._close()
        return status

    def send(self, name: SignalName) -> None:
        """Signal the server, and return once it is sent; nothing happens when the server has ended already."""
        if self.exit_status is not None:
            return
        with contextlib.suppress(BrokenPipeError):  # it ended just now
            self._orders.write(f"{name}\n".encode())
            self._answers.readline()

    def wait(self, timeout: float) -> int:
        """The exit status; raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        status = self._guard.wait(timeout)
        self._close()
        return status

    def _close(self) -> None:
        self._orders.close()
        self._answers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.send("KILL")
        self.wait(10.0)


def run(order: Order, timeout: float, what: str) -> None:
    """Run a command to its end; EmbeddedError, naming `what`, when it fails or takes longer than `timeout` seconds."""
    with Guarded(order) as process:
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = -1
    if status != 0:
        ended = "took too long" if status < 0 else f"ended with status {status}"
        raise EmbeddedError(
            f"{what}: {Path(order.command[0]).name} {ended}.", "read the log named above.", order.log
        )
