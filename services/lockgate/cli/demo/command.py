"""`lockgate demo` itself: sets up, plays, checks, and says where to look."""

import asyncio
import sys
import time

import asyncpg
import typer
from rich.console import Console
from rich.text import Text

from lockgate.cli.demo.audience import DemoError
from lockgate.cli.demo.play import Demo
from lockgate.cli.demo.proof import prove
from lockgate.cli.demo.scenes import SHAPE, Scene
from lockgate.cli.kafka import KAFKA_ERRORS, UnreachableError, named
from lockgate.cli.local.child import ChildError
from lockgate.cli.local.interrupt import terminated_like_interrupted
from lockgate.cli.local.system import LocalSystem
from lockgate.embedded import EmbeddedError, prepare
from lockgate.embedded.__main__ import Printer
from lockgate.runtime.topic_scan import ReadError

FAILURES = (
    *(DemoError, ChildError, EmbeddedError, UnreachableError, ReadError),
    *(*KAFKA_ERRORS, asyncpg.PostgresError, asyncpg.InterfaceError),
)
"""What can end a demo otherwise than it must; anything else is a defect, and shows where."""


def demo() -> None:
    """Shows the main job live: a good release, a bad one, and one that is bad late; then proves what happened."""
    console = Console(width=None if Console().is_terminal else 160)
    try:
        with terminated_like_interrupted():
            prepare(Printer(sys.stderr))
            _perform(console)
    except KeyboardInterrupt:
        console.print("interrupted; everything was stopped")
        raise typer.Exit(130) from None
    except FAILURES as error:
        console.print(
            Text(f"\nThe demo failed: {str(error) or named(error)}", style="bold red"), soft_wrap=True
        )
        raise typer.Exit(1) from None


def _perform(console: Console) -> None:
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(Text(text, style="dim"), soft_wrap=True)

    with LocalSystem(SHAPE, say=say) as system:
        endings = asyncio.run(Demo(system, console).play())
        console.print()
        proofs = asyncio.run(prove(system))
        _sum_up(console, endings, proofs, time.monotonic() - began)


def _sum_up(console: Console, endings: list[tuple[Scene, float]], proofs: list[str], seconds: float) -> None:
    lines = ["What happened"]
    lines += [f"  {scene.tag}: {scene.ended} ({took:.0f} s)." for scene, took in endings]
    lines += ["How you can know"]
    lines += [f"  {proof}" for proof in proofs]
    lines += [
        "Where to look",
        "  one release followed topic by topic: README.md; which event follows from which: docs/architecture.md",
        "  the same system to play with: `lockgate up`, then `lockgate watch payments` in another terminal",
    ]
    console.print(Text("\n".join(lines)), soft_wrap=not console.is_terminal)  # a terminal cuts words in two
    console.print(Text(f"\nThe demo passed in {seconds:.0f} s.", style="bold green"))
