"""A small disk of its own under a server's data, which really fills up, and stays full until it is freed.

The server's log lies elsewhere, so that it can say what it met. Mounting needs root.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from lockgate.embedded import Kafka, Postgres
from lockgate.embedded.kafka_files import DATA, formatted, template

REFUSED = b"No space left on device"
"""What both servers write into their logs; the words are the C library's, and so Java's."""

_BLOCK = 1 << 20
_TOP_UP_SECONDS = 0.2


class NoDiskError(Exception):
    """This machine lets nobody mount a file system. The message says what is needed."""


class Disk:
    """A mounted file system of a few MiB. `folder` belongs to whoever uses it; the ballast lies beside it."""

    def __init__(self, mounted: Path) -> None:
        self._ballast = mounted / "ballast"
        self._mounted = mounted
        self.folder = mounted / "used"
        self.folder.mkdir(mode=0o700)

    @property
    def left(self) -> int:
        """Bytes that anybody can still write."""
        return shutil.disk_usage(self._mounted).free

    @asynccontextmanager
    async def full(self) -> AsyncIterator[None]:
        """Nothing is left on it for as long as this is open: what its user gives back is taken at once."""
        freed = asyncio.Event()
        filling = asyncio.create_task(self._keep_full(freed))
        try:
            yield
        finally:
            freed.set()
            await filling
            self._ballast.unlink()

    async def _keep_full(self, freed: asyncio.Event) -> None:
        while not freed.is_set():
            await asyncio.to_thread(self._fill)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TOP_UP_SECONDS):
                    await freed.wait()

    def _fill(self) -> None:
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while self.left:
                file.write(bytes(min(_BLOCK, self.left)))


@contextmanager
def small_disk(mebibytes: int) -> Iterator[Disk]:
    """NoDiskError, with a sentence, where it cannot be mounted."""
    place = Path(tempfile.mkdtemp(prefix="lockgate-disk-"))
    place.chmod(0o755)  # PostgreSQL's account has to pass it
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0755", "lockgate-disk", str(place))
        try:
            yield Disk(place)
        finally:
            _run(
                "umount", "--lazy", str(place)
            )  # a server that hangs keeps it, and gives it back when it ends
    finally:
        place.rmdir()


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip()
        raise NoDiskError(
            f"`{' '.join(command)}` failed: {said}. This run fills a disk, so it has to mount one of its own: run it"
            " as root, in a container with the capability SYS_ADMIN."
        ) from error


class KafkaOnDisk(Kafka):
    """A broker whose data lies on a disk, and whose log does not."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        super().__init__(directory)
        self._disk = disk

    def _prepare(self) -> None:
        place = self.directory / DATA
        if not place.exists():
            formatted(self._disk.folder / DATA, template())
            place.symlink_to(self._disk.folder / DATA, target_is_directory=True)
        super()._prepare()


class PostgresOnDisk(Postgres):
    """A server whose data lies on a disk, and whose log does not. It keeps little WAL, so that a full disk is soon met."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        super().__init__(directory)
        self._disk = disk
        self._settings = self._settings | {"min_wal_size": "32MB", "max_wal_size": "64MB"}

    def _settle(self) -> None:
        home = self.directory / "home"
        if home.exists():
            return
        home.symlink_to(self._disk.folder, target_is_directory=True)
        if self._account is not None:
            os.chown(self._disk.folder, self._account.uid, self._account.gid)
