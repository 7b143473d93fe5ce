"""The claim of one process on a local system's folder: a second one is told at once whose it is."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_FILE = "lock"


class InUseError(Exception):
    """Another process runs a local system in the folder. The message names both, and what to do."""


@contextlib.contextmanager
def claimed(home: Path) -> Iterator[None]:
    """Claims the folder while it is open; the kernel ends the claim with this process. InUseError if it is taken.

    It is no lock on the servers' data: those have their own, which lasts until the servers have ended.
    """
    descriptor = os.open(home / _FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            whose = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise InUseError(
                f"{home} is in use by the process {whose}: stop that one, or name another folder."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
