"""The local system when something goes wrong: what is said, what is kept to be read, and what is not left behind."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lockgate.cli.demo.play import until_first_ends
from lockgate.cli.local.child import Child, ChildError
from lockgate.cli.local.claim import InUseError, claimed
from lockgate.cli.local.running import not_accepted
from lockgate.cli.local.system import LocalSystem, Servers, Shape
from tests.support.servers import KafkaUnderTest, PostgresUnderTest

NOBODY = Servers("127.0.0.1:1", "postgresql://127.0.0.1:1/nobody")


def test_a_service_that_does_not_start_is_named_and_its_log_is_kept() -> None:
    said: list[str] = []
    shape = Shape({"deployer-eu": ("eu-west",)}, environment={"LOCKGATE_PARTITIONS": "none"})
    system = LocalSystem(shape, servers=NOBODY, say=said.append)
    try:
        with pytest.raises(ChildError, match=r"intake ended with status 2 while it started\. Its log: "):
            system.start()
        assert said[-1] == f"the logs are kept in {system.home}"
        log = (system.home / "intake.log").read_text()
        assert "LOCKGATE_PARTITIONS: Input should be a valid integer" in log
        assert all(not child.running for child in system.children.values())
    finally:
        shutil.rmtree(system.home)


def test_where_it_is_said_why_a_region_did_not_come_is_told() -> None:
    shape = Shape({"west": ("eu-west", "us-west"), "east": ("us-east",), "south": ("ap-south",)})
    logs = {name: Path(f"/logs/{name}.log") for name in ("intake", "west", "east", "south")}
    assert not_accepted({"us-east", "eu-west"}, shape, logs) == (
        "intake did not accept eu-west, us-east within 30 s. Why a cluster cannot be read is in the log of its "
        "deployer: /logs/west.log, /logs/east.log. What intake decided is in its own: /logs/intake.log"
    )


def test_an_interrupted_system_leaves_no_folder() -> None:
    said: list[str] = []

    def interrupt(text: str) -> None:
        said.append(text)
        raise KeyboardInterrupt

    system = LocalSystem(Shape({"deployer-eu": ("eu-west",)}), servers=NOBODY, say=interrupt)
    with pytest.raises(KeyboardInterrupt):
        system.start()
    assert len(said) == 1
    assert all(not child.running for child in system.children.values())
    assert not system.home.exists()


def test_a_folder_that_another_process_uses_is_left_alone_and_its_process_is_named(tmp_path: Path) -> None:
    shape, said = Shape({"deployer-eu": ("eu-west",)}), list[str]()
    with (
        claimed(tmp_path),
        pytest.raises(InUseError, match=f"{tmp_path} is in use by the process {os.getpid()}:"),
    ):
        LocalSystem(shape, home=tmp_path, servers=NOBODY, say=said.append).start()
    assert said == []
    assert [file.name for file in tmp_path.iterdir()] == ["lock"]
    with claimed(tmp_path):
        pass


async def test_what_fails_beside_the_demo_ends_it_and_is_raised() -> None:
    ended: list[str] = []

    async def plays() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("the play")

    async def fails() -> None:
        raise ConnectionError("the metrics are gone")

    with pytest.raises(ConnectionError, match="the metrics are gone"):
        await until_first_ends(plays(), fails())
    assert ended == ["the play"]


def test_what_a_script_started_in_the_background_ends_at_sigterm_although_it_ignores_interrupts() -> None:
    script = (
        "import os, signal, time\n"
        "from lockgate.cli.local.interrupt import terminated_like_interrupted\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "with terminated_like_interrupted():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(30)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=20, check=False)
    assert ended.stderr.rstrip().endswith(b"KeyboardInterrupt"), ended.stderr


def test_a_service_whose_port_another_process_took_gets_another_one_and_is_not_taken_for_that_process(
    kafka: KafkaUnderTest, postgres: PostgresUnderTest, tmp_path: Path
) -> None:
    environment = {
        "LOCKGATE_KAFKA": kafka.bootstrap,
        "LOCKGATE_POSTGRES": postgres.fresh_database(),
        "LOCKGATE_TOPIC_PREFIX": "taken.",
    }
    child = Child("intake", "lockgate.cli.run", ("intake",), {**os.environ, **environment}, tmp_path)
    taken = child.port

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # as the standard library names it
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", taken), Ready) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        child.start()
        assert not child.ready()
        child.wait_ready()
        assert child.port != taken
        assert child.ready()
        assert child.stop() == 0
        other.shutdown()
