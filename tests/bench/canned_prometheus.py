"""`python -m tests.bench.canned_prometheus PORT`: answers raw queries with the samples of ten pods, made once for everybody who asks.

A process of its own, so that what it costs is not counted. `/asked` tells how often it was asked since it was asked that last, how
often at the most the same question, and the size of the largest answer.
"""

import sys
from collections import Counter
from functools import lru_cache
from math import floor
from typing import Any

import orjson
from aiohttp import web

STEP = 15
PODS = (*(f"payments-6d4f-{number}" for number in range(9)), "payments-pilot-8-a")
BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "+Inf")
_SHARES = (0.0, 0.01, 0.1, 0.4, 0.8, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)
_CODES = {"200": 20_000, "500": 1_000}
"""Requests of a pod from one scrape to the next: thousands, so that all shares of them are whole."""
_COUNT = "http_server_request_duration_seconds_count"


@lru_cache(maxsize=4096)
def answer(metric: str, first: int, last: int) -> bytes:
    """Of the scrapes with these numbers since 1970."""
    scrapes = range(first, last + 1)
    result: list[dict[str, Any]] = [
        {
            "metric": {"__name__": metric, "pod": pod, "http_response_status_code": code, **label},
            "values": [[index * STEP, str(round((index % 1_000_000) * each * share))] for index in scrapes],
        }
        for pod in PODS
        for code, each in _CODES.items()
        for label, share in _labels(metric)
    ]
    return orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


def _labels(metric: str) -> list[tuple[dict[str, str], float]]:
    if metric == _COUNT:
        return [({}, 1.0)]
    return [({"le": bound}, share) for bound, share in zip(BOUNDS, _SHARES, strict=True)]


def application() -> web.Application:
    asked, largest = Counter[tuple[str, str]](), [0]

    async def query(request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        asked[form["query"], form["time"]] += 1
        metric = form["query"].partition("{")[0]
        window = int(form["query"].rpartition("[")[2].removesuffix("ms]")) / 1000
        at = float(form["time"])
        body = answer(metric, floor((at - window) / STEP) + 1, floor(at / STEP))
        largest[0] = max(largest[0], len(body))
        return web.Response(body=body, content_type="application/json")

    async def told(_: web.Request) -> web.Response:
        found = {
            "times": asked.total(),
            "same": max(asked.values(), default=0),
            "largest": largest[0],
        }
        asked.clear()
        largest[0] = 0
        return web.json_response(found)

    found = web.Application()
    found.router.add_post("/api/v1/query", query)
    found.router.add_get("/asked", told)
    return found


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
