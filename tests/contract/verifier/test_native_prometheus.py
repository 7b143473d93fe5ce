"""Native histograms as a real Prometheus scrapes, keeps and tells them, and pilots that are measured by them."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from lockgate.messages.verdicts import FailCause, Outcome, VerdictReached
from lockgate.verifier.native import Histogram
from lockgate.verifier.prometheus import Samples, Series, open_prometheus
from lockgate.verifier.settings import Settings
from lockgate.verifier.statistics.verification import encode
from tests.support.measured_releases import PILOT_POD, PRODUCTION_PODS, Measured
from tests.support.metric_outages import HISTORY
from tests.support.native_exporter import DELIMITED, NAME, NativePod, family, histogram
from tests.support.prometheus import Exporter, Scraping, scraping
from tests.support.recomputed import recomputed

pytestmark = pytest.mark.ci

FLAGS = ("--enable-feature=native-histograms",)


@dataclass
class Fixed:
    """A pod that always tells the same."""

    pod: str
    told: bytes

    def answer(self) -> web.Response:
        return web.Response(body=family(NAME, {"200": self.told}), headers={"Content-Type": DELIMITED})


async def samples_of(prometheus: Scraping, name: str) -> tuple[Series, ...]:
    async with open_prometheus(Settings(prometheus=prometheus.url)) as asked:
        answer = await asked.raw(name, time.time(), 60.0)
    assert isinstance(answer, Samples)
    return answer.series


async def test_what_an_exporter_counted_is_what_is_read(tmp_path: Path) -> None:
    """Of resolution 0: 3 requests up to 0.5 s, 2 up to 4 s, one too fast for a bucket; one of NaN; and classic buckets."""
    told = histogram(0, {-1: 3, 2: 2}, zero=1, no_number=1, classic=((0.1, 1), (5.0, 6)))
    async with scraping(tmp_path, [Fixed("one", told)], flags=FLAGS) as prometheus:
        await prometheus.knows("one", 2)
        (found,) = await samples_of(prometheus, NAME)
        classic = await samples_of(prometheus, f"{NAME}_bucket")
    assert {one for _, one in found.histograms} == {
        Histogram(7.0, ((-1e-9, 1e-9, 1.0), (0.25, 0.5, 3.0), (2.0, 4.0, 2.0)))
    }
    assert (found.points, classic) == ((), ())


async def test_with_both_forms_one_is_kept_and_it_is_the_one_that_is_read(tmp_path: Path) -> None:
    told = histogram(3, {-20: 4, -7: 1}, classic=((0.25, 4), (1.0, 5)))
    async with scraping(tmp_path, [Fixed("one", told)], flags=FLAGS) as prometheus:
        await prometheus.knows("one", 2)
        kept = [await samples_of(prometheus, name) for name in (NAME, f"{NAME}_bucket", f"{NAME}_count")]
    assert [len(series) for series in kept] == [1, 0, 0]


async def test_without_the_flag_there_are_the_classic_buckets_of_the_same_exporter_and_nothing_native(
    tmp_path: Path,
) -> None:
    async with scraping(tmp_path, [Exporter("one", 100)]) as prometheus:
        await prometheus.knows("one", 2)
        kept = [await samples_of(prometheus, name) for name in (NAME, f"{NAME}_bucket", f"{NAME}_count")]
    assert [len(series) for series in kept] == [0, 12, 2]


@pytest_asyncio.fixture
async def pods() -> list[NativePod]:
    return [*(NativePod(pod, 1500) for pod in PRODUCTION_PODS), NativePod(PILOT_POD, 1000)]


@pytest_asyncio.fixture
async def prometheus(pods: list[NativePod], tmp_path: Path) -> AsyncIterator[Scraping]:
    """One that has scraped production for a while."""
    async with scraping(tmp_path, pods, flags=FLAGS) as running:
        await running.knows(pods[0].pod, HISTORY)
        yield running


async def judged(prometheus: Scraping) -> VerdictReached:
    """The verdict of a pilot, which is made of its event alone again, to the byte."""
    release = Measured.begins()
    await release.runs(Settings(prometheus=prometheus.url))
    record = encode(release.verdict.evidence)
    again = await asyncio.to_thread(recomputed, record)
    assert (again["verdict"], encode(again["evidence"])) == (release.verdict.outcome, record)
    assert len(record) <= 64 * 1024
    return release.verdict


async def test_a_good_pilot_passes(prometheus: Scraping) -> None:
    assert (await judged(prometheus)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("worse", "why"), [({"errors": 0.1}, "requests fail"), ({"slower": 1.5}, "takes longer than")]
)
async def test_a_bad_pilot_fails(
    prometheus: Scraping, pods: list[NativePod], worse: dict[str, float], why: str
) -> None:
    for name, value in worse.items():
        setattr(pods[-1], name, value)
    found = await judged(prometheus)
    assert (found.outcome, found.cause, found.guilty) == (Outcome.FAIL, FailCause.MEASURED, ("eu-west",))
    assert why in found.reason
