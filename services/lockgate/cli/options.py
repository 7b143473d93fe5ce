"""The options that several commands share, with their environment variables."""

from pathlib import Path
from typing import Annotated

import typer

from lockgate.messages.values import parse_duration


def seconds(text: str) -> float:
    """The parser of options that are durations."""
    try:
        return float(parse_duration(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


KafkaOption = Annotated[
    str, typer.Option("--kafka", envvar="LOCKGATE_KAFKA", help="Bootstrap servers, HOST:PORT[,HOST:PORT].")
]
PrefixOption = Annotated[
    str,
    typer.Option("--prefix", envvar="LOCKGATE_TOPIC_PREFIX", help="What the names of the topics begin with."),
]
PostgresOption = Annotated[
    str,
    typer.Option(
        "--postgres", envvar="LOCKGATE_POSTGRES", help="URL of the database that holds the services' schemas."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
RawOption = Annotated[
    Path | None,
    typer.Option("--raw", metavar="FILE", dir_okay=False, help="Write the exact original bytes to a file."),
]
DEFAULT_KAFKA = "127.0.0.1:9092"
DEFAULT_PREFIX = "lockgate."
