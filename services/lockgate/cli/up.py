"""`lockgate up`: the whole system on this machine, until Ctrl-C."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lockgate.cli.demo.scenes import SHAPE
from lockgate.cli.local.child import ChildError
from lockgate.cli.local.interrupt import terminated_like_interrupted
from lockgate.cli.local.system import LocalSystem
from lockgate.embedded import EmbeddedError

RESTART_SECONDS = 2.0


def up(
    state: Annotated[
        Path | None, typer.Option(help="Keep all state in this folder; without it, it is thrown away.")
    ] = None,
    digest: Annotated[str, typer.Option(help="What `payments` runs in each region at first.")] = "sha256:"
    + "01" * 32,
) -> None:
    """Starts Kafka, PostgreSQL, five sandbox regions and all services, and keeps them running until Ctrl-C."""
    console = Console()
    try:
        with terminated_like_interrupted(), LocalSystem(SHAPE, home=state, say=console.print) as system:
            system.sandbox.put("workloads/payments", {"digest": digest, "replicas": 4})
            console.print(_where(system), soft_wrap=True)
            _keep_up(system, console)
    except KeyboardInterrupt:
        console.print("stopped" if state is None else f"stopped; the state is kept in {state}")
    except (EmbeddedError, ChildError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _keep_up(system: LocalSystem, console: Console) -> None:
    """Starts again what ends by itself, as a cluster would."""
    while True:
        time.sleep(RESTART_SECONDS)
        for child in system.ended():
            console.print(
                f"{child.name} ended with status {child.exit_status}; it is started again. Its log: {child.log}"
            )
            child.start()


def _where(system: LocalSystem) -> str:
    lines = [
        "",
        f"  export LOCKGATE_KAFKA={system.servers.kafka}",
        f"  export LOCKGATE_LEDGER_POSTGRES={system.servers.postgres}",
        f"  export LOCKGATE_LEDGER_PUBLIC_KEY={system.home / 'ledger.pem.pub'}",
        "",
        "In another terminal, after these exports:",
        "  lockgate plan publish docs/plans/payments.yaml",
        f"  lockgate publish pkg:oci/payments sha256:{'02' * 32} --tag v2",
        "  lockgate watch payments",
        "",
        f"Prometheus API: {system.sandbox.prometheus}   sandbox control: {system.sandbox.control}",
        *(
            f"{child.name:<15} http://127.0.0.1:{child.port}/metrics   log {child.log}"
            for child in system.children.values()
            if child.name != "sandbox"
        ),
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)
