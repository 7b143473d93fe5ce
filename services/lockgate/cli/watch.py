"""`lockgate watch [APPLICATION]`: the live tree of the releases, read from the topics alone."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from lockgate.cli.following import follow
from lockgate.cli.local.interrupt import terminated_like_interrupted
from lockgate.cli.options import DEFAULT_KAFKA, DEFAULT_PREFIX, KafkaOption, PrefixOption, seconds
from lockgate.cli.problems import unreachable_is_2
from lockgate.cli.view.fold import View
from lockgate.cli.view.lines import line
from lockgate.cli.view.model import State
from lockgate.cli.view.plain import plain
from lockgate.cli.view.tree import release_tree
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.runtime.bounded import end

DRAWN_A_SECOND = 8
TICK_SECONDS = 1.0
MOST_SUPERSEDED = 5


ApplicationArgument = Annotated[str | None, typer.Argument(help="Only this application.")]
SinceOption = Annotated[
    float,
    typer.Option(parser=seconds, metavar="DURATION", help="How far to look back, such as 2h or 7d."),
]


def watch(
    application: ApplicationArgument = None,
    since: SinceOption = "7d",  # type: ignore[assignment]  # typer gives the text to the parser
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Shows releases as they happen: stages, regions, share, verdicts, and why one waits. Ends with Ctrl-C."""
    console = Console()
    shown = _tree if console.is_terminal else _lines
    with unreachable_is_2(), terminated_like_interrupted():
        try:
            asyncio.run(shown(console, application, kafka, prefix, since))
        except KeyboardInterrupt:
            typer.echo("watching ended; releases go on", err=True)


def status(
    application: ApplicationArgument = None,
    since: SinceOption = "7d",  # type: ignore[assignment]  # typer gives the text to the parser
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Shows how releases stand now, and ends."""
    with unreachable_is_2():
        asyncio.run(_now(Console(), application, kafka, prefix, since))


async def _now(console: Console, application: str | None, kafka: str, prefix: str, since: float) -> None:
    view = View()
    async with follow(kafka, prefix, since=since) as news:
        for message in await anext(news):
            view.see(message)
    console.print(drawn(view, application, datetime.fromtimestamp(time.time(), UTC)))


async def _tree(console: Console, application: str | None, kafka: str, prefix: str, since: float) -> None:
    view = View()
    with Live(console=console, refresh_per_second=DRAWN_A_SECOND) as live:
        async with follow(kafka, prefix, since=since) as news, ticking(lambda: draw(live, view, application)):
            async for messages in news:
                for message in messages:
                    view.see(message)
                draw(live, view, application)


def draw(live: Live, view: View, application: str | None) -> None:
    live.update(drawn(view, application, datetime.fromtimestamp(time.time(), UTC)))


@contextlib.asynccontextmanager
async def ticking(tick: Callable[[], None]) -> AsyncIterator[None]:
    """While it is open, once a second: where nothing is said, how long that has lasted is the news."""

    async def tick_on() -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            tick()

    task = asyncio.create_task(tick_on())
    try:
        yield
    finally:
        await end([task])


async def _lines(console: Console, application: str | None, kafka: str, prefix: str, since: float) -> None:
    view, begun = View(), False
    async with follow(kafka, prefix, since=since) as news:
        async for messages in news:
            if not begun and not any(application in {None, message.key} for message in messages):
                console.print(Text(nothing_of(application)), soft_wrap=True)
            begun = True
            for message in messages:
                view.see(message)
                if application in {None, message.key} and (says := told(message, view)):
                    console.print(Text(says), soft_wrap=True)


def told(message: Message[Payload], view: View) -> str | None:
    """An event as a line with its time and application, if it says anything new to a person."""
    says = line(message.body)
    return None if says is None else f"{plain(f'{message.at}  {message.key:<16}')} {view.names.told(says)}"


def nothing_of(application: str | None) -> str:
    whose = f" of {application}" if application else ""
    return f"no release{whose} yet; announce an artifact with `lockgate publish`"


def drawn(view: View, application: str | None, now: datetime | None = None) -> Group:
    """What is under way, then what ended last, and what was superseded since that was queued.

    A terminal that is too low cuts off at its end.
    """
    releases = view.of(application)
    if not releases:
        return Group(Text(nothing_of(application), style="dim"))
    running = [release for release in releases if not release.over]
    ended = sorted((release for release in releases if release.over), key=lambda release: release.ended or "")
    last = [release for release in ended if release.state is not State.SUPERSEDED][-1:]
    begun = last[0].queued if last else ""
    superseded = [
        release for release in ended if release.state is State.SUPERSEDED and release.queued > begun
    ]
    return Group(
        *(release_tree(release, now) for release in (*running, *last, *superseded[-MOST_SUPERSEDED:]))
    )
