"""Where fetched and derived files live, outside any checkout, and how parallel processes share them."""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache() -> Path:
    """`$LOCKGATE_CACHE`, else `$XDG_CACHE_HOME/lockgate`, else `~/.cache/lockgate`; absolute, perhaps not there yet."""
    if chosen := os.environ.get("LOCKGATE_CACHE"):
        return Path(chosen).expanduser().absolute()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache").absolute() / "lockgate"


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One process at a time, whatever happens to the others: the lock dies with its holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def publish(
    target: Path, build: Callable[[Path], None], is_whole: Callable[[Path], bool] = Path.exists
) -> Path:
    """Make `target` (a file or a folder) once: whole or not at all, by one process, and return it.

    `build` gets a path in a scratch folder beside the target and leaves the result there. What is there and not
    whole is made again; what builds left that were killed goes with the next one.
    """
    if is_whole(target):
        return target
    with exclusive(target.parent / f".{target.name}.lock"):
        if is_whole(target):  # another process was first
            return target
        for left in (target, *_scratches(target)):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            build(scratch / target.name)
            (scratch / target.name).rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


def _scratches(target: Path) -> list[Path]:
    """The scratch folders of this target that nobody uses: whoever asks holds the lock."""
    name = re.compile(rf"\.{re.escape(target.name)}\.\w{{8}}")
    return [each for each in target.parent.iterdir() if name.fullmatch(each.name) and each.is_dir()]
