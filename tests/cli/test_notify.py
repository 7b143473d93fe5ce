"""`lockgate ledger notify`: a trial to real receivers, and what is said of those that cannot be told."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lockgate.cli.main import app
from tests.support.pager import PATH, pager


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LOCKGATE_")]:
        monkeypatch.delenv(name)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["ledger", "notify", *arguments])


async def test_each_receiver_is_tried_and_what_it_answered_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with pager() as ops:
        (tmp_path / "url").write_text(ops.url)
        monkeypatch.setenv("PAGER_URL", f"http://127.0.0.1:1{PATH}")
        receivers = [
            {"name": "ops", "type": "slack", "url_file": str(tmp_path / "url")},
            {"name": "pager", "type": "webhook", "url_env": "PAGER_URL"},
        ]
        monkeypatch.setenv("LOCKGATE_NOTIFY", json.dumps(receivers))
        both, one = await asyncio.to_thread(run), await asyncio.to_thread(run, "ops")
    assert both.output.splitlines() == ["ops: it took the trial", "pager: no answer: ClientConnectorError"]
    assert both.exit_code == 1
    assert (one.output, one.exit_code) == ("ops: it took the trial\n", 0)
    assert [call.says["text"] for call in ops.taken] == ["This is a trial of Lockgate's notices"] * 2


def test_nobody_to_tell_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run()
    assert (result.exit_code, result.stderr) == (
        2,
        "LOCKGATE_NOTIFY names nobody: see docs/notifications.md\n",
    )
    monkeypatch.setenv("LOCKGATE_NOTIFY", '[{"name": "ops", "type": "slack", "url_env": "X"}]')
    assert run("opps").stderr == "LOCKGATE_NOTIFY names no 'opps': see docs/notifications.md\n"


def test_settings_that_are_not_right_are_named_and_an_address_among_them_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(
        "LOCKGATE_NOTIFY", '[{"name": "ops", "type": "slack", "url": "https://x.example/hunter2"}]'
    )
    result = run()
    assert result.exit_code == 2
    assert "LOCKGATE_NOTIFY (0.url): Extra inputs are not permitted" in result.stderr
    assert "hunter2" not in result.output
    monkeypatch.setenv("LOCKGATE_NOTIFY", "hunter2")
    assert "LOCKGATE_NOTIFY: is not JSON, and must be" in run().stderr
