"""Who looks at the demo: follows the topics, shows what happens, and lets the demo wait for it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from lockgate.cli.demo.scenes import APPLICATION, FOUND, PACKAGE, digest_of
from lockgate.cli.following import WATCHED, follow
from lockgate.cli.view.fold import View
from lockgate.cli.view.lines import line
from lockgate.cli.view.model import ReleaseView
from lockgate.cli.view.tree import release_tree
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.values import Artifact


class DemoError(Exception):
    """The demo went otherwise than it must. The message says how."""


class Audience:
    """A live tree where there is a terminal, plain lines where there is none."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.view = View()
        self.view.names.learn(
            APPLICATION, Artifact(purl=PACKAGE, digest=digest_of(FOUND), tag=f"v{FOUND}")
        )  # nobody announces what runs already
        self._began = time.monotonic()
        self._changed = asyncio.Condition()
        self._seen: list[Payload] = []
        self._live: Live | None = None
        self._shown = ""

    async def look(self, kafka: str, prefix: str) -> None:
        """Follows the topics until it is cancelled."""
        async with follow(kafka, prefix, (*WATCHED, "anomalies")) as news:
            async for messages in news:
                async with self._changed:
                    for message in messages:
                        self._take(message)
                    self._changed.notify_all()

    async def until(self, what: str, condition: Callable[[list[Payload]], bool], seconds: float) -> None:
        """Waits until what was seen fulfils a condition. DemoError if it does not in time."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: condition(self._seen))
        except TimeoutError:
            raise DemoError(f"after {seconds:.0f} s there was still no sign of {what}") from None

    async def until_over(self, release: str, seconds: float) -> ReleaseView:
        await self.until("the end of the release", lambda _: self.view.releases[release].over, seconds)
        return self.view.releases[release]

    @contextlib.asynccontextmanager
    async def scene(self, release: str) -> AsyncIterator[None]:
        """While it is open, this release is what is shown."""
        self._shown = release
        if not self.console.is_terminal:
            yield
            return
        with Live(
            release_tree(self.view.releases[release]), console=self.console, refresh_per_second=8
        ) as self._live:
            yield
            self._live.update(release_tree(self.view.releases[release]))
        self._live = None

    def _take(self, message: Message[Payload]) -> None:
        self._seen.append(message.body)
        self._show(message.body, self.view.see(message))

    def _show(self, body: Payload, view: ReleaseView | None) -> None:
        if self.console.is_terminal:
            if self._live is not None and view is not None and view.release == self._shown:
                self._live.update(release_tree(view))
        elif says := line(body):
            text = f"{time.monotonic() - self._began:6.1f} s  {self.view.names.told(says)}"
            self.console.print(Text(text), soft_wrap=True)
