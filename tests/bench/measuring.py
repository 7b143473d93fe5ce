"""How many verifications at once one core carries, with a scrape every 15 s: the work measures, and the core keeps and judges what it
reports.

Some are run, spread over the interval and in the middle of their 60 scrapes, few enough to keep up beside other work; what a scrape of one
costs is counted in time of the processor. Prometheus is a process of its own with canned answers of ten pods. Rows go to a desk as JSON and
not to a database, and nothing is written to Kafka, so that much comes on top.
"""

import asyncio
import cProfile
import pstats
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import uvloop

from lockgate.embedded.ports import free_ports
from lockgate.messages.deployments import PilotDeployed
from lockgate.messages.verdicts import VerdictReached
from lockgate.verifier.core.rows import VerificationRow
from lockgate.verifier.settings import Settings
from lockgate.verifier.work import WorkFunction, open_work
from tests.bench.figures import Figure
from tests.support.eventually import eventually
from tests.support.verifier import APPLICATION, PILOT, WATCH, WAVE, Journey, in_production

AT_ONCE = 100
STEP = 15.0
BEGUN = 28
"""Scrapes that each has behind it when the clock is started."""
ROUNDS = 4
HISTORY = 12
"""Scrapes before the pilot; 60 as in earnest would only make the start longer."""
REGION, WORK = "eu-west", "measure pilot eu-west"
_PILOT: dict[str, Any] = {**PILOT, "after": {"verify": "15m", "soak": "15m"}}


def measure(*, profile: bool) -> Iterator[Figure]:
    """`profile` also prints where the time goes."""
    profiler = cProfile.Profile() if profile else None
    yield from uvloop.run(_measured(profiler))
    if profiler is not None:
        pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(45)


async def _measured(profiler: cProfile.Profile | None) -> list[Figure]:
    async with _prometheus() as url, aiohttp.ClientSession() as session:
        late: list[float] = []
        async with open_work(Settings(prometheus=url, prometheus_timeout=60.0)) as work:
            every = [_begun(number) for number in range(AT_ONCE)]
            runs = [asyncio.create_task(_run(number, one, work, late)) for number, one in enumerate(every)]
            await eventually(lambda: all(_scrapes(one) >= BEGUN for one in every), within=600.0)
            await _asked(session, url)
            late.clear()
            if profiler is not None:
                profiler.enable()
            used = time.process_time()
            await asyncio.sleep(ROUNDS * STEP)  # what is measured is a time
            used = time.process_time() - used
            if profiler is not None:
                profiler.disable()
            asked = await _asked(session, url)
            assert not any(run.done() for run in runs)
            for run in runs:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)
    return [
        Figure("measuring-a-scrape", 1000 * used / len(late), "ms"),
        Figure("measuring-on-one-core", STEP * len(late) / used, "verifications at once"),
        Figure("measuring-late", sorted(late)[int(0.99 * len(late))], "s"),
        Figure("measuring-questions", asked["times"] / len(late), "a verification and scrape"),
        Figure("measuring-same-question", asked["same"], "times"),
        Figure("measuring-largest-answer", asked["largest"] / 1024, "KiB"),
    ]


def _begun(number: int) -> Journey:
    """In the middle of its time, each at another moment of the interval."""
    release = in_production(_PILOT, WAVE, WATCH, metrics={"interval": STEP})
    ago = BEGUN * STEP + STEP * number / AT_ONCE
    release.desk.now = datetime.now(UTC) - timedelta(seconds=ago)
    pods: dict[str, Any] = {"pilot_pods": "payments-pilot-8-", "baseline_pods": "payments-6d4f-"}
    release.give(release.answer(PilotDeployed, REGION, share=0.1, **pods))
    return release


async def _run(number: int, release: Journey, work: Mapping[str, WorkFunction], late: list[float]) -> None:
    desk = release.desk
    order = desk.work[APPLICATION, WORK].body
    since = datetime.fromisoformat(order["since"])

    async def report(said: dict[str, Any]) -> None:
        desk.now = datetime.now(UTC)
        found = desk.report(APPLICATION, WORK, said, final=False)
        assert not any(isinstance(event, VerdictReached) for event in found), found
        late.append((datetime.now(UTC) - since).total_seconds() - said["end"] * STEP)

    asked = {**order, "history": HISTORY, "pods": {**order["pods"], "namespace": f"shop-{number}"}}
    await work["measure"](asked, report)


def _scrapes(release: Journey) -> int:
    return release.desk.row(VerificationRow, APPLICATION, REGION).end


@asynccontextmanager
async def _prometheus() -> AsyncIterator[str]:
    port = free_ports(1)[0]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.canned_prometheus", str(port)
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as session:
            await eventually(lambda: _asked(session, url))
        yield url
    finally:
        process.terminate()
        await process.wait()


async def _asked(session: aiohttp.ClientSession, url: str) -> dict[str, int]:
    async with session.get(f"{url}/asked") as answer:
        found: dict[str, int] = await answer.json()
        return found
