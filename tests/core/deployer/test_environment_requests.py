"""Whose failure it is that a request was not answered: the version's, or that of the way to it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle, repeat
from typing import Any, cast

import orjson
import pytest

from lockgate.deployer.answers import ClusterError, NoAnswerError, Trouble, not_passed_on
from lockgate.deployer.cluster import Cluster
from lockgate.deployer.probes import TRIES, Times, sent
from lockgate.deployer.reports import Probed
from lockgate.deployer.settings import RegionSettings
from lockgate.messages.deployments import ProbeResult
from lockgate.messages.plan_parts import Request
from tests.support.deployer import service, target

SETTINGS = RegionSettings(region="eu-preprod", namespace="shop-preprod", url="https://10.0.0.1:6443")
REACHING = "error trying to reach service: "
REFUSED = f"{REACHING}dial tcp 10.1.2.3:8080: connect: connection refused"
NONE_READY = 'no endpoints available for service "payments"'
NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 30, 12, 10, tzinfo=UTC)
ONCE = Request.model_validate({"post": "/pay", "json": {}, "within": 1.0})

Answer = int | str
"""A status of the Service, or the words of the API server's 503."""


class Answering:
    """A cluster that answers each request in turn, and tells what time it is when it has nothing left to say."""

    def __init__(self, answers: Iterator[Answer], asks: int) -> None:
        self.answers, self.left = answers, asks

    async def through_service(self, *_: Any, **__: Any) -> int:
        self.left -= 1
        match next(self.answers):
            case int() as status:
                return status
            case str() as words:
                raise refusal(words)

    def clock(self) -> datetime:
        return NOON if self.left > 0 else LATER


def refusal(words: str, status: int = 503) -> ClusterError:
    raw = orjson.dumps({"kind": "Status", "apiVersion": "v1", "message": words})
    return not_passed_on(SETTINGS, status, raw, "POST /pay")


async def result(request: Request, *answers: Iterator[Answer], asks: int = 10_000) -> ProbeResult:
    cluster = Answering(chain(*answers), asks)
    clock: Callable[[], datetime] = cluster.clock
    times = Times(LATER, clock, pause=0.0)
    answer = await sent(cast(Cluster, cluster), target("7.0.1"), service(), (request,), times)
    assert isinstance(answer, Probed)
    (one,) = answer.results
    return one


@pytest.mark.parametrize(
    "words",
    [
        "EOF",
        "unexpected EOF",
        "read tcp 10.0.0.9:4711->10.1.2.3:8080: read: connection reset by peer",
        "write tcp 10.0.0.9:4711->10.1.2.3:8080: write: broken pipe",
        'net/http: HTTP/1.x transport connection broken: malformed HTTP response "x"',
    ],
)
async def test_a_connection_that_a_pod_breaks_counts_at_once_and_is_not_made_again(words: str) -> None:
    heard = await result(ONCE, iter([f"{REACHING}{words}", 200]))
    assert (heard.passed, heard.status, heard.sent, heard.hindered) == (False, None, 1, False)
    assert words in heard.reason


async def test_a_version_that_breaks_every_third_connection_fails_every_third_request() -> None:
    thirds: tuple[Answer, ...] = (200, 200, f"{REACHING}EOF")
    many = ONCE.model_copy(update={"times": 300})
    heard = await result(many, cycle(thirds))
    assert (heard.sent, heard.failed, heard.hindered, heard.passed) == (300, 100, False, False)


@pytest.mark.parametrize("words", [REFUSED, NONE_READY])
async def test_pods_that_are_away_for_a_moment_are_asked_again(words: str) -> None:
    heard = await result(ONCE, repeat(words, TRIES - 1), iter([200]))
    assert (heard.passed, heard.sent) == (True, 1)


@pytest.mark.parametrize("words", [REFUSED, NONE_READY])
async def test_pods_that_stay_away_fail_the_request(words: str) -> None:
    heard = await result(ONCE, repeat(words, TRIES), iter([200]))
    assert (heard.passed, heard.status, heard.sent, heard.hindered) == (False, None, 1, False)
    assert words in heard.reason


async def test_that_the_time_was_over_before_it_was_known_whether_pods_stay_away_blames_nobody() -> None:
    heard = await result(ONCE, repeat(NONE_READY), asks=TRIES - 1)
    assert (heard.passed, heard.sent, heard.hindered) == (False, 0, True)


@pytest.mark.parametrize(
    "words",
    [
        "the server is currently unable to handle the request",
        "etcdserver: request timed out, EOF",
        'no service port 81 found for service "payments"',
        f"{REACHING}dial tcp 10.1.2.3:8080: i/o timeout",
        f"{REACHING}dial tcp 10.1.2.3:8080: connect: no route to host",
        f"{REACHING}proxy error from 10.0.0.9:6443 while dialing 10.1.2.3:8080, code 502: 502 Bad Gateway",
        f"{REACHING}dial unix /konnectivity.socket: connect: connection refused",
        f"{REACHING}http: server closed idle connection",
    ],
)
async def test_what_is_the_clusters_own_trouble_is_never_the_versions(words: str) -> None:
    away = await result(ONCE, repeat(words), asks=3 * TRIES)
    assert (away.passed, away.sent, away.hindered) == (False, 0, True)
    back = await result(ONCE, repeat(words, 3 * TRIES), iter([200]))
    assert (back.passed, back.sent) == (True, 1)


async def test_that_there_was_no_time_left_for_an_answer_does_not_hide_what_was_refused_before() -> None:
    class AtTheEnd(Answering):
        def clock(self) -> datetime:
            return LATER if self.left <= 0 else LATER - timedelta(seconds=0.5)

        async def through_service(self, *_: Any, **__: Any) -> int:
            self.left -= 1
            if self.left == 1:
                raise refusal('User "deployer" cannot create resource "services/proxy"', 403)
            raise NoAnswerError(Trouble.UNAVAILABLE, "eu-preprod did not answer POST /pay within 0.5 s")

    cluster = AtTheEnd(iter(()), 2)
    times = Times(LATER, cluster.clock, pause=0.0)
    answer = await sent(cast(Cluster, cluster), target("7.0.1"), service(), (ONCE,), times)
    assert isinstance(answer, Probed)
    assert "cannot create" in answer.results[0].reason


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_a_refusal_of_the_api_server_is_its_own_whatever_it_says(status: int) -> None:
    assert type(refusal(f"{REACHING}EOF", status)) is ClusterError
