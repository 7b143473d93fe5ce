"""Somebody who is told: a real HTTP server on loopback, which keeps what it was sent and answers as it is told to."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PATH = "/services/T000/hunter2"
"""The part of the address that is a secret, as Slack's is."""


@dataclass(frozen=True, slots=True)
class Call:
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def says(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said


@dataclass(slots=True)
class Pager:
    """`answers`: the statuses that it answers with, one after the other; then 200. While `open` is not set it hangs."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    taken: list[Call] = field(default_factory=list)
    answers: Iterator[int] = field(default_factory=lambda: iter(()))
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(headers, await request.read())
        self.calls.append(call)
        await self.open.wait()
        status = next(self.answers, 200)
        if status == 200:
            self.taken.append(call)
        return web.Response(status=status, headers={"Location": self.url} if status == 302 else {})

    @property
    def whats(self) -> list[str]:
        """What happened, of each that was taken."""
        return [call.says["what"] for call in self.taken]


@asynccontextmanager
async def pager(*, hangs: bool = False) -> AsyncIterator[Pager]:
    one = Pager()
    if not hangs:
        one.open.set()
    application = web.Application()
    application.router.add_post(PATH, one.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    try:
        yield one
    finally:
        one.open.set()
        await runner.cleanup()
