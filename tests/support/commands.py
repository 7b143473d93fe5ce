"""The command `lockgate` as a process, with its output as it grows, and everything that it started."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types
from typer.testing import CliRunner, Result

from lockgate.cli.main import app

LOCKGATE = (sys.executable, "-c", "from lockgate.cli.main import app; app()")


async def typed(*arguments: str) -> Result:
    """A command in this process, in a thread of its own, since it has an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


class Command:
    """One run. `said` is its output so far, both streams, as lines."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [*LOCKGATE, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,  # a test's own Ctrl-C is not for it
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self.said)

    def until_said(self, words: str, within: float = 90.0) -> str:
        """The first line with these words; waited for. AssertionError with the output so far if there is none."""

        def found() -> str | None:
            return next((line for line in list(self.said) if words in line), None)

        waited_for(
            lambda: found() is not None or self.process.poll() is not None, within, lambda: self.output
        )
        self._reader.join(0.2 if self.process.poll() is None else 10.0)
        line = found()
        assert line is not None, f"it ended without saying {words!r}:\n{self.output}"
        return line

    def family(self) -> list[psutil.Process]:
        """Every process that it started and that these started, itself included."""
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def ends(self, within: float = 30.0) -> int:
        """Its exit code; waited for."""
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {within:.0f} s:\n{self.output}") from None
        self._reader.join(10.0)
        return code

    def close(self) -> None:
        """Whatever the test left: the guards of what it started end the rest."""
        self.process.kill()
        self.process.wait(10.0)
        self._reader.join(10.0)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.said.extend(iter(self.process.stdout.readline, ""))


@contextmanager
def command(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[Command]:
    """A run that is over when the block is."""
    run = Command(*arguments, environment=environment)
    try:
        yield run
    finally:
        run.close()


def waited_for(
    condition: Callable[[], bool], within: float, why: Callable[[], str] = lambda: "it did not happen"
) -> None:
    """Returns once the condition holds. AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {why()}"
        time.sleep(0.05)


def all_gone(processes: list[psutil.Process], within: float = 30.0) -> None:
    """Waits until none of them lives; a process that got a dead one's id later is none of them."""
    waited_for(
        lambda: not _alive(processes),
        within,
        lambda: f"still alive: {[' '.join(p.cmdline()[:6]) for p in _alive(processes)]}",
    )


def memory_mib(processes: list[psutil.Process]) -> float:
    """What they use together: pages that several share are counted once (PSS)."""
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):  # it ended meanwhile
            continue
    return total / 2**20


def folder_of(run: Command) -> Path:
    """The folder of a local system that runs: where its sandbox writes its log."""
    for process in run.family():
        for word in process.cmdline():
            if word.endswith("sandbox.json"):
                return Path(word).parent
    raise AssertionError(f"no sandbox runs:\n{run.output}")


def _alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
