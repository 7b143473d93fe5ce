"""A port of 127.0.0.1 that can be shut (connections are refused) and opened again under the same number."""

import socket

from aiohttp import web


class Listener:
    """While shut, the port stays bound, so that no other process takes it meanwhile."""

    def __init__(self, runner: web.AppRunner, port: int) -> None:
        self._runner = runner
        self._socket = self._bound(port)
        self.port: int = self._socket.getsockname()[1]
        self._site: web.SockSite | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        if self._site is None:
            self._site = web.SockSite(self._runner, self._socket, backlog=512)
            await self._site.start()

    async def shut(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None
            self._socket = self._bound(self.port)

    def close(self) -> None:
        """Give the port back; what its runner still serves ends with the runner."""
        self._socket.close()

    @staticmethod
    def _bound(port: int) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        return bound
