"""The control plane that the tests stand on: up at once, on loopback alone, and gone with whoever started it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest

from tests.support.commands import all_gone, waited_for
from tests.support.controlplane import ControlPlane, programs
from tests.support.controlplane.admin import AdminError
from tests.support.controlplane.fixture import required

USER = """
import sys, time
from pathlib import Path
from tests.support.controlplane.sharing import shared
with shared(Path(sys.argv[1])) as plane:
    print(*plane.pids.values(), flush=True)
    time.sleep(600)
"""
NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]


def listening(pids: list[int]) -> set[str]:
    """The addresses that these processes listen on."""
    return {
        connection.laddr.ip
        for pid in pids
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def test_all_of_it_runs_and_listens_on_loopback_alone(control_plane: ControlPlane) -> None:
    assert tuple(control_plane.pids) == NAMES
    assert listening(list(control_plane.pids.values())) == {"127.0.0.1"}


def kubectl(kubeconfig: Path, *words: str) -> str:
    """What it says, on both streams."""
    done = subprocess.run(
        [programs()["kubectl"], "--kubeconfig", str(kubeconfig), *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"HOME": str(kubeconfig.parent), "PATH": os.environ["PATH"]},
    )
    return done.stdout + done.stderr


def test_the_administrators_kubeconfig_shows_nodes_that_are_ready(control_plane: ControlPlane) -> None:
    said = kubectl(control_plane.kubeconfig, "get", "nodes", "--no-headers").splitlines()
    assert [line.split()[:2] for line in said] == [[f"node-{number}", "Ready"] for number in range(3)]


def test_a_tenants_kubeconfig_has_a_context_for_each_of_its_accounts(control_plane: ControlPlane) -> None:
    tenant = control_plane.tenant("shop")
    file = tenant.kubeconfig
    assert kubectl(file, "--context=owner", "create", "configmap", "made") == "configmap/made created\n"
    assert "Error from server (Forbidden)" in kubectl(file, "--context=deployer", "get", "configmaps")
    assert kubectl(file, "--context=deployer", "auth", "can-i", "patch", "deployments") == "yes\n"
    assert file.stat().st_mode & 0o077 == 0


def test_a_tenant_sees_nothing_of_another(control_plane: ControlPlane) -> None:
    one, two = control_plane.tenant("shop"), control_plane.tenant("shop")
    assert one.namespace != two.namespace
    path = f"/apis/apps/v1/namespaces/{two.namespace}/deployments"
    with pytest.raises(AdminError, match="was answered with 403"):
        type(control_plane.admin)(one.url, one.authority, one.owner).ask("GET", path)


@contextmanager
def using(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A process that uses the control plane of this folder, and what that runs."""
    with subprocess.Popen([sys.executable, "-c", USER, str(folder)], stdout=subprocess.PIPE) as user:
        assert user.stdout is not None
        try:
            yield user, [int(pid) for pid in user.stdout.readline().split()]
        finally:
            user.kill()


def kept(pids: list[int]) -> list[psutil.Process]:
    """Each program, its guard, and who keeps all of them."""
    programs = [psutil.Process(pid) for pid in pids]
    guards = [each.parent() for each in programs]
    keeper = guards[0].parent()
    assert {each.parent() for each in guards} == {keeper}
    return [*programs, *guards, keeper]


def gone(folder: Path) -> None:
    waited_for((lambda: not (folder / "files").exists()), 20.0, lambda: str(list(folder.iterdir())))


def test_it_is_one_for_all_who_use_it_and_ends_with_the_last_of_them_whatever_ends_that(
    tmp_path: Path,
) -> None:
    required()
    with using(tmp_path) as (first, pids):
        assert len(pids) == len(NAMES)
        family = kept(pids)
        with using(tmp_path) as (second, same):
            assert same == pids
            first.send_signal(signal.SIGINT)
            first.wait(20)
            assert all(psutil.pid_exists(pid) for pid in pids)
            second.kill()
        all_gone(family)
    gone(tmp_path)


def test_nothing_outlives_whoever_keeps_it(tmp_path: Path) -> None:
    required()
    with using(tmp_path) as (_, pids):
        *family, keeper = kept(pids)
        keeper.kill()
        all_gone(family)
    gone(tmp_path)
