"""`lockgate ledger notify`: sends a trial to the receivers of notices, to see that each of them can be told."""

import asyncio
import time
import uuid
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from lockgate.cli.problems import settings_problem
from lockgate.ledger.notifying.notice import Kind, Notice
from lockgate.ledger.notifying.posting import Attempt, post, posting
from lockgate.ledger.notifying.receivers import Receiver
from lockgate.ledger.settings import Settings


def notify(
    receiver: Annotated[
        str | None, typer.Argument(help="The name of one receiver of LOCKGATE_NOTIFY; else all.")
    ] = None,
) -> None:
    """Tells the receivers of LOCKGATE_NOTIFY that this is a trial, once, and says what each answered."""
    try:
        settings = Settings()
    except (ValidationError, SettingsError) as error:
        typer.echo(settings_problem("notify", "lockgate.ledger", error), err=True)
        raise typer.Exit(2) from None
    chosen = [each for each in settings.notify if receiver in {None, each.name}]
    if not chosen:
        whom = "nobody" if receiver is None else f"no {receiver!r}"
        typer.echo(f"LOCKGATE_NOTIFY names {whom}: see docs/notifications.md", err=True)
        raise typer.Exit(2)
    attempts = asyncio.run(_told(chosen, settings.notify_timeout))
    for each, attempt in zip(chosen, attempts, strict=True):
        typer.echo(f"{each.name}: {attempt.trouble or 'it took the trial'}")
    raise typer.Exit(0 if all(attempt.delivered for attempt in attempts) else 1)


async def _told(receivers: list[Receiver], seconds: float) -> list[Attempt]:
    trial = _trial(datetime.fromtimestamp(time.time(), UTC))
    async with posting(seconds) as session:
        return await asyncio.gather(*(post(session, each, trial) for each in receivers))


def _trial(now: datetime) -> Notice:
    return Notice(
        id=str(uuid.uuid4()),
        kind=Kind.COMPLETED,
        application="trial",
        release="trial",
        version="trial",
        stage=None,
        regions=(),
        what="This is a trial of Lockgate's notices",
        why="Somebody typed lockgate ledger notify.",
        says="Nothing is asked of you.",
        commands=(),
        at=now,
        event="trial",
    )
