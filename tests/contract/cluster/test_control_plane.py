"""The control plane that the tests stand on: up at once, on loopback alone, and gone with whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest

from tests.support.commands import all_gone
from tests.support.controlplane import ControlPlane, programs
from tests.support.controlplane.admin import AdminError
from tests.support.controlplane.fixture import required

STARTER = """
import sys, time
from pathlib import Path
from tests.support.controlplane import ControlPlane, programs
plane = ControlPlane(programs(), Path(sys.argv[1])).start()
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


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_whatever_ends_the_starter_ends_every_process_and_removes_the_files(
    tmp_path: Path, number: signal.Signals
) -> None:
    required()
    folder = tmp_path / "plane"
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(folder)], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    with starter.stdout as said:
        pids = [int(pid) for pid in said.readline().split()]
    family = psutil.Process(starter.pid).children(recursive=True)
    assert set(pids) <= {process.pid for process in family}
    assert len(pids) == len(NAMES)

    starter.send_signal(number)
    starter.wait(20)

    all_gone(family)
    deadline = time.monotonic() + 20
    while folder.exists():
        assert time.monotonic() < deadline, list(folder.iterdir())
        time.sleep(0.05)
