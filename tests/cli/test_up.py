"""`lockgate up`: it starts, starts again what ended, keeps its state where it is told to, and ends cleanly."""

import asyncio
import os
import signal
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types

from lockgate.cli.announce import announced, purl
from lockgate.cli.demo.scenes import digest_of, plan
from lockgate.cli.local.http import ask, status
from lockgate.cli.plan import published
from lockgate.messages.releases import ArtifactRefused, PlanAccepted, ReleaseQueued
from tests.support.commands import Command, all_gone, command, folder_of, waited_for

READY = "Ctrl-C stops everything"
PACKAGE = "pkg:oci/payments"


def test_up_brings_back_a_service_that_was_killed_and_leaves_nothing_on_sigterm() -> None:
    with command("up") as up:
        up.until_said(READY)
        folder, family = folder_of(up), up.family()
        verifier = _service(up, "verifier")
        os.kill(verifier.pid, signal.SIGKILL)
        up.until_said("verifier ended with status 137; it is started again")
        waited_for(lambda: _is_ready(up, "verifier"), 30.0, lambda: up.output)
        assert _service(up, "verifier").pid != verifier.pid
        family += up.family()
        up.process.terminate()
        assert up.ends() == 0
        assert up.said[-1] == "stopped\n"
        all_gone(family)
        assert not folder.exists()


def test_up_keeps_releases_and_what_regions_run_in_a_state_folder(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    with command("up", "--state", state) as up:
        up.until_said(READY)
        asyncio.run(_release_v2(_kafka(up)))
        ask("PUT", f"{_sandbox(up)}/workloads/payments", {"digest": digest_of(7), "regions": ["us-east"]})
        kept = tmp_path / "state" / "regions.json"
        waited_for(lambda: kept.exists() and digest_of(7) in kept.read_text(), 10.0, lambda: up.output)
        up.process.send_signal(signal.SIGINT)
        assert up.ends() == 0
        assert f"the state is kept in {state}" in up.said[-1].replace("\n", "")
    with command("up", "--state", state) as up:
        up.until_said(READY)
        again = asyncio.run(announced(_kafka(up), "lockgate.", purl(PACKAGE, digest_of(2))))
        assert isinstance(again, ArtifactRefused), "the release of the first run is known"
        assert digest_of(7) in kept.read_text()
        up.process.terminate()
        assert up.ends() == 0


async def _release_v2(kafka: str) -> None:
    assert isinstance(await published(kafka, "lockgate.", plan()), PlanAccepted)
    assert isinstance(await announced(kafka, "lockgate.", purl(PACKAGE, digest_of(2))), ReleaseQueued)


def _kafka(up: Command) -> str:
    return up.until_said("export LOCKGATE_KAFKA=").strip().partition("=")[2]


def _sandbox(up: Command) -> str:
    return up.until_said("sandbox control: ").strip().rpartition(" ")[2]


def _is_ready(up: Command, service: str) -> bool:
    line = up.until_said(f"{service}  ")
    url = next(word for word in line.split() if word.endswith("/metrics"))
    try:
        return status(url.replace("/metrics", "/readyz")) == 200
    except OSError:
        return False


def _service(up: Command, name: str) -> psutil.Process:
    """The process of a service itself, not its guard, whose arguments name it as well."""
    return next(p for p in up.family() if p.cmdline()[-3:] == ["-m", "lockgate.cli.run", name])
