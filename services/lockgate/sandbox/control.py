"""The control port: where everything is, how images behave, what is installed, which faults are set."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lockgate.sandbox.behaviour import Behaviour
from lockgate.sandbox.faults import Fault
from lockgate.sandbox.objects import Json
from lockgate.sandbox.status import ApiError

if TYPE_CHECKING:
    from lockgate.sandbox.sandbox import Sandbox

Handler = Callable[[web.Request], Awaitable[Json]]


class Install(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str
    replicas: int = Field(default=3, ge=0)
    rate: float | None = Field(default=None, ge=0)
    regions: tuple[str, ...] | None = None


class Traffic(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: float = Field(ge=0)
    regions: tuple[str, ...] | None = None


def application(sandbox: "Sandbox") -> web.Application:
    """The control port of a sandbox. 400 says what is wrong with a body, 404 names an unknown region."""
    app = web.Application()
    for method, path, handler in (
        ("GET", "/", _Control(sandbox).directory),
        ("GET", "/images", _Control(sandbox).images),
        ("PUT", "/images/{digest}", _Control(sandbox).put_image),
        ("DELETE", "/images/{digest}", _Control(sandbox).delete_image),
        ("PUT", "/workloads/{application}", _Control(sandbox).install),
        ("PUT", "/traffic/{application}", _Control(sandbox).traffic),
        ("GET", "/faults", _Control(sandbox).faults),
        ("PUT", "/faults/kubernetes/{region}", _Control(sandbox).put_region_fault),
        ("DELETE", "/faults/kubernetes/{region}", _Control(sandbox).delete_region_fault),
        ("PUT", "/faults/prometheus", _Control(sandbox).put_prometheus_fault),
        ("DELETE", "/faults/prometheus", _Control(sandbox).delete_prometheus_fault),
    ):
        app.router.add_route(method, path, _guarded(handler))
    return app


def _guarded(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(await handler(request))
        except ValidationError as error:
            return web.json_response(
                {"error": error.errors(include_url=False, include_input=False)}, status=400
            )
        except KeyError as error:
            return web.json_response({"error": f"there is no region {error}"}, status=404)
        except ApiError as error:
            return web.json_response({"error": error.message}, status=error.code)

    return handle


class _Control:
    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox

    async def directory(self, _request: web.Request) -> Json:
        return self._sandbox.directory()

    async def images(self, _request: web.Request) -> Json:
        return {digest: image.model_dump(mode="json") for digest, image in self._sandbox.images.items()}

    async def put_image(self, request: web.Request) -> Json:
        behaviour = Behaviour.model_validate_json(await request.read())
        self._sandbox.set_image(request.match_info["digest"], behaviour)
        return behaviour.model_dump(mode="json")

    async def delete_image(self, request: web.Request) -> Json:
        self._sandbox.set_image(request.match_info["digest"], None)
        return {}

    async def install(self, request: web.Request) -> Json:
        wanted = Install.model_validate_json(await request.read())
        name = request.match_info["application"]
        self._sandbox.install(name, wanted.digest, wanted.replicas, rate=wanted.rate, regions=wanted.regions)
        return wanted.model_dump(mode="json")

    async def traffic(self, request: web.Request) -> Json:
        wanted = Traffic.model_validate_json(await request.read())
        self._sandbox.set_traffic(request.match_info["application"], wanted.rate, wanted.regions)
        return wanted.model_dump(mode="json")

    async def faults(self, _request: web.Request) -> Json:
        regions = {name: region.fault for name, region in self._sandbox.regions.items()}
        prometheus = self._sandbox.prometheus.fault
        return {
            "kubernetes": {name: fault.model_dump() for name, fault in regions.items() if fault is not None},
            "prometheus": prometheus.model_dump() if prometheus is not None else None,
        }

    async def put_region_fault(self, request: web.Request) -> Json:
        fault = Fault.model_validate_json(await request.read())
        await self._sandbox.set_kubernetes_fault(request.match_info["region"], fault)
        return fault.model_dump()

    async def delete_region_fault(self, request: web.Request) -> Json:
        await self._sandbox.set_kubernetes_fault(request.match_info["region"], None)
        return {}

    async def put_prometheus_fault(self, request: web.Request) -> Json:
        fault = Fault.model_validate_json(await request.read())
        await self._sandbox.set_prometheus_fault(fault)
        return fault.model_dump()

    async def delete_prometheus_fault(self, _request: web.Request) -> Json:
        await self._sandbox.set_prometheus_fault(None)
        return {}
