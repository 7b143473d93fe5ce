"""Builds the programs of a control plane, all in one binary, from Go modules pinned by `binary/go.sum`.

It takes about ten minutes once. Go's caches for it (4 GB) lie in a folder of their own, which is kept while a
build is unfinished, so that the next one goes on from there, and is removed afterwards: only the binary stays.
"""

import json
import shutil
import time
from pathlib import Path

from ruamel.yaml import YAML

from lockgate.embedded.cache import cache, exclusive, publish
from lockgate.embedded.progress import Progress, Report
from tests.support.controlplane.programs import (
    BINARY,
    CUSTOM_RESOURCES,
    GATEWAY,
    KUBERNETES,
    NAMES,
    built,
    is_whole,
)
from tests.support.controlplane.toolchain import Go, toolchain

_LONGEST = 45 * 60.0  # seconds for all of it, on a machine that does much else
_GATEWAY_MODULE = "sigs.k8s.io/gateway-api"
_SERVED = ("gatewayclasses", "gateways", "httproutes")


def build(report: Report, longest: float = _LONGEST) -> Path:
    """The folder with the programs, built if it is not there. MissingProgramsError without Go, or if Go fails."""
    if is_whole(built()):
        return built()
    until, caches = time.monotonic() + longest, cache() / "control-plane.building"

    def make(folder: Path) -> None:
        go = toolchain(caches, until, report)
        folder.mkdir()
        _custom_resources(go, folder / CUSTOM_RESOURCES, report)
        _compile(go, folder / "kubernetes", report)
        for name in NAMES:
            (folder / name).symlink_to("kubernetes")

    # One build at a time, for the caches go with the first that is done.
    with exclusive(caches.with_suffix(".lock")):
        made = publish(built(), make, is_whole)
        shutil.rmtree(caches, ignore_errors=True)
    return made


def _custom_resources(go: Go, target: Path, report: Report) -> None:
    """The resource definitions of the Gateway API, out of its module."""
    step = "Kubernetes: the Gateway API's resources"
    report(Progress(step, 0, 1))
    said = "".join(go.said(("mod", "download", "-json", _GATEWAY_MODULE), GATEWAY))
    folder = Path(json.loads(said)["Dir"]) / "config" / "crd" / "standard"
    files = [folder / f"gateway.networking.k8s.io_{plural}.yaml" for plural in _SERVED]
    target.write_text(
        json.dumps([YAML(typ="safe").load(file) for file in files])
    )  # which is read much faster
    report(Progress(step, 1, 1))


def _compile(go: Go, target: Path, report: Report) -> None:
    """The binary. Go names each package that it compiled, which is what progress is counted by."""
    report(Progress("Kubernetes: Go modules, 630 MB", 0, 1))
    packages = sum(1 for _ in go.said(("list", "-deps", "."), BINARY))
    report(Progress("Kubernetes: Go modules, 630 MB", 1, 1))
    step = f"Kubernetes {KUBERNETES}: compiling (about 10 minutes on two cores)"
    version = "k8s.io/component-base/version"
    said = {"gitVersion": KUBERNETES, "gitMajor": "1", "gitMinor": "36", "gitTreeState": "clean"}
    flags = " ".join(["-s", "-w", *(f"-X {version}.{name}={value}" for name, value in said.items())])
    command = ("build", "-v", "-trimpath", "-ldflags", flags, "-o", str(target), ".")
    report(Progress(step, 0, packages))
    for done, _line in enumerate(go.said(command, BINARY), 1):
        report(Progress(step, min(done, packages - 1), packages))
    report(Progress(step, packages, packages))
