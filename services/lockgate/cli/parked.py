"""`lockgate parked list|show|redrive`: what waits in the services, why, and another try of what is stuck.

There is no way to drop an event by hand: what cannot be taken today waits, in order, for a version that can.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, NoReturn

import typer

from lockgate.cli import waiting
from lockgate.cli.deadletters import written
from lockgate.cli.options import NO_DATABASE, JsonOption, PostgresOption, RawOption, seconds
from lockgate.cli.plan import author
from lockgate.cli.problems import EXIT_UNREACHABLE
from lockgate.cli.view.content import columns, content, short
from lockgate.cli.view.plain import plain
from lockgate.cli.waiting import Contents, DatabaseError, Parked, Queue
from lockgate.runtime.batch import Redriven
from lockgate.runtime.parking import Hold

app = typer.Typer(no_args_is_help=True, help="Look at events that wait, and ask for another try.")

EXIT_STILL_PARKED = 1
EXIT_NO_ANSWER = 3

_HEAD = ("SERVICE", "WRITER", "KEY", "NUMBER", "REASON", "SINCE", "BEHIND", "EVENT", "DETAIL")

ServiceOption = Annotated[
    str | None,
    typer.Option("--service", help="Only this service: the name of its schema, as `list` shows it."),
]


@app.command("list")
def list_parked(
    postgres: PostgresOption = NO_DATABASE,
    service: ServiceOption = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that only wait behind another, each on a line.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Lists what waits: the first of each writer and key, why it waits, and how many wait behind it."""
    with _unreachable_is_2():
        queues = waiting.queues(asyncio.run(_parked(postgres, service)))
    if as_json:
        typer.echo(
            json.dumps([_summary(queue, event) for queue in queues for event in _of(queue, every)], indent=2)
        )
    elif not queues:
        typer.echo("nothing is parked")
    else:
        rows = [_HEAD, *(_row(queue, event) for queue in queues for event in _of(queue, every))]
        typer.echo("\n".join(columns(rows)))


@app.command()
def show(
    event: Annotated[str, typer.Argument(help="TOPIC/PARTITION/OFFSET of the event, as `list` shows it.")],
    postgres: PostgresOption = NO_DATABASE,
    service: ServiceOption = None,
    raw: RawOption = None,
) -> None:
    """Shows one event that waits with its headers and its bytes, as text if they are text."""
    with _unreachable_is_2():
        found = asyncio.run(_whole(postgres, service, event))
    match found:
        case []:
            _refuse(f"nothing is parked at {plain(event)}; `lockgate parked list --all` shows what is")
        case [(one, inside)]:
            typer.echo("\n".join(_page(one, inside)))
            if raw is not None:
                written(raw, inside.value)
        case several:
            _refuse(f"{event} waits in {', '.join(one.service for one, _ in several)}: choose with --service")


@app.command()
def redrive(
    postgres: PostgresOption = NO_DATABASE,
    service: ServiceOption = None,
    writer: Annotated[str | None, typer.Option(help="Only events of this writer.")] = None,
    key: Annotated[str | None, typer.Option(help="Only events of this key (the application).")] = None,
    wait: Annotated[
        float, typer.Option(parser=seconds, metavar="DURATION", help="How long to wait for the services.")
    ] = "30s",  # type: ignore[assignment]  # typer gives the text to the parser
) -> None:
    """Asks the running services to try again what is stuck, in order, and says what happened. Drops nothing."""
    with _unreachable_is_2():
        done = asyncio.run(_redriven(postgres, service, (writer, key), wait))
    if not done:
        typer.echo("nothing is stuck: what is parked, if anything, goes on by itself once its cause comes")
        return
    for queue, answer in done:
        typer.echo(outcome(queue, answer))
    if any(answer is None for _, answer in done):
        raise typer.Exit(EXIT_NO_ANSWER)
    if any(answer.waiting for _, answer in done if answer is not None):
        raise typer.Exit(EXIT_STILL_PARKED)


def outcome(queue: Queue, answer: Redriven | None) -> str:
    """What became of one queue, as a sentence."""
    whose = f"{queue.first.service}: {queue.first.writer} {queue.first.key}"
    match answer:
        case None:
            says = (
                "no answer. The wish stands, and is done when the service runs: look at its log, and with"
                " `lockgate parked list`"
            )
        case Redriven(waiting=0, released=released):
            says = f"released {released}, still parked 0"
        case Redriven(released=released, waiting=left, number=number, reason=reason, detail=detail):
            event = "an event" if number is None else f"event {number}"
            says = f"released {released}, still parked {left}: {event} waits ({reason}): {detail}"
    return plain(f"{whose}: {says}")


async def _parked(postgres: str, service: str | None) -> list[Parked]:
    async with waiting.connected(postgres) as connection:
        return await waiting.parked(connection, list(await waiting.schemas(connection, service)))


async def _whole(postgres: str, service: str | None, place: str) -> list[tuple[Parked, Contents]]:
    async with waiting.connected(postgres) as connection:
        events = await waiting.parked(connection, list(await waiting.schemas(connection, service)))
        there = [(one, await waiting.contents(connection, one)) for one in events if one.place == place]
        return [(one, inside) for one, inside in there if inside is not None]


async def _redriven(
    postgres: str, service: str | None, only: tuple[str | None, str | None], wait: float
) -> list[tuple[Queue, Redriven | None]]:
    writer, key = only
    async with waiting.connected(postgres) as connection:
        known = await waiting.schemas(connection, service)
        stuck = [
            queue
            for queue in waiting.queues(await waiting.parked(connection, list(known)))
            if queue.is_stuck and writer in {None, queue.first.writer} and key in {None, queue.first.key}
        ]
        if old := sorted({queue.first.service for queue in stuck if not known[queue.first.service]}):
            raise DatabaseError(
                f"{', '.join(old)} was last started by a version that cannot be asked: start this version of it,"
                " which tries again at its start"
            )
        wishes = [(queue.first.service, await waiting.asked(connection, queue, author())) for queue in stuck]
        return list(zip(stuck, await waiting.answered(connection, wishes, wait), strict=True))


def _of(queue: Queue, every: bool) -> Sequence[Parked]:
    return (queue.first, *queue.behind) if every else (queue.first,)


def _behind(queue: Queue, event: Parked) -> int:
    return len(queue.behind) - [queue.first, *queue.behind].index(event)


def _row(queue: Queue, event: Parked) -> tuple[str, ...]:
    number = "-" if event.number is None else str(event.number)
    since, behind = f"{event.since:%Y-%m-%d %H:%M:%S}Z", str(_behind(queue, event))
    words = (event.service, event.writer, event.key, number, event.reason)
    return tuple(plain(word) for word in (*words, since, behind, event.place, event.detail))


def _summary(queue: Queue, event: Parked) -> dict[str, Any]:
    known = {name: value for name, value in asdict(event).items() if name not in {"part", "size"}}
    return {**known, "since": event.since.isoformat(), "bytes": event.size, "behind": _behind(queue, event)}


def _page(event: Parked, inside: Contents) -> list[str]:
    facts = (
        ("event", f"{event.place}, {_numbered(event)}"),
        ("waits in", event.service),
        ("since", event.since.isoformat()),
        (
            "reason",
            event.reason
            if event.reason != Hold.ORDER
            else "order (an earlier one of its writer and key waits)",
        ),
        ("detail", event.detail),
        ("record key", short(inside.key)),
        ("size", f"{event.size} bytes"),
    )
    headers = [(f"  {plain(name)}", short(value)) for name, value in inside.headers]
    lines = columns([(name, plain(value)) for name, value in facts])
    return [*lines, "headers", *(columns(headers) or ["  (none)"]), "value", *content(inside.value)]


def _numbered(event: Parked) -> str:
    if event.number is None:
        return f"of {event.key}, from an inlet"
    return f"number {event.number} of {event.writer} for {event.key}"


@contextmanager
def _unreachable_is_2() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        typer.echo(plain(str(error)), err=True)
        raise typer.Exit(EXIT_UNREACHABLE) from None


def _refuse(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(1)
