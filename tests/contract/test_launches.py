"""What tests rely on when they start a service: the same whether it starts from nothing or is forked, loaded already."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest

from lockgate.cli.local.child import Launch, Process
from lockgate.embedded.ports import free_ports
from lockgate.embedded.process import Guarded, Order
from tests.support.eventually import eventually
from tests.support.forking import Forking

SIGKILLED, SIGTERMED = 128 + 9, 128 + 15


@pytest.fixture(scope="module")
def forking() -> Iterator[Forking]:
    with Forking() as started:
        yield started


@pytest.fixture(params=["started", "forked"])
def launch(request: pytest.FixtureRequest) -> Launch:
    if request.param == "started":
        return Guarded
    forking: Forking = request.getfixturevalue("forking")
    return forking.launch


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Intake, which waits for a Kafka that is not there."""
    environment = {
        **os.environ,
        "LOCKGATE_KAFKA": f"127.0.0.1:{free_ports(1)[0]}",
        "LOCKGATE_POSTGRES": "postgresql://nobody@127.0.0.1:1/nothing",
        "LOCKGATE_HTTP_PORT": str(free_ports(1)[0]),
    }
    command = (sys.executable, "-m", "lockgate.cli.run", "intake")
    return Order(command, tmp_path, tmp_path / "log", environment)


@pytest.fixture
async def waiting(launch: Launch, order: Order) -> AsyncIterator[Process]:
    with ExitStack() as ending:
        process = launch(order)
        ending.callback(process.wait, 10.0)
        ending.callback(process.send, "KILL")
        await eventually(lambda: order.log.exists() and "Kafka" in order.log.read_text())
        yield process


def test_a_service_with_wrong_settings_says_so_in_its_log_and_ends_with_2(
    launch: Launch, order: Order
) -> None:
    wrong = replace(order, environment={**order.environment, "LOCKGATE_KAFKA": "kafka://somewhere"})

    assert launch(wrong).wait(30.0) == 2
    assert "LOCKGATE_KAFKA" in order.log.read_text()


def test_it_runs_in_its_folder_with_its_own_environment_and_in_a_session_of_its_own(
    waiting: Process, order: Order
) -> None:
    process = psutil.Process(waiting.pid)

    assert waiting.exit_status is None
    assert process.cwd() == str(order.cwd)
    assert os.getsid(waiting.pid) == waiting.pid


def test_it_is_ended_by_a_signal_and_says_which(waiting: Process) -> None:
    waiting.send("KILL")

    assert waiting.wait(10.0) == SIGKILLED
    assert waiting.exit_status == SIGKILLED


async def test_it_can_be_stopped_and_woken(waiting: Process) -> None:
    waiting.send("STOP")
    await eventually(lambda: psutil.Process(waiting.pid).status() == psutil.STATUS_STOPPED)
    waiting.send("CONT")
    await eventually(lambda: psutil.Process(waiting.pid).status() != psutil.STATUS_STOPPED)

    assert waiting.exit_status is None


def test_asked_to_end_it_ends(waiting: Process) -> None:
    waiting.send("TERM")

    assert waiting.wait(15.0) in {0, SIGTERMED}


def test_waiting_for_one_that_does_not_end_takes_no_longer_than_was_said(waiting: Process) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.05)


def test_a_signal_to_one_that_has_ended_goes_nowhere(waiting: Process) -> None:
    waiting.send("KILL")
    waiting.wait(10.0)

    waiting.send("TERM")

    assert waiting.exit_status == SIGKILLED


def test_forked_services_end_with_their_parent(order: Order) -> None:
    with Forking() as forking:
        service = forking.launch(order)

    assert service.wait(10.0) == SIGKILLED
    assert not psutil.pid_exists(service.pid)
