"""`lockgate up`: it starts, starts again what ended, keeps its state where it is told to, and ends cleanly."""

import asyncio
import os
import signal
import stat
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest

from lockgate.cli.announce import announced
from lockgate.cli.demo.scenes import digest_of, plan
from lockgate.cli.local.http import answering, ask
from lockgate.cli.plan import published
from lockgate.intake.purls import purl
from lockgate.messages.releases import PlanAccepted, ReleaseQueued
from tests.support.commands import Command, all_gone, command, waited_for

READY = "Ctrl-C stops everything"
PACKAGE = "pkg:oci/payments"


@pytest.mark.timeout(240)
def test_up_brings_back_what_was_killed_keeps_its_state_and_ends_cleanly(tmp_path: Path) -> None:
    state, kept = tmp_path / "state", tmp_path / "state" / "regions.json"
    with command("up", "--state", str(state), "--digest", digest_of(7)) as up:
        up.until_said(READY)
        ready = [line.split()[0] for line in up.said if line.endswith(" is ready\n")]
        assert sorted(ready) == [
            "deployer-eu",
            "deployer-world",
            "door",
            "intake",
            "ledger",
            "rollback",
            "verifier",
        ]
        _is_alone(state, up)
        # It stays in pre-production: no region changes while the test looks, however slow the machine is.
        ask("PUT", f"{_sandbox(up)}/images/{digest_of(2)}", {"never_ready": True})
        _answers_with_its_exports(up)
        asyncio.run(_release_v2(_kafka(up)))
        _takes_announcements_through_its_door(up)
        family = [*up.family(), *_ledger_comes_back(up)]
        waited_for(lambda: digest_of(7) in kept.read_text(), 10.0, kept.read_text)
        _ends_by(signal.SIGINT, up, state, family)
    with command("up", "--state", str(state)) as up:
        up.until_said(READY)
        again = asyncio.run(announced(_kafka(up), "lockgate.", purl(PACKAGE, digest_of(3))))
        assert isinstance(again, ReleaseQueued), "the plan of the first run is known"
        assert _digest_in_us_east(up) == digest_of(7), "the regions are as they were left"
        _ends_by(signal.SIGTERM, up, state, up.family())


def _is_alone(state: Path, up: Command) -> None:
    with command("up", "--state", str(state)) as second:
        assert second.ends(within=20.0) == 1
    whose = f"{state} is in use by the process {up.process.pid}: stop that one, or name another folder.\n"
    assert second.output == whose


def _answers_with_its_exports(up: Command) -> None:
    exports = dict(
        line.strip().removeprefix("export ").split("=", 1) for line in up.said if "  export " in line
    )
    with command("parked", "list", environment={**os.environ, **exports}) as parked:
        assert parked.ends() == 0, parked.output


def _takes_announcements_through_its_door(up: Command) -> None:
    words = up.until_said("door: ").split()
    url, token = words[1], Path(words[-1])
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    options = ("--door", url, "--door-token-file", str(token))
    with command("publish", PACKAGE, digest_of(4), *options) as publish:
        assert publish.ends() == 0, publish.output
    assert token.read_text().strip() not in up.output


def _ledger_comes_back(up: Command) -> list[psutil.Process]:
    ledger = _service(up, "ledger")
    os.kill(ledger.pid, signal.SIGKILL)
    up.until_said("ledger ended with status 137; it is started again")
    waited_for(lambda: _is_ready(up, "ledger"), 30.0, lambda: up.output)
    assert _service(up, "ledger").pid != ledger.pid
    return up.family()


def _ends_by(number: signal.Signals, up: Command, state: Path, family: list[psutil.Process]) -> None:
    up.process.send_signal(number)
    assert up.ends() == 0, up.output
    assert up.said[-1] == f"stopped; the state is kept in {state}\n"
    assert "Traceback" not in up.output
    assert "never retrieved" not in up.output
    all_gone(family)


async def _release_v2(kafka: str) -> None:
    assert isinstance(await published(kafka, "lockgate.", plan()), PlanAccepted)
    assert isinstance(await announced(kafka, "lockgate.", purl(PACKAGE, digest_of(2))), ReleaseQueued)


def _kafka(up: Command) -> str:
    return up.until_said("export LOCKGATE_KAFKA=").strip().partition("=")[2]


def _sandbox(up: Command) -> str:
    return up.until_said("sandbox control: ").strip().rpartition(" ")[2]


def _digest_in_us_east(up: Command) -> str:
    """As the region's own API server says."""
    place = ask("GET", f"{_sandbox(up)}/")["regions"]["us-east"]
    path = f"apis/apps/v1/namespaces/{place['namespace']}/deployments/payments"
    found = ask("GET", f"{place['kubernetes']}/{path}", token=place["token"])
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"]).partition("@")[2]


def _is_ready(up: Command, service: str) -> bool:
    line = up.until_said(f"{service}  ")
    url = next(word for word in line.split() if word.endswith("/metrics"))
    try:
        return answering(url.replace("/metrics", "/readyz")) is not None
    except OSError:
        return False


def _service(up: Command, name: str) -> psutil.Process:
    """The process of a service itself, not its guard, whose arguments name it as well."""
    return next(p for p in up.family() if p.cmdline()[-3:] == ["-m", "lockgate.cli.run", name])
