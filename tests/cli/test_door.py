"""The commands that go through the door: tokens, announcements and plans, and what is said when it does not open."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lockgate.cli.local.door import LocalDoor
from lockgate.cli.main import app
from lockgate.embedded.ports import free_ports
from lockgate.intake.door import server
from lockgate.intake.door.answers import Code, Refused
from lockgate.intake.door.callers import Role, hash_of
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.operations import OPERATIONS, Pause, Reassign
from lockgate.messages.plans import PlanPublished
from tests.support.deliveries import DIGEST, TOKENS
from tests.support.doors import Client, Shelf, opened_door

PLAN = """\
kind: Plan
application: payments
artifact: pkg:oci/payments
workload: {deployment: payments, container: app, service: payments}
stages:
  - {name: all, kind: wave, regions: [eu-west, us-east]}
  - {name: watch, kind: watch, for: 2h}
"""


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def client(shelf: Shelf) -> AsyncIterator[Client]:
    async with opened_door(shelf.publish) as client:
        yield client


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN)
    return file


async def run(*arguments: str, token: str = TOKENS[Role.OPERATOR]) -> Result:
    environment = {"LOCKGATE_DOOR_TOKEN": token, "LOCKGATE_DOOR": None, "LOCKGATE_DOOR_TOKEN_FILE": None}
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment)


async def test_a_token_is_made_once_and_its_entry_has_the_hash_alone() -> None:
    result = await run("door", "token", "ci-payments", "--role", "ci", "--application", "payments")
    said = dict(line.split(": ", 1) for line in result.stdout.splitlines())
    entry = json.loads(said["entry for LOCKGATE_DOOR_CALLERS"])
    assert re.fullmatch(r"lgd_[\w-]{43}", said["token"])
    assert said["hash"] == hash_of(said["token"])
    assert entry == {"name": "ci-payments", "role": "ci", "token": said["hash"], "applications": ["payments"]}
    again = await run("door", "token", "ci-payments", "--role", "ci")
    assert said["token"] not in again.stdout


@pytest.mark.parametrize(
    "arguments", [["CI Payments", "--role", "ci"], ["ci", "--role", "ci", "--package", "payments"]]
)
async def test_a_token_for_what_has_no_such_name_is_not_made(arguments: list[str]) -> None:
    result = await run("door", "token", *arguments)
    assert (result.exit_code, "lgd_" in result.output) == (2, False)


async def test_an_artifact_is_announced_through_the_door(client: Client, shelf: Shelf) -> None:
    result = await run("publish", "pkg:oci/payments", DIGEST, "--tag", "v2", "--door", client.url)
    said = result.output.splitlines()[-1]  # the door's own log is in the same output here
    assert (result.exit_code, said) == (
        0,
        "announced through the door; what intake makes of it: lockgate watch",
    )
    (outgoing,) = shelf.lies
    assert outgoing.body == ArtifactPublished(purl=f"pkg:oci/payments@{DIGEST.replace(':', '%3A')}?tag=v2")


async def test_the_token_may_lie_in_a_file(client: Client, shelf: Shelf, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKENS[Role.CI]}\n")
    result = await run(
        "publish", "pkg:oci/payments", DIGEST, "--door", client.url, "--door-token-file", str(file), token=""
    )
    assert (result.exit_code, len(shelf.lies)) == (0, 1)


async def test_a_plan_is_published_through_the_door_by_whom_the_token_names(
    client: Client, shelf: Shelf, plan: Path
) -> None:
    result = await run("plan", "publish", str(plan), "--door", client.url)
    assert result.exit_code == 0
    (outgoing,) = shelf.lies
    assert isinstance(outgoing.body, PlanPublished)
    assert (outgoing.body.author, outgoing.body.plan["application"]) == ("a-operator", "payments")


async def test_a_plan_is_sent_again_as_the_same_publication_while_kafka_is_away(
    client: Client, shelf: Shelf, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.away = True
    waits: list[float] = []

    def back(seconds: float) -> None:
        waits.append(seconds)
        shelf.away = len(waits) < 2

    monkeypatch.setattr("lockgate.cli.door.time.sleep", back)
    assert (await run("plan", "publish", str(plan), "--door", client.url)).exit_code == 0
    assert waits == [5.0, 5.0]
    assert len(shelf.lies) == 1


@pytest.mark.parametrize("said", ["Mon, 30 Nov 2026 10:00:00 GMT", "-1", "nan", "99999999999"])
async def test_what_a_proxy_says_of_when_to_try_again_is_bounded(
    client: Client, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    def away(*_: object) -> Refused:
        return Refused(Code.UNAVAILABLE, "away", headers={"Retry-After": said})

    monkeypatch.setattr(server, "_away", away)
    shelf.away = True
    waits: list[float] = []
    monkeypatch.setattr("lockgate.cli.door.time.sleep", waits.append)
    assert (await run("publish", "pkg:oci/payments", DIGEST, "--door", client.url)).exit_code == 2
    assert waits == [10.0] * 5


def test_the_local_door_has_a_token_even_if_its_file_was_left_empty(tmp_path: Path) -> None:
    (tmp_path / "door-token").touch()
    door = LocalDoor.in_folder(tmp_path)
    token = door.token_file.read_text().strip()
    assert re.fullmatch(r"lgd_[\w-]{43}", token)
    assert door.token_file.stat().st_mode & 0o077 == 0
    assert hash_of(token) in door.environment["LOCKGATE_DOOR_CALLERS"]
    assert LocalDoor.in_folder(tmp_path).token_file.read_text().strip() == token
    assert [file.name for file in tmp_path.iterdir()] == ["door-token"]


async def test_a_door_that_stays_away_is_said_with_exit_code_2(
    client: Client, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.away = True
    monkeypatch.setattr("lockgate.cli.door.time.sleep", lambda _: None)
    result = await run("publish", "pkg:oci/payments", DIGEST, "--door", client.url)
    assert (result.exit_code, result.stderr) == (
        2,
        f"the door at {client.url} can publish nothing for now: try again later\n",
    )


async def test_where_no_door_is_that_is_said() -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    result = await run("publish", "pkg:oci/payments", DIGEST, "--door", url)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"no door answers at {url}")


@pytest.mark.parametrize(
    ("token", "says"),
    [
        (TOKENS[Role.MONITORING], "refused (forbidden): a-monitoring has the role monitoring"),
        (
            "lgd_nonsense",
            "refused (unauthenticated): the token in Authorization is none that this door knows",
        ),
    ],
)
async def test_what_the_door_refuses_is_said_in_its_words(
    client: Client, shelf: Shelf, token: str, says: str
) -> None:
    result = await run("publish", "pkg:oci/payments", DIGEST, "--door", client.url, token=token)
    assert (result.exit_code, shelf.lies) == (1, [])
    assert result.stderr.startswith(says)
    assert token not in result.output


@pytest.mark.parametrize(
    "url",
    ["http://door.example", "ftp://door.example", "door.example", "https://u:p@door.example", "https://"],
)
async def test_a_token_is_not_sent_where_others_could_read_it(url: str) -> None:
    result = await run("publish", "pkg:oci/payments", DIGEST, "--door", url)
    assert result.exit_code == 2
    assert "https://HOST[:PORT]" in result.stderr


async def test_without_a_token_nobody_is_asked(client: Client, shelf: Shelf) -> None:
    result = await run("publish", "pkg:oci/payments", DIGEST, "--door", client.url, token="")
    assert (result.exit_code, shelf.lies) == (2, [])
    assert "LOCKGATE_DOOR_TOKEN" in result.stderr


# --- operations -------------------------------------------------------------------------------------------------

WHY = ("--why", "the sale is on")
ABOUT: dict[str, tuple[str, ...]] = {"mark": (DIGEST, "bad"), "fix": ("--artifact", DIGEST)}


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"reassign"}))
async def test_each_operation_is_asked_for_through_the_door(name: str, client: Client, shelf: Shelf) -> None:
    result = await run(name, "payments", *ABOUT.get(name, ()), *WHY, "--door", client.url)
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(
        f"{name} of payments asked for; what is made of it: --wait, or lockgate watch\n"
    )
    (record,) = shelf.lies
    assert isinstance(record.body, OPERATIONS[name])
    assert record.body.who == "a-operator"


async def test_a_region_is_given_to_another_deployer_through_the_door(client: Client, shelf: Shelf) -> None:
    result = await run("reassign", "eu-west", "--to", "two", *WHY, "--door", client.url)
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(
        "reassign of eu-west asked for; what is made of it: --wait, or lockgate watch\n"
    )
    (record,) = shelf.lies
    assert isinstance(record.body, Reassign)
    assert (record.body.region, record.body.deployer, record.body.who) == ("eu-west", "two", "a-operator")


async def test_several_applications_are_several_operations_and_all_is_one(
    client: Client, shelf: Shelf
) -> None:
    assert (await run("pause", "payments", "shop", *WHY, "--door", client.url)).exit_code == 0
    assert (await run("resume", "--all", *WHY, "--door", client.url)).exit_code == 0
    assert [record.key for record in shelf.lies] == ["payments", "shop", "*"]


async def test_an_application_that_is_refused_keeps_no_other_from_being_paused(
    client: Client, shelf: Shelf
) -> None:
    result = await run("pause", "payments", "No Name", "shop", *WHY, "--door", client.url)
    assert result.exit_code == 1
    assert [record.key for record in shelf.lies] == ["payments", "shop"]
    assert result.stderr.endswith("pause of No Name is not done: the line before says why\n")


async def test_a_pause_has_an_end_with_a_zone(client: Client, shelf: Shelf) -> None:
    until = ("--until", "2026-12-24T08:00+01:00")
    assert (await run("pause", "payments", *WHY, *until, "--door", client.url)).exit_code == 0
    body = shelf.lies[0].body
    assert isinstance(body, Pause)
    assert body.until is not None
    assert body.until.isoformat() == "2026-12-24T08:00:00+01:00"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("pause", "payments", *WHY), "LOCKGATE_DOOR"),
        (("pause", "payments", "--door", "https://door"), "--why"),
        (("pause", *WHY, "--door", "https://door"), "--all"),
        (("pause", "payments", "--all", *WHY, "--door", "https://door"), "--all"),
        (("pause", "payments", *WHY, "--until", "2026-12-24", "--door", "https://door"), "zone"),
        (("rollback", "payments", *WHY, "--to", "1.4.0", "--door", "https://door"), "sha256"),
    ],
)
async def test_what_is_not_said_whole_is_not_asked_for(arguments: tuple[str, ...], told: str) -> None:
    result = await run(*arguments)
    assert result.exit_code == 2
    assert told in result.output
