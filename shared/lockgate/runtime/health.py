"""`/metrics`, `/healthz` and `/readyz` over HTTP. Health is progress, not that the process is there."""

import os
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from lockgate.runtime.metrics import REGISTRY

PROCESS = "Lockgate-Process"
"""The header that says which process answers: on one machine another's may have taken the port."""

Check = Callable[[], Awaitable[str | None]]
"""Returns what is wrong, or None."""


class HealthServer:
    """Serves on a host and port until closed; port 0 takes a free one."""

    def __init__(self, host: str, port: int, *, alive: Check, ready: Check) -> None:
        self._host, self._port = host, port
        application = web.Application()
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/healthz", _checked(alive))
        application.router.add_get("/readyz", _checked(ready))
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)

    async def start(self) -> int:
        """Returns the port."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def close(self) -> None:
        await self._runner.cleanup()

    @staticmethod
    async def _metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _checked(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(_request: web.Request) -> web.Response:
        wrong = await check()
        answer = web.Response(
            text="ok\n" if wrong is None else wrong + "\n", status=200 if wrong is None else 503
        )
        answer.headers[PROCESS] = str(os.getpid())
        return answer

    return handler
