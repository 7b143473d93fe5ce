"""The jars of the Kafka broker: pinned by checksum in the lock file beside this module, fetched through jgo.

jgo writes in place and only warns of a wrong checksum, so each jar is fetched into a scratch folder, checked
here, and moved to its place whole.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from lockgate.embedded.cache import cache, exclusive
from lockgate.embedded.errors import EmbeddedError
from lockgate.embedded.progress import Progress, Report

VERSION = "4.3.1"
LOCK = Path(__file__).with_name(f"kafka-{VERSION}.lock")
_AT_ONCE = 8
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock: `group:artifact:version sha256 size`, size in bytes."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    def __str__(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


Download = Callable[[Jar, Path], Path]
"""Fetches one jar into a scratch folder and says where it is; any exception is a failed try."""


def read_lock(text: str) -> tuple[Jar, ...]:
    jars = []
    for line in text.splitlines():
        coordinates, sha256, size = line.split()
        group, artifact, version = coordinates.split(":")
        jars.append(Jar(group, artifact, version, sha256, int(size)))
    return tuple(sorted(jars, key=lambda jar: jar.file_name))


def home() -> Path:
    """The folder of everything derived from this lock: another lock, another folder."""
    return cache() / f"kafka-{VERSION}-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def class_path() -> str:
    """The jars in an order that never changes, since the start-up cache is bound to it."""
    return ":".join(str(home() / "jars" / jar.file_name) for jar in read_lock(LOCK.read_text()))


def ensure(report: Report) -> None:
    """Fetch what the lock names and the cache lacks. EmbeddedError for a path that Java cannot use, for a jar
    that cannot be fetched, and for one that is not what the lock says.
    """
    folder = home() / "jars"
    if ":" in str(folder):
        raise EmbeddedError(
            f"The cache folder {folder} has a colon in its name, which Java reads as a separator.",
            "set LOCKGATE_CACHE to a folder without one.",
        )
    fetch(read_lock(LOCK.read_text()), folder, download_with_jgo, report)


def fetch(jars: tuple[Jar, ...], folder: Path, download: Download, report: Report) -> None:
    """Bring every jar into `folder`; what is there with the right size was checked when it came and is not fetched again."""
    if not _missing(jars, folder):
        return
    with exclusive(folder.parent / ".jars.lock"):
        missing = _missing(jars, folder)  # another process may have fetched them while we waited
        folder.mkdir(parents=True, exist_ok=True)
        step = f"Kafka {VERSION}: {len(jars)} jars, {sum(jar.size for jar in jars) / 1e6:.0f} MB"
        report(Progress(step, len(jars) - len(missing), len(jars)))
        with tempfile.TemporaryDirectory(dir=folder) as scratch, ThreadPoolExecutor(_AT_ONCE) as pool:
            work = [pool.submit(_fetch_one, jar, Path(scratch), folder, download) for jar in missing]
            for done, finished in enumerate(as_completed(work), len(jars) - len(missing) + 1):
                finished.result()
                report(Progress(step, done, len(jars)))


def _missing(jars: tuple[Jar, ...], folder: Path) -> list[Jar]:
    def there(path: Path, size: int) -> bool:
        return path.is_file() and path.stat().st_size == size

    return [jar for jar in jars if not there(folder / jar.file_name, jar.size)]


def _fetch_one(jar: Jar, scratch: Path, folder: Path, download: Download) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            path = download(jar, Path(tempfile.mkdtemp(dir=scratch)))
        except Exception as error:
            if attempt == _TRIES:
                raise EmbeddedError(
                    f"Kafka {VERSION}: {jar} could not be fetched in {_TRIES} tries: {error}",
                    "see that the Maven repository can be reached from here, then run it again; "
                    "what was fetched is kept.",
                ) from error
            time.sleep(attempt)
            continue
        _check(jar, path)
        shutil.move(path, folder / jar.file_name)
        return


def _check(jar: Jar, path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise EmbeddedError(
            f"Kafka {VERSION}: {jar} arrived with sha256 {found}, but {LOCK.name} pins {jar.sha256}. It was thrown away.",
            "run it again; if it stays so, something between here and the repository changes files: do not use them.",
        )


def download_with_jgo(jar: Jar, scratch: Path) -> Path:
    from jgo.maven import MavenContext  # noqa: PLC0415  0.4 s of imports that only a download needs

    context = MavenContext(repo_cache=scratch, timeout=60)
    resolved = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    return Path(resolved)
