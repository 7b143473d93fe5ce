"""Sends the plan's requests, one after the other, to what was deployed in pre-production or to a green side."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from lockgate.deployer.cluster import Cluster, ClusterError, NoAnswerError, Trouble
from lockgate.deployer.look import look
from lockgate.deployer.objects import Json, name_of
from lockgate.deployer.reports import Failed, Fenced, Probed
from lockgate.deployer.strategies import production
from lockgate.deployer.strategies.clones import met
from lockgate.deployer.strategies.given import Target
from lockgate.messages.deployments import ProbeResult
from lockgate.messages.plan_parts import Request


@dataclass(frozen=True, slots=True)
class Times:
    """Until when all requests must be over, what time it is, and how long to wait before one is sent again."""

    until: datetime
    clock: Callable[[], datetime]
    pause: float

    @property
    def left(self) -> float:
        return (self.until - self.clock()).total_seconds()


Asking = Callable[[Cluster, Target, tuple[Request, ...], Times], Awaitable[Probed | Failed | Fenced]]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where the requests are sent."""

    region: str
    service: str
    port: str


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
    return await _sent(cluster, target, live.service or {}, requests, times)


async def preview(
    cluster: Cluster, target: Target, requests: tuple[Request, ...], times: Times
) -> Probed | Failed | Fenced:
    """Each request with its result, sent to the target's clone through its own Service. ClusterError if unread."""
    live = await look(cluster, target)
    target = met(target, live)
    if (refusal := production.fenced_out(target, live)) is not None:
        return refusal
    service = next((each for each in live.clone_services if name_of(each) == target.clone_service), None)
    if service is None:
        return Failed(
            reason=f"Somebody deleted the Service {target.clone_service} in {target.region} before the requests were sent."
        )
    return await _sent(cluster, target, service, requests, times)


async def _sent(
    cluster: Cluster, target: Target, service: Json, requests: tuple[Request, ...], times: Times
) -> Probed | Failed:
    port = _port(service)
    if port is None:
        return Failed(reason=f"The Service {name_of(service)} in {target.region} has no port to send to.")
    to = Receiver(target.region, name_of(service), port)
    return Probed(results=tuple([await _result(cluster, to, each, times) for each in requests]))


def _port(service: Json) -> str | None:
    """The Service's first port, by its name if it has one."""
    ports = (service.get("spec") or {}).get("ports") or ()
    return next((str(port.get("name") or port["port"]) for port in ports), None)


async def _result(cluster: Cluster, to: Receiver, request: Request, times: Times) -> ProbeResult:
    """ClusterError if the time is over before the Service was heard: that says nothing about the version in question."""
    why = f"{request.method} {request.path} was not sent in {to.region}: the time for all requests was over."
    last = ClusterError(Trouble.UNAVAILABLE, why)
    while times.left > 0:
        try:
            return await _asked(cluster, to, request, times)
        except ClusterError as error:  # the API server's own words, or it is away
            last = error
            await asyncio.sleep(max(0.0, min(times.pause, times.left)))
    raise last


async def _asked(cluster: Cluster, to: Receiver, request: Request, times: Times) -> ProbeResult:
    about = {"method": request.method, "path": request.path, "expected": request.expect.status}
    begun, left = time.monotonic(), times.left
    try:
        status = await cluster.through_service(
            to.service,
            to.port,
            (request.method, request.path, request.body),
            timeout=min(request.within, left),
        )
    except ClusterError as error:
        climbs = error.trouble is Trouble.INVALID
        if not climbs and not (isinstance(error, NoAnswerError) and request.within <= left):
            raise
        seconds = time.monotonic() - begun
        return ProbeResult(**about, status=None, seconds=seconds, passed=False, reason=str(error))
    seconds, passed = time.monotonic() - begun, status == request.expect.status
    outcome = "as expected" if passed else f"expected was {request.expect.status}"
    why = f"{request.method} {request.path} in {to.region} was answered with {status}, {outcome}."
    return ProbeResult(**about, status=status, seconds=seconds, passed=passed, reason=why)
