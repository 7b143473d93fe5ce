"""A real Alertmanager of Debian's package, on loopback: the one that is installed, or one that is unpacked into the cache.

The package's own paths are compiled in, so the unpacked one runs in a mount namespace in which its /usr/share is there.
"""

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from lockgate.embedded.cache import cache, publish
from lockgate.embedded.ports import free_ports
from lockgate.embedded.process import Guarded, Order
from tests.support.eventually import eventually
from tests.support.servers import unavailable

PACKAGE = "prometheus-alertmanager"
_INSIDE = 'mount --rbind "$1/usr/share" /usr/share && shift && exec "$@"'


@dataclass(frozen=True)
class Alertmanager:
    """A running one. `port` is that of its API."""

    session: aiohttp.ClientSession
    port: int
    log: Path

    async def post(self, labels: Mapping[str, str], **times: str) -> None:
        """What Prometheus posts while a rule fires, or once it does no more."""
        alert = {"labels": labels, "annotations": {"summary": "5 % of the requests fail"}, **times}
        url = f"http://127.0.0.1:{self.port}/api/v2/alerts"
        async with self.session.post(url, json=[alert]) as answer:
            assert answer.status == 200, await answer.text()

    async def ready(self) -> bool:
        async with self.session.get(f"http://127.0.0.1:{self.port}/-/ready") as answer:
            return answer.status == 200

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels for webhooks."""
        async with self.session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        found = (line for line in lines if line.startswith(name + "{") and 'integration="webhook"' in line)
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)


@asynccontextmanager
async def alertmanager(folder: Path, url: str, token: str) -> AsyncIterator[Alertmanager]:
    """One that sends every alert to a webhook with a token, at once."""
    config = folder / "alertmanager.json"  # JSON is YAML too
    config.write_text(json.dumps(_config(url, token)))
    port = free_ports(1)[0]
    command = (
        *_command(),
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )
    log = folder / "alertmanager.log"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with Guarded(Order(command, folder, log, environment)):
        async with aiohttp.ClientSession() as session:
            made = Alertmanager(session, port, log)
            await eventually(made.ready, within=30.0)
            yield made


def _config(url: str, token: str) -> dict[str, Any]:
    authorization = {"type": "Bearer", "credentials": token}
    webhook = {"url": url, "send_resolved": True, "http_config": {"authorization": authorization}}
    route = {
        "receiver": "lockgate",
        "group_by": ["..."],
        "group_wait": "0s",
        "group_interval": "1s",
        "repeat_interval": "1h",
    }
    return {"route": route, "receivers": [{"name": "lockgate", "webhook_configs": [webhook]}]}


def _command() -> tuple[str, ...]:
    if shutil.which(PACKAGE):
        return (PACKAGE,)
    if not all(map(shutil.which, ("apt-get", "dpkg", "unshare"))):
        unavailable("There is no Alertmanager here.", f"install Debian's package {PACKAGE}.")
    try:
        found = publish(cache() / "debian" / PACKAGE, _unpack)
    except (subprocess.SubprocessError, OSError) as error:
        unavailable(f"Alertmanager cannot be fetched ({error}).", f"install Debian's package {PACKAGE}.")
    binary = str(found / "usr" / "bin" / PACKAGE)
    return ("unshare", "--map-root-user", "--mount", "sh", "-c", _INSIDE, "sh", str(found), binary)


def _unpack(target: Path) -> None:
    downloads = target.with_suffix(".download")
    downloads.mkdir()
    _run("apt-get", "download", PACKAGE, folder=downloads)
    (package,) = downloads.glob("*.deb")
    _run("dpkg", "-x", str(package), str(target), folder=downloads)
    shutil.rmtree(downloads)


def _run(*command: str, folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
