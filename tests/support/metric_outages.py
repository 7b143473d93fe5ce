"""Outages of the metrics in the middle of good releases, each on a real Prometheus of its own. What became of one is judged in
`outage_judge`.

A `Lane` is what one release is measured by: exporters that may tell NaN, a Prometheus that may be stopped, frozen and made to forget
all that it had, and a door before it that the verifier asks at, where answers may be late, errors or cut. It counts what really
failed, and what the pilot's exporter really told.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_never, get_args

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from lockgate.verifier.settings import Settings
from tests.support.measured_releases import PILOT_POD, PRODUCTION_PODS, Measured
from tests.support.outage_judge import ALLOWED, GRACE, TIMEOUT, Kind, Outage, Story, Told
from tests.support.prometheus import Exporter, Scraping, configured

KINDS: tuple[Kind, ...] = get_args(Kind)
HISTORY = 8
"""So many samples of production come before a release."""
SHORTEST = 5.0
_FORGOTTEN = 5
"""A Prometheus whose disk was emptied has at most so many samples when it has just begun again."""
_PATIENCE = 60.0
"""Seconds from the return of the metrics until the verdict."""


def drawn(number: int, seed: int, longest: float) -> Outage:
    """The kinds in turns, the first of each as long as any; of the others there are as many between 5 and 10 s as between 300 and 600."""
    draws = random.Random(f"{seed} {number}")
    seconds = SHORTEST * (longest / SHORTEST) ** draws.random()
    return Outage(
        kind=KINDS[number % len(KINDS)],
        after=draws.uniform(0.0, 6.0),
        seconds=longest if number < len(KINDS) else seconds,
    )


@dataclass
class Lane:
    prometheus: Scraping
    url: str
    exporters: dict[str, Exporter]
    broken: Kind | None = None
    failed: int = 0
    """Questions that got no whole answer, and scrapes that had no number in them."""
    told: list[tuple[datetime, int]] = field(default_factory=list)
    """When the pilot's exporter told numbers, and how many requests it had counted then."""

    async def carries(self, outage: Outage) -> Story:
        """A good release that meets the outage. AssertionError if it does not go on by itself when that is over."""
        await self.prometheus.knows(PRODUCTION_PODS[0], HISTORY)
        del self.told[:-1]
        before, release = self.failed, Measured.begins(ALLOWED)
        running = asyncio.create_task(release.runs(Settings(prometheus=self.url, prometheus_timeout=TIMEOUT)))
        try:
            await asyncio.wait([running], timeout=outage.after)
            began = release.now()
            ended = await self._suffers(outage, release, running)
            await asyncio.wait([running], timeout=_PATIENCE)
            assert running.done(), f"it does not go on; the last that it said: {release.events[-1:]}"[:1000]
            await running
        finally:
            running.cancel()
        return Story(
            outage=outage,
            began=began,
            ended=ended,
            failed=self.failed - before,
            told=[Told((at - release.since).total_seconds(), requests) for at, requests in self.told],
            events=release.events,
        )

    async def _suffers(self, outage: Outage, release: Measured, running: asyncio.Task[None]) -> float:
        """Lasts as long as the outage, unless the release is decided before it could matter. Returns when the metrics began to
        come back.
        """
        self.broken = outage.kind
        try:
            await self._breaks(outage.kind)
            await asyncio.wait([running], timeout=GRACE)
            if not running.done():
                await asyncio.sleep(outage.seconds - GRACE)  # an outage is a time in which nothing comes
        finally:
            ended, self.broken = release.now(), None
            await self._mends(outage.kind)
        return ended

    async def _breaks(self, kind: Kind) -> None:
        match kind:
            case "stopped" | "emptied":
                await self.prometheus.stop(forget=kind == "emptied")
            case "frozen":
                self.prometheus.freeze()
            case "nan":
                self._tell(nan=True)
            case "slow" | "5xx" | "truncated":
                pass  # `answers` does it
            case _:
                assert_never(kind)

    async def _mends(self, kind: Kind) -> None:
        match kind:
            case "stopped" | "emptied":
                await self.prometheus.start()
                left = await self.prometheus.scrapes(PRODUCTION_PODS[0])
                assert kind == "stopped" or left <= _FORGOTTEN, f"its disk was not empty: {left} samples"
            case "frozen":
                self.prometheus.thaw()
            case "nan":
                self._tell(nan=False)
            case "slow" | "5xx" | "truncated":
                pass
            case _:
                assert_never(kind)

    def _tell(self, *, nan: bool) -> None:
        for exporter in self.exporters.values():
            exporter.nan = nan

    def scraped(self, pod: str) -> web.Response:
        exporter = self.exporters[pod]
        text = exporter.text()
        self.failed += exporter.nan
        if pod == PILOT_POD and not exporter.nan:
            self.told.append((datetime.now(UTC), exporter.requests))
        return web.Response(text=text)

    async def answers(self, session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        """As Prometheus does, or as its fault has it."""
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.failed += 1  # until it is answered whole: whoever asks may hang up before
        try:
            async with session.post(f"{self.prometheus.url}/api/v1/query", data=form) as answer:
                status, body = answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return _refused(request)
        broken = self.broken
        if broken == "5xx":
            return web.Response(status=503, text="busy")
        if broken == "truncated":
            return await _half(request, body)
        if broken == "slow":
            await asyncio.sleep(2 * TIMEOUT)  # nobody waits for it any more
        else:
            self.failed -= 1
        return web.Response(status=status, body=body, content_type="application/json")


def _refused(request: web.Request) -> web.Response:
    """Prometheus is not there, and so neither is its door."""
    if request.transport is not None:
        request.transport.close()
    return web.Response(status=502)


async def _half(request: web.Request, body: bytes) -> web.StreamResponse:
    """The beginning of an answer whose whole length was promised."""
    answer = web.StreamResponse(
        headers={"Content-Length": str(len(body)), "Content-Type": "application/json"}
    )
    await answer.prepare(request)
    await answer.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return answer


@dataclass
class Lanes:
    """One address for all: the path says of which lane a scrape or a question is."""

    server: TestServer
    every: dict[str, Lane] = field(default_factory=dict)

    @asynccontextmanager
    async def lane(self, name: str, folder: Path) -> AsyncIterator[Lane]:
        address = f"127.0.0.1:{self.server.port}"
        exporters = {pod: Exporter(pod, 4000) for pod in PRODUCTION_PODS} | {
            PILOT_POD: Exporter(PILOT_POD, 3000)
        }
        scraped = configured(folder, [(address, f"/{name}/metrics/{pod}", pod) for pod in exporters])
        found = self.every[name] = Lane(scraped, f"http://{address}/{name}", exporters)
        await scraped.start()
        try:
            yield found
        finally:
            await scraped.stop()


@asynccontextmanager
async def lanes() -> AsyncIterator[Lanes]:
    application = web.Application()
    found = Lanes(TestServer(application))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2 * TIMEOUT)) as session:

        async def scraped(request: web.Request) -> web.Response:
            return found.every[request.match_info["lane"]].scraped(request.match_info["pod"])

        async def asked(request: web.Request) -> web.StreamResponse:
            return await found.every[request.match_info["lane"]].answers(session, request)

        application.router.add_get("/{lane}/metrics/{pod}", scraped)
        application.router.add_post("/{lane}/api/v1/query", asked)
        await found.server.start_server()
        try:
            yield found
        finally:
            await found.server.close()
