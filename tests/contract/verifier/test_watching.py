"""The measuring of a watch against the sandbox's Prometheus: a region after its rollout, by its own time before."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean
from typing import Any

import pytest
import pytest_asyncio

from lockgate.messages.plan_metrics import Metrics
from lockgate.sandbox import Behaviour, Sandbox
from lockgate.sandbox import Settings as SandboxSettings
from lockgate.sandbox.faults import Fault
from lockgate.sandbox.sample import image
from lockgate.sandbox.scraping import tick
from lockgate.verifier import work
from lockgate.verifier.core.measure import HISTORY, Measure, Pods
from lockgate.verifier.prometheus import open_prometheus
from lockgate.verifier.settings import Settings
from lockgate.verifier.statistics.alone_record import load, recompute, result
from lockgate.verifier.statistics.verification import encode
from lockgate.verifier.work import Measuring
from tests.support.sandboxes import STRATEGIC, apps_api, kubernetes

OLD = "sha256:" + "1" * 64
NEW = "sha256:" + "2" * 64
REGION = "eu-west"
SCRAPE, STEP, SCRAPES = 0.1, 0.2, 20
WATCHES = 23
"""Before the release: three more than are needed, as the rollout takes a while."""
POLICY = {
    "alpha": 0.01,
    "deadline": SCRAPES,
    "soak": SCRAPES,
    "min_strata": 3,
    "stale": 5,
    "skip": 2,
    "required": ["errors", "latency"],
}


@dataclass
class Place:
    sandbox: Sandbox
    began: datetime
    """When the rollout of the new version was begun."""
    since: datetime
    """When it was over, and a moment in which all is scraped."""

    def order(self, **changes: Any) -> Measure:
        given = Measure(
            release="r",
            stage="watch",
            region=REGION,
            since=self.since,
            step=STEP,
            scrapes=SCRAPES,
            share=1.0,
            metrics=Metrics.model_validate({"interval": 0.5, "outage": 5}),
            pods=Pods(namespace="shop", pilot="", baseline="payments", service="payments", route="payments"),
            policy=POLICY,
            history=HISTORY + WATCHES * SCRAPES,
            began=self.began,
        )
        return given.model_copy(update=changes)


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Production with 20,000 requests a second, of which 2 % fail, for the whole history."""
    settings = SandboxSettings(regions=(REGION,), scrape_seconds=SCRAPE, usual_errors=0.02)
    async with Sandbox(settings) as running:
        running.install("payments", OLD, 3, rate=20_000)
        await running.settled()
        running.samples.targets.clear()
        now, region = datetime.now(UTC).timestamp(), running.regions[REGION]
        for ago in reversed(range(round((HISTORY + WATCHES * SCRAPES + 5) * STEP / SCRAPE))):
            tick(region, running.samples, -ago, now - ago * SCRAPE, SCRAPE, scrapes=True)
        yield running


async def rolled_out(sandbox: Sandbox, behaviour: Behaviour | None = None) -> Place:
    sandbox.set_image(NEW, behaviour)
    began = datetime.now(UTC)
    async with kubernetes(sandbox, REGION) as api:
        container = {"name": "app", "image": image("payments", NEW)}
        body = {"spec": {"template": {"spec": {"containers": [container]}}}}
        await apps_api(api).patch_namespaced_deployment("payments", "shop", body, _content_type=STRATEGIC)
    await sandbox.settled()
    return Place(sandbox, began, datetime.now(UTC) + timedelta(seconds=3))


async def measured(place: Place, **changes: Any) -> list[dict[str, Any]]:
    """All reports. A fault of Prometheus is gone once that took too long."""
    reports: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        reports.append(said)
        if said.get("too_long") or said.get("reading"):
            await place.sandbox.set_prometheus_fault(None)

    url = place.sandbox.directory()["prometheus"]
    settings = Settings(prometheus=url, prometheus_timeout=1.0)
    async with open_prometheus(settings) as prometheus, asyncio.timeout(150):
        reports.append(await Measuring(place.order(**changes), prometheus).run(report))
    return reports


def judged(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """The verdict, as the core makes it of the reports."""
    parts = [said for said in reports if said["outcome"] == "counted"]
    assert [part["settled"] is not None for part in parts] == [True, *[False] * (len(parts) - 1)]
    assert [part["first"] for part in parts] == [0, *(part["end"] for part in parts[:-1])]
    found = load(parts[0]["settled"], [part["told"] for part in parts])
    return result(found, parts[-1]["digest"])


async def test_a_good_version_passes_at_the_end_of_its_watch(sandbox: Sandbox) -> None:
    verdict = judged(await measured(await rolled_out(sandbox)))
    assert (verdict["verdict"], verdict["at"]) == ("pass", SCRAPES)
    assert len(verdict["evidence"]["placebos"][0]) >= 20
    requests = mean(map(float, filter(None, verdict["evidence"]["requests"])))
    assert 0.7 * 20_000 * STEP <= requests <= 1.3 * 20_000 * STEP


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [(Behaviour(error_rate=0.1), "errors"), (Behaviour(latency_ms=60.0), "latency")],
    ids=["failing", "slow"],
)
async def test_a_version_that_is_worse_than_the_one_before_it_fails(
    sandbox: Sandbox, behaviour: Behaviour, why: str
) -> None:
    verdict = judged(await measured(await rolled_out(sandbox, behaviour)))
    assert (verdict["verdict"], verdict["why"]) == ("fail", why)
    assert verdict["at"] <= 8
    assert encode(recompute(verdict["evidence"])) == encode(verdict)


async def test_a_run_that_begins_again_tells_the_same(sandbox: Sandbox) -> None:
    place = await rolled_out(sandbox)
    live = judged(await measured(place))
    await asyncio.sleep(1)  # on a busy machine a sample was late, which later runs have
    first, second = [judged(await measured(place)) for _ in range(2)]
    assert second["evidence"] == first["evidence"]
    assert second["evidence"]["placebos"] == live["evidence"]["placebos"]


async def test_a_region_of_which_too_little_was_scraped_before_is_not_judged(sandbox: Sandbox) -> None:
    place = await rolled_out(sandbox, Behaviour(error_rate=0.1))
    for target in sandbox.samples.targets[REGION].values():
        gone = bisect_right(target.times, place.began.timestamp() - 20)
        del target.times[:gone], target.scrapes[:gone]
    verdict = judged(await measured(place))
    assert (verdict["verdict"], verdict["why"]) == ("inconclusive", "placebos")


async def test_a_history_that_is_not_there_yet_is_read_once_more(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Prometheus that has just been started answers with nothing, without an error."""
    monkeypatch.setattr(work, "ONCE_MORE", 0.1)
    place = await rolled_out(sandbox)
    await sandbox.set_prometheus_fault(Fault(mode="empty"))
    reports = await measured(place)
    assert len([said for said in reports if said.get("reading")]) == 1
    assert len(judged(reports)["evidence"]["placebos"][0]) >= 20


async def test_regions_read_their_histories_in_turns_and_say_that_they_are_at_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "AGAIN", 0.2)
    place = await rolled_out(sandbox)
    turns, waits = asyncio.Semaphore(0), asyncio.Event()

    async def report(said: dict[str, Any]) -> None:
        if said.get("reading"):
            waits.set()

    async with open_prometheus(Settings(prometheus=sandbox.directory()["prometheus"])) as prometheus:
        running = asyncio.create_task(Measuring(place.order(), prometheus, turns).run(report))
        await waits.wait()
        assert not running.done()
        turns.release()
        assert (await running)["digest"] is not None
    assert turns.locked() is False


async def test_metrics_that_are_away_are_said_and_what_they_have_is_read_once_they_are_back(
    sandbox: Sandbox,
) -> None:
    place = await rolled_out(sandbox)
    metrics = Metrics.model_validate({"interval": 0.5, "outage": 1})
    await sandbox.set_prometheus_fault(Fault(mode="error"))
    reports = await measured(place, metrics=metrics)
    away = [said for said in reports if said["outcome"] == "unavailable"]
    # On a busy machine the first scrapes after that may be missing, which is said as well.
    assert [said["too_long"] for said in away[:2]] == [False, True]
    assert judged(reports)["verdict"] in {"pass", "inconclusive"}


async def test_pods_of_another_workload_are_not_the_regions(sandbox: Sandbox) -> None:
    place = await rolled_out(sandbox)
    sandbox.set_image("sha256:" + "9" * 64, Behaviour(error_rate=0.9))
    sandbox.install("payments-api", "sha256:" + "9" * 64, 1, rate=20_000)
    await sandbox.settled()
    assert judged(await measured(place))["verdict"] != "fail"
