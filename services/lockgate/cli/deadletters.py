"""`lockgate deadletters list|show`: what could not be read, with its place, its reason and its original bytes."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from lockgate.cli.letters import Letter, NoLetterError, letter_at, letters
from lockgate.cli.options import (
    DEFAULT_KAFKA,
    DEFAULT_PREFIX,
    JsonOption,
    KafkaOption,
    PrefixOption,
    RawOption,
    seconds,
)
from lockgate.cli.problems import unreachable_is_2
from lockgate.cli.view.content import columns, content, short
from lockgate.cli.view.plain import plain
from lockgate.messages.topics import DECIDING_SERVICES
from lockgate.runtime.deadletter import Reason

app = typer.Typer(no_args_is_help=True, help="Look at what could not be read.")

_HEAD = ("NO", "WHEN", "DEAD LETTER", "RECORD", "REASON", "BYTES", "DETAIL")


def _service(text: str) -> str:
    if text not in DECIDING_SERVICES:
        raise typer.BadParameter(
            f"no service {text!r} writes dead letters; {', '.join(DECIDING_SERVICES)} do"
        )
    return text


ServiceOption = Annotated[
    str | None,
    typer.Option("--service", parser=_service, metavar="SERVICE", help="Only what this one could not read."),
]
ReasonOption = Annotated[
    Reason | None,
    typer.Option("--reason", metavar="REASON", help=f"Only for this reason: {', '.join(Reason)}."),
]
SinceOption = Annotated[
    float | None,
    typer.Option(
        "--since", parser=seconds, metavar="DURATION", help="Only the last while, such as 2h or 7d."
    ),
]


@app.command("list")
def list_letters(  # noqa: PLR0917  # typer makes options of them
    service: ServiceOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    as_json: JsonOption = False,
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Lists dead letters, the oldest first: when, where, the record that it was, why, and how large."""
    found = _found(kafka, prefix, service, since, reason)
    if as_json:
        typer.echo(
            json.dumps([{"number": n, **_summary(letter)} for n, letter in enumerate(found, 1)], indent=2)
        )
        return
    if not found:
        typer.echo("no dead letters" + (" that these options choose" if service or reason or since else ""))
        return
    rows = [_HEAD, *(_row(number, letter) for number, letter in enumerate(found, 1))]
    typer.echo("\n".join(columns(rows)))


@app.command()
def show(  # noqa: PLR0917  # as above
    letter: Annotated[
        str, typer.Argument(help="TOPIC/PARTITION/OFFSET of the dead letter, or its number in the same list.")
    ],
    raw: RawOption = None,
    service: ServiceOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Shows one dead letter with the headers and the bytes of the record, as text if they are text."""
    place = letter
    if letter.isdecimal():
        found = _found(kafka, prefix, service, since, reason)
        if not 1 <= int(letter) <= len(found):
            _refuse(
                f"there is no number {letter}: `lockgate deadletters list` has {len(found)} with these options"
            )
        place = found[int(letter) - 1].place
    try:
        with unreachable_is_2():
            one = asyncio.run(letter_at(kafka, prefix, place))
    except NoLetterError as error:
        _refuse(plain(str(error)))
    typer.echo("\n".join(_page(one)))
    if raw is not None:
        written(raw, one.value)


def written(file: Path, value: bytes | None) -> None:
    """Writes the exact bytes, and says so."""
    file.write_bytes(value or b"")
    nothing = " (it had no value at all)" if value is None else ""
    typer.echo(f"{len(value or b'')} bytes are written to {file}{nothing}")


def _found(
    kafka: str, prefix: str, service: str | None, since: float | None, reason: Reason | None
) -> list[Letter]:
    services = DECIDING_SERVICES if service is None else (service,)
    with unreachable_is_2():
        return asyncio.run(letters(kafka, prefix, services, since, reason))


def _row(number: int, letter: Letter) -> tuple[str, ...]:
    return (
        str(number),
        f"{letter.at:%Y-%m-%d %H:%M:%S}Z",
        letter.place,
        plain(letter.of),
        plain(letter.reason),
        str(letter.size),
        plain(letter.detail),
    )


def _summary(letter: Letter) -> dict[str, Any]:
    return {
        "letter": letter.place,
        "service": letter.service,
        "at": letter.at.isoformat(),
        "record": letter.of,
        "reason": letter.reason,
        "detail": letter.detail,
        "key": None if letter.key is None else short(letter.key),
        "bytes": letter.size,
    }


def _page(letter: Letter) -> list[str]:
    facts = (
        ("dead letter", letter.place),
        ("when", letter.at.isoformat()),
        ("record", plain(letter.of)),
        ("reason", plain(letter.reason)),
        ("detail", plain(letter.detail)),
        ("key", short(letter.key)),
        ("size", f"{letter.size} bytes"),
    )
    headers = [(f"  {plain(name)}", short(value)) for name, value in letter.headers]
    return [*columns(facts), "headers", *(columns(headers) or ["  (none)"]), "value", *content(letter.value)]


def _refuse(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(1)
