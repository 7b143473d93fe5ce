"""The door's connections: at most so many, at most so many from one address, and none that never asks for anything.

It is aiohttp's server with these bounds. What is no HTTP it answers by itself, with 400 as plain text.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.http import HttpProcessingError

from lockgate.intake.door.limits import Bounds

ASK_SECONDS: Final = 10.0
"""How long the headers of the first request on a connection may take."""

KEEP_SECONDS: Final = 75.0
"""How long a connection without a request stays open after an answer; longer than proxies keep theirs."""


def _is_ours(record: logging.LogRecord) -> bool:
    """What is no HTTP is the sender's mistake, and may contain a secret: it is not logged."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_LOGGER: Final = logging.getLogger("lockgate.door.http")
_LOGGER.addFilter(_is_ours)


class Connections(web.Server):
    """Counts them, and ends those that are too many or too slow."""

    def __init__(
        self, handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], bounds: Bounds
    ) -> None:
        super().__init__(
            self._asked,
            access_log=None,
            auto_decompress=False,
            lingering_time=1.0,
            keepalive_timeout=KEEP_SECONDS,
            logger=_LOGGER,
        )
        self._handle = handle
        self._bounds = bounds
        self._of: Counter[str] = Counter()
        self._places: dict[web.RequestHandler, str] = {}
        self._silent: dict[web.RequestHandler, asyncio.TimerHandle] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        address = str((transport.get_extra_info("peername") or ("unknown",))[0])
        if (
            len(self._places) >= self._bounds.connections
            or self._of[address] >= self._bounds.connections_each
        ):
            # not at once: it would end before its task began
            asyncio.get_running_loop().call_soon(transport.abort)
            return
        self._places[handler] = address
        self._of[address] += 1
        self._silent[handler] = asyncio.get_running_loop().call_later(ASK_SECONDS, transport.abort)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        self._asks(handler)
        if (address := self._places.pop(handler, None)) is not None:
            self._of[address] -= 1
            if not self._of[address]:
                del self._of[address]
        super().connection_lost(handler, exc)

    async def _asked(self, request: web.BaseRequest) -> web.StreamResponse:
        self._asks(request.protocol)
        return await self._handle(request)

    def _asks(self, handler: web.RequestHandler) -> None:
        if timer := self._silent.pop(handler, None):
            timer.cancel()
