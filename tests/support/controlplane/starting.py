"""Starts a control plane and ends it: etcd, API server, controllers, scheduler, and KWOK's nodes, each guarded."""

import json
import secrets
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lockgate.embedded.ports import free_ports
from lockgate.embedded.process import Guarded, Order
from tests.support.controlplane import commands, objects
from tests.support.controlplane.admin import Admin, AdminError, until
from tests.support.controlplane.certificates import Certificates, write_certificates
from tests.support.controlplane.commands import Layout
from tests.support.controlplane.plane import ControlPlane
from tests.support.controlplane.programs import Programs

_ATTEMPTS = 3  # free ports are found, not reserved
_TAKEN = "address already in use"


@contextmanager
def started(programs: Programs, folder: Path) -> Iterator[ControlPlane]:
    """One that runs as long as the context, or this process."""
    starting = Starting(programs, folder)
    try:
        yield starting.start()
    finally:
        starting.stop()


class Starting:
    """One control plane in a folder of its own, which goes with it, whatever ends this process."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.folder = folder.absolute()
        self._programs = programs
        self._life = ExitStack()
        self._started: dict[str, Guarded] = {}

    def start(self, timeout: float = 60.0) -> ControlPlane:
        """Starts it and waits until pods can run. AdminError, with the logs' ends, if it does not come up in time."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                layout, admin = self._start(time.monotonic() + timeout)
            except AdminError as error:
                said = self._last_words()
                self.stop()
                if attempt == _ATTEMPTS or _TAKEN not in said:
                    raise AdminError(f"{error}. The logs end with:\n{said}") from None
            except BaseException:
                self.stop()
                raise
            else:
                break
        return ControlPlane(layout, admin, {name: process.pid for name, process in self._started.items()})

    def stop(self) -> None:
        """Ends every process and removes the folder. The API server would drain its watches for a minute: it is killed."""
        self._life.close()
        self._started.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, deadline: float) -> tuple[Layout, Admin]:
        self.folder.mkdir(parents=True, exist_ok=True)
        layout = Layout(self.folder, *free_ports(3))
        certificates = write_certificates(self.folder / "certificates")
        admin = self._administrator(layout, certificates)
        self._run("etcd", commands.etcd(layout))
        self._run("kube-apiserver", commands.api_server(layout, certificates))
        until(lambda: self._answers(admin, "/readyz"), "the API server", deadline)
        self._run("kube-controller-manager", commands.controller_manager(layout))
        self._run("kube-scheduler", commands.scheduler(layout))
        first = [
            *objects.nodes(),
            *objects.scheduling(),
            objects.virtual_services(),
            objects.feature_flags(),
        ]
        custom = json.loads(self._programs.custom_resources.read_text())
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(admin.apply, [*custom, *first]))
        self._run("kwok", commands.kwok(layout))
        routes = "/apis/gateway.networking.k8s.io/v1/httproutes"
        until(lambda: self._answers(admin, routes), "the Gateway API", deadline)
        meshed = "/apis/networking.istio.io/v1/virtualservices"
        until(lambda: self._answers(admin, meshed), "Istio's resources", deadline)
        flags = "/apis/core.openfeature.dev/v1beta1/featureflags"
        until(lambda: self._answers(admin, flags), "the OpenFeature operator's resources", deadline)
        until(lambda: self._nodes_are_ready(admin), "the nodes", deadline)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        until(lambda: self._answers(admin, account), "the controllers", deadline)
        return layout, admin

    def _administrator(self, layout: Layout, certificates: Certificates) -> Admin:
        token = secrets.token_hex(16)
        layout.tokens.touch(mode=0o600)
        layout.tokens.write_text(f'{token},admin,admin,"system:masters"\n')
        layout.admin.touch(mode=0o600)
        contexts = {"admin": ("default", token)}
        layout.admin.write_text(commands.kubeconfig(layout, certificates.authority, contexts))
        layout.scheduler.write_text(commands.scheduler_settings(layout))
        return Admin(layout.url, certificates.authority, token)

    def _run(self, name: str, arguments: tuple[str, ...]) -> None:
        order = Order(
            (self._programs[name], *arguments),
            self.folder,
            self.folder / f"{name}.log",
            {"HOME": str(self.folder)},
            stop="KILL",
            discard=(self.folder,),
        )
        self._started[name] = self._life.enter_context(Guarded(order))

    def _answers(self, admin: Admin, path: str) -> bool:
        self._all_run()
        return admin.answers(path)

    def _nodes_are_ready(self, admin: Admin) -> bool:
        self._all_run()
        found = admin.ask("GET", "/api/v1/nodes")["items"]
        ready = [
            node
            for node in found
            if any(
                each["type"] == "Ready" and each["status"] == "True"
                for each in node["status"].get("conditions") or ()
            )
        ]
        return len(ready) == len(objects.NODES)

    def _all_run(self) -> None:
        for name, process in self._started.items():
            if process.exit_status is not None:
                raise AdminError(f"{name} ended with status {process.exit_status} while it started")

    def _last_words(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-1500:]}" for log in logs)
