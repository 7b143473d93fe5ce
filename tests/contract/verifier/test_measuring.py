"""The measuring of a pilot against the sandbox's Prometheus: verdicts, outages, a second run, pods that come and go."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio

import lockgate.verifier.work as work_module
from lockgate.messages.plan_metrics import Metrics
from lockgate.sandbox import Behaviour, Sandbox
from lockgate.sandbox import Settings as SandboxSettings
from lockgate.sandbox.faults import Fault
from lockgate.verifier.core.measure import Measure, Pods
from lockgate.verifier.prometheus import Answer, Prometheus, Samples, Series, Unavailable, open_prometheus
from lockgate.verifier.settings import Settings
from lockgate.verifier.statistics.record import load_block, load_setup
from lockgate.verifier.statistics.verification import Verification, joined
from lockgate.verifier.work import Measuring, open_work

OLD = "sha256:" + "1" * 64
NEW = "sha256:" + "2" * 64
REGION = "eu-west"
NOTHING_NEW = (
    "there are no newer samples of http_server_request_duration_seconds_count and "
    "http_server_request_duration_seconds_bucket"
)
STEP = 0.2
SCRAPES = 20
HISTORY = 25
POLICY = {
    "deadline": SCRAPES,
    "soak": 6,
    "min_strata": 3,
    "stale": 5,
    "err_margin": 3.0,
    "lat_margin": 0.4,
    "required": ["errors", "latency"],
}
PODS = Pods(
    namespace="shop", pilot="payments-pilot-8-", baseline="payments-", service="payments", route="payments"
)


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Production with 15,000 requests a second and some history, and a pilot beside it with 5,000; 2 % fail in both."""
    settings = SandboxSettings(regions=(REGION,), scrape_seconds=0.1, usual_errors=0.02)
    async with Sandbox(settings) as running:
        running.install("payments", OLD, 3, rate=15_000)
        running.install("payments-pilot-8", NEW, 1, rate=5_000)
        await running.settled()
        yield running


@pytest_asyncio.fixture
async def since(sandbox: Sandbox) -> datetime:
    """A start that has some history before it."""
    samples = sandbox.samples.targets
    async with asyncio.timeout(20):
        while max((len(one.times) for one in samples.get(REGION, {}).values()), default=0) < HISTORY:  # noqa: ASYNC110  # it scrapes by itself
            await asyncio.sleep(0.05)
    return datetime.now(UTC)


def settings(sandbox: Sandbox) -> Settings:
    return Settings(prometheus=sandbox.directory()["prometheus"], prometheus_timeout=1.0)


def order(since: datetime, **changes: Any) -> Measure:
    """`interval` is that between two scrapes of the grid."""
    metrics = {"interval": 0.5, "outage": 5, **changes.pop("metrics", {})}
    about = Measure(
        release="r",
        stage="pilot",
        region=REGION,
        since=since,
        step=STEP,
        scrapes=SCRAPES,
        share=0.25,
        metrics=Metrics.model_validate(metrics),
        pods=PODS,
        policy=POLICY,
    )
    return about.model_copy(update=changes)


async def measured(sandbox: Sandbox, given: Measure) -> list[dict[str, Any]]:
    """All reports, the last one included."""
    reports: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        reports.append(said)

    async with open_work(settings(sandbox)) as work:
        reports.append(await work["measure"](given.model_dump(mode="json"), report))
    return reports


async def measured_until_back(
    sandbox: Sandbox, given: Measure, fault: Fault | None = None
) -> list[dict[str, Any]]:
    """The metrics are away, from the first report on if a fault is given, and are back once that took too long."""
    reports: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        reports.append(said)
        if said["outcome"] == "counted" and len(reports) == 1:
            await sandbox.set_prometheus_fault(fault)
        elif said.get("too_long"):
            await sandbox.set_prometheus_fault(None)

    async with open_prometheus(settings(sandbox)) as prometheus, asyncio.timeout(30):
        reports.append(await Measuring(given, prometheus).run(report))
    return reports


def judged(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """The verdict, as the core makes it of the reports."""
    told = [said for said in reports if said["outcome"] == "counted"]
    begins = max(place for place, said in enumerate(told) if said["first"] == 0)
    parts = told[begins:]
    setup = load_setup(parts[0]["settled"])
    run = Verification(setup)
    outcome = run.judge(joined([load_block(setup, part["told"], part["first"]) for part in parts]))
    return run.result(outcome, parts[-1]["digest"])


def scrapes(reports: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(said["first"], said["end"]) for said in reports if said["outcome"] == "counted"]


async def test_a_good_pilot_passes_as_early_as_the_plan_allows_it(sandbox: Sandbox, since: datetime) -> None:
    reports = await measured(sandbox, order(since))
    verdict = judged(reports)
    assert verdict["verdict"] == "pass"
    assert 6 <= verdict["at"] < SCRAPES
    requests = verdict["evidence"]["measured"]["n"]
    assert 0.7 * 1000 <= sum(map(int, requests[0])) / verdict["at"] <= 1.3 * 1000
    assert 0.7 * 3000 <= sum(map(int, requests[1])) / verdict["at"] <= 1.3 * 3000
    assert verdict["evidence"]["sha256"] == reports[-1]["digest"]


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [(Behaviour(error_rate=0.1), "errors"), (Behaviour(latency_ms=40.0), "latency")],
    ids=["failing", "slow"],
)
async def test_a_bad_pilot_is_found_within_a_few_scrapes(
    sandbox: Sandbox, behaviour: Behaviour, why: str, since: datetime
) -> None:
    sandbox.set_image(NEW, behaviour)
    verdict = judged(await measured(sandbox, order(datetime.now(UTC))))
    assert (verdict["verdict"], verdict["why"]) == ("fail", why)
    assert verdict["at"] <= 6


async def test_each_scrape_is_reported_once_in_order_and_small(sandbox: Sandbox, since: datetime) -> None:
    said = await measured(sandbox, order(since, policy={**POLICY, "soak": SCRAPES}))
    reports = [report for report in said if report["outcome"] == "counted"]
    told = scrapes(reports)
    assert told[0][0] == 0
    assert all(before[1] == after[0] for before, after in pairwise(told))
    assert told[-1][1] == SCRAPES
    assert [one["settled"] is not None for one in reports] == [True] + [False] * (len(told) - 1)
    assert all(len(json.dumps(one)) < 2000 * (one["end"] - one["first"]) for one in reports)


async def test_a_run_that_begins_again_reports_everything_anew_and_the_same(
    sandbox: Sandbox, since: datetime
) -> None:
    # Far enough apart that no sample is late for its scrape, also on a busy machine: the second run would have it.
    given = order(since, step=0.5, policy={**POLICY, "soak": SCRAPES})
    first = await measured(sandbox, given)
    second = await measured(sandbox, given)
    assert scrapes(second) == [(0, SCRAPES)]
    assert first[-1]["run"] != second[-1]["run"]
    again, before = judged(second)["evidence"], judged(first)["evidence"]
    assert again["measured"] == before["measured"]
    assert again["sha256"] == before["sha256"]


async def test_a_pod_that_comes_makes_the_run_tell_everything_again(
    sandbox: Sandbox, since: datetime
) -> None:
    reports: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        reports.append(said)
        if len(reports) == 3:
            sandbox.install("payments-more", OLD, 1, rate=5_000)

    async with open_prometheus(settings(sandbox)) as prometheus:
        given = order(since, policy={**POLICY, "soak": SCRAPES})
        reports.append(await Measuring(given, prometheus).run(report))
    told = scrapes(reports)
    anew = [place for place, (first, _) in enumerate(told) if first == 0]
    assert len(anew) == 2
    assert told[anew[1]][1] > told[anew[1] - 1][1]
    assert judged(reports)["evidence"]["measured"]["pods"][1][-1] == "4"


# --- metrics that do not answer -------------------------------------------------------------------------------


async def test_an_outage_of_the_metrics_is_said_once_and_nothing_is_lost(
    sandbox: Sandbox, since: datetime
) -> None:
    await sandbox.set_prometheus_fault(Fault(mode="down"))
    said: list[dict[str, Any]] = []
    dark = asyncio.Event()

    async def report(report: dict[str, Any]) -> None:
        said.append(report)
        dark.set()

    async with open_prometheus(settings(sandbox)) as prometheus:
        running = asyncio.create_task(Measuring(order(since, step=0.5), prometheus).run(report))
        async with asyncio.timeout(20):
            await dark.wait()
            await sandbox.set_prometheus_fault(None)
            said.append(await running)
    assert "cannot be reached" in said[0]["reason"]
    assert [report["outcome"] for report in said].count("unavailable") == 1
    verdict = judged(said)
    assert verdict["verdict"] == "pass"
    assert verdict["evidence"]["measured"]["t"] == [str(t) for t in range(verdict["at"])]


async def test_what_was_counted_in_scrapes_that_were_missed_comes_with_the_next_one(
    sandbox: Sandbox, since: datetime
) -> None:
    given = order(since, policy={**POLICY, "soak": SCRAPES})
    reports: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        reports.append(said)
        if len(reports) == 3:
            await sandbox.set_prometheus_fault(Fault(mode="gap"))
        elif said["outcome"] == "unavailable":
            await sandbox.set_prometheus_fault(None)

    async with open_prometheus(settings(sandbox)) as prometheus:
        reports.append(await Measuring(given, prometheus).run(report))
    evidence = judged(reports)["evidence"]["measured"]
    assert NOTHING_NEW in [said.get("reason") for said in reports]
    assert sum(map(int, evidence["n"][0])) >= 0.8 * 1000 * SCRAPES
    assert judged(reports)["verdict"] in {"pass", "inconclusive"}


NONE = "there are no samples of http_server_request_duration_seconds_count"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(mode="error", status=503), "Prometheus answered 503"),
        (Fault(mode="nan"), NONE),
        (Fault(mode="empty"), NONE),
    ],
)
async def test_metrics_that_are_away_for_longer_than_the_plan_allows_are_told_and_waited_for(
    sandbox: Sandbox, fault: Fault, reason: str, since: datetime
) -> None:
    """What answered with nothing seemed to have no history. It has it once it is back, and no scrape has to stand in for it."""
    await sandbox.set_prometheus_fault(fault)
    reports = await measured_until_back(sandbox, order(since, metrics={"outage": 0.6}))
    away = [said for said in reports if said["outcome"] == "unavailable"]
    assert [said["too_long"] for said in away[:2]] == [False, True]
    assert away[1]["reason"].startswith(reason)
    assert not any(said.get("reading") for said in reports)
    assert judged(reports)["verdict"] == "pass"


class EnoughError(Exception):
    """Nothing more is to be measured."""


async def test_while_nothing_can_be_measured_it_is_said_again_and_again(
    sandbox: Sandbox, since: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_module, "AGAIN", 0.1)
    await sandbox.set_prometheus_fault(Fault(mode="error", status=503))
    heard: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        heard.append(said)
        if len(heard) == len(("at once", "again", "and again")):
            raise EnoughError

    async with open_prometheus(settings(sandbox)) as prometheus, asyncio.timeout(30):
        with pytest.raises(EnoughError):
            await Measuring(order(since), prometheus).run(report)


@pytest.mark.parametrize("mode", ["nan", "empty"])
async def test_metrics_that_go_away_while_the_pilot_runs_for_longer_than_the_plan_allows_are_waited_for(
    sandbox: Sandbox, mode: Any, since: datetime
) -> None:
    given = order(since, metrics={"outage": 0.6}, policy={**POLICY, "soak": SCRAPES})
    reports = await measured_until_back(sandbox, given, Fault(mode=mode))
    away = [said for said in reports if said["outcome"] == "unavailable"]
    assert away[:2] == [
        {"outcome": "unavailable", "reason": NOTHING_NEW, "too_long": too_long, "reading": False}
        for too_long in (False, True)
    ]
    verdict = judged(reports)
    assert verdict["verdict"] in {"pass", "inconclusive"}
    # As many scrapes as the plan gives have something to compare, however long that takes.
    assert (verdict["at"], len(verdict["evidence"]["measured"]["t"])) == (SCRAPES, SCRAPES)


async def test_samples_that_come_late_are_waited_for_as_long_as_the_plan_says(
    sandbox: Sandbox, since: datetime
) -> None:
    """As from a store that is 0.7 s behind, where a scrape lasts 0.5 s."""

    class Behind(Prometheus):
        async def raw(self, chosen: str, at: float, window: float) -> Answer:
            answer = await super().raw(chosen, at, window)
            assert isinstance(answer, Samples)
            newest = datetime.now(UTC).timestamp() - 0.7
            found = [(one.labels, tuple(p for p in one.points if p[0] <= newest)) for one in answer.series]
            return Samples(tuple(Series(labels, points) for labels, points in found))

    reports: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        reports.append(said)

    given = order(since, step=0.5, metrics={"late": 0.8})
    patient = settings(sandbox).model_copy(update={"prometheus_timeout": 30.0})
    async with open_prometheus(patient) as plain, asyncio.timeout(60):
        behind = Behind(plain.session, plain.url, plain.timeout, plain.most_bytes)
        reports.append(await Measuring(given, behind).run(report))
    assert {said["outcome"] for said in reports} == {"counted"}
    assert judged(reports)["verdict"] == "pass"


@pytest.mark.parametrize("metric", ["count", "bucket"])
async def test_one_metric_that_answers_with_nothing_is_asked_for_again_and_never_judged_by(
    sandbox: Sandbox, metric: str, since: datetime
) -> None:
    """Production counted for long before, so that half a sample would be thousands of slow requests."""
    asked: list[float] = []

    class Forgetful(Prometheus):
        async def raw(self, chosen: str, at: float, window: float) -> Answer:
            if metric in chosen.partition("{")[0] and at > since.timestamp() + 3 * STEP:
                asked.append(at)
                if len(asked) <= 2:
                    return Samples(())
            return await super().raw(chosen, at, window)

    reports: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        reports.append(said)

    async with open_prometheus(settings(sandbox)) as plain:
        forgetful = Forgetful(plain.session, plain.url, plain.timeout, plain.most_bytes)
        reports.append(await Measuring(order(since), forgetful).run(report))
    dark = [said["reason"] for said in reports if said["outcome"] == "unavailable"]
    assert f"there are no newer samples of http_server_request_duration_seconds_{metric}" in dark
    verdict = judged(reports)
    assert verdict["verdict"] == "pass"
    assert sum(map(int, verdict["evidence"]["measured"]["n"][1])) <= 1.3 * 3000 * verdict["at"]


# --- what is asked --------------------------------------------------------------------------------------------


async def test_each_sample_is_asked_for_once(sandbox: Sandbox, since: datetime) -> None:
    asked: list[tuple[str, float, float]] = []

    class Listening(Prometheus):
        async def raw(self, chosen: str, at: float, window: float) -> Answer:
            asked.append((chosen.partition("{")[0], at - window - since.timestamp(), at - since.timestamp()))
            return await super().raw(chosen, at, window)

    async def report(_: dict[str, Any]) -> None:
        return

    async with open_prometheus(settings(sandbox)) as plain:
        listening = Listening(plain.session, plain.url, plain.timeout, plain.most_bytes)
        given = order(since, scrapes=5, policy={**POLICY, "deadline": 5, "soak": 5})
        await Measuring(given, listening).run(report)
    for metric in ("count", "bucket"):
        windows = [(begin, end) for name, begin, end in asked if name.endswith(metric)]
        assert windows[0][0] == pytest.approx(-61 * STEP, abs=1e-3)
        assert windows[-1][1] == pytest.approx(5 * STEP, abs=1e-3)
        assert [end for _, end in windows[:-1]] == pytest.approx(
            [begin for begin, _ in windows[1:]], abs=1e-3
        )
        assert all(end - begin <= 12 * STEP + 1e-3 for begin, end in windows)


async def test_a_history_that_a_starting_prometheus_did_not_have_yet_is_read_once_more(
    sandbox: Sandbox, since: datetime
) -> None:
    begin = since.timestamp()
    there: list[bool] = []

    class Starting(Prometheus):
        async def raw(self, chosen: str, at: float, window: float) -> Answer:
            if at > begin:
                there.append(True)
            return await super().raw(chosen, at, window) if there else Samples(())

    async def report(_: dict[str, Any]) -> None:
        return

    async with open_prometheus(settings(sandbox)) as plain, asyncio.timeout(30):
        starting = Starting(plain.session, plain.url, plain.timeout, plain.most_bytes)
        measuring = Measuring(order(since), starting)
        await measuring.run(report)
    assert measuring.gathering.lent == 0
    assert min(min(unit.rows) for unit in measuring.gathering.units.values()) < measuring.grid.start


async def test_what_is_too_large_is_asked_for_in_smaller_parts(sandbox: Sandbox, since: datetime) -> None:
    large: list[float] = []

    class Large(Prometheus):
        async def raw(self, chosen: str, at: float, window: float) -> Answer:
            if window > 2.5 * STEP:
                large.append(window / STEP)
                return Unavailable("too large", too_large=True)
            return await super().raw(chosen, at, window)

    reports: list[dict[str, Any]] = []

    async def report(said: dict[str, Any]) -> None:
        reports.append(said)

    async with open_prometheus(settings(sandbox)) as plain:
        reports.append(
            await Measuring(
                order(since), Large(plain.session, plain.url, plain.timeout, plain.most_bytes)
            ).run(report)
        )
    assert large == pytest.approx([12, 6, 3])
    assert "too large" not in [said.get("reason") for said in reports]
    assert judged(reports)["verdict"] == "pass"


async def test_pods_of_another_namespace_are_not_counted(sandbox: Sandbox) -> None:
    elsewhere = PODS.model_copy(update={"namespace": "elsewhere"})
    said = await told_first(sandbox, order(datetime.now(UTC), pods=elsewhere, scrapes=5))
    assert said["outcome"] == "unavailable"
    assert said["reason"].startswith("there are no samples of")


async def test_a_pilot_that_is_never_scraped_is_told_by_name(sandbox: Sandbox, since: datetime) -> None:
    nobody = PODS.model_copy(update={"pilot": "payments-pilot-9-"})
    said = await told_first(sandbox, order(since, pods=nobody))
    assert said["reason"] == "there are no samples of the pilot"


async def test_a_prefix_that_may_not_be_asked_for_is_reported_and_never_asked(sandbox: Sandbox) -> None:
    pods = PODS.model_copy(update={"pilot": 'x"} or up{a="'})
    said = await told_first(sandbox, order(datetime.now(UTC), pods=pods))
    assert said["outcome"] == "unavailable"
    assert "may not be asked for" in said["reason"]


async def told_first(sandbox: Sandbox, given: Measure) -> dict[str, Any]:
    """The first report of a measuring that is stopped then."""
    first: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def report(said: dict[str, Any]) -> None:
        if not first.done():
            first.set_result(said)

    async with open_prometheus(settings(sandbox)) as prometheus, asyncio.timeout(20):
        running = asyncio.create_task(Measuring(given, prometheus).run(report))
        try:
            return await first
        finally:
            running.cancel()
