"""Nothing outlives the process that started the servers, however that process ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # psutil ships no types
import pytest

from lockgate.embedded import EmbeddedError, Kafka, Postgres
from lockgate.embedded.process import Guarded, Order

STARTER = """
import sys, time
from lockgate.embedded import Kafka, Postgres
kafka = Kafka(sys.argv[1] + "/kafka", keep=sys.argv[2] == "keep").start()
postgres = Postgres(sys.argv[1] + "/postgres", durable=False, keep=sys.argv[2] == "keep").start()
print(kafka.pid, postgres.pid, flush=True)
time.sleep(600)
"""


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(process: psutil.Process) -> bool:
    """Ended; perhaps not collected yet by the init process of a container."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def start_servers(folder: Path, keep: str) -> "tuple[subprocess.Popen[bytes], list[psutil.Process]]":
    """A process that has started both servers, and all of its descendants: guards, servers, their children."""
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(folder), keep], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    with starter.stdout as answers:
        pids = {int(pid) for pid in answers.readline().split()}
    family = psutil.Process(starter.pid).children(recursive=True)
    assert pids <= {process.pid for process in family}
    return starter, family


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_ends_the_starter_ends_every_process_and_removes_the_data(
    tmp_path: Path, number: signal.Signals
) -> None:
    starter, family = start_servers(tmp_path, "discard")
    homes = [(tmp_path / "postgres" / "home").resolve(), tmp_path / "postgres", tmp_path / "kafka"]
    assert all(home.exists() for home in homes)

    starter.send_signal(number)
    starter.wait(20)

    assert eventually(lambda: all(gone(process) for process in family))
    assert eventually(lambda: not any(home.exists() for home in homes))


def test_data_to_be_kept_outlives_a_killed_starter(tmp_path: Path) -> None:
    starter, family = start_servers(tmp_path, "keep")
    starter.kill()
    starter.wait(20)

    assert eventually(lambda: all(gone(process) for process in family))
    with Kafka(tmp_path / "kafka") as kafka:
        assert kafka.ready()
    data = tmp_path / "postgres" / "home" / "data"
    assert not (data / "postmaster.pid").exists()  # it was stopped in order
    with Postgres(tmp_path / "postgres", durable=False) as postgres:
        assert postgres.ready()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_a_killed_guard_takes_its_server_along(tmp_path: Path) -> None:
    with Kafka(tmp_path / "kafka") as kafka:
        server = psutil.Process(kafka.pid)
        os.kill(server.ppid(), signal.SIGKILL)
        assert eventually(lambda: gone(server))
        assert eventually(lambda: not kafka.running)


def test_a_program_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    order = Order(("/nowhere/java",), cwd=tmp_path, log=tmp_path / "java.log", environment={})
    with pytest.raises(EmbeddedError) as raised:
        Guarded(order)
    assert "/nowhere/java cannot be started: [Errno 2] No such file or directory" in str(raised.value)
    assert "What to do: see that the file exists" in str(raised.value)


def test_servers_survive_the_end_of_the_thread_that_started_them(tmp_path: Path) -> None:
    """A client's thread that ends is no parent that dies."""
    code = """
import sys, threading
from lockgate.embedded import EmbeddedError, Kafka, Postgres
from lockgate.embedded.process import Guarded, Order
kafka = Kafka(sys.argv[1])
thread = threading.Thread(target=kafka.start)
thread.start()
thread.join()
print(kafka.ready() and kafka.running)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "kafka")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "True\n"
