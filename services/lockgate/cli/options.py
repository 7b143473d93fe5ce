"""The options that several commands share, with their environment variables."""

from typing import Annotated

import typer

KafkaOption = Annotated[
    str, typer.Option("--kafka", envvar="LOCKGATE_KAFKA", help="Bootstrap servers, HOST:PORT[,HOST:PORT].")
]
PrefixOption = Annotated[
    str,
    typer.Option("--prefix", envvar="LOCKGATE_TOPIC_PREFIX", help="What the names of the topics begin with."),
]
DEFAULT_KAFKA = "127.0.0.1:9092"
DEFAULT_PREFIX = "lockgate."
