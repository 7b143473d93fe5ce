"""A proxy on loopback between a deployer and its API server that loses answers: the request was done, and nobody hears so."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext, create_default_context

import aiohttp
from aiohttp import web
from yarl import URL

from lockgate.deployer.settings import RegionSettings

_WRITES = ("POST", "PATCH", "DELETE")
_PASSED_ON = ("Authorization", "Content-Type", "Accept", "User-Agent")
_ENDLESS = aiohttp.ClientTimeout(total=None)


@dataclass
class Cutting:
    """`lost` are the writes whose answers were lost, each the first time that it was done; `done` all that were done.

    Each is its method, its path and a digest of its body. `half`: an answer begins and is cut, else there is none.
    """

    half: bool
    url: str = ""
    lost: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def through(self, region: RegionSettings) -> RegionSettings:
        """The region, asked through this."""
        return region.model_copy(update={"url": self.url, "ca_file": None})


@asynccontextmanager
async def cutting(region: RegionSettings, *, half: bool) -> AsyncIterator[Cutting]:
    """The proxy before the API server of this region."""
    state = Cutting(half)
    trust = create_default_context(cafile=str(region.ca_file)) if region.ca_file is not None else None
    connector = aiohttp.TCPConnector(ssl=trust) if isinstance(trust, SSLContext) else aiohttp.TCPConnector()
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def passed_on(request: web.Request) -> web.StreamResponse:
            return await _passed_on(request, session, region.url, state)

        application = web.Application(client_max_size=4 << 20)
        application.router.add_route("*", "/{path:.*}", passed_on)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            state.url = f"http://{host}:{port}"
            yield state
        finally:
            await runner.cleanup()


async def _passed_on(
    request: web.Request, session: aiohttp.ClientSession, url: str, state: Cutting
) -> web.StreamResponse:
    body = await request.read()
    headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
    target = URL(url + request.raw_path, encoded=True)
    async with session.request(
        request.method, target, data=body or None, headers=headers, timeout=_ENDLESS
    ) as answer:
        if request.method in _WRITES and answer.status < 300:
            await answer.read()
            what = f"{request.method} {request.path} {hashlib.sha256(body).hexdigest()[:12]}"
            state.done.append(what)
            if what not in state.lost:
                state.lost.append(what)
                return await _cut(request, state)
        return await _streamed(request, answer)


async def _cut(request: web.Request, state: Cutting) -> web.StreamResponse:
    response = web.StreamResponse()
    if state.half:
        response.content_length = 1000
        await response.prepare(request)
        await response.write(b'{"kind":')
    assert request.transport is not None
    request.transport.abort()
    return response


async def _streamed(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    """As it comes: a watch ends when somebody leaves."""
    response = web.StreamResponse(
        status=answer.status, headers={"Content-Type": answer.headers["Content-Type"]}
    )
    await response.prepare(request)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response
