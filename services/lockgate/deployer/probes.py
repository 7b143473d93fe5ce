"""Sends the plan's requests, one after the other, to what was deployed in pre-production or to a green side.

One that the plan wants several times is sent by several senders at once. Bodies of answers are not read, and no redirect
is followed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from lockgate.deployer.answers import AbsentError, BrokenError
from lockgate.deployer.cluster import Cluster, ClusterError, NoAnswerError, Trouble
from lockgate.deployer.look import look
from lockgate.deployer.objects import Json, name_of
from lockgate.deployer.reports import Failed, Fenced, Probed
from lockgate.deployer.strategies import production
from lockgate.deployer.strategies.clones import met
from lockgate.deployer.strategies.given import Region, Target
from lockgate.messages.deployments import ProbeResult
from lockgate.messages.plan_parts import Request

TRIES: Final = 30
"""So often in a row no pod takes a request, until that counts: endpoints lag, and pods are moved."""


@dataclass(frozen=True, slots=True)
class Times:
    """Until when all requests must be over, what time it is, how long to wait before one is sent again, how many at once."""

    until: datetime
    clock: Callable[[], datetime]
    pause: float
    at_once: int = 1

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
    """Each request with its result. Failed if something else than the target runs there. ClusterError if that is unread."""
    live = await look(cluster, target)
    seen = production.deployable(target, live)
    if isinstance(seen, Failed | Fenced):
        return seen
    if target.digest not in {seen.digest, seen.running}:
        return Failed(
            reason=f"{target.workload.deployment} in {target.region} runs {seen.found or 'an unknown version'} "
            f"and not {target.digest}, so its requests would prove nothing."
        )
    return await sent(cluster, target, live.service or {}, requests, times)


async def preview(
    cluster: Cluster, target: Target, requests: tuple[Request, ...], times: Times
) -> Probed | Failed | Fenced:
    """Each request with its result, sent to the target's clone through its own Service. ClusterError if unread."""
    live = await look(cluster, target)
    target = met(target, live)
    if (refusal := production.fenced_out(target, live)) is not None:
        return refusal
    answer = await sent_to_clone(cluster, target, live, requests, times)
    unsent = next((each for each in getattr(answer, "results", ()) if not each.sent), None)
    return answer if unsent is None else Failed(reason=unsent.reason)


async def sent_to_clone(
    cluster: Cluster, target: Target, live: Region, requests: tuple[Request, ...], times: Times
) -> Probed | Failed:
    """Each request with its result, sent through the Service of the target's clone."""
    service = next((each for each in live.clone_services if name_of(each) == target.clone_service), None)
    if service is None:
        return Failed(
            reason=f"Somebody deleted the Service {target.clone_service} in {target.region} before the requests were sent."
        )
    return await sent(cluster, target, service, requests, times)


async def sent(
    cluster: Cluster, target: Target, service: Json, requests: tuple[Request, ...], times: Times
) -> Probed | Failed:
    port = _port(service)
    if port is None:
        return Failed(reason=f"The Service {name_of(service)} in {target.region} has no port to send to.")
    to, results, hindered = Receiver(target.region, name_of(service), port), [], False
    for request in requests:
        tally = _Tally(request, target.region, hindered)
        senders = (_sender(cluster, to, tally, times) for _ in range(min(times.at_once, request.times)))
        await asyncio.gather(*senders)
        results.append(tally.result())
        hindered = tally.hindered
    return Probed(results=tuple(results))


@dataclass
class _Tally:
    """What became of one request of the plan, however often it is sent."""

    request: Request
    region: str
    hindered: bool
    """The cluster itself stood in the way, of this request or of one before it; so it was until the time was over."""
    begun: int = 0
    heard: list[ProbeResult] = field(default_factory=list)
    trouble: str = ""

    def result(self) -> ProbeResult:
        if self.request.times == 1 and self.heard:
            return self.heard[0]
        bad = [each for each in self.heard if not each.passed]
        shown = next(iter(bad or self.heard), None)
        complete = len(self.heard) == self.request.times
        return ProbeResult(
            method=self.request.method,
            path=self.request.path,
            expected=self.request.expect.status,
            status=shown.status if shown is not None else None,
            seconds=max((each.seconds for each in self.heard), default=0.0),
            passed=complete and not bad,
            reason=self._reason(shown, complete)[:2000],
            sent=len(self.heard),
            failed=len(bad),
            hindered=self.hindered and not complete,
        )

    def _reason(self, shown: ProbeResult | None, complete: bool) -> str:
        said = f" {shown.reason}" if shown is not None else ""
        if complete:
            return said.strip()
        late = f"{self.request.method} {self.request.path} was not sent in {self.region}: the time for all requests was over."
        if self.request.times > 1:
            late = f"Only {len(self.heard)} of {self.request.times} requests were sent in {self.region} in their time."
        return f"{self.trouble or late}{said}"


async def _sender(cluster: Cluster, to: Receiver, tally: _Tally, times: Times) -> None:
    while tally.begun < tally.request.times and times.left > 0:
        tally.begun += 1
        await _send(cluster, to, tally, times)


async def _send(cluster: Cluster, to: Receiver, tally: _Tally, times: Times) -> None:
    """Once, until the Service was heard: what the API server says itself says nothing about the version in question.

    That no pod takes it, try after try, says something about it, and so does a connection that a pod breaks.
    """
    absent = 0
    while True:
        try:
            result = await _asked(cluster, to, tally.request, times, counts=absent + 1 >= TRIES)
        except ClusterError as error:  # the API server's own words, it is away, or too little time is left
            if not (tally.trouble and isinstance(error, NoAnswerError)):  # at last there is no time for one
                tally.trouble = str(error)
            absent = absent + 1 if isinstance(error, AbsentError) else 0
            tally.hindered |= not isinstance(error, NoAnswerError)
            if times.left <= times.pause:
                return
            await asyncio.sleep(times.pause)
        else:
            tally.heard.append(result)
            return


def _port(service: Json) -> str | None:
    """The Service's first port, by its name if it has one."""
    ports = (service.get("spec") or {}).get("ports") or ()
    return next((str(port.get("name") or port["port"]) for port in ports), None)


async def _asked(
    cluster: Cluster, to: Receiver, request: Request, times: Times, *, counts: bool
) -> ProbeResult:
    """The answer, or that there was none. ClusterError where that says nothing; `counts`: that no pod took it says it."""
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
        late = isinstance(error, NoAnswerError) and request.within <= left
        unheard = isinstance(error, BrokenError) or (isinstance(error, AbsentError) and counts)
        climbs = error.trouble is Trouble.INVALID
        if not (climbs or late or unheard):
            raise
        seconds = time.monotonic() - begun
        return ProbeResult(**about, status=None, seconds=seconds, passed=False, reason=str(error))
    seconds, passed = time.monotonic() - begun, status == request.expect.status
    outcome = "as expected" if passed else f"expected was {request.expect.status}"
    why = f"{request.method} {request.path} in {to.region} was answered with {status}, {outcome}."
    return ProbeResult(**about, status=status, seconds=seconds, passed=passed, reason=why)
