"""`lockgate replay` on real topics: what it says, and with which exit code it ends."""

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest
from rich.console import Console

from lockgate.cli import replay as command
from lockgate.intake.service import service
from lockgate.intake.settings import Settings
from lockgate.runtime.replay import replay
from lockgate.runtime.replay_records import Spool
from lockgate.runtime.replay_topics import read_topics
from lockgate.runtime.topic_scan import ReadError
from tests.support.replay_core import replayable
from tests.support.replay_kafka import publish
from tests.support.replays import History, Shelf, a_history
from tests.support.servers import KafkaUnderTest

INTAKE = service(Settings())


async def run(*arguments: str) -> tuple[int, str, str]:
    """The command in a process of its own, without a terminal."""
    code = "import typer\nfrom lockgate.cli.replay import replay\ntyper.run(replay)\n"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def refused_artifacts() -> Shelf:
    """What intake, as it is installed here, writes when CI announces packages that no plan claims."""
    history = History(INTAKE.core, version=INTAKE.identity.version)
    for number in range(3):
        history.artifact("shop", f"a{number}")
    return history.shelf


async def test_topics_are_read_as_they_lie_there(kafka: KafkaUnderTest) -> None:
    shelf = a_history().shelf
    prefix = await publish(kafka.bootstrap, shelf)
    with Spool() as spool:
        told: list[tuple[int, int]] = []
        await read_topics(kafka.bootstrap, prefix, spool, progress=lambda *done: told.append(done))
        for topic, part in shelf.logs:
            assert list(spool.scan(topic, part)) == list(shelf.scan(topic, part))
            assert spool.span(topic, part) == shelf.span(topic, part)
        report = replay(spool, [replayable()])
    total = sum(map(len, shelf.logs.values()))
    assert told[-1] == (total, total)
    assert (report.equal, report.decisions, report.exit_code) == (14, 14, 0)


async def test_records_larger_than_one_fetch_are_read_and_what_follows_them_too(
    kafka: KafkaUnderTest,
) -> None:
    shelf = refused_artifacts()
    for letter in (b"a", b"b"):
        shelf.append("plans", 0, b"shop", (), letter * 900_000)
        shelf.append("plans", 0, b"shop", (), letter)
    prefix = await publish(kafka.bootstrap, shelf)
    with Spool() as spool:
        await read_topics(kafka.bootstrap, prefix, spool)
        assert list(spool.scan("plans", 0)) == list(shelf.scan("plans", 0))


async def test_a_sound_history_ends_with_zero_and_a_sentence(kafka: KafkaUnderTest) -> None:
    prefix = await publish(kafka.bootstrap, refused_artifacts())
    code, out, err = await run("--kafka", kafka.bootstrap, "--prefix", prefix)
    assert (code, err) == (0, "")
    assert "3 of 3 decisions and their 3 events came out the same, to the byte." in out
    assert [line.split()[:4] for line in out.splitlines() if line.strip().startswith("intake")] == [
        ["intake", "3", "3", "3"]
    ]


async def test_a_tampered_event_ends_with_one_and_its_place(kafka: KafkaUnderTest) -> None:
    shelf = refused_artifacts()
    place = next(
        (name, part, 1) for name, part in shelf.logs if name == "releases" and shelf.logs[name, part]
    )
    value = (shelf.at(place).value or b"").replace(b'"reason":"', b'"reason":"x')
    prefix = await publish(kafka.bootstrap, shelf.changed(place, value=value))
    code, out, _ = await run("--kafka", kafka.bootstrap, "--prefix", prefix)
    assert code == 1
    assert f"(releases/{place[1]}/1)" in out
    assert "NOT EQUAL: 3 of 3 decisions came out the same" in out


async def test_what_another_core_decided_ends_with_three(kafka: KafkaUnderTest) -> None:
    prefix = await publish(kafka.bootstrap, a_history().shelf)  # another core than intake's has this journal
    code, out, _ = await run("--kafka", kafka.bootstrap, "--prefix", prefix, "--service", "intake", "--json")
    data = json.loads(out)
    assert (code, data["exit"], data["decisions"]) == (3, 3, 14)
    assert {found["severity"] for found in data["findings"]} == {"otherwise"}


async def test_an_application_that_nobody_decided_for_ends_with_two(kafka: KafkaUnderTest) -> None:
    prefix = await publish(kafka.bootstrap, refused_artifacts())
    code, out, err = await run("--kafka", kafka.bootstrap, "--prefix", prefix, "--application", "shpo")
    assert (code, out) == (2, "")
    assert "no service has decided anything for the application 'shpo'" in err


async def test_topics_that_are_not_there_end_with_two_and_what_to_check(kafka: KafkaUnderTest) -> None:
    code, out, err = await run("--kafka", kafka.bootstrap, "--prefix", "nothing-here.")
    assert (code, out) == (2, "")
    assert "there is no journal with the prefix 'nothing-here.'" in err


async def test_a_broker_that_does_not_answer_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    with Spool() as spool, pytest.raises(ReadError, match=f"the topics on {address} cannot be read"):
        await read_topics(address, "lockgate.", spool)


def test_an_unknown_service_ends_with_two_before_anything_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.replay_command("127.0.0.1:1", "lockgate.", "ledger") == 2
    assert "'ledger' is no service that decides" in capsys.readouterr().err


def test_every_deciding_service_has_a_core_of_the_version_that_it_runs() -> None:
    named = {each.service: each for each in command.replayables()}
    assert named.keys() == {"intake", "verifier", "deployer", "rollback"}
    assert named["intake"].version == INTAKE.identity.version
    assert {name: each.core(None) is None for name, each in named.items() if name != "intake"} == {
        "verifier": False,
        "deployer": True,
        "rollback": False,
    }
    assert named["deployer"].core({"deployer": "eu", "regions": {"eu-west": "shop"}}) is not None


def test_only_the_first_five_findings_are_written_out(tmp_path: Path) -> None:
    history = a_history()
    shelf = history.shelf
    for place in history.events[:8]:
        shelf = shelf.changed(place, key=b"other")
    report = replay(shelf, [replayable()])
    with (tmp_path / "out").open("w+") as file:
        command.show(report, Console(file=file, width=300))
        file.seek(0)
        lines = file.read().splitlines()
    assert sum(line.startswith("- decision") for line in lines) == 5
    assert "- and 3 more (--json lists them)" in lines
