"""A pilot is measured by a real Prometheus that scrapes real exporters every second."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lockgate.messages.plan_metrics import Metrics
from lockgate.verifier.core.measure import Measure, Pods
from lockgate.verifier.settings import Settings
from lockgate.verifier.statistics.record import load_block, load_setup
from lockgate.verifier.statistics.verification import Verification, joined
from lockgate.verifier.work import open_work
from tests.support.prometheus import Exporter, Scraping, scraping

pytestmark = pytest.mark.ci

HISTORY, SCRAPES = 8, 16
EVERY_SECOND = Metrics(interval=1.0)
PILOT = "payments-pilot-8-a"
POLICY = {
    "deadline": SCRAPES,
    "soak": 6,
    "min_strata": 3,
    "stale": 5,
    "err_margin": 3.0,
    "lat_margin": 1.0,
    "required": ["errors", "latency"],
}


@pytest_asyncio.fixture
async def pods() -> list[Exporter]:
    return [*(Exporter(f"payments-6d4f-{name}", 4000) for name in "abc"), Exporter(PILOT, 3000)]


@pytest_asyncio.fixture
async def prometheus(pods: list[Exporter], tmp_path: Path) -> AsyncIterator[Scraping]:
    """One that has scraped production for a while."""
    async with scraping(tmp_path, pods) as running:
        async with asyncio.timeout(60):
            while await running.scrapes(pods[0].pod) < HISTORY:  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.2)
        yield running


async def verdict(
    prometheus: Scraping,
    meanwhile: Callable[[int], Awaitable[None]] | None = None,
    metrics: Metrics = EVERY_SECOND,
    too_long: Callable[[str], Awaitable[None]] | None = None,
) -> dict[str, Any]:
    """Of a pilot that begins now. `meanwhile` is called with the number of reports after each, and `too_long` with the reason
    when the metrics are away for longer than the plan allows.
    """
    parts: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        if said["outcome"] == "counted":
            if said["first"] == 0:
                parts.clear()
            parts.append(said)
            if meanwhile is not None:
                await meanwhile(len(parts))
        elif said["too_long"] and too_long is not None:
            await too_long(said["reason"])

    order = Measure(
        release="r",
        stage="pilot",
        region="eu-west",
        since=datetime.now(UTC),
        step=1.0,
        scrapes=SCRAPES,
        share=0.2,
        metrics=metrics,
        pods=Pods(
            namespace="shop", pilot="payments-pilot-8-", baseline="payments-6d4f-", service="p", route=None
        ),
        policy=POLICY,
    )
    async with open_work(Settings(prometheus=prometheus.url)) as work:
        last = await work["measure"](order.model_dump(mode="json"), report)
    await report(last)
    setup = load_setup(parts[0]["settled"])
    run = Verification(setup)
    return run.result(run.judge(joined([load_block(setup, p["told"], p["first"]) for p in parts])), "")


async def test_a_good_pilot_passes(prometheus: Scraping) -> None:
    assert (await verdict(prometheus))["verdict"] == "pass"


@pytest.mark.parametrize(("worse", "why"), [({"errors": 0.1}, "errors"), ({"slow": 0.3}, "latency")])
async def test_a_bad_pilot_fails(
    prometheus: Scraping, pods: list[Exporter], worse: dict[str, float], why: str
) -> None:
    for name, value in worse.items():
        setattr(pods[-1], name, value)
    found = await verdict(prometheus)
    assert (found["verdict"], found["why"]) == ("fail", why)


@pytest.mark.parametrize("forget", [False, True], ids=["restarted", "with an empty disk"])
async def test_a_good_pilot_passes_although_prometheus_was_away(prometheus: Scraping, forget: bool) -> None:
    async def away(reports: int) -> None:
        if reports == 2:
            await prometheus.stop(forget=forget)
            await asyncio.sleep(3.0)  # what is not scraped in this time is missing
            await prometheus.start()

    assert (await verdict(prometheus, away))["verdict"] == "pass"


async def test_a_pilot_whose_samples_are_no_numbers_for_too_long_is_waited_for_and_passes(
    prometheus: Scraping, pods: list[Exporter]
) -> None:
    told: list[str] = []

    async def broken(reports: int) -> None:
        for pod in pods:
            pod.nan = reports >= 2 and not told

    async def back(reason: str) -> None:
        told.append(reason)
        await broken(0)

    found = await verdict(prometheus, broken, EVERY_SECOND.model_copy(update={"outage": 5.0}), back)
    assert "there are no newer samples of" in told[0]
    assert found["verdict"] == "pass"
