"""The measuring of a pilot against the sandbox's Prometheus: counts, outages, a second run, pods that restart."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from lockgate.sandbox import Behaviour, Sandbox
from lockgate.sandbox import Settings as SandboxSettings
from lockgate.sandbox.faults import Fault
from lockgate.verifier.core.measure import Measure, Pods
from lockgate.verifier.prometheus import Answer, Prometheus, open_prometheus
from lockgate.verifier.settings import Settings
from lockgate.verifier.statistics.comparison import Evidence, Fail, Pass, judge
from lockgate.verifier.work import Measuring, open_work

OLD = "sha256:" + "1" * 64
NEW = "sha256:" + "2" * 64
REGION = "eu-west"
SECONDS = 2.0


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Production with 400 requests a second, and a pilot beside it with 200, both failing as their images do."""
    settings = SandboxSettings(regions=(REGION,), scrape_seconds=0.1)
    async with Sandbox(settings) as running:
        running.set_image(OLD, Behaviour(error_rate=0.02))
        running.install("payments", OLD, 3, rate=400)
        running.install("payments-pilot-8", NEW, 1, rate=200)
        await running.settled()
        yield running


def settings(sandbox: Sandbox) -> Settings:
    return Settings(prometheus=sandbox.directory()["prometheus"], prometheus_timeout=1.0)


def order(sandbox: Sandbox, since: datetime, **changes: Any) -> Measure:
    namespace = sandbox.directory()["regions"][REGION]["namespace"]
    pods = Pods(namespace=namespace, pilot="payments-pilot-8-", baseline="payments-")
    about = Measure(
        release="r",
        stage="pilot",
        since=since,
        duration=SECONDS,
        slice=0.25,
        interval=0.25,
        preset="opentelemetry-http",
        regions={REGION: pods},
    )
    return about.model_copy(update=changes)


async def measured(sandbox: Sandbox, given: Measure) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The last report, and those before it."""
    reports: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        reports.append(said)

    async with open_work(settings(sandbox)) as work:
        last = await work["measure"](given.model_dump(mode="json"), report)
    return last, reports


def evidence(last: dict[str, Any]) -> Evidence:
    strata = {name: tuple(tuple(row) for row in rows) for name, rows in last["strata"].items()}
    return Evidence(strata, last["until"], 6, 6, 0.01, closing=True)


def totals(last: dict[str, Any]) -> list[int]:
    return [sum(row[column] for row in last["strata"][REGION]) for column in range(1, 5)]


async def test_a_bad_pilot_is_found_by_what_is_measured(sandbox: Sandbox) -> None:
    sandbox.set_image(NEW, Behaviour(error_rate=0.4))
    last, reports = await measured(sandbox, order(sandbox, datetime.now(UTC)))
    pilot, pilot_errors, baseline, baseline_errors = totals(last)
    assert 200 <= pilot <= 600
    assert 400 <= baseline <= 1200
    assert 0.3 * pilot <= pilot_errors <= 0.5 * pilot
    assert 0 < baseline_errors <= 0.06 * baseline
    assert isinstance(judge(evidence(last)), Fail)
    assert last["until"] == SECONDS
    untils = [said["until"] for said in reports]
    assert untils == sorted(set(untils))
    assert set(untils) <= {0.25 * number for number in range(1, 8)}


async def test_a_good_pilot_passes_by_what_is_measured(sandbox: Sandbox) -> None:
    sandbox.set_image(NEW, Behaviour(error_rate=0.0))
    last, _ = await measured(sandbox, order(sandbox, datetime.now(UTC)))
    assert isinstance(judge(evidence(last)), Pass)


async def test_a_second_run_finds_the_same_and_reports_the_past_once(sandbox: Sandbox) -> None:
    given = order(sandbox, datetime.now(UTC))
    first, _ = await measured(sandbox, given)
    second, reports = await measured(sandbox, given)
    third, _ = await measured(sandbox, given)
    assert reports == []
    assert second == third
    assert totals(second)[0] == pytest.approx(totals(first)[0], rel=0.15)


async def test_an_outage_of_the_metrics_is_said_once_and_nothing_is_lost(sandbox: Sandbox) -> None:
    since = datetime.now(UTC)
    await sandbox.set_prometheus_fault(Fault(mode="down"))
    said: list[dict[str, Any]] = []
    dark = asyncio.Event()

    async def report(report: dict[str, Any]) -> None:
        said.append(report)
        dark.set()

    async with open_prometheus(settings(sandbox)) as prometheus:
        running = asyncio.create_task(Measuring(order(sandbox, since), prometheus).run(report))
        async with asyncio.timeout(10):
            await dark.wait()
            await sandbox.set_prometheus_fault(None)
            last = await running
    assert said[0]["outcome"] == "unavailable"
    assert [report["outcome"] for report in said].count("unavailable") == 1
    again, _ = await measured(sandbox, order(sandbox, since))
    assert totals(last)[0] == pytest.approx(totals(again)[0], rel=0.15)


@pytest.mark.parametrize("fault", [Fault(mode="error", status=503), Fault(mode="nan")])
async def test_metrics_that_never_answer_end_as_unavailable_after_patience(
    sandbox: Sandbox, fault: Fault
) -> None:
    await sandbox.set_prometheus_fault(fault)
    given = order(sandbox, datetime.now(UTC), duration=0.5)
    reports: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        reports.append(said)

    async with open_prometheus(settings(sandbox)) as prometheus:
        last = await Measuring(given, prometheus, patience=0.2).run(report)
    assert last["outcome"] == "unavailable"
    assert "region eu-west" in last["reason"]
    assert reports == [last]


async def test_metrics_without_series_count_nothing(sandbox: Sandbox) -> None:
    await sandbox.set_prometheus_fault(Fault(mode="empty"))
    last, _ = await measured(sandbox, order(sandbox, datetime.now(UTC), duration=0.5))
    assert last == {"outcome": "counted", "until": 0.5, "strata": {REGION: []}}


async def test_each_sample_is_asked_for_once(sandbox: Sandbox) -> None:
    asked: list[tuple[float, float]] = []

    class Listening(Prometheus):
        async def raw(self, chosen: str, at: float, window: float) -> Answer:
            asked.append((at - since.timestamp(), window))
            return await super().raw(chosen, at, window)

    async def report(_: dict[str, Any]) -> None:
        return

    since = datetime.now(UTC)
    async with open_prometheus(settings(sandbox)) as plain:
        listening = Listening(plain.session, plain.url, plain.timeout, plain.most_bytes)
        await Measuring(order(sandbox, since, duration=0.6), listening).run(report)
    expected = [(0.0, 1.0), (0.25, 0.25), (0.5, 0.25), (0.6, 0.1)]  # the first for the anchors
    assert [pytest.approx(each, abs=1e-3) for each in expected] == asked


async def test_pods_of_another_namespace_are_not_counted(sandbox: Sandbox) -> None:
    pods = Pods(namespace="elsewhere", pilot="payments-pilot-8-", baseline="payments-")
    last, _ = await measured(sandbox, order(sandbox, datetime.now(UTC), duration=0.5, regions={REGION: pods}))
    assert last["strata"] == {REGION: []}


async def test_a_prefix_that_may_not_be_asked_for_is_reported_and_never_asked(sandbox: Sandbox) -> None:
    pods = Pods(namespace="shop", pilot='x"} or up{a="', baseline="payments-")
    given = order(sandbox, datetime.now(UTC), duration=0.25, regions={REGION: pods})

    async def report(_: dict[str, Any]) -> None:
        return

    async with open_prometheus(settings(sandbox)) as prometheus:
        last = await Measuring(given, prometheus, patience=0.0).run(report)
    assert "may not be asked for" in last["reason"]


async def test_an_unknown_preset_is_reported(sandbox: Sandbox) -> None:
    last, _ = await measured(sandbox, order(sandbox, datetime.now(UTC), preset="carrier-pigeon"))
    assert last == {"outcome": "unavailable", "reason": "there is no metric preset 'carrier-pigeon'"}
