"""Debian's Alertmanager on loopback, which sends to a webhook, and Debian's Prometheus, whose rule fires into it."""

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from lockgate.embedded.ports import free_ports
from lockgate.embedded.process import Guarded, Order
from tests.support.debian import program_of
from tests.support.eventually import eventually


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
        *program_of("prometheus-alertmanager", "prometheus-alertmanager"),
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


@asynccontextmanager
async def prometheus(
    folder: Path, scraped: int, to: Alertmanager, labels: Mapping[str, str]
) -> AsyncIterator[None]:
    """Scrapes a port once a second; while its `errors` are above 0.05, a rule fires with these labels."""
    name, *others = labels.items()
    rule = {
        "alert": name[1],
        "expr": "errors > 0.05",
        "labels": dict(others),
        "annotations": {"summary": "5 % of the requests fail"},
    }
    rules = folder / "rules.json"
    rules.write_text(json.dumps({"groups": [{"name": "errors", "rules": [rule]}]}))
    config = folder / "prometheus.json"
    config.write_text(json.dumps(_scraping(scraped, to.port, rules)))
    command = (
        *program_of("prometheus", "prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{free_ports(1)[0]}",
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with Guarded(Order(command, folder, folder / "prometheus.log", environment)):
        yield


def _scraping(scraped: int, alertmanager_port: int, rules: Path) -> dict[str, Any]:
    def at(port: int) -> list[dict[str, Any]]:
        return [{"targets": [f"127.0.0.1:{port}"]}]

    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": "payments", "static_configs": at(scraped)}],
        "alerting": {"alertmanagers": [{"static_configs": at(alertmanager_port)}]},
    }
