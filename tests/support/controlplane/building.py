"""Builds the programs of a control plane, all in one binary, from Go modules pinned by `binary/go.sum`.

It takes about ten minutes once. Go's caches for it (4 GB) lie in a folder of their own, which is kept while a
build is unfinished, so that the next one goes on from there, and is removed afterwards: only the binary stays.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from ruamel.yaml import YAML

from lockgate.embedded.cache import publish
from lockgate.embedded.progress import Progress, Report
from tests.support.controlplane.programs import (
    BINARY,
    CUSTOM_RESOURCES,
    GATEWAY,
    KUBERNETES,
    NAMES,
    MissingProgramsError,
    built,
)

_OLDEST_GO = (1, 26)
_GATEWAY_MODULE = "sigs.k8s.io/gateway-api"
_SERVED = ("gatewayclasses", "gateways", "httproutes")
_TAIL = 15  # lines of Go's own words that an error repeats


def build(report: Report) -> Path:
    """The folder with the programs, built if it is not there. MissingProgramsError without Go, or if Go fails."""
    if built().exists():
        return built()
    go = _go()
    caches = built().with_name(f"{built().name}.building")

    def make(folder: Path) -> None:
        folder.mkdir()
        _custom_resources(go, _environment(caches), folder / CUSTOM_RESOURCES, report)
        _compile(go, _environment(caches), folder / "kubernetes", report)
        for name in NAMES:
            (folder / name).symlink_to("kubernetes")

    made = publish(built(), make)
    shutil.rmtree(caches, ignore_errors=True)
    return made


def _go() -> str:
    """The Go command. MissingProgramsError if there is none, or if it is too old."""
    found = shutil.which("go")
    needed = ".".join(map(str, _OLDEST_GO))
    how = (
        f"install Go {needed} or newer (Debian's golang-go is older: take the archive from go.dev/dl) "
        "and put it on PATH."
    )
    if found is None:
        raise MissingProgramsError("A Kubernetes control plane is built with Go, and PATH has none.", how)
    said = subprocess.run([found, "version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"go(\d+)\.(\d+)", said)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST_GO:
        raise MissingProgramsError(f"{found} is too old to build a control plane: {said.strip()!r}.", how)
    return found


def _environment(caches: Path) -> Mapping[str, str]:
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-buildvcs=false -mod=readonly -modcacherw",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOMODCACHE": str(caches / "modules"),
        "GOCACHE": str(caches / "compiled"),
    }


def _custom_resources(go: str, environment: Mapping[str, str], target: Path, report: Report) -> None:
    """The resource definitions of the Gateway API, out of its module."""
    step = "Kubernetes: the Gateway API's resources"
    report(Progress(step, 0, 1))
    said = "".join(_said((go, "mod", "download", "-json", _GATEWAY_MODULE), GATEWAY, environment))
    folder = Path(json.loads(said)["Dir"]) / "config" / "crd" / "standard"
    files = [folder / f"gateway.networking.k8s.io_{plural}.yaml" for plural in _SERVED]
    target.write_text(
        json.dumps([YAML(typ="safe").load(file) for file in files])
    )  # which is read much faster
    report(Progress(step, 1, 1))


def _compile(go: str, environment: Mapping[str, str], target: Path, report: Report) -> None:
    """The binary. Go names each package that it compiled, which is what progress is counted by."""
    report(Progress("Kubernetes: Go modules, 630 MB", 0, 1))
    packages = sum(1 for _ in _said((go, "list", "-deps", "."), BINARY, environment))
    report(Progress("Kubernetes: Go modules, 630 MB", 1, 1))
    step = f"Kubernetes {KUBERNETES}: compiling (about 10 minutes on two cores)"
    version = "k8s.io/component-base/version"
    said = {"gitVersion": KUBERNETES, "gitMajor": "1", "gitMinor": "36", "gitTreeState": "clean"}
    flags = " ".join(["-s", "-w", *(f"-X {version}.{name}={value}" for name, value in said.items())])
    command = ("nice", "-n", "19", go, "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(target), ".")
    report(Progress(step, 0, packages))
    for done, _line in enumerate(_said(command, BINARY, environment), 1):
        report(Progress(step, min(done, packages - 1), packages))
    report(Progress(step, packages, packages))


def _said(command: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The lines that a command says, as it says them. MissingProgramsError, with the last ones, if it fails."""
    said: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None  # PIPE was asked for; this is for mypy
        for line in process.stdout:
            said = [*said[1 - _TAIL :], line]
            if not line.startswith("go: "):  # what it downloads
                yield line
    if process.returncode != 0:
        raise MissingProgramsError(
            f"`{' '.join(command[:6])} …` in {folder} ended with status {process.returncode}:\n{''.join(said)}",
            "see that Go's modules can be had from here (go env GOPROXY) and that 5 GB are free, then run it "
            "again: what was built is kept.",
        )
