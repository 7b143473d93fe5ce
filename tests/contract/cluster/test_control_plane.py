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
from tests.support.controlplane import ControlPlane, MissingProgramsError, programs
from tests.support.controlplane.admin import AdminError
from tests.support.servers import unavailable

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


def test_a_tenant_has_a_kubeconfig_that_kubectl_takes(control_plane: ControlPlane) -> None:
    tenant = control_plane.tenant("shop")

    def kubectl(context: str, *words: str) -> str:
        command = [programs()["kubectl"], "--kubeconfig", str(tenant.kubeconfig), "--context", context]
        environment = {"HOME": str(tenant.kubeconfig.parent), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, timeout=30, check=False, env=environment
        )
        return done.stdout + done.stderr

    assert kubectl("owner", "create", "configmap", "made") == "configmap/made created\n"
    assert "Error from server (Forbidden)" in kubectl("deployer", "get", "configmaps")
    assert kubectl("deployer", "auth", "can-i", "patch", "deployments") == "yes\n"
    assert tenant.kubeconfig.stat().st_mode & 0o077 == 0


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
    try:
        programs()
    except MissingProgramsError as error:
        unavailable(error.what, error.how)
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
