"""Fault points: which texts mean one, that only the environment arms one, and that it is written down before it acts."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from lockgate.runtime.faults import Action, Fault, Point, parse, reach
from lockgate.runtime.settings import RuntimeSettings

SCRIPT = """
import sys
from pathlib import Path
from lockgate.runtime.faults import Point, arm, parse, reach
arm(parse(sys.argv[1]), Path(sys.argv[2]))
for i in range(3):
    reach(Point.FETCHED)
    print(i, flush=True)
    reach(Point.SENT)
    reach(Point.AFTER_COMMIT, 2)
"""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", None),
        ("sent:kill", Fault(Point.SENT, Action.KILL, 1)),
        ("timer-due:stop:17", Fault(Point.TIMER_DUE, Action.STOP, 17)),
    ],
)
def test_a_text_that_means_a_fault(text: str, fault: Fault | None) -> None:
    assert parse(text) == fault


@pytest.mark.parametrize(
    "text",
    ["sent", "nowhere:kill", "sent:explode", "sent:kill:0", "sent:kill:-1", "sent:kill:1:2", ":", "²:²"],
)
def test_settings_refuse_what_means_none_and_say_what_does(text: str) -> None:
    with pytest.raises(ValidationError, match=r"a fault is POINT:ACTION .* before-commit"):
        RuntimeSettings(kafka="k", postgres="p", fault=text, fault_log="/tmp/x")  # noqa: S108  # never written


def test_settings_refuse_a_fault_that_nobody_could_prove() -> None:
    with pytest.raises(ValidationError, match="LOCKGATE_FAULT needs LOCKGATE_FAULT_LOG"):
        RuntimeSettings(kafka="k", postgres="p", fault="sent:kill")


def test_a_point_that_is_not_armed_does_nothing() -> None:
    for point in Point:
        reach(point)


async def test_the_process_dies_where_it_was_told_to_and_has_written_it_down(tmp_path: Path) -> None:
    file = tmp_path / "faults"
    process = await run("sent:kill:2", file)
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, said.split()[-2:]) == (-signal.SIGKILL, [b"0", b"1"])
    assert b"a fault is armed" in said.splitlines()[0]
    [line] = [json.loads(line) for line in file.read_text().splitlines()]
    assert (line["point"], line["action"], line["pid"]) == ("sent", "kill", process.pid)


async def test_what_comes_to_a_point_together_is_counted_each(tmp_path: Path) -> None:
    process = await run("after-commit:kill:3", tmp_path / "faults")
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, said.split()[-2:]) == (-signal.SIGKILL, [b"0", b"1"])


async def test_a_process_that_was_stopped_goes_on_without_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "faults"
    process = await run("fetched:stop", file)
    async with asyncio.timeout(30):
        while "T (stopped)" not in Path(f"/proc/{process.pid}/status").read_text():  # noqa: ASYNC110, ASYNC240  # the kernel tells nobody
            await asyncio.sleep(0.02)
    process.send_signal(signal.SIGCONT)
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, said.split()[-3:]) == (0, [b"0", b"1", b"2"])
    assert len(file.read_text().splitlines()) == 1


async def run(fault: str, file: Path) -> asyncio.subprocess.Process:
    command = (sys.executable, "-c", SCRIPT, fault, str(file))
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
