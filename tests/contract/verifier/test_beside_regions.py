"""The measuring of a wave against the sandbox's Prometheus: a region after its rollout, beside regions without the release."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from lockgate.messages.plan_metrics import Metrics
from lockgate.sandbox import Behaviour, Sandbox
from lockgate.sandbox import Settings as SandboxSettings
from lockgate.sandbox.sample import image
from lockgate.sandbox.scraping import tick
from lockgate.verifier import work
from lockgate.verifier.core.measure import Elsewhere, Measure, Pods
from lockgate.verifier.prometheus import open_prometheus
from lockgate.verifier.settings import Settings
from lockgate.verifier.statistics.record import load_block, load_setup
from lockgate.verifier.statistics.regions import Regions
from lockgate.verifier.statistics.regions import recompute as recompute_wave
from lockgate.verifier.statistics.verification import Verification, encode, joined
from lockgate.verifier.work import Measuring
from tests.support.sandboxes import STRATEGIC, apps_api, kubernetes

OLD = "sha256:" + "1" * 64
NEW = "sha256:" + "2" * 64
OTHER = "sha256:" + "3" * 64
REGION, CONTROL = "eu-west", ("ap-south", "eu-north", "us-east")
SCRAPE, STEP, SCRAPES, WINDOWS = 0.1, 0.2, 20, 8
POLICY = {
    "alpha": 0.01,
    "deadline": SCRAPES,
    "soak": 6,
    "min_strata": 3,
    "stale": 5,
    "skip": 2,
    "err_margin": 3.0,
    "lat_margin": 0.4,
    "required": ["errors", "latency"],
}


@dataclass
class Place:
    sandbox: Sandbox
    began: datetime
    """When the rollout of the new version was begun."""
    since: datetime
    """When it was over, and a moment in which all is scraped."""

    def order(self) -> Measure:
        return Measure(
            release="r",
            stage="first",
            region=REGION,
            since=self.since,
            step=STEP,
            scrapes=SCRAPES,
            share=1.0,
            metrics=Metrics.model_validate({"interval": 0.5, "outage": 5}),
            pods=Pods(namespace="shop", pilot="", baseline="payments", service="payments", route="payments"),
            policy=POLICY,
            history=WINDOWS * SCRAPES,
            began=self.began,
            control=tuple(Elsewhere(region=region, namespace="shop") for region in CONTROL),
        )


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Production with 20,000 requests a second in each region, of which 2 % fail, for the whole history."""
    settings = SandboxSettings(regions=(REGION, *CONTROL), scrape_seconds=SCRAPE, usual_errors=0.02)
    async with Sandbox(settings) as running:
        running.install("payments", OLD, 2, rate=20_000)
        await running.settled()
        running.samples.targets.clear()
        now = datetime.now(UTC).timestamp()
        for ago in reversed(range(round((WINDOWS * SCRAPES + 5) * STEP / SCRAPE))):
            for region in running.regions.values():
                tick(region, running.samples, -ago, now - ago * SCRAPE, SCRAPE, scrapes=True)
        yield running


async def roll(sandbox: Sandbox, region: str, digest: str) -> None:
    async with kubernetes(sandbox, region) as api:
        container = {"name": "app", "image": image("payments", digest)}
        body = {"spec": {"template": {"spec": {"containers": [container]}}}}
        await apps_api(api).patch_namespaced_deployment("payments", "shop", body, _content_type=STRATEGIC)
    await sandbox.settled()


async def rolled_out(sandbox: Sandbox, behaviour: Behaviour | None = None) -> Place:
    sandbox.set_image(NEW, behaviour)
    began = datetime.now(UTC)
    await roll(sandbox, REGION, NEW)
    return Place(sandbox, began, datetime.now(UTC) + timedelta(seconds=1))


def is_last(said: dict[str, Any]) -> bool:
    return said.get("digest") is not None


async def measured(place: Place, enough: Callable[[dict[str, Any]], bool] = is_last) -> list[dict[str, Any]]:
    """All reports until one is enough."""
    reports: list[dict[str, Any]] = []
    said_enough = asyncio.Event()

    async def report(said: dict[str, Any]) -> None:
        reports.append(said)
        if enough(said):
            said_enough.set()

    settings = Settings(prometheus=place.sandbox.directory()["prometheus"], prometheus_timeout=1.0)
    async with open_prometheus(settings) as prometheus, asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(Measuring(place.order(), prometheus).run(report))
        waiting = tasks.create_task(said_enough.wait())
        await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        waiting.cancel()
    return reports if running.cancelled() else [*reports, running.result()]


def judged(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """The verdict on the wave of this region alone, as the core makes it of the reports."""
    parts = [said for said in reports if said["outcome"] == "counted"]
    assert [part["settled"] is not None for part in parts] == [part["first"] == 0 for part in parts]
    newest = max(index for index, part in enumerate(parts) if part["first"] == 0)
    run = Verification(load_setup(parts[newest]["settled"]))
    block = joined([load_block(run.setup, part["told"], part["first"]) for part in parts[newest:]])
    together = Regions(0.01, {REGION: run})
    together.judge({REGION: block})
    return together.result({REGION: parts[-1]["digest"] or ""})


async def test_a_good_version_passes_beside_regions_without_it(sandbox: Sandbox) -> None:
    verdict = judged(await measured(await rolled_out(sandbox)))
    assert verdict["verdict"] == "pass"
    assert encode(recompute_wave(verdict["evidence"])) == encode(verdict)


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [(Behaviour(error_rate=0.1), "errors"), (Behaviour(latency_ms=60.0), "latency")],
    ids=["failing", "slow"],
)
async def test_a_version_that_is_worse_than_what_is_usual_beside_them_fails(
    sandbox: Sandbox, behaviour: Behaviour, why: str
) -> None:
    verdict = judged(await measured(await rolled_out(sandbox, behaviour)))
    assert (verdict["verdict"], verdict["why"], verdict["guilty"]) == ("fail", why, [REGION])
    assert verdict["at"] <= 12


async def test_a_region_that_goes_astray_by_itself_is_told(sandbox: Sandbox) -> None:
    """Somebody changes it beside Lockgate."""
    place = await rolled_out(sandbox)
    sandbox.set_image(OTHER, Behaviour(error_rate=0.3))
    await roll(sandbox, "us-east", OTHER)
    told = [said["told"] for said in await measured(place) if said["outcome"] == "counted"]
    assert list(told[-1]["astray"]) == ["us-east"]


async def test_a_region_of_which_too_little_was_scraped_before_is_not_judged(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read once more, and then it is said what is missing."""
    monkeypatch.setattr(work, "ONCE_MORE", 0.1)
    place = await rolled_out(sandbox, Behaviour(error_rate=0.1))
    for region in (REGION, *CONTROL):
        for target in sandbox.samples.targets[region].values():
            gone = bisect_right(target.times, place.began.timestamp() - 10)
            del target.times[:gone], target.scrapes[:gone]
    reports = await measured(place, lambda said: said["outcome"] == "unavailable" and not said["reading"])
    assert [said.get("reading") for said in reports] == [True, False]
    said = f"{REGION} has too little history before the release (4 windows of 4s are needed, "
    assert (reports[-1]["reason"].startswith(said), reports[-1]["for_good"]) == (True, True)


async def test_a_region_that_is_compared_long_after_what_is_known_of_it_is_not_judged(
    sandbox: Sandbox,
) -> None:
    """At another time of the day regions differ in other ways."""
    place = await rolled_out(sandbox)
    reports = await measured(Place(sandbox, place.began - timedelta(hours=1), place.since))
    assert [said["for_good"] for said in reports] == [True]
    assert "regions differ by the time of day alone" in reports[0]["reason"]
