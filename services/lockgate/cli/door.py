"""The door from outside: makes tokens for it, and delivers what an operator or CI has to say through it.

A token comes from the environment or a file, never from an argument, which every user of a machine can read. It is sent
over TLS or to this machine alone, follows no redirection, and is in no message.
"""

import json
import os
import secrets
import time
import urllib.request
import uuid
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError

from lockgate.cli.kafka import UnreachableError
from lockgate.cli.problems import unreachable_is_2
from lockgate.cli.view.plain import plain
from lockgate.intake.door.callers import TOKEN_PREFIX, Role, hash_of
from lockgate.intake.door.settings import CallerSettings

TRIES = 6
CALL_SECONDS = 20.0
MOST_WAIT = 10.0
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

app = typer.Typer(no_args_is_help=True, help="Who may come in through the door.")


def door_url(text: str | None) -> str | None:
    """The check of the option."""
    parts = urlsplit(text or "https://door")
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.query:
        raise typer.BadParameter("it is no URL of a door: write https://HOST[:PORT]")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise typer.BadParameter(
            "a token is sent over https alone, or to this machine: write https://HOST[:PORT]"
        )
    return text and text.rstrip("/")


DoorOption = Annotated[
    str | None,
    typer.Option(
        "--door",
        envvar="LOCKGATE_DOOR",
        callback=door_url,
        metavar="URL",
        help="Deliver through this door instead of Kafka, with the token in LOCKGATE_DOOR_TOKEN or in a file.",
    ),
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--door-token-file",
        envvar="LOCKGATE_DOOR_TOKEN_FILE",
        exists=True,
        dir_okay=False,
        readable=True,
        help="The file with the token for the door.",
    ),
]


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="Who will use it: ci-payments, ann, alertmanager, …")],
    role: Annotated[Role, typer.Option(help="What it is for.")],
    application: Annotated[
        list[str] | None, typer.Option(help="Restrict it to an application. May be given again.")
    ] = None,
    package: Annotated[
        list[str] | None,
        typer.Option(help="Restrict what it announces, as pkg:oci/NAME. May be given again."),
    ] = None,
) -> None:
    """Makes a token, and the entry for LOCKGATE_DOOR_CALLERS, which has its hash alone. Neither is kept here."""
    made = TOKEN_PREFIX + secrets.token_urlsafe(32)
    try:
        entry = CallerSettings(
            name=name,
            role=role,
            token=hash_of(made),
            applications=frozenset(application or ()),
            packages=frozenset(package or ()),
        )
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise typer.BadParameter(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None
    typer.echo(f"token: {made}")
    typer.echo(f"hash: {entry.token}")
    typer.echo(f"entry for LOCKGATE_DOOR_CALLERS: {entry.model_dump_json(exclude_defaults=True)}")
    typer.echo("Give the token to its user now: it is kept nowhere.", err=True)


def deliver(door: str, file: Path | None, path: str, body: bytes, media: str) -> list[str]:
    """The ids of what the door has published. Ends the command with a sentence if it does not: 1 refused, 2 unreachable."""
    with unreachable_is_2():
        try:
            return _delivered(door, _request(door + path, _token(file), body, media))
        except DoorRefusedError as refused:
            typer.echo(str(refused), err=True)
            raise typer.Exit(1) from None


def _request(url: str, given: str, body: bytes, media: str) -> urllib.request.Request:
    """With its key, so that sending it again is no second delivery."""
    headers = {
        "Authorization": f"Bearer {given}",
        "Content-Type": media,
        "Idempotency-Key": str(uuid.uuid4()),
    }
    return urllib.request.Request(url, data=body, method="POST", headers=headers)  # noqa: S310  # `door_url` looked at it


def _delivered(door: str, request: urllib.request.Request) -> list[str]:
    """What is answered by 503 is sent again."""
    for attempt in range(TRIES):
        try:
            with _opener(door).open(request, timeout=CALL_SECONDS) as answer:
                return _published(answer.read())
        except HTTPError as error:
            if error.code != 503:
                raise DoorRefusedError(_problem(error)) from None
            if attempt + 1 < TRIES:
                time.sleep(_wait(error.headers.get("Retry-After", "1")))
        except (OSError, HTTPException) as error:
            raise UnreachableError(
                f"no door answers at {door} ({type(error).__name__}): see --door and LOCKGATE_DOOR"
            ) from None
    raise UnreachableError(f"the door at {door} can publish nothing for now: try again later")


def _published(receipt: bytes) -> list[str]:
    """The ids in a door's receipt; of what is no receipt, none."""
    try:
        return [str(each["id"]) for each in json.loads(receipt)["published"]]
    except (ValueError, TypeError, KeyError):
        return []


def _wait(said: str) -> float:
    """Seconds; a date, which a proxy may write, is waited for as long as anything is."""
    return min(MOST_WAIT, float(said)) if said.isascii() and said.isdigit() else MOST_WAIT


class DoorRefusedError(Exception):
    """The door refuses. The message is what it says, and what to do."""


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    """A redirection would take the token elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(door: str) -> urllib.request.OpenerDirector:
    """Past any proxy to this machine, which needs none."""
    here = [urllib.request.ProxyHandler({})] if urlsplit(door).hostname in LOOPBACK else []
    return urllib.request.build_opener(_NoRedirection(), *here)


def _token(file: Path | None) -> str:
    given = file.read_text().strip() if file else os.environ.get("LOCKGATE_DOOR_TOKEN", "")
    if not given.isascii() or not given.isprintable() or not given or " " in given:
        raise typer.BadParameter(
            "the door wants to know who you are: put the token that `lockgate door token` made into LOCKGATE_DOOR_TOKEN,"
            " or name its file with --door-token-file"
        )
    return given


def _problem(error: HTTPError) -> str:
    """In the door's words; of what is no answer of a door, the status alone."""
    try:
        problem = json.loads(error.read())
        lines = [f"refused ({problem['code']}): {problem['detail']}", *problem.get("errors", ())]
        return "\n  ".join(plain(str(line)) for line in lines)
    except (ValueError, TypeError, KeyError):
        return f"refused with the status {error.code}, by something that is no door: see --door and LOCKGATE_DOOR"
