"""One region of a sandbox: its objects, its controllers, who may come in, and how traffic finds its pods."""

import asyncio
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from lockgate.sandbox.behaviour import Behaviour, digest_of, image_of
from lockgate.sandbox.controllers import Alarms, Controllers
from lockgate.sandbox.faults import Fault
from lockgate.sandbox.flags import flag_is_on
from lockgate.sandbox.kinds import CONFIGMAPS, NAMESPACES
from lockgate.sandbox.kubelet import is_up
from lockgate.sandbox.objects import Json, name_of, stamp, uid_of
from lockgate.sandbox.routing import Pod, Routing, routing_of
from lockgate.sandbox.settings import RegionSettings, Settings
from lockgate.sandbox.store import Store
from lockgate.sandbox.traffic import TrafficState

_NAMES = uuid.UUID("c3b0b5a8-7d52-5c39-8f59-0b4f0a8d4f2e")


@dataclass(slots=True)
class Region:
    """The mutable whole of a region; `Sandbox` owns it."""

    settings: RegionSettings
    store: Store
    controllers: Controllers
    token: str
    behaviour: Callable[[str], Behaviour]
    clock: Callable[[], float]
    seed: int
    usual_errors: float = 0.0  # of the modelled requests, whatever the image
    fault: Fault | None = None
    closed: bool = False
    watchers: set[asyncio.Event] = field(default_factory=set)
    demand: dict[str, float] = field(default_factory=dict)  # application -> requests a second
    traffic: TrafficState = field(default_factory=TrafficState)
    scraped: set[str] = field(default_factory=set)  # names of targets at the last scrape
    probes: int = 0  # requests answered through proxy and ingress, which number their draws
    _routing: dict[str, tuple[int, Routing]] = field(default_factory=dict)  # by namespace

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def namespace(self) -> str:
        return self.settings.namespace

    @property
    def namespaces(self) -> tuple[str, ...]:
        """All that the region's token opens."""
        return tuple(filter(None, (self.namespace, self.settings.environments)))

    @property
    def user(self) -> str:
        """Who the bearer of the region's token is."""
        return f"system:serviceaccount:{self.namespace}:deployer"

    def pod(self, obj: Json) -> Pod | None:
        """A pod as traffic sees it; None while its container does not run."""
        run = self.controllers.runs.get(uid_of(obj))
        behaviour = self.behaviour(digest_of(image_of(obj)))
        if run is None or not is_up(run, behaviour):
            return None
        container = str(obj["spec"]["containers"][0]["name"])
        digest = digest_of(image_of(obj))
        return Pod(name_of(obj), uid_of(obj), container, digest, behaviour, run.since, run.restarts)

    def routing(self, namespace: str | None = None) -> Routing:
        """Services, routes and pods of a namespace now, the region's own if none is named; made anew only after a change."""
        name = namespace or self.namespace
        known = self._routing.get(name)
        if known is None or known[0] != self.store.version:
            known = self._routing[name] = (self.store.version, routing_of(self.store, name, self.pod))
        return known[1]

    def wake_watchers(self) -> None:
        """Let every watch look again whether it may go on."""
        for watcher in self.watchers:
            watcher.set()

    def forget_routing(self) -> None:
        """A behaviour changed, which no resource version tells."""
        self._routing.clear()

    def flag_is_on(self, flag: str) -> bool:
        """Whether any ConfigMap of the region says that this feature flag is on."""
        configs = self.store.select(CONFIGMAPS, self.namespace)
        return any(flag_is_on(config.get("data") or {}, flag, self.name) for config in configs)


def open_region(
    settings: Settings,
    region: RegionSettings,
    behaviour: Callable[[str], Behaviour],
    alarms: Alarms,
    clock: Callable[[], float],
) -> Region:
    """A region with its namespace and `kube-system`, whose uid is the cluster's identity and outlives a restart."""
    store = Store(region.name, settings.seed, settings.history)
    controllers = Controllers(
        store, behaviour, alarms, clock, backoff=settings.backoff_seconds, grace=settings.termination_seconds
    )
    for name in dict.fromkeys(
        ("kube-system", "default", *filter(None, (region.namespace, region.environments)))
    ):
        store.put(NAMESPACES, "", _namespace(settings.seed, region.name, name, clock()))
    secret = hashlib.sha256(f"token/{settings.seed}/{region.name}".encode()).hexdigest()[:40]
    token = region.token or secret
    return Region(region, store, controllers, token, behaviour, clock, settings.seed, settings.usual_errors)


def _namespace(seed: int, region: str, name: str, now: float) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "uid": str(uuid.uuid5(_NAMES, f"{seed}/{region}/{name}")),
            "creationTimestamp": stamp(now),
            "labels": {"kubernetes.io/metadata.name": name},
        },
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }
