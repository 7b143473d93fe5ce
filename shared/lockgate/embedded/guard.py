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
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_LOOK_AGAIN: Final = (
    0.5  # seconds between two looks at the parent, should the pipe have leaked into another process
)
_LAST_WORDS: Final = 5.0  # seconds that children of an ended server have to end by themselves
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


def main(order: dict[str, Any]) -> int:
    """Run the ordered server until it ends or the starter is gone; returns the exit status to report."""
    wakeup = _wake_on_signals()
    _adopt_orphans()
    try:
        server = _launch(order)
    except OSError as error:
        _answer(f"failed {error}")
        return 127
    _answer(f"started {server.pid}")
    ended = _serve(server, order["parent"], wakeup)
    if not ended:
        _finish(server, order["stop"], order["grace"])
    _outlive_orphans()
    if not ended:
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


def _adopt_orphans() -> None:
    """What a killed server leaves running becomes the guard's own child (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


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
    """Signal the server. Its children are paused and resumed with it, as they could otherwise go on answering;
    and those of a killed server are resumed, so that they see it and end.
    """
    before = _children(pid) if number == signal.SIGKILL else []
    os.kill(pid, number)
    after = _children(pid) if number in {signal.SIGSTOP, signal.SIGCONT} else []
    for child in before + after:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGCONT if number == signal.SIGKILL else number)


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


def _outlive_orphans() -> None:
    """Wait until the ended server's children have ended, by force in the end: they would be in a restart's way."""
    deadline = time.monotonic() + _LAST_WORDS
    with contextlib.suppress(ChildProcessError):  # no child is left
        while True:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if not pid and time.monotonic() > deadline:
                for child in _children(os.getpid()):
                    os.kill(child, signal.SIGKILL)
            if not pid:
                time.sleep(0.005)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
