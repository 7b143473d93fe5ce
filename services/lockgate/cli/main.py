"""The command `lockgate`: one line for each thing that an operator can do."""

import logging
from importlib.metadata import version
from typing import Annotated

import typer

from lockgate.cli.announce import announce
from lockgate.cli.artifact import app as artifact
from lockgate.cli.backtest.command import backtest
from lockgate.cli.deadletters import app as deadletters
from lockgate.cli.demo.command import demo
from lockgate.cli.door import app as door
from lockgate.cli.ledger import app as ledger
from lockgate.cli.operations import app as operations
from lockgate.cli.parked import app as parked
from lockgate.cli.plan import app as plan
from lockgate.cli.replay import replay
from lockgate.cli.run import PACKAGES, run_service
from lockgate.cli.up import up
from lockgate.cli.verify import verify
from lockgate.cli.watch import status, watch

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # locals may hold credentials
    help="Event-driven continuous deployment for services that run in many regions.",
)
app.command()(demo)
app.command()(up)
app.command()(watch)
app.command()(status)
app.command("publish")(announce)
app.command()(replay)
app.command()(verify)
app.command()(backtest)
app.add_typer(operations)
app.add_typer(plan, name="plan")
app.add_typer(artifact, name="artifact")
app.add_typer(ledger, name="ledger")
app.add_typer(deadletters, name="deadletters")
app.add_typer(parked, name="parked")
app.add_typer(door, name="door")


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lockgate {version('lockgate')}")
        raise typer.Exit


@app.callback()
def _lockgate(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version, and end."),
    ] = False,
) -> None:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # commands say in their own words what is wrong


@app.command()
def run(service: Annotated[str, typer.Argument(help=f"One of {', '.join(PACKAGES)}.")]) -> None:
    """Runs one service in this process, by the settings of the environment."""
    logging.getLogger("aiokafka").setLevel(logging.NOTSET)  # a service has a log
    raise typer.Exit(run_service(service))
