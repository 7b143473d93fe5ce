"""The demo's monitoring: an alert on the error ratio over all production regions, as any Prometheus rule would be.

It reads the metrics and writes `incident.detected` to the topic `anomalies`. It knows nothing of releases.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import aiohttp

from lockgate.cli.demo.scenes import ALERT_ABOVE, APPLICATION
from lockgate.cli.kafka import cdevent
from lockgate.messages.anomalies import IncidentDetected

WINDOW = "4s"
LOOK_SECONDS = 1.0
LOOKS = 2  # in a row before it alerts

Raise = Callable[[dict[str, Any]], Awaitable[object]]


async def watch_errors(prometheus: str, regions: Iterable[str], raise_incident: Raise) -> None:
    """Looks once a second; writes one incident each time that the alert begins to fire."""
    above = 0
    query = f'http_server_request_duration_seconds_count{{region=~"{"|".join(regions)}",service="{APPLICATION}"}}[{WINDOW}]'
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0)) as session:
        while True:
            ratio = await _ratio(session, prometheus, query)
            if ratio is not None:
                above = above + 1 if ratio > ALERT_ABOVE else 0
                if above == LOOKS:
                    await raise_incident(_incident(ratio))
            await asyncio.sleep(LOOK_SECONDS)


async def _ratio(session: aiohttp.ClientSession, prometheus: str, query: str) -> float | None:
    """None where there is no answer: it looks again in a moment, as monitoring does."""
    try:
        async with session.get(f"{prometheus}/api/v1/query", params={"query": query}) as answer:
            answer.raise_for_status()
            return error_ratio((await answer.json())["data"]["result"])
    except (aiohttp.ClientError, TimeoutError):
        return None


def error_ratio(series: Iterable[Any]) -> float:
    """Errors per request in the window, from raw samples of counters: the sum of the last minus the first."""
    requests = errors = 0.0
    for one in series:
        samples = [float(value) for _, value in one["values"]]
        grown = max(0.0, samples[-1] - samples[0])
        requests += grown
        if one["metric"].get("http_response_status_code", "").startswith("5"):
            errors += grown
    return errors / requests if requests else 0.0


def _incident(ratio: float) -> dict[str, Any]:
    says = f"{ratio:.1%} of the requests of {APPLICATION} fail, over all regions; the objective is {ALERT_ABOVE:.0%}"
    content = {"environment": {"id": "production"}, "service": {"id": APPLICATION}, "description": says}
    return cdevent(IncidentDetected.type, f"{APPLICATION}-errors", content, source="/monitoring/demo")
