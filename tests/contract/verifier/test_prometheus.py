"""The client of Prometheus against answers as a real one gives them, and against everything else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lockgate.verifier.native import Histogram
from lockgate.verifier.prometheus import Answer, Prometheus, Samples, Unavailable, open_prometheus, selector
from lockgate.verifier.settings import Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# As Prometheus 3.5 answers POST /api/v1/query with query=name{...}[60000ms].
REAL = (
    '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":'
    '"http_server_request_duration_seconds_count","http_request_method":"GET","http_response_status_code":"500",'
    '"instance":"10.0.0.7:9464","job":"payments","namespace":"payments","pod":"payments-6d4f9c-abcde",'
    '"region":"eu-west"},"values":[[1795521600.123,"41"],[1795521615.123,"42"]]}]}}'
)


# As Prometheus 2.42 answers where the series was a classic one before, and is a native histogram now.
NATIVE = (
    '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":'
    '"http_server_request_duration_seconds","pod":"payments-6d4f9c-abcde"},"values":[[1795521600.123,"41"]],'
    '"histograms":[[1795521615.123,{"count":"5","sum":"NaN","buckets":[[3,"-0.001","0.001","1"],[0,"0.5","1","4"]]}],'
    '[1795521630.123,{"count":"NaN","sum":"1"}]]}]}}'
)


@asynccontextmanager
async def answering(handler: Handler, **settings: float) -> AsyncIterator[Prometheus]:
    application = web.Application()
    application.router.add_post("/api/v1/query", handler)
    async with TestServer(application) as server:
        where = Settings(prometheus=str(server.make_url("/")), **settings)  # type: ignore[arg-type]  # of two types
        async with open_prometheus(where) as prometheus:
            yield prometheus


def fixed(body: str, status: int = 200) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=body, status=status, content_type="application/json")

    return handler


async def ask(handler: Handler, **settings: float) -> Answer:
    async with answering(handler, **settings) as prometheus:
        return await prometheus.raw("up", at=1795521660.0, window=60)


async def test_raw_samples_are_read_with_their_labels_and_times() -> None:
    answer = await ask(fixed(REAL))
    assert isinstance(answer, Samples)
    (series,) = answer.series
    assert series.labels["http_response_status_code"] == "500"
    assert series.points == ((1795521600.123, 41.0), (1795521615.123, 42.0))


async def test_native_histograms_are_read_beside_numbers_and_one_without_a_count_is_a_failed_scrape() -> None:
    answer = await ask(fixed(NATIVE))
    assert isinstance(answer, Samples)
    (series,) = answer.series
    assert series.points == ((1795521600.123, 41.0),)
    assert series.histograms == ((1795521615.123, Histogram(5.0, ((-0.001, 0.001, 1.0), (0.5, 1.0, 4.0)))),)
    alone = await ask(fixed(NATIVE.replace('"values":[[1795521600.123,"41"]],', "")))
    assert isinstance(alone, Samples)
    assert alone.series[0] == replace(series, points=())


async def test_the_query_is_one_plain_selector_with_a_range_at_a_time() -> None:
    asked: dict[str, str] = {}

    async def handler(request: web.Request) -> web.Response:
        asked.update({key: str(value) for key, value in (await request.post()).items()})
        return web.Response(text='{"status":"success","data":{"resultType":"matrix","result":[]}}')

    assert await ask(handler) == Samples(())
    assert asked == {"query": "up[60000ms]", "time": "1795521660.000"}


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ('{"status":"error","errorType":"bad_data","error":"parse error"}', 400, "400: parse error"),
        ('{"status":"error","errorType":"timeout","error":"query timed out"}', 503, "503: query timed out"),
        ('{"status":"error","errorType":"execution","error":"too many samples"}', 200, "too many samples"),
        ("<html>Bad Gateway</html>", 502, "not JSON"),
        ("", 200, "not JSON"),
        (REAL[:-20], 200, "not JSON"),
        ("[]", 200, "no JSON object"),
        ('{"status":"success"}', 200, "malformed"),
        ('{"status":"success","data":{"resultType":"vector","result":[]}}', 200, "expected a matrix"),
        ('{"status":"success","data":{"resultType":"matrix","result":[{"values":[]}]}}', 200, "malformed"),
        (REAL.replace('"41"', "{}"), 200, "malformed"),
        (REAL.replace("[1795521600.123", "[null"), 200, "malformed"),
        (REAL.replace('"10.0.0.7:9464"', "7"), 200, "malformed"),
        (REAL.replace('"metric":{', '"metric":{"le":null,', 1), 200, "malformed"),
        (REAL.replace('{"status"', '{"warnings":["store x is down"],"status"'), 200, "may be partial"),
        (REAL, 302, "302"),
        (NATIVE.replace('"4"]', '"6"]'), 200, "malformed"),
        (NATIVE.replace('"0.5","1","4"', '"1","0.5","4"'), 200, "malformed"),
        (NATIVE.replace('{"count":"5"', '{"counts":"5"'), 200, "malformed"),
        (NATIVE.replace('{"count":"NaN","sum":"1"}', '"1"'), 200, "malformed"),
        (NATIVE.replace('"histograms":[', '"histograms":7,"other":['), 200, "malformed"),
        (REAL.replace('[{"metric"', '[7,{"metric"'), 200, "malformed"),
    ],
)
async def test_an_answer_that_is_not_whole_and_well_formed_is_no_data(
    body: str, status: int, reason: str
) -> None:
    answer = await ask(fixed(body, status))
    assert isinstance(answer, Unavailable)
    assert reason in answer.reason


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-1"])
async def test_a_sample_that_is_no_count_is_as_if_its_scrape_had_failed(value: str) -> None:
    answer = await ask(fixed(REAL.replace('"41"', f'"{value}"')))
    assert isinstance(answer, Samples)
    assert answer.series[0].points == ((1795521615.123, 42.0),)


async def test_an_answer_that_is_too_large_is_no_data() -> None:
    answer = await ask(fixed(REAL + " " * 70_000), prometheus_most_bytes=65_536)
    assert answer == Unavailable(
        "Prometheus' answer is larger than prometheus_most_bytes allows", too_large=True
    )


async def test_an_answer_that_breaks_off_is_no_data() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(REAL))})
        await response.prepare(request)
        await response.write(REAL[:100].encode())
        assert request.transport is not None
        request.transport.abort()
        return response

    answer = await ask(handler)
    assert isinstance(answer, Unavailable)
    assert "cannot be reached" in answer.reason


async def test_an_answer_that_does_not_come_is_no_data_after_the_timeout() -> None:
    released = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    async with answering(handler, prometheus_timeout=0.05) as prometheus:
        answer = await prometheus.raw("up", at=1.0, window=60)
        released.set()
    assert isinstance(answer, Unavailable)
    assert "did not answer within 0.05 s" in answer.reason


async def test_a_prometheus_that_is_not_there_is_no_data() -> None:
    async with open_prometheus(Settings(prometheus="http://127.0.0.1:1")) as prometheus:
        answer = await prometheus.raw("up", at=1.0, window=60)
    assert isinstance(answer, Unavailable)
    assert "cannot be reached" in answer.reason


def test_a_selector_holds_only_allowed_text_in_quotes() -> None:
    chosen = selector(
        "m_count", {"region": "eu-west", "namespace": "shop"}, {"pod": ("a.b-", "a.b-pilot-7-")}
    )
    assert chosen == 'm_count{namespace="shop",region="eu-west",pod=~"a[.]b-.*|a[.]b-pilot-7-.*"}'
    assert selector("m", {}, among={"service": ("a.b", "c")}) == 'm{service=~"a[.]b|c"}'


@pytest.mark.parametrize(
    "value", ['x"} or up{a="', "a\\", "a\nb", "", "{}", "a b", ".*", "a|b", "x" * 300, "é"]
)
def test_what_is_not_on_the_allow_list_never_reaches_a_query(value: str) -> None:
    with pytest.raises(ValueError, match="may not be asked for"):
        selector("m", {"region": value}, {})
    with pytest.raises(ValueError, match="may not be asked for"):
        selector("m", {}, {"pod": (value,)})
    with pytest.raises(ValueError, match="may not be asked for"):
        selector("m", {}, among={"service": (value,)})


def test_the_names_of_metrics_and_labels_are_checked_as_well() -> None:
    with pytest.raises(ValueError, match="no metric's name"):
        selector('m{a="b"}', {}, {})
    with pytest.raises(ValueError, match="no label's name"):
        selector("m", {'a="b",c': "d"}, {})


@pytest.mark.parametrize(
    "address",
    ["http://bob:geheim@127.0.0.1:1/x?token=geheim", "http://bob:geheim@/x", "http://bob:geheim@[/x"],
)
async def test_no_password_of_its_address_is_in_a_reason(address: str) -> None:
    """Reasons go into events and logs."""
    async with open_prometheus(Settings(prometheus=address)) as prometheus:
        answer = await prometheus.raw("up", at=1795521660.0, window=60)
    assert isinstance(answer, Unavailable)
    assert "cannot be reached" in answer.reason
    assert "geheim" not in answer.reason
    assert "bob" not in answer.reason


async def test_no_password_of_its_address_is_in_a_reason_when_it_is_slow() -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with answering(slow, prometheus_timeout=0.05) as prometheus:
        secret = replace(prometheus, url=prometheus.url.replace("http://", "http://bob:geheim@"))
        answer = await secret.raw("up", at=1795521660.0, window=60)
    assert isinstance(answer, Unavailable)
    assert "did not answer within 0.05 s" in answer.reason
    assert "geheim" not in answer.reason
