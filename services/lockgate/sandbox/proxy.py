"""A request that somebody really sends to a workload: through the API server's service proxy or the ingress.

It is answered by a ready pod's behaviour, takes that pod's latency, and is counted in its metrics.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from lockgate.sandbox.draws import Draws
from lockgate.sandbox.objects import Json
from lockgate.sandbox.region import Region
from lockgate.sandbox.routing import Pod, Routing, Service
from lockgate.sandbox.status import ApiError, no_endpoints, no_such_port
from lockgate.sandbox.traffic import count_one

_EDGE = 502  # what a gateway answers for a route or Service that it does not know


async def answer(region: Region, routing: Routing, service: Service, path: str) -> web.Response:
    """The answer of one of the Service's ready pods. Raises `ApiError` 503 where none is ready."""
    if not service.ready:
        raise no_endpoints(service.name)
    application = routing.application_of(service.name)
    region.probes += 1
    draws = Draws("probe", region.settings.name, region.seed, region.probes)
    pod = service.ready[int(draws.uniform() * len(service.ready))]
    behaviour = pod.behaviour
    status = next((code for prefix, code in behaviour.answers.items() if path.startswith(prefix)), None)
    if status is None:
        share = routing.shares(application).get(pod.digest, 0.0)
        chance = behaviour.errors_at(share, pod.age(region.clock()), region.flag_is_on)
        status = 500 if draws.uniform() < chance else 200
    seconds = behaviour.latency_ms / 1000 * draws.spread(behaviour.latency_spread)
    await asyncio.sleep(seconds)
    region.traffic = count_one(region.traffic, pod, seconds, failed=status >= 500)
    return web.json_response(
        _said(application, pod, path, status), status=status, headers={"x-pod": pod.name}
    )


def _said(application: str, pod: Pod, path: str, status: int) -> Json:
    return {
        "application": application,
        "digest": pod.digest,
        "pod": pod.name,
        "path": path,
        "outcome": "ok" if status < 400 else "failed",
    }


def reference_name(reference: str) -> str:
    """The Service's name alone."""
    return _taken_apart(reference)[0]


def _taken_apart(reference: str) -> tuple[str, str]:
    """(name, port); no port is empty."""
    parts = reference.split(":")
    return (parts[0], "") if len(parts) == 1 else (parts[-2], parts[-1])


def service_named(routing: Routing, reference: str) -> Service | None:
    """`name`, `name:port` or `scheme:name:port`, port by name or number; None for an unknown Service.

    Raises `ApiError` 503 for a port that the Service does not have.
    """
    name, port = _taken_apart(reference)
    service = routing.services.get(name)
    known = {text for named, number in service.ports for text in (named, str(number))} if service else set()
    if service is not None and port and port not in known:
        raise no_such_port(name, port)
    return service


def ingress_application(region_at: Callable[[int], Region]) -> web.Application:
    """The ingress of every region; `region_at` names the one that listens on a port."""

    async def handle(request: web.Request) -> web.Response:
        region = region_at(request.get_extra_info("sockname")[1])
        try:
            return await _through_ingress(region, request)
        except ApiError as error:
            return web.json_response({"error": error.message}, status=error.code)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    return app


async def _through_ingress(region: Region, request: web.Request) -> web.Response:
    """`/services/{namespace}/{service}/…` goes to that Service; anything else by Host to a route, by its weights."""
    routing = region.routing()
    path = request.path
    match path.split("/", 4)[1:]:
        case ["services", namespace, name, *rest] if (
            namespace == region.namespace and name in routing.services
        ):
            return await answer(region, routing, routing.services[name], "/" + "".join(rest))
        case ["services", *_]:
            return _unknown(f"no Service at {path} in region {region.name}")
        case _:
            pass
    host = request.host.split(":")[0]
    application = routing.hosts.get(host, host.split(".")[0])
    if application not in routing.routes and application not in routing.services:
        return _unknown(
            f"no route for host {host!r} in region {region.name}; try /services/{region.namespace}/NAME/"
        )
    region.probes += 1
    chosen = Draws("ingress", region.seed, region.name, region.probes).uniform()
    for name, share in routing.backends(application):
        chosen -= share
        if chosen < 0 and name in routing.services:
            return await answer(region, routing, routing.services[name], path)
    return _unknown(f"route {application!r} sends this request to no Service that exists")


def _unknown(why: str) -> web.Response:
    return web.json_response({"error": why}, status=_EDGE)
