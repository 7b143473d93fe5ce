"""`lockgate up`: the whole system on this machine, until Ctrl-C."""

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from lockgate.cli.demo.scenes import APPLICATION, RATE, REPLICAS, SHAPE, digest_of
from lockgate.cli.kafka import UnreachableError
from lockgate.cli.local.authorities import authorities_folder
from lockgate.cli.local.child import ChildError
from lockgate.cli.local.claim import InUseError
from lockgate.cli.local.interrupt import terminated_like_interrupted
from lockgate.cli.local.kubeconfig import KubeconfigError, read_clusters
from lockgate.cli.local.running import Kept, keep_up, until_registered
from lockgate.cli.local.system import LocalSystem, Say, Shape
from lockgate.embedded import EmbeddedError, prepare
from lockgate.embedded.__main__ import Printer

LOOK_SECONDS = 1.0


def up(
    state: Annotated[
        Path | None,
        typer.Option(help="Keep all state in this folder; without it, it is thrown away.", file_okay=False),
    ] = None,
    digest: Annotated[
        str, typer.Option(help=f"What `{APPLICATION}` runs in each region at first.")
    ] = digest_of(1),
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            help="Serve regions of real clusters, and start no sandbox.", exists=True, dir_okay=False
        ),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(help="One of them: NAME=CONTEXT/NAMESPACE. May be given again.", metavar="REGION"),
    ] = None,
    prometheus: Annotated[
        str, typer.Option(help="With --kubeconfig: what has the metrics of the clusters.")
    ] = "http://127.0.0.1:9090",
) -> None:
    """Starts Kafka, PostgreSQL, five sandbox regions and all services, and keeps them running until Ctrl-C."""
    if (kubeconfig is None) != (not region):
        raise typer.BadParameter("--kubeconfig and --region belong together: the regions are its clusters'")
    console = Console()

    def say(text: str) -> None:
        console.print(Text(text), soft_wrap=True)

    try:
        with terminated_like_interrupted():
            prepare(Printer(sys.stderr))
            if kubeconfig is None:
                _run(state, digest, say)
            else:
                _serve(state, Given(kubeconfig, tuple(region or ()), prometheus), say)
    except KeyboardInterrupt:
        say("stopped" if state is None else f"stopped; the state is kept in {state}")
    except (EmbeddedError, ChildError, InUseError, KubeconfigError, UnreachableError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _run(state: Path | None, digest: str, say: Say) -> None:
    with LocalSystem(replace(SHAPE, door=True), home=state, say=say) as system:
        kept = Kept(system.home / "regions.json", APPLICATION)
        for region, runs in {**dict.fromkeys(SHAPE.regions, digest), **kept.read()}.items():
            body = {"digest": runs, "replicas": REPLICAS, "rate": RATE, "regions": [region]}
            system.sandbox.put(f"workloads/{APPLICATION}", body)
        plan = system.home / f"{APPLICATION}.yaml"
        plan.write_text(resources.files("lockgate.cli.demo").joinpath("plan.yaml").read_text())
        say("waiting until intake knows every region")
        asyncio.run(until_registered(system))
        say(_where(system, plan))
        while True:
            time.sleep(LOOK_SECONDS)
            keep_up(system, say)
            with contextlib.suppress(OSError):  # a sandbox that is slow just now: it is asked again
                kept.write(system.sandbox.digests(APPLICATION))


@dataclass(frozen=True, slots=True)
class Given:
    """The clusters that were named, as typed."""

    kubeconfig: Path
    regions: tuple[str, ...]
    prometheus: str


def _serve(state: Path | None, given: Given, say: Say) -> None:
    """The whole system for regions that are there already; their workloads and plans are their owners'."""
    with authorities_folder() as authorities:
        clusters = read_clusters(given.kubeconfig, given.regions, given.prometheus, authorities)
        shape = Shape({"deployer": tuple(clusters.regions)}, door=True)
        with LocalSystem(shape, home=state, clusters=clusters, say=say) as system:
            say("waiting until intake knows every region")
            asyncio.run(until_registered(system))
            plan = ["  lockgate plan publish PLAN.yaml", "  lockgate publish PACKAGE DIGEST"]
            say("\n".join(_lines(system, plan, f"Prometheus API: {clusters.prometheus}")))
            while True:
                time.sleep(LOOK_SECONDS)
                keep_up(system, say)


def _where(system: LocalSystem, plan: Path) -> str:
    examples = [
        f"  lockgate plan publish {plan}",
        f"  lockgate publish pkg:oci/{APPLICATION} {digest_of(2)} --tag v2",
        f"  lockgate watch {APPLICATION}",
    ]
    about = f"Prometheus API: {system.sandbox.prometheus}   sandbox control: {system.sandbox.control}"
    return "\n".join(_lines(system, examples, about))


def _lines(system: LocalSystem, examples: list[str], about: str) -> list[str]:
    return [
        "",
        "In another terminal:",
        f"  export LOCKGATE_KAFKA={system.servers.kafka}",
        f"  export LOCKGATE_POSTGRES={system.servers.postgres}",
        f"  export LOCKGATE_LEDGER_POSTGRES={system.servers.postgres}",
        f"  export LOCKGATE_LEDGER_PUBLIC_KEY={system.home / 'ledger.pem.pub'}",
        "and then, for instance:",
        *examples,
        "  lockgate replay",
        "  lockgate ledger verify",
        "  lockgate parked list",
        "",
        about,
        *(
            [f"door: {system.door.url}   an operator's token: {system.door.token_file}"]
            if system.door
            else []
        ),
        *(
            f"{child.name:<15} http://127.0.0.1:{child.port}/metrics   log {child.log}"
            for child in system.children.values()
            if child.name != "sandbox"
        ),
        "Ctrl-C stops everything.",
    ]
