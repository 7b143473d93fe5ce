"""A real Prometheus, Debian's, that scrapes real exporters every second."""

import asyncio
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp
import numpy as np
from aiohttp import web
from aiohttp.test_utils import TestServer

from lockgate.embedded.ports import free_ports
from tests.support.debian import program_of
from tests.support.eventually import eventually

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25)
"""Every request takes longer than the lowest: below it nothing is known, so nothing could be shown at it."""

_CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: payments
{config}
    static_configs:
{targets}
"""
_TARGET = """\
      - targets: ['{address}']
        labels: {{region: eu-west, namespace: payments, pod: {pod}, __metrics_path__: {path}}}
"""


@dataclass
class Exporter:
    """A pod that counts requests: so many a second, whoever reads them, drawn from its own seed."""

    pod: str
    rate: int
    errors: float = 0.02
    slow: float = 0.1
    """The share that takes longer than 50 ms."""
    nan: bool = False
    counts: dict[str, list[int]] = field(default_factory=lambda: {"200": [0] * 6, "500": [0] * 6})
    draws: np.random.Generator = field(init=False)
    read: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.draws = np.random.default_rng([*self.pod.encode()])

    @property
    def requests(self) -> int:
        """So many were counted until it was read last."""
        return sum(map(sum, self.counts.values()))

    def text(self) -> str:
        """The exposition, after some more requests."""
        now = time.monotonic()
        seconds, self.read = now - self.read, now
        fast, slow = (1 - self.slow) / 2, self.slow / 2
        for code, share in (("200", 1 - self.errors), ("500", self.errors)):
            count = self.draws.poisson(self.rate * share * seconds)
            more = self.draws.multinomial(count, (0.0, fast, fast, slow, slow, 0.0))
            self.counts[code] = [
                before + int(new) for before, new in zip(self.counts[code], more, strict=True)
            ]
        lines = ["# TYPE http_server_request_duration_seconds histogram"]
        for code, counts in self.counts.items():
            label, total = f'http_response_status_code="{code}"', 0
            for le, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
                total += count
                lines.append(
                    f'http_server_request_duration_seconds_bucket{{{label},le="{le}"}} {self._told(total)}'
                )
            lines.append(f"http_server_request_duration_seconds_sum{{{label}}} {self._told(total)}")
            lines.append(f"http_server_request_duration_seconds_count{{{label}}} {self._told(total)}")
        return "\n".join(lines) + "\n"

    def _told(self, value: int) -> str:
        return "NaN" if self.nan else str(value)

    def answer(self) -> web.Response:
        return web.Response(text=self.text())


class Exports(Protocol):
    """A pod that is scraped."""

    pod: str

    def answer(self) -> web.Response: ...


@dataclass
class Scraping:
    """A Prometheus with its data in a folder; it can be stopped and started again, also with an empty disk."""

    folder: Path
    port: int
    program: tuple[str, ...] = ()
    """Debian's package if it is not told."""
    flags: tuple[str, ...] = ()
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(self.program or program_of("prometheus", "prometheus")),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=error",
            *self.flags,
        )
        async with aiohttp.ClientSession() as session:
            await eventually(lambda: _ready(session, f"{self.url}/-/ready"))

    async def stop(self, *, forget: bool = False) -> None:
        if self.process is not None:
            self.process.terminate()
            await self.process.wait()
            self.process = None
        if forget:
            shutil.rmtree(self.folder / "data")

    def freeze(self) -> None:
        """It holds its port and its connections, and does nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    async def knows(self, pod: str, scrapes: int) -> None:
        """Waits until it has so many samples of the pod."""

        async def enough() -> bool:
            return await self.scrapes(pod) >= scrapes

        await eventually(enough)

    async def scrapes(self, pod: str) -> int:
        """How many samples of a pod's requests it has."""
        name = '__name__=~"http_server_request_duration_seconds(_count)?"'
        query = f'{{{name},pod="{pod}",http_response_status_code="200"}}[10m]'
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/query", params={"query": query}) as answer,
        ):
            found = (await answer.json())["data"]["result"]
        return max((len(one.get("histograms") or one["values"]) for one in found), default=0)


def configured(folder: Path, places: Iterable[tuple[str, str, str]], config: str = "") -> Scraping:
    """One that is not started yet. `places`: the address, the path and the pod of each exporter."""
    targets = [_TARGET.format(address=address, path=path, pod=pod) for address, path, pod in places]
    (folder / "prometheus.yml").write_text(_CONFIG.format(targets="".join(targets), config=config))
    return Scraping(folder, free_ports(1)[0])


@asynccontextmanager
async def scraping(
    folder: Path,
    exporters: Sequence[Exports],
    *,
    program: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
    config: str = "",
) -> AsyncIterator[Scraping]:
    """`config`: lines of its job beside the targets."""
    servers = [await _served(exporter) for exporter in exporters]
    found = configured(
        folder,
        [
            (f"127.0.0.1:{server.port}", "/metrics", exporter.pod)
            for server, exporter in zip(servers, exporters, strict=True)
        ],
        config,
    )
    found.program, found.flags = program, flags
    await found.start()
    try:
        yield found
    finally:
        await found.stop()
        for server in servers:
            await server.close()


async def _served(exporter: Exports) -> TestServer:
    async def metrics(_: web.Request) -> web.Response:
        return exporter.answer()

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    server = TestServer(application)
    await server.start_server()
    return server


async def _ready(session: aiohttp.ClientSession, url: str) -> bool:
    async with session.get(url) as answer:
        return answer.status == 200
