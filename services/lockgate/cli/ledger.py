"""`lockgate ledger verify`: recomputes the ledger's chain and compares it with the topics and the signed heads.

`lockgate ledger notify` is in `notify`.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from rich.console import Console
from rich.text import Text

from lockgate.cli.kafka import KAFKA_ERRORS, named
from lockgate.cli.notify import notify
from lockgate.cli.options import DEFAULT_PREFIX, EXPORTED, NO_DATABASE, PrefixOption, database, servers
from lockgate.cli.problems import EXIT_UNREACHABLE
from lockgate.cli.view.plain import plain
from lockgate.ledger.signing import KeyFileError, trusted
from lockgate.ledger.verify import verify

KEY = "'--key' (env var: 'LOCKGATE_LEDGER_PUBLIC_KEY')"

app = typer.Typer(
    no_args_is_help=True, help="Check the tamper-evident record of every event, and whom it tells."
)
app.command("notify")(notify)


@app.command("verify")
def verify_ledger(
    postgres: Annotated[
        str,
        typer.Option(
            envvar="LOCKGATE_LEDGER_POSTGRES",
            callback=database,
            show_default=False,
            help="URL of the ledger's database.",
        ),
    ] = NO_DATABASE,
    key: Annotated[
        list[Path] | None,
        typer.Option(envvar="LOCKGATE_LEDGER_PUBLIC_KEY", help="Trusted public keys (PEM)."),
    ] = None,
    kafka: Annotated[
        str | None,
        typer.Option(
            envvar="LOCKGATE_KAFKA", callback=servers, help="Compare with its topics and signed heads."
        ),
    ] = None,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Finds any record that was changed, removed, added or swapped, and names the first."""
    if not key:
        raise typer.BadParameter(f"name the ledger's public key; {EXPORTED}", param_hint=KEY)
    try:
        report = asyncio.run(verify(postgres, kafka=kafka, prefix=prefix, trusted=trusted(key)))
    except KeyFileError as error:
        raise _unknown(str(error)) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _unknown(f"its database answers {named(error)}; see --postgres") from None
    except KAFKA_ERRORS as error:
        where = f"PostgreSQL (--postgres) or Kafka at {kafka}" if kafka else "PostgreSQL (--postgres)"
        raise _unknown(f"{where} does not answer ({named(error)})") from None
    console = Console()
    console.print(
        Text(plain(report.sentence)), soft_wrap=not console.is_terminal
    )  # a terminal cuts words in two
    raise typer.Exit(0 if report.sound else 1)


def _unknown(why: str) -> typer.Exit:
    """Says why nothing was verified; that is no finding."""
    typer.echo(f"the ledger could not be read, so nothing is known about it: {plain(why)}", err=True)
    return typer.Exit(EXIT_UNREACHABLE)
