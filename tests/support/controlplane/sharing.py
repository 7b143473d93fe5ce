"""One control plane for all processes of a test run: the first that needs one has it started, and it ends after the last.

A process of its own keeps it (`python -m tests.support.controlplane.sharing FOLDER`). Whoever uses it holds a lock, which goes
with its holder whatever ends that, and the keeper waits until nobody holds it.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockgate.embedded.cache import exclusive
from tests.support.controlplane.admin import AdminError
from tests.support.controlplane.plane import ControlPlane
from tests.support.controlplane.programs import programs
from tests.support.controlplane.starting import started

_STARTING, _USERS, _TOLD, _LOG = "starting.lock", "users.lock", "told.json", "keeper.log"


@contextmanager
def shared(folder: Path) -> Iterator[ControlPlane]:
    """The one of this folder, which is started if nobody uses it yet. AdminError if it does not come up."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / _USERS).open("a") as users:
        with exclusive(folder / _STARTING):
            fcntl.flock(users, fcntl.LOCK_SH)  # one that is ending has ended then
            if not (folder / _TOLD).exists():
                _have_started(folder)
            plane = ControlPlane.heard((folder / _TOLD).read_bytes())
        yield plane


def _have_started(folder: Path) -> None:
    with (folder / _LOG).open("wb") as log:
        command = (sys.executable, "-m", __name__, str(folder))
        status = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
        ).returncode
    if status != 0:
        raise AdminError(f"no control plane was started: {(folder / _LOG).read_text(errors='replace')}")


# --- in the process itself ----------------------------------------------------------------------------------------


def main(folder: Path) -> None:
    """Returns once it runs, or has failed, and leaves the keeper behind, which no terminal's Ctrl-C reaches."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        os._exit(0 if os.read(reading, 1) else 1)
    os.setsid()
    with (folder / _USERS).open("a") as users, started(programs(), folder / "files") as plane:
        half = folder / f"{_TOLD}.half"
        half.touch(mode=0o600)
        half.write_bytes(plane.told())
        half.rename(folder / _TOLD)
        os.write(writing, b".")
        fcntl.flock(users, fcntl.LOCK_EX)
        (folder / _TOLD).unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
