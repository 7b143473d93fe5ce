"""The options that several commands share, with their environment variables."""

from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.addresses import database_problem, servers_problem
from lockgate.messages.values import parse_duration


def seconds(text: str) -> float:
    """The parser of options that are durations."""
    try:
        return float(parse_duration(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def servers(text: str | None) -> str | None:
    """The check of options that are bootstrap servers."""
    return _without(None if text is None else servers_problem(text), text)


def database(text: str | None) -> str | None:
    """The check of options that are URLs of databases, which must be given."""
    problem = database_problem(text) if text else f"name the database of the services; {EXPORTED}"
    return _without(problem, text)


EXPORTED = "`lockgate up` prints the exports for its own"


def _without(problem: str | None, text: str | None) -> str | None:
    if problem:
        raise typer.BadParameter(problem)
    return text


KafkaOption = Annotated[
    str,
    typer.Option(
        "--kafka",
        envvar="LOCKGATE_KAFKA",
        callback=servers,
        help="Bootstrap servers, HOST:PORT[,HOST:PORT].",
    ),
]
PrefixOption = Annotated[
    str,
    typer.Option("--prefix", envvar="LOCKGATE_TOPIC_PREFIX", help="What the names of the topics begin with."),
]
NO_DATABASE = ""
PostgresOption = Annotated[
    str,
    typer.Option(
        "--postgres",
        envvar="LOCKGATE_POSTGRES",
        callback=database,
        show_default=False,
        help="URL of the database that holds the services' schemas.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
RawOption = Annotated[
    Path | None,
    typer.Option("--raw", metavar="FILE", dir_okay=False, help="Write the exact original bytes to a file."),
]
DEFAULT_KAFKA = "127.0.0.1:9092"
DEFAULT_PREFIX = "lockgate."
