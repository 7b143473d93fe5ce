"""Every command without any server: its help, its checks, its exit codes, and what it says when nothing answers."""

import json
import os
import re
import socket
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lockgate.cli import kafka
from lockgate.cli.addresses import database_problem
from lockgate.cli.main import app
from lockgate.embedded.ports import free_ports
from lockgate.ledger.signing import Signer
from tests.support.cdevents import ROOT

DIGEST = "sha256:" + "02" * 32
GOOD = """\
kind: Plan
application: payments
artifact: pkg:oci/payments
workload: {deployment: payments, container: app, service: payments}
stages:
  - {name: all, kind: wave, regions: [eu-west, us-east]}
  - {name: watch, kind: watch, for: 2h}
"""
COMMANDS = ("demo", "up", "watch", "publish", "replay", "run", "plan", "plan check", "plan publish", "plan show",
            "plan preview", "ledger",
            "ledger verify", "ledger notify", "deadletters", "deadletters list", "deadletters show", "parked", "parked list",
            "parked show", "parked redrive", "verify", "door", "door token", "artifact", "artifact check")  # fmt: skip


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LOCKGATE_")]:
        monkeypatch.delenv(name)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_text(GOOD)
    return file


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    words = re.sub(r"\x1b\[[0-9;]*m", "", result.output)
    assert f"Usage: lockgate {command}" in words or f"Usage: root {command}" in words


def test_the_help_lists_every_command_and_the_version_is_said() -> None:
    words = run("--help").output
    assert all(f" {command} " in words for command in COMMANDS if " " not in command)
    result = run("--version")
    assert (result.exit_code, result.output) == (0, "lockgate 0.1.0\n")


def test_a_good_plan_is_summed_up(plan: Path) -> None:
    result = run("plan", "check", str(plan))
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"{plan} is a good plan for payments:",
        "  all    wave   eu-west, us-east  max-parallel 1, budget 15m",
        "  watch  watch                    for 2h",
        "If a release is blamed, it is taken back to what ran before.",
        "Whether its regions are served is known when it is published.",
    ]


@pytest.mark.parametrize(
    ("remediation", "follows"),
    [
        ("{to: good}", "it is taken back to the last good version."),
        (
            "{recovers-within: 15m}",
            "it is taken back to what ran before, and its incidents have to end within 15m.",
        ),
        ("{then: hold}", "it stays as it is, halted, until an operator says what follows."),
        (
            "{flags: [{flag: a}]}",
            (
                "in production for what was measured, a failed check or an incident a is switched off first; if that does not help, or for"
                " anything else, it is taken back to what ran before."
            ),
        ),
        (
            "{flags: [{flag: a}, {flag: b}], then: hold}",
            (
                "in production for what was measured, a failed check or an incident a and b are switched off first; if that does not help, or"
                " for anything else, it stays as it is, halted, until an operator says what follows."
            ),
        ),
    ],
)
def test_what_follows_where_a_release_is_blamed_is_summed_up(
    plan: Path, remediation: str, follows: str
) -> None:
    plan.write_text(f"{GOOD}remediation: {remediation}\n")
    said = run("plan", "check", str(plan)).output.splitlines()
    assert said[-2] == f"If a release is blamed, {follows}"


def test_what_a_plan_demands_of_provenance_is_summed_up(plan: Path) -> None:
    demands = (
        "provenance:\n"
        "  signers: [{identity: release@acme.example, issuer: https://accounts.example}]\n"
        "  slsa: {builders: [https://ci.example/one], sources: [https://git.example/a, https://git.example/b]}\n"
    )
    plan.write_text(GOOD + demands)
    said = run("plan", "check", str(plan)).output.splitlines()
    assert said[3:6] == [
        "Its artifacts must be signed by release@acme.example of https://accounts.example",
        "  and built by https://ci.example/one",
        "  from https://git.example/a or https://git.example/b.",
    ]


def test_a_bundle_that_is_no_json_is_not_announced(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_text("no bundle")
    result = run("publish", "pkg:oci/payments", f"sha256:{'a' * 64}", "--bundle", str(file))
    assert result.exit_code == 2
    assert "is no JSON, and so no sigstore bundle" in " ".join(result.stderr.replace("│", " ").split())


def test_a_watch_that_is_verified_is_summed_up_as_one(plan: Path) -> None:
    plan.write_text(GOOD.replace("for: 2h", "for: 2h, verify: {}"))
    said = run("plan", "check", str(plan)).output
    assert "for 2h, each region compared with its own time before" in said


def test_a_canary_is_told_with_what_decides_between_its_steps() -> None:
    said = run("plan", "check", str(ROOT / "docs" / "plans" / "canary.yaml")).output
    assert "canary 25%, 50% (verify 20m each), max-parallel 1, budget 15m, bake 10m" in said
    assert "canary 10%, 50%, 100% (wait 5m), max-parallel 2, retry 1" in said


def test_a_wave_that_is_compared_is_told_with_what_it_is_compared_with() -> None:
    said = run("plan", "check", str(ROOT / "docs" / "plans" / "payments.yaml")).output
    assert "max-parallel 1, budget 15m, verify 30m beside later waves, bake 10m" in said


def test_what_a_plan_would_do_is_told_without_any_server(plan: Path) -> None:
    said = run("plan", "preview", str(plan))
    assert said.exit_code == 0
    assert said.output.splitlines() == [
        "Whether it would wait, and for what, is known to the topics alone: they were not asked.",
        "1. all (wave): eu-west, us-east",
        "   gate       the roll-out is complete in each region, within 15m",
        "   takes      what its roll-outs take: 15m at most for each attempt at a step in a region",
        "2. watch (watch)",
        "   gate       no incident is blamed on it for 2h",
        "   takes      2h",
        "If a release is blamed, it is taken back to what ran before.",
        (
            "In all at least 2h, if nothing fails: past releases were not looked at, so this is the sum of the plan's own times. How"
            " long roll-outs and requests take is not in it, since no plan knows."
        ),
    ]


def test_an_artifact_that_would_be_refused_is_an_exit_code_and_programs_get_json(plan: Path) -> None:
    refused = run("plan", "preview", str(plan), "--artifact", "pkg:oci/payments@v3")
    assert refused.exit_code == 1
    assert refused.output.startswith("It would be refused: 'pkg:oci/payments@v3' names no digest")
    said = json.loads(run("plan", "preview", str(plan), "--artifact", DIGEST, "--json").output)
    assert (said["application"], said["refused"], said["seconds"]) == ("payments", None, 7200)
    assert [stage["name"] for stage in said["stages"]] == ["all", "watch"]


def test_a_bad_plan_is_not_previewed(plan: Path) -> None:
    plan.write_text("application: payments")
    result = run("plan", "preview", str(plan))
    assert result.exit_code == 1
    assert "problem" in result.stderr


@pytest.mark.parametrize("file", sorted((ROOT / "docs" / "plans").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_plan_of_the_docs_can_be_previewed(file: Path) -> None:
    result = run("plan", "preview", str(file))
    assert result.exit_code == 0, result.output
    assert "In all at least " in result.output


def test_every_problem_of_a_bad_plan_is_said_with_its_line_and_nothing_as_the_terminals(plan: Path) -> None:
    plan.write_text(GOOD.replace("kind: wave", "kind: surf").replace("for: 2h", 'for: "2\\e[31mh"'))
    result = run("plan", "check", str(plan))
    assert result.exit_code == 1
    problems = result.stderr.splitlines()
    assert [problem.partition(": stages")[0] for problem in problems[:-1]] == [
        f"{plan}: line 6",
        f"{plan}: line 7",
    ]
    assert "surf" in problems[0]
    assert problems[-1] == "2 problems."
    assert "\x1b" not in result.output


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"- 1", b"a: [", b"a: &a [*a]"])
def test_what_is_no_plan_at_all_is_a_problem_and_no_crash(plan: Path, content: bytes) -> None:
    plan.write_bytes(content)
    result = run("plan", "check", str(plan))
    assert result.exit_code == 1, result.output
    assert "1 problem." in result.stderr


@pytest.mark.parametrize(
    ("package", "digest", "says"),
    [
        ("pkg:oci/payments", "sha256:abc", "64 hexadecimal digits are needed after sha256:, got 3"),
        ("pkg:oci/payments", DIGEST.upper().replace("0", "A"), "write the digest in lower case"),
        ("pkg:oci/payments", "sha256:" + "g" * 64, "'g' is no hexadecimal digit"),
        ("pkg:oci/payments", "v4", "a digest is sha256: and 64 hexadecimal digits"),
        ("pkg:oci/payments?tag=v4", DIGEST, "give the package alone, pkg:oci/payments:"),
        ("pkg:oci/payments:v4", DIGEST, "give the package alone, pkg:oci/payments:"),
        (f"pkg:oci/payments@{DIGEST}", DIGEST, "give the package alone, pkg:oci/payments:"),
    ],
)
def test_an_artifact_that_is_written_wrongly_is_said_before_anything_is_published(
    package: str, digest: str, says: str
) -> None:
    result = run("publish", package, digest, "--kafka", "127.0.0.1:1")
    assert result.exit_code == 2
    assert says in _unboxed(result.stderr)
    assert "no Kafka broker" not in result.stderr, "nobody was asked"


def test_a_plan_that_is_not_there_is_named() -> None:
    result = run("plan", "check", "/nowhere/plan.yaml")
    assert result.exit_code == 2
    assert "does not exist" in result.output


def test_a_bad_plan_is_not_published(plan: Path) -> None:
    plan.write_text("application: payments")
    result = run("plan", "publish", str(plan), "--kafka", "127.0.0.1:1")
    assert result.exit_code == 1, "nobody was asked"
    assert "nothing was published" in result.stderr


@pytest.mark.parametrize(
    ("meant", "why"),
    [
        ("payments.yml", "there is no file payments.yml"),
        ("plans/payments", "there is no file plans/payments"),
        ("Payments", "Payments is neither a file nor a name that an application can have"),
        ("p" * 300, "is neither a file nor a name that an application can have"),
    ],
)
def test_a_preview_of_what_is_no_file_and_no_application_says_so_before_any_server_is_asked(
    meant: str, why: str
) -> None:
    result = run("plan", "preview", meant)
    assert result.exit_code == 2
    assert why in re.sub(r"[\s│]+", " ", result.stderr)


@pytest.mark.parametrize(
    ("artifact", "why"),
    [
        ("sha256:abc", "64 hexadecimal digits are needed after sha256:, got 3"),
        ("pkg:oci/" + "p" * 2000, "it has 2008 characters"),
    ],
)
def test_a_preview_of_what_can_be_no_artifact_says_so(plan: Path, artifact: str, why: str) -> None:
    result = run("plan", "preview", str(plan), "--artifact", artifact)
    assert result.exit_code == 2
    assert why in re.sub(r"[\s│]+", " ", result.stderr)


@pytest.mark.parametrize("command", ["watch", "publish", "plan publish", "plan show", "plan preview"])
def test_a_kafka_that_is_not_there_is_named_with_what_to_do(command: str, plan: Path) -> None:
    result = run(*_whole(command, plan), "--kafka", f"127.0.0.1:{free_ports(1)[0]}")
    assert result.exit_code == 2
    assert re.match(
        r"no Kafka broker answers at 127\.0\.0\.1:\d+ \(.*\): start one with `lockgate up`", result.stderr
    )
    assert "--kafka or LOCKGATE_KAFKA" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1:abc", "'abc' is no port"),
        ("127.0.0.1:9092,[::1]:0", "'0' is no port"),
        ("kafka://a:9092", "'kafka://a:9092' is a URL"),
        (":9092", "':9092' names no host"),
        ("", "'' names no host"),
    ],
)
@pytest.mark.parametrize(
    "command", ["watch", "replay", "publish", "plan publish", "deadletters list", "ledger verify"]
)
def test_an_address_that_is_none_is_said_in_a_sentence(
    command: str, address: str, says: str, plan: Path
) -> None:
    result = run(*_whole(command, plan), "--kafka", address)
    assert result.exit_code == 2
    assert "--kafka" in result.stderr
    assert says in _unboxed(result.stderr)
    assert "Traceback" not in result.output


def test_a_services_address_that_is_none_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_KAFKA", "localhost:abc")
    result = run("run", "intake")
    says = "intake cannot start: LOCKGATE_KAFKA: 'abc' is no port: write a number from 1 to 65535\n"
    assert (result.exit_code, result.stderr) == (2, says)


@pytest.mark.parametrize("command", ["parked list", "ledger verify"])
@pytest.mark.parametrize("url", ["postgresql://u:hunter2@localhost:abc/x", "//u:hunter2@localhost/x"])
def test_a_databases_address_that_is_none_is_said_without_its_password(
    command: str, url: str, plan: Path
) -> None:
    result = run(*_whole(command, plan), "--postgres", url)
    assert result.exit_code == 2
    assert "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE" in _unboxed(result.stderr)
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@a:1,[::1]:2/x", "postgres:///x?host=/run/pg", "postgresql://a"]
)
def test_an_address_that_a_database_can_have_is_taken(url: str) -> None:
    assert database_problem(url) is None


def test_a_kafka_that_takes_the_connection_and_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka, "CALL_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        result = run("publish", "pkg:oci/payments", DIGEST, "--kafka", f"127.0.0.1:{silent.getsockname()[1]}")
    assert result.exit_code == 2
    assert "(TimeoutError)" in result.stderr
    assert time.monotonic() - began < 5.0


def test_replay_of_a_kafka_that_is_not_there_is_no_finding_and_says_what_to_do() -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    result = run("replay", "--kafka", address)
    assert (result.exit_code, result.stderr) == (
        2,
        (
            f"nothing was replayed: no Kafka broker answers at {address} (KafkaConnectionError: Unable to bootstrap from "
            f"[{address}]): start one with `lockgate up`, or name yours with --kafka or LOCKGATE_KAFKA\n"
        ),
    )


@pytest.mark.parametrize("command", ["parked list", "parked show", "parked redrive", "ledger verify"])
def test_a_database_that_is_not_named_is_asked_for_with_where_to_find_it(command: str, plan: Path) -> None:
    result = run(*command.split(), *(["releases/0/0"] if command == "parked show" else []))
    assert result.exit_code == 2
    assert "name the database of the services; `lockgate up` prints the exports" in _unboxed(result.stderr)


def test_a_public_key_that_is_not_named_is_asked_for() -> None:
    result = run("ledger", "verify", "--postgres", "postgresql://127.0.0.1:1/x")
    assert result.exit_code == 2
    assert "'--key' (env var: 'LOCKGATE_LEDGER_PUBLIC_KEY'): name the ledger's public key" in _unboxed(
        result.stderr
    )


def test_a_time_to_look_back_is_a_duration() -> None:
    result = run("watch", "--since", "yesterday")
    assert result.exit_code == 2
    assert "no duration" in result.output


def test_a_ledger_that_is_not_there_is_no_finding(tmp_path: Path) -> None:
    Signer.from_file(tmp_path / "key.pem", create=True)
    nobody = f"postgresql://lockgate:hunter2@127.0.0.1:{free_ports(1)[0]}/lockgate"
    result = run("ledger", "verify", "--postgres", nobody, "--key", str(tmp_path / "key.pem.pub"))
    assert result.exit_code == 2
    assert result.stderr.startswith("the ledger could not be read, so nothing is known about it: PostgreSQL")
    assert "hunter2" not in result.output


def test_a_key_that_is_not_there_is_named() -> None:
    result = run("ledger", "verify", "--postgres", "postgresql://127.0.0.1:1/x", "--key", "/nowhere.pub")
    assert result.exit_code == 2
    assert "/nowhere.pub" in result.stderr


def test_a_service_that_there_is_none_of_is_said_with_those_there_are() -> None:
    result = run("run", "nonsense")
    assert result.exit_code == 2
    assert result.stderr == (
        "there is no service 'nonsense'; the services are intake, verifier, deployer, rollback, ledger, door\n"
    )


@pytest.mark.parametrize("service", ["intake", "verifier", "deployer", "rollback", "ledger"])
def test_a_service_without_settings_names_all_that_are_missing(service: str) -> None:
    own = ["LOCKGATE_DEPLOYER_NAME", "LOCKGATE_DEPLOYER_REGIONS"] if service == "deployer" else []
    result = run("run", service)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{service} cannot start: its settings, which it takes from the environment, are not right.",
        *(f"  {name}: is missing" for name in [*own, "LOCKGATE_KAFKA", "LOCKGATE_POSTGRES"]),
    ]


def test_the_door_needs_no_database_and_names_what_it_lacks() -> None:
    result = run("run", "door")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "door cannot start: its settings, which it takes from the environment, are not right.",
        "  LOCKGATE_KAFKA: is missing",
        "  LOCKGATE_DOOR_CALLERS: is missing",
    ]


def test_the_door_never_shows_what_was_written_in_the_wrong_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("LOCKGATE_DOOR_CALLERS", '[{"name": "ci", "role": "ci", "token": "lgd_hunter2"}]')
    result = run("run", "door")
    assert result.exit_code == 2
    assert "LOCKGATE_DOOR_CALLERS (0.token): String should match pattern" in result.stderr
    assert "hunter2" not in result.stderr


def _whole(command: str, plan: Path) -> list[str]:
    ledger = ["--postgres", "postgresql://127.0.0.1:1/x", "--key", str(plan)]
    arguments = {
        "publish": ["pkg:oci/payments", DIGEST],
        "plan publish": [str(plan)],
        "plan show": ["payments"],
        "plan preview": ["payments"],
        "ledger verify": ledger,
    }
    return [*command.split(), *arguments.get(command, [])]


def _unboxed(text: str) -> str:
    """The words of an error in its box, on one line."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[╭╮╰╯─│]", " ", text).split())
