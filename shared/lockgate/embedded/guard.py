"""The process between Lockgate and an embedded server: the server never outlives who started it.

`process.Guarded` runs this file by its path, with nothing but the standard library, and one JSON argument.
On standard output the guard answers with one line: `started PID` or `failed REASON`. On standard input it
takes names of signals for the server, and answers each with a line once it is sent. The end of that input, or another parent process, means that the
starter is gone, however it died: the server is stopped, and what was to be thrown away is removed. Should the
guard itself be killed, the kernel kills the server (Linux only).
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_LOOK_AGAIN: Final = (
    0.5  # seconds between two looks at the parent, should the pipe have leaked into another process
)
_PR_SET_PDEATHSIG: Final = 1


def main(order: dict[str, Any]) -> int:
    """Run the ordered server until it ends or the starter is gone; returns the exit status to report."""
    wakeup = _wake_on_signals()
    try:
        server = _launch(order)
    except OSError as error:
        _answer(f"failed {error}")
        return 127
    _answer(f"started {server.pid}")
    if not _serve(server, order["parent"], wakeup):
        _finish(server, order["stop"], order["grace"])
        for path in order["discard"]:
            shutil.rmtree(path, ignore_errors=True)
    return server.returncode if server.returncode >= 0 else 128 - server.returncode


def _wake_on_signals() -> int:
    """A descriptor that becomes readable when the server ends or somebody terminates the guard."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _noted)
    signal.signal(signal.SIGTERM, _noted)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return reading


def _noted(_number: int, _frame: object) -> None:
    """Nothing to do here: the descriptor wakes the loop."""


def _answer(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the starter is gone, which the next look notices
        os.write(1, line.replace("\n", " ").encode() + b"\n")


def _launch(order: dict[str, Any]) -> "subprocess.Popen[bytes]":
    with Path(order["log"]).open("ab") as log:
        return subprocess.Popen(
            order["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=order["cwd"],
            start_new_session=True,
            preexec_fn=_dies_with(os.getpid()),  # noqa: PLW1509  this process has one thread
            user=order["uid"],
            group=order["gid"],
            extra_groups=None if order["uid"] is None else [],
        )


def _dies_with(guard: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != guard:  # it died before the kernel knew
            os._exit(1)

    return arrange


def _serve(server: "subprocess.Popen[bytes]", parent: int, wakeup: int) -> bool:
    """Pass signals on; True once the server has ended, False when the starter is gone or wants the guard to end."""
    while server.poll() is None:
        ready, _, _ = select.select([0, wakeup], [], [], _LOOK_AGAIN)
        if os.getppid() != parent:
            return False
        if wakeup in ready and signal.SIGTERM in os.read(wakeup, 512):
            return False
        if 0 in ready:
            names = os.read(0, 4096)
            if not names:
                return False
            for name in names.split():
                _send(server.pid, signal.Signals[f"SIG{name.decode()}"])
                _answer("sent")
    return True


def _send(pid: int, number: signal.Signals) -> None:
    """Signal the server; to pause means its children as well, which could otherwise go on answering."""
    paused = number in {signal.SIGSTOP, signal.SIGCONT}
    os.kill(pid, number)
    for child in _children(pid) if paused else ():
        os.kill(child, number)


def _children(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def _finish(server: "subprocess.Popen[bytes]", stop: str, grace: float) -> None:
    _send(server.pid, signal.SIGCONT)
    _send(server.pid, signal.Signals[f"SIG{stop}"])
    try:
        server.wait(grace)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
