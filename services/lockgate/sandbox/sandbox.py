"""The sandbox as one object: start it, install applications, decide how images behave, set faults, stop it."""

import asyncio
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Self

from aiohttp import web

from lockgate.sandbox import control, kubeapi, sample, writes
from lockgate.sandbox.behaviour import HEALTHY, Behaviour
from lockgate.sandbox.controllers import Alarms
from lockgate.sandbox.faults import Fault
from lockgate.sandbox.kinds import DEPLOYMENTS, HTTPROUTES, SERVICES
from lockgate.sandbox.listener import Listener
from lockgate.sandbox.objects import Json, condition
from lockgate.sandbox.prometheus import PrometheusApi
from lockgate.sandbox.proxy import ingress_application
from lockgate.sandbox.region import Region, open_region
from lockgate.sandbox.samples import Samples
from lockgate.sandbox.scraping import tick
from lockgate.sandbox.settings import Settings

_SLICE = 25  # regions scraped between two turns of the event loop
_MANAGER = "sandbox"


class Sandbox:
    """Several regions in one process. `start` and `stop` once each, in the same event loop."""

    def __init__(self, settings: Settings | None = None, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings or Settings()
        self.images: dict[str, Behaviour] = dict(self.settings.images)
        self.regions: dict[str, Region] = {}
        self.samples = Samples(self.settings.retention_seconds)
        self.prometheus = PrometheusApi(self.samples, clock)
        self._clock = clock
        self._alarms = Alarms(clock)
        self._runners: list[web.AppRunner] = []
        self._kubernetes: dict[str, Listener] = {}
        self._ingress: dict[str, Listener] = {}
        self._by_port: dict[int, Region] = {}
        self._metrics: Listener | None = None
        self._control: Listener | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open every port; install the settings' workloads; begin with traffic and scrapes."""
        for region in self.settings.regions:
            self.regions[region.name] = open_region(
                self.settings, region, self.behaviour, self._alarms, self._clock
            )
        kubernetes = await self._runner(kubeapi.application(self._by_port.__getitem__))
        ingress = await self._runner(ingress_application(self._by_port.__getitem__))
        for name, opened in self.regions.items():
            self._kubernetes[name] = await self._listen(kubernetes, opened.settings.kubernetes_port, opened)
            self._ingress[name] = await self._listen(ingress, opened.settings.ingress_port, opened)
        metrics = await self._runner(self.prometheus.application())
        self._metrics = await self._listen(metrics, self.settings.prometheus_port, None)
        steering = await self._runner(control.application(self))
        self._control = await self._listen(steering, self.settings.control_port, None)
        for workload in self.settings.workloads:
            self.install(workload.application, workload.digest, workload.replicas, rate=workload.rate)
        self._ticking = asyncio.create_task(self._tick(), name="sandbox-traffic")

    async def stop(self) -> None:
        """Close every port and end every watch."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        self._alarms.close()
        for region in self.regions.values():
            region.controllers.stop()
            region.closed = True
            region.wake_watchers()
        for runner in self._runners:
            await runner.cleanup()
        for listener in (*self._kubernetes.values(), *self._ingress.values(), self._metrics, self._control):
            if listener is not None:
                listener.close()

    def directory(self) -> Json:
        """Where everything is: what a deployer's and a verifier's settings are made from."""
        if self._metrics is None or self._control is None:
            raise RuntimeError("the sandbox has no ports yet; await start() first")
        regions = {
            name: {
                "kubernetes": self._kubernetes[name].url,
                "token": region.token,
                "namespace": region.namespace,
                "ingress": self._ingress[name].url,
            }
            for name, region in self.regions.items()
        }
        return {"regions": regions, "prometheus": self._metrics.url, "control": self._control.url}

    def behaviour(self, digest: str) -> Behaviour:
        return self.images.get(digest, HEALTHY)

    def set_image(self, digest: str, behaviour: Behaviour | None) -> None:
        """Let an image behave like this from now on, running pods included; None: healthy again."""
        if behaviour is None:
            self.images.pop(digest, None)
        else:
            self.images[digest] = behaviour
        for region in self.regions.values():
            region.forget_routing()
            region.controllers.image_changed(digest)

    def install(
        self,
        application: str,
        digest: str,
        replicas: int = 3,
        *,
        rate: float | None = None,
        regions: Iterable[str] | None = None,
    ) -> None:
        """Create Deployment, Service and HTTPRoute of a sample application, and send it traffic.

        Raises `ApiError` 409 where it is installed already, `KeyError` for an unknown region.
        """
        for name in regions if regions is not None else self.regions:
            region = self.regions[name]
            for kind, obj in zip(
                (DEPLOYMENTS, SERVICES, HTTPROUTES),
                sample.objects(application, digest, replicas),
                strict=True,
            ):
                request = writes.Request(kind, region.namespace, application, _MANAGER, self._clock())
                writes.create(region.store, request, obj)
            self.set_traffic(application, self.settings.rate if rate is None else rate, [name])

    def set_traffic(self, application: str, rate: float, regions: Iterable[str] | None = None) -> None:
        """Send an application this many requests a second in each of these regions (None: in all)."""
        for name in regions if regions is not None else self.regions:
            self.regions[name].demand[application] = rate

    async def set_kubernetes_fault(self, region: str, fault: Fault | None) -> None:
        """Break a region's Kubernetes API, or mend it with None."""
        self.regions[region].fault = fault
        await _obey(self._kubernetes[region], fault)
        self.regions[region].wake_watchers()

    async def set_prometheus_fault(self, fault: Fault | None) -> None:
        """Break Prometheus, or mend it with None."""
        self.prometheus.fault = fault
        if self._metrics is not None:
            await _obey(self._metrics, fault)

    async def settled(self, timeout: float = 10.0) -> None:
        """Wait until every Deployment is rolled out. Raises `TimeoutError`."""
        changed = asyncio.Event()
        stop = [region.store.listen(lambda _: changed.set()) for region in self.regions.values()]
        try:
            async with asyncio.timeout(timeout):
                while not all(map(_is_settled, self.regions.values())):
                    await changed.wait()
                    changed.clear()
        finally:
            for forget in stop:
                forget()

    async def _runner(self, app: web.Application) -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def _listen(self, runner: web.AppRunner, port: int, region: Region | None) -> Listener:
        listener = Listener(runner, port)
        await listener.open()
        if region is not None:
            self._by_port[listener.port] = region
        return listener

    async def _tick(self) -> None:
        """Scrape on a fixed beat; a beat that was missed is not made up for."""
        loop, seconds = asyncio.get_running_loop(), self.settings.scrape_seconds
        begin = loop.time()
        for index in count(1):
            begin = max(begin + seconds, loop.time())
            await asyncio.sleep(begin - loop.time())
            for at, region in enumerate(self.regions.values()):
                tick(
                    region,
                    self.samples,
                    index,
                    self._clock(),
                    seconds,
                    scrapes=not self.prometheus.misses_scrapes(),
                )
                if at % _SLICE == _SLICE - 1:
                    await asyncio.sleep(0)
            self.samples.forget(self._clock())


async def _obey(listener: Listener, fault: Fault | None) -> None:
    if fault is not None and fault.mode == "down":
        await listener.shut()
    else:
        await listener.open()


def _is_settled(region: Region) -> bool:
    return all(map(_is_rolled_out, region.store.select(DEPLOYMENTS)))


def _is_rolled_out(deployment: Json) -> bool:
    """As `kubectl rollout status` has it."""
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return False
    counts = [status.get(key, 0) for key in ("updatedReplicas", "replicas", "availableReplicas")]
    progressing = condition(deployment, "Progressing")
    done = progressing is not None and progressing["reason"] == "NewReplicaSetAvailable"
    return done and counts == [wanted] * 3
