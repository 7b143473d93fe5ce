"""Where the programs of a control plane are: the user's own (KUBEBUILDER_ASSETS), else those that were built.

Nothing is built here (`building` does that): whoever asks for programs that are missing is told how to get them.
"""

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockgate.embedded.cache import cache

NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok")
BINARY, GATEWAY = Path(__file__).with_name("binary"), Path(__file__).with_name("gateway")
CUSTOM_RESOURCES = "gateway-api.json"
KUBERNETES = "v1.36.3"


class MissingProgramsError(RuntimeError):
    """Programs are not there: `what` is missing, and `how` to get it."""

    def __init__(self, what: str, how: str) -> None:
        super().__init__(f"{what} To get it: {how}")
        self.what, self.how = what, how


@dataclass(frozen=True, slots=True)
class Programs:
    """A path for each of `NAMES`, and the definitions of the Gateway API's resources as a JSON list."""

    paths: Mapping[str, Path]
    custom_resources: Path

    def __getitem__(self, name: str) -> str:
        return str(self.paths[name])


def built() -> Path:
    """The folder of what is built from these sources by this recipe: another one, another folder."""
    key = hashlib.sha256(f"{KUBERNETES} {sys.platform} {platform.machine()}".encode())
    recipe = (Path(__file__), Path(__file__).with_name("building.py"))
    for file in (*recipe, *sorted(BINARY.iterdir()), *sorted(GATEWAY.iterdir())):
        key.update(f"{file.parent.name}/{file.name}".encode() + b"\0" + file.read_bytes() + b"\0")
    return cache() / f"control-plane-{KUBERNETES.removeprefix('v')}-{key.hexdigest()[:12]}"


def is_whole(folder: Path) -> bool:
    """Whether a folder has all that is built."""
    names = [name for name in NAMES if _first(name, [folder]) is not None]
    return len(names) == len(NAMES) and (folder / CUSTOM_RESOURCES).exists()


def programs() -> Programs:
    """All that a control plane needs. MissingProgramsError if something is not there."""
    own, ours = os.environ.get("KUBEBUILDER_ASSETS"), built()
    folders = [Path(own).expanduser(), ours] if own else [ours]
    paths = {name: found for name in NAMES if (found := _first(name, folders)) is not None}
    missing = [name for name in NAMES if name not in paths]
    if missing or not (ours / CUSTOM_RESOURCES).exists():
        where = " or ".join(map(str, folders))
        raise MissingProgramsError(
            f"A Kubernetes control plane needs {', '.join(missing or [CUSTOM_RESOURCES])}, not found in {where}.",
            "run `make test-cluster`, which builds all of it with Go once (about ten minutes).",
        )
    return Programs(paths, ours / CUSTOM_RESOURCES)


def _first(name: str, folders: list[Path]) -> Path | None:
    return next((folder / name for folder in folders if os.access(folder / name, os.X_OK)), None)
