"""What both embedded servers have in common: a folder of their own, ports, a guarded process, and its life."""

import fcntl
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal, Self

from lockgate.embedded.errors import EmbeddedError
from lockgate.embedded.ports import free_ports, is_free
from lockgate.embedded.process import Guarded, Order, SignalName

_MARKER = ".lockgate-embedded"
_ATTEMPTS = 5  # free ports are found, not reserved: another process can take one before the server does
_LOOK = 0.02  # seconds between two health checks of a starting server


class Server(ABC):
    """One server in one folder on loopback.

    `keep=False` throws the folder away on `close`, and when this process dies in any way; `stop` alone keeps
    it, for a restart on the same port with the same data. A given `port` is used or the start fails.
    Threads may share a server, one call at a time.
    """

    kind: ClassVar[str]
    ports_needed: ClassVar[int]

    def __init__(self, directory: Path | str, *, port: int | None, keep: bool) -> None:
        self.directory = Path(directory).absolute()
        self.log = self.directory / f"{self.kind}.log"
        self.keep = keep
        self._asked_port = port
        self._ports: tuple[int, ...] = ()
        self._process: Guarded | None = None
        self._claimed = False

    @abstractmethod
    def _edition(self) -> str:
        """Kind and version of the data that this server reads and writes."""

    @abstractmethod
    def _prepare(self) -> None:
        """Make everything that a start needs; cheap when it is there."""

    @abstractmethod
    def _order(self, ports: tuple[int, ...]) -> Order:
        """How to run the server on these ports."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the server answers clients now; waits for an answer no longer than a second."""

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.exit_status is None

    @property
    def pid(self) -> int:
        """Process id of the server itself; EmbeddedError while it does not run."""
        return self._alive().pid

    @property
    def port(self) -> int:
        """The port for clients; chosen by the first start, the same for every later one."""
        if not self._ports:
            raise EmbeddedError(f"{self.kind} in {self.directory} has no port yet.", "call start() first.")
        return self._ports[0]

    def start(self, timeout: float = 60.0) -> Self:
        """Start and wait until clients are answered. Nothing happens when it runs already."""
        if self.running:
            return self
        self._claim()
        with self._locked(timeout) as lock:
            self._prepare()
            for attempt in range(_ATTEMPTS):
                if self._launched(lock, timeout, last=attempt == _ATTEMPTS - 1):
                    break
        return self

    def stop(self, timeout: float = 30.0) -> None:
        """Stop in order, by force after `timeout` seconds; the data stays. Nothing happens when it is stopped."""
        self._end(self._stop_signal(), timeout)

    def kill(self) -> None:
        """SIGKILL, as a crash would; `start` brings it back with what it had acknowledged."""
        process = self._alive()
        process.send("KILL")
        process.wait(10.0)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing is answered, as when a machine hangs."""
        self._alive().send("STOP")

    def resume(self) -> None:
        """SIGCONT: it goes on where `pause` stopped it."""
        self._alive().send("CONT")

    def close(self) -> None:
        """Stop, and throw the folder away unless it is to be kept."""
        if self.keep:
            self.stop()
            return
        self._end(self._discard_signal(), timeout=10.0)
        if self._claimed:
            for path in self._discarded():
                shutil.rmtree(path, ignore_errors=True)

    def _end(self, signal: SignalName, timeout: float) -> None:
        if not self.running:
            return
        process = self._alive()
        process.send("CONT")  # a paused server would not hear the other signal
        process.send(signal)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _stop_signal(self) -> SignalName:
        return "TERM"

    def _discard_signal(self) -> SignalName:
        return "KILL"

    def _discarded(self) -> tuple[Path, ...]:
        return (self.directory,)

    def _alive(self) -> Guarded:
        if self._process is None or self._process.exit_status is not None:
            raise EmbeddedError(
                f"{self.kind} in {self.directory} does not run.", "call start() first.", self.log
            )
        return self._process

    def _claim(self) -> None:
        """Take a folder that is new, empty, or ours; nobody else's files are ever in the way of a removal."""
        marker = self.directory / _MARKER
        self.directory.mkdir(parents=True, exist_ok=True)
        if not marker.exists():
            if any(self.directory.iterdir()):
                raise EmbeddedError(
                    f"{self.directory} holds files that are not from an embedded {self.kind}.",
                    "name an empty folder, or one that does not exist yet.",
                )
            marker.write_text(self._edition())
        if (found := marker.read_text()) != self._edition():
            raise EmbeddedError(
                f"{self.directory} holds data of {found}; this is {self._edition()}.",
                "name another folder, or remove this one if its data is not needed.",
            )
        self._claimed = True

    @contextmanager
    def _locked(self, timeout: float) -> Iterator[int]:
        """The folder's lock; the guard inherits it, so it is held until the server has really ended."""
        deadline = time.monotonic() + timeout
        with (self.directory / f"{_MARKER}.lock").open("a") as lock:
            while not _try_lock(lock.fileno()):
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"{self.directory} is in use by another {self.kind}, still after {timeout:.0f} s.",
                        "stop the other process, or name another folder.",
                    )
                time.sleep(_LOOK)
            yield lock.fileno()

    def _launched(self, lock: int, timeout: float, *, last: bool) -> bool:
        """Start once. False when another process took a port that this start is free to choose anew."""
        ports = self._ports or self._choose_ports()
        fixed = bool(self._ports) or self._asked_port is not None
        written = self.log.stat().st_size if self.log.exists() else 0
        taken = not all(map(is_free, ports)) or self._outcome(ports, lock, timeout, written) == "port taken"
        if taken and (fixed or last):
            raise EmbeddedError(
                f"{self.kind}: another program listens on port {' or '.join(map(str, ports))}.",
                "stop that program, or choose another port (without one, a free one is found).",
            )
        return not taken

    def _outcome(
        self, ports: tuple[int, ...], lock: int, timeout: float, written: int
    ) -> Literal["ready", "port taken"]:
        """Launch and wait; EmbeddedError when it neither gets ready nor finds a port taken. Only a success is remembered."""
        before, self._ports = self._ports, ports
        self._process = Guarded(self._order(ports), lock=lock)
        deadline = time.monotonic() + timeout
        while self.running and time.monotonic() < deadline and not self._port_taken(written):
            if self.ready():
                return "ready"
            time.sleep(_LOOK)
        self._ports = before
        silent = self.running
        if silent:
            self.kill()
        if self._port_taken(written):
            return "port taken"
        happened = f"did not answer within {timeout:.0f} s" if silent else "ended while it started"
        raise EmbeddedError(
            f"{self.kind} in {self.directory} {happened}.", "read the log named above.", self.log
        )

    def _port_taken(self, written: int) -> bool:
        """Whether the log says so after its first `written` bytes; Kafka then still takes 10 s to end."""
        with self.log.open("rb") as log:
            log.seek(written)
            return b"ddress already in use" in log.read()

    def _choose_ports(self) -> tuple[int, ...]:
        if self._asked_port is None:
            return free_ports(self.ports_needed)
        return (self._asked_port, *free_ports(self.ports_needed - 1))


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
