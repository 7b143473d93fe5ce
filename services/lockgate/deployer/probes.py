"""Sends the plan's requests to what was deployed in pre-production, one after the other, in the plan's order."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lockgate.deployer.cluster import Cluster, ClusterError
from lockgate.deployer.look import look
from lockgate.deployer.objects import Json
from lockgate.deployer.reports import Failed, Fenced, Probed
from lockgate.deployer.strategies import production
from lockgate.deployer.strategies.given import Target
from lockgate.messages.deployments import ProbeResult
from lockgate.messages.plan import Request


@dataclass(frozen=True, slots=True)
class Times:
    """Until when all requests must be over, and what time it is."""

    until: datetime
    clock: Callable[[], datetime]


async def probe(
    cluster: Cluster, target: Target, requests: tuple[Request, ...], times: Times
) -> Probed | Failed | Fenced:
    """Each request with its result. Failed if something else than the target runs there. ClusterError if unread."""
    live = await look(cluster, target)
    seen = production.deployable(target, live)
    if isinstance(seen, Failed | Fenced):
        return seen
    if target.digest not in {seen.digest, seen.running}:
        return Failed(
            reason=f"{target.workload.deployment} in {target.region} runs {seen.found or 'an unknown version'} "
            f"and not {target.digest}, so its requests would prove nothing."
        )
    port = _port(live.service or {})
    if port is None:
        return Failed(
            reason=f"The Service {target.workload.service} in {target.region} has no port to send to."
        )
    results = [await _result(cluster, target, port, each, times) for each in requests]
    return Probed(results=tuple(results))


def _port(service: Json) -> str | None:
    """The Service's first port, by its name if it has one."""
    ports = (service.get("spec") or {}).get("ports") or ()
    return next((str(port.get("name") or port["port"]) for port in ports), None)


async def _result(cluster: Cluster, target: Target, port: str, request: Request, times: Times) -> ProbeResult:
    about = {"method": request.method, "path": request.path, "expected": request.expect.status}
    left = (times.until - times.clock()).total_seconds()
    if left <= 0:
        why = f"{request.method} {request.path} was not sent: the time for all requests was over."
        return ProbeResult(**about, status=None, seconds=0.0, passed=False, reason=why)
    begun = time.monotonic()
    try:
        status = await cluster.through_service(
            target.workload.service,
            port,
            (request.method, request.path, request.body),
            timeout=min(request.within, left),
        )
    except ClusterError as error:
        seconds = time.monotonic() - begun
        return ProbeResult(**about, status=None, seconds=seconds, passed=False, reason=str(error))
    seconds, passed = time.monotonic() - begun, status == request.expect.status
    outcome = "as expected" if passed else f"expected was {request.expect.status}"
    why = f"{request.method} {request.path} in {target.region} was answered with {status}, {outcome}."
    return ProbeResult(**about, status=status, seconds=seconds, passed=passed, reason=why)
