"""A pilot is measured by a real Prometheus that scrapes real exporters every second."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from lockgate.messages.verdicts import FailCause, Outcome, WaitingFor
from lockgate.verifier.settings import Settings
from tests.qualify.metrics_outages import qualify
from tests.support.eventually import eventually
from tests.support.measured_releases import PILOT_POD, PRODUCTION_PODS, Measured
from tests.support.metric_outages import HISTORY, KINDS
from tests.support.prometheus import Exporter, Scraping, scraping

pytestmark = pytest.mark.ci


@pytest_asyncio.fixture
async def pods() -> list[Exporter]:
    return [*(Exporter(pod, 4000) for pod in PRODUCTION_PODS), Exporter(PILOT_POD, 3000)]


@pytest_asyncio.fixture
async def prometheus(pods: list[Exporter], tmp_path: Path) -> AsyncIterator[Scraping]:
    """One that has scraped production for a while."""
    async with scraping(tmp_path, pods) as running:
        await running.knows(pods[0].pod, HISTORY)
        yield running


async def test_a_good_pilot_passes(prometheus: Scraping) -> None:
    release = Measured.begins()
    await release.runs(Settings(prometheus=prometheus.url))
    assert release.verdict.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("worse", "why"), [({"errors": 0.1}, "requests fail"), ({"slow": 0.3}, "takes longer than")]
)
async def test_a_bad_pilot_fails(
    prometheus: Scraping, pods: list[Exporter], worse: dict[str, float], why: str
) -> None:
    for name, value in worse.items():
        setattr(pods[-1], name, value)
    release = Measured.begins()
    await release.runs(Settings(prometheus=prometheus.url))
    found = release.verdict
    assert (found.outcome, found.cause, found.guilty) == (Outcome.FAIL, FailCause.MEASURED, ("eu-west",))
    assert why in found.reason


async def test_a_pilot_whose_samples_are_no_numbers_for_too_long_is_waited_for_and_passes(
    prometheus: Scraping, pods: list[Exporter]
) -> None:
    release = Measured.begins(outage=5.0)
    running = asyncio.create_task(release.runs(Settings(prometheus=prometheus.url)))
    await eventually(lambda: release.scrapes >= 2)
    for pod in pods:
        pod.nan = True
    (held,) = await eventually(lambda: release.waited(WaitingFor.HELD))
    for pod in pods:
        pod.nan = False
    async with asyncio.timeout(60):
        await running
    assert "there are no newer samples of" in held.reason
    assert release.verdict.outcome is Outcome.PASS


async def test_of_ten_good_releases_whose_metrics_are_away_none_fails_and_each_goes_on_by_itself() -> None:
    found = await qualify(runs=10, seed=1, at_once=10, longest=12.0)
    assert found["violations"] == []
    assert sum(found["passed after an outage"].values()) == 10
    assert set(found["of them held meanwhile"]) == set(KINDS)
