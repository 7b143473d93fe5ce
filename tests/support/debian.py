"""Programs of Debian's packages: those that are installed, or else unpacked into the cache, without being root.

A package's own paths are compiled into its programs, so an unpacked one runs in a mount namespace of its own, in which the
package's /usr/share is there.
"""

import shutil
import subprocess
from functools import partial
from pathlib import Path

from lockgate.embedded.cache import cache, publish
from tests.support.servers import unavailable

_INSIDE = 'mount --rbind "$1/usr/share" /usr/share && shift && exec "$@"'


def program_of(package: str, name: str) -> tuple[str, ...]:
    """The beginning of a command that runs a package's program. Skips the test where there is no way to it."""
    if shutil.which(name):
        return (name,)
    how = f"install Debian's package {package}."
    if not all(map(shutil.which, ("apt-get", "dpkg", "unshare"))):
        unavailable(f"There is no {name} here.", how)
    try:
        found = publish(cache() / "debian" / package, partial(_unpack, package))
    except (subprocess.SubprocessError, OSError) as error:
        unavailable(f"{package} cannot be fetched ({error}).", how)
    program = str(found / "usr" / "bin" / name)
    return ("unshare", "--map-root-user", "--mount", "sh", "-c", _INSIDE, "sh", str(found), program)


def _unpack(package: str, target: Path) -> None:
    downloads = target.with_suffix(".download")
    downloads.mkdir()
    try:
        _run("apt-get", "download", package, folder=downloads)
    except subprocess.CalledProcessError:  # nothing is known of any package yet
        _run("apt-get", "update", folder=downloads)
        _run("apt-get", "download", package, folder=downloads)
    (archive,) = downloads.glob("*.deb")
    _run("dpkg", "-x", str(archive), str(target), folder=downloads)
    shutil.rmtree(downloads)


def _run(*command: str, folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
