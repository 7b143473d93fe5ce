"""The Prometheus API over a running sandbox: instant vectors, raw samples, ranges, refusals, staleness."""

from typing import Any

import aiohttp
import pytest

from lockgate.sandbox import Sandbox
from lockgate.sandbox.promql import parse_selector
from lockgate.sandbox.samples import PodScrape, Samples
from lockgate.sandbox.traffic import Counters, Outcome
from tests.support.sandboxes import GOOD, NAMESPACE, core_api, get_json, kubernetes, send_json, until

COUNT = "http_server_request_duration_seconds_count"


async def ask(sandbox: Sandbox, path: str, **parameters: Any) -> list[dict[str, Any]]:
    status, body = await get_json(f"{sandbox.directory()['prometheus']}/api/v1/{path}", **parameters)
    assert (status, body["status"]) == (200, "success")
    result = body["data"]["result"]
    assert isinstance(result, list)
    return result


async def started(sandbox: Sandbox, replicas: int = 2) -> None:
    sandbox.install("payments", GOOD, replicas)
    await sandbox.settled()

    async def scraped() -> bool:
        found = await ask(sandbox, "query", query=COUNT + '{region="eu-west"}')
        return len(found) == replicas and all(float(each["value"][1]) > 20 for each in found)

    await until(scraped)


async def test_an_instant_query_answers_one_sample_a_series_with_its_labels(sandbox: Sandbox) -> None:
    await started(sandbox)
    found = await ask(sandbox, "query", query=COUNT + '{region="eu-west"}')
    labels = found[0]["metric"]
    expected = {
        "__name__": COUNT,
        "region": "eu-west",
        "namespace": NAMESPACE,
        "container": "app",
        "service": "payments",
        "http_response_status_code": "200",
    }
    assert expected.items() <= labels.items()
    assert labels["pod"].startswith("payments-")
    assert isinstance(found[0]["value"][1], str)


async def test_a_range_selector_answers_raw_samples_that_never_fall(sandbox: Sandbox) -> None:
    await started(sandbox)
    query = COUNT + '{region="eu-west"}[5m]'
    series = (await ask(sandbox, "query", query=query))[0]["values"]
    values = [float(value) for _, value in series]
    times = [time for time, _ in series]
    assert len(values) > 2
    assert values == sorted(values)
    assert times == sorted(set(times))


async def test_buckets_are_cumulative_and_end_at_the_count(sandbox: Sandbox) -> None:
    await started(sandbox, replicas=1)
    moment = (await ask(sandbox, "query", query=COUNT + '{region="eu-west"}[5m]'))[0]["values"][-1][0] + 0.001
    buckets = await ask(
        sandbox,
        "query",
        query='http_server_request_duration_seconds_bucket{region="eu-west"}',
        time=moment,
    )
    total = (await ask(sandbox, "query", query=COUNT + '{region="eu-west"}', time=moment))[0]["value"][1]
    counts = {each["metric"]["le"]: float(each["value"][1]) for each in buckets}
    assert list(counts.values()) == sorted(counts.values())
    assert counts["+Inf"] == float(total)
    assert {"0.005", "1.0", "10.0"} <= counts.keys()


async def test_a_range_query_answers_at_its_steps(sandbox: Sandbox) -> None:
    await started(sandbox)
    end = (await ask(sandbox, "query", query="up[5m]"))[0]["values"][-1][0]
    found = await ask(sandbox, "query_range", query='up{region="eu-west"}', start=end, end=end + 2, step="1s")
    times = [time for time, _ in found[0]["values"]]
    assert times == pytest.approx([end, end + 1, end + 2])


async def test_a_query_may_be_posted_and_series_listed(sandbox: Sandbox) -> None:
    await started(sandbox)
    base = sandbox.directory()["prometheus"]
    series = await get_json(f"{base}/api/v1/series", **{"match[]": 'up{region="eu-north"}'})
    assert [each["region"] for each in series[1]["data"]] == ["eu-north"] * 2
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{base}/api/v1/query", data={"query": "up"}) as answer:
            assert len((await answer.json())["data"]["result"]) == 4
        async with session.get(f"{base}/-/ready") as answer:
            assert answer.status == 200


@pytest.mark.parametrize("query", ["sum(up)", "rate(up[5m])", "up[", "", "{}"])
async def test_a_bad_selector_is_400_bad_data(sandbox: Sandbox, query: str) -> None:
    base = sandbox.directory()["prometheus"]
    status, body = await get_json(f"{base}/api/v1/query", query=query)
    assert (status, body["status"], body["errorType"]) == (400, "error", "bad_data")


async def test_bad_times_and_steps_are_400(sandbox: Sandbox) -> None:
    base = sandbox.directory()["prometheus"]
    for wrong in (
        {"start": "yesterday", "end": "5", "step": "1"},
        {"start": "5", "end": "1", "step": "1"},
        {"start": "1", "end": "5", "step": "0"},
        {"start": "1", "end": "99999", "step": "1"},
    ):
        status, body = await get_json(f"{base}/api/v1/query_range", query="up", **wrong)
        assert (status, body["errorType"]) == (400, "bad_data")
    status, body = await get_json(f"{base}/api/v1/query_range", query="up[5m]", start="1", end="5", step="1")
    assert status == 400
    assert "range vector" in body["error"]


async def test_a_pod_that_is_gone_leaves_instant_queries_and_stays_in_ranges(sandbox: Sandbox) -> None:
    await started(sandbox)
    name = str((await ask(sandbox, "query", query='up{region="eu-west"}'))[0]["metric"]["pod"])
    async with kubernetes(sandbox, "eu-west") as api:
        await core_api(api).delete_namespaced_pod(name, NAMESPACE)

    async def gone() -> bool:
        return not await ask(sandbox, "query", query=f'up{{pod="{name}"}}')

    await until(gone)
    assert len(await ask(sandbox, "query", query=f'up{{pod="{name}"}}[5m]')) == 1


async def test_nan_empty_and_failing_answers_can_be_set_and_taken_back(sandbox: Sandbox) -> None:
    await started(sandbox)
    place = sandbox.directory()
    fault = f"{place['control']}/faults/prometheus"
    await send_json("PUT", fault, {"mode": "nan"})
    assert {each["value"][1] for each in await ask(sandbox, "query", query="up")} == {"NaN"}
    await send_json("PUT", fault, {"mode": "empty"})
    assert await ask(sandbox, "query", query="up") == []
    await send_json("PUT", fault, {"mode": "error", "status": 503})
    assert (await get_json(f"{place['prometheus']}/api/v1/query", query="up"))[0] == 503
    await send_json("DELETE", fault)
    assert len(await ask(sandbox, "query", query="up")) == 4


def test_samples_are_kept_for_a_bounded_time_and_errors_appear_with_the_first() -> None:
    samples = Samples(keep=100.0)
    good = Counters(0, served=Outcome(count=5))
    failing = Counters(0, served=Outcome(count=9), failed=Outcome(count=1))
    for second in range(1000):
        counters = failing if second == 999 else good
        samples.add("eu", "p", {"pod": "p"}, float(second), PodScrape(counters, 1.0, True))
    target = samples.targets["eu"]["p"]
    assert len(target.times) <= 100 + 65
    raw = samples.raw(parse_selector(COUNT), 990.0, 999.0)
    by_code = {labels["http_response_status_code"]: points for labels, points in raw}
    assert by_code["500"] == [(999.0, 1.0)]
    assert [value for _, value in by_code["200"]] == [5.0] * 8 + [9.0]
    samples.forget(1200.0)
    assert samples.targets == {"eu": {}}


def test_an_instant_query_looks_back_five_minutes_and_no_further() -> None:
    samples = Samples(keep=3600.0)
    samples.add("eu", "p", {"pod": "p"}, 1000.0, PodScrape(Counters(0), 1.0, True))
    selector = parse_selector("up")
    assert len(samples.instant(selector, 1299.0)) == 1
    assert samples.instant(selector, 1300.0) == []
    assert samples.instant(selector, 999.0) == []
