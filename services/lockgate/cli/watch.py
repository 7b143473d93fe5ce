"""`lockgate watch [APPLICATION]`: the live tree of the releases, read from the topics alone."""

import asyncio
import contextlib
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from lockgate.cli.kafka import UnreachableError, follow
from lockgate.cli.options import DEFAULT_KAFKA, DEFAULT_PREFIX, KafkaOption, PrefixOption
from lockgate.cli.view.fold import View
from lockgate.cli.view.lines import line
from lockgate.cli.view.tree import release_tree

DRAWN_A_SECOND = 8


def watch(
    application: Annotated[str | None, typer.Argument(help="Only this application.")] = None,
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Shows releases as they happen: stages, regions, share, verdicts, and why one waits. Ends with Ctrl-C."""
    console = Console()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(
                _tree(console, application, kafka, prefix)
                if console.is_terminal
                else _lines(console, application, kafka, prefix)
            )
    except UnreachableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


async def _tree(console: Console, application: str | None, kafka: str, prefix: str) -> None:
    view = View()
    with Live(_drawn(view, application), console=console, refresh_per_second=DRAWN_A_SECOND) as live:
        async for message in follow(kafka, prefix):
            view.see(message.body)
            live.update(_drawn(view, application))


async def _lines(console: Console, application: str | None, kafka: str, prefix: str) -> None:
    view = View()
    async for message in follow(kafka, prefix):
        view.see(message.body)
        if application in {None, message.key} and (says := line(message.body)):
            console.print(Text(f"{message.at}  {message.key:<16} {view.named(says)}"), soft_wrap=True)


def _drawn(view: View, application: str | None) -> Group:
    releases = view.of(application)
    if not releases:
        return Group(Text("no release yet; announce an artifact with `lockgate publish`", style="dim"))
    running = [release for release in releases if not release.over]
    ended = [release for release in releases if release.over]
    return Group(*(release_tree(release) for release in (*ended[-1:], *running)))
