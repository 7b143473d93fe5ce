"""Where a control plane's programs come from, and what is said where they cannot be had."""

import os
from pathlib import Path

import pytest

from tests.support.controlplane import __main__ as command
from tests.support.controlplane.building import build
from tests.support.controlplane.programs import (
    CUSTOM_RESOURCES,
    NAMES,
    MissingProgramsError,
    built,
    programs,
)


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
    """The only Go there is, or none."""
    folder = tmp_path / "go"
    folder.mkdir()
    if script is not None:
        program(folder, "go", script)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


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
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(MissingProgramsError) as missing:
        build(lambda _: None)
    assert missing.value.what == "A Kubernetes control plane is built with Go, and PATH has none."
    assert missing.value.how.startswith("install Go 1.26 or newer")


def test_a_go_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_go(tmp_path, monkeypatch, 'echo "go version go1.19.8 linux/amd64"')
    with pytest.raises(
        MissingProgramsError, match=r"too old to build a control plane: 'go version go1\.19\.8"
    ):
        build(lambda _: None)


def test_a_build_that_fails_says_what_go_said_and_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'case "$1" in version) echo "go version go1.26.8 x/y";; *) echo "no route to the modules"; exit 1;; esac'
    with_go(tmp_path, monkeypatch, script)
    with pytest.raises(MissingProgramsError) as failed:
        build(lambda _: None)
    assert "ended with status 1:\nno route to the modules" in failed.value.what
    assert "what was built is kept" in failed.value.how
    assert not built().exists()


def test_the_command_fails_where_nothing_can_be_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    assert command.main() == 1
    assert "PATH has none. To get it: install Go 1.26" in capsys.readouterr().err


def test_what_is_built_depends_on_its_sources_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = built()
    monkeypatch.setenv("LOCKGATE_CACHE", str(tmp_path / "other"))
    assert built().name == here.name
    assert built().parent != here.parent
    assert os.path.commonpath([built(), tmp_path / "other"]) == str(tmp_path / "other")
