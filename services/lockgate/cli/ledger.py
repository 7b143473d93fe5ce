"""`lockgate ledger verify`: recomputes the ledger's chain and compares it with the topics and the signed heads."""

import asyncio
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from aiokafka.errors import KafkaError

from lockgate.cli.options import DEFAULT_PREFIX, PrefixOption
from lockgate.ledger.signing import KeyFileError, trusted
from lockgate.ledger.verify import Report, verify

app = typer.Typer(no_args_is_help=True, help="Check the tamper-evident record of every event.")


@app.callback()
def _ledger() -> None:
    """Keeps `verify` a subcommand of its own."""


@app.command("verify")
def verify_ledger(
    postgres: Annotated[
        str, typer.Option(envvar="LOCKGATE_LEDGER_POSTGRES", help="URL of the ledger's database.")
    ],
    key: Annotated[
        list[Path], typer.Option(envvar="LOCKGATE_LEDGER_PUBLIC_KEY", help="Trusted public keys (PEM).")
    ],
    kafka: Annotated[
        str | None, typer.Option(envvar="LOCKGATE_KAFKA", help="Compare with its topics and signed heads.")
    ] = None,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Finds any record that was changed, removed, added or swapped, and names the first."""
    try:
        report = asyncio.run(verify(postgres, kafka=kafka, prefix=prefix, trusted=trusted(key)))
    except (
        KeyFileError,
        OSError,
        TimeoutError,
        KafkaError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
    ) as error:
        typer.echo(
            f"the ledger could not be read, so nothing is known about it: {type(error).__name__}: {error}",
            err=True,
        )
        raise typer.Exit(2) from None
    show(report)
    raise typer.Exit(0 if report.sound else 1)


def show(report: Report) -> None:
    typer.echo(report.sentence)
