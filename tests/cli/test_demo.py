"""The demo: it passes unattended, within its memory, and whatever ends it leaves nothing behind."""

import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.support.commands import Command, all_gone, command, folder_of, memory_mib, waited_for

READY = "services are ready"
MOST_MIB = 1536


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_a_demo_that_is_ended_half_way_leaves_no_process_and_no_folder(number: signal.Signals) -> None:
    with command("demo") as demo:
        demo.until_said(READY)
        family, folder = demo.family(), folder_of(demo)
        assert len(family) > 10, "servers, services and their guards were to be found"
        demo.process.send_signal(number)
        code = demo.ends()
        all_gone(family)
        assert code == (-signal.SIGKILL if number is signal.SIGKILL else 130)
        waited_for(lambda: not folder.exists(), 10.0, lambda: f"{list(folder.rglob('*'))} is left")
        if number is not signal.SIGKILL:
            assert "interrupted; everything was stopped" in demo.output
            assert "Traceback" not in demo.output


@pytest.mark.timeout(240)
def test_the_demo_passes_without_a_terminal_and_within_its_memory(
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    began = time.monotonic()
    with command("demo") as demo:
        most = _most_memory(demo)
        assert demo.ends(within=5.0) == 0, demo.output
        record_testsuite_property("demo_seconds", round(time.monotonic() - began, 1))
        record_testsuite_property("demo_most_mib", round(most))
    assert most <= MOST_MIB
    assert [line[:2] for line in demo.said if line.startswith("⇒")] == ["⇒ "] * 3
    assert "⇒ v2 runs in every region and is known as good" in demo.output
    assert "⇒ v3 was taken back from its pilot" in demo.output
    assert "⇒ v4 was taken back in every region" in demo.output
    assert (
        "decisions of 5 services (the ledger decides nothing), recomputed from the topics alone, are equal to the byte"
        in demo.output
    )
    assert "ledger verify: The chain of" in demo.output
    assert "The demo passed in" in demo.said[-1]
    assert "\x1b" not in demo.output, "colours are for terminals"


def _most_memory(demo: Command, within: float = 200.0) -> float:
    """The most that all its processes used together, looked at about once a second until it ends."""
    most, deadline = 0.0, time.monotonic() + within
    while demo.process.poll() is None:
        assert time.monotonic() < deadline, f"it did not end within {within:.0f} s:\n{demo.output}"
        most = max(most, memory_mib(demo.family()))
        try:
            demo.process.wait(1.0)
        except subprocess.TimeoutExpired:
            continue
    return most
