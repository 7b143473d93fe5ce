"""Where a request goes: a route's weights to Services, a Service's selector to its ready pods. Pure over `store`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lockgate.sandbox.behaviour import Behaviour
from lockgate.sandbox.kinds import HTTPROUTES, PODS, SERVICES, VIRTUALSERVICES
from lockgate.sandbox.objects import Json, is_ready, labels_of, name_of
from lockgate.sandbox.selectors import matches
from lockgate.sandbox.store import Store


@dataclass(frozen=True, slots=True)
class Pod:
    """A running container, ready or not."""

    name: str
    uid: str
    container: str
    digest: str
    behaviour: Behaviour
    since: float  # epoch seconds of the container's start
    restarts: int

    def age(self, now: float) -> float:
        return max(0.0, now - self.since)


@dataclass(frozen=True, slots=True)
class Service:
    """A Service and those of its pods that are ready, by name."""

    name: str
    ready: tuple[Pod, ...]
    ports: tuple[tuple[str, int], ...]  # (name, number)


@dataclass(frozen=True, slots=True)
class Routing:
    """A namespace as traffic sees it. `homes` names the Service that a pod's metrics are filed under."""

    pods: Mapping[str, Pod]  # by name: all that run
    ready: frozenset[str]
    homes: Mapping[str, str]
    services: Mapping[str, Service]
    routes: Mapping[str, tuple[tuple[str, int], ...]]  # route -> (Service, weight)
    hosts: Mapping[str, str]  # hostname -> route

    def backends(self, application: str) -> tuple[tuple[str, float], ...]:
        """(Service, share) for an application's traffic: by its route's weights, else its own Service alone.

        Shares add up to 1; empty where all weights are 0.
        """
        weighed = self.routes.get(application, ((application, 1),))
        total = sum(weight for _, weight in weighed)
        return tuple((service, weight / total) for service, weight in weighed if weight) if total else ()

    def shares(self, application: str) -> dict[str, float]:
        """The share of an application's traffic that each digest carries."""
        shares: dict[str, float] = {}
        for name, share in self.backends(application):
            ready = self.services[name].ready if name in self.services else ()
            for pod in ready:
                shares[pod.digest] = shares.get(pod.digest, 0.0) + share / len(ready)
        return shares

    def application_of(self, service: str) -> str:
        """The route that a Service stands behind, or its own name."""
        for route, weighed in self.routes.items():
            if any(name == service for name, _ in weighed):
                return route
        return service


def routing_of(store: Store, namespace: str, view: Callable[[Json], Pod | None]) -> Routing:
    """`view` turns a Pod object into what traffic sees of it; None where its container does not run."""
    objects = store.select(PODS, namespace)
    views = {name_of(obj): pod for obj in objects if (pod := view(obj)) is not None}
    labels = {name_of(obj): labels_of(obj) for obj in objects}
    ready = frozenset(name_of(obj) for obj in objects if is_ready(obj) and name_of(obj) in views)
    services: dict[str, Service] = {}
    homes: dict[str, str] = {}
    # The Service with the narrowest selector comes last and is the pod's home.
    for obj in sorted(
        store.select(SERVICES, namespace), key=lambda each: len(each["spec"].get("selector") or ())
    ):
        selected = [name for name, found in labels.items() if matches(obj["spec"].get("selector"), found)]
        homes |= dict.fromkeys(selected, name_of(obj))
        ports = tuple((port.get("name", ""), port["port"]) for port in obj["spec"].get("ports") or ())
        pods = tuple(views[name] for name in selected if name in ready)
        services[name_of(obj)] = Service(name_of(obj), pods, ports)
    routes, meshed = store.select(HTTPROUTES, namespace), store.select(VIRTUALSERVICES, namespace)
    hosts = {host: name_of(route) for route in routes for host in route["spec"].get("hostnames") or ()}
    hosts |= {host: name_of(route) for route in meshed for host in route["spec"].get("hosts") or ()}
    weighed = {name_of(route): _weighed(route) for route in routes}
    weighed |= {name_of(route): _weighed_in_mesh(route) for route in meshed}
    return Routing(views, ready, homes, services, weighed, hosts)


def _weighed(route: Json) -> tuple[tuple[str, int], ...]:
    """The backends of a route's first rule that has any: Lockgate routes by weight and not by match."""
    for rule in route["spec"].get("rules") or ():
        if rule.get("backendRefs"):
            return tuple((each["name"], each.get("weight", 1)) for each in rule["backendRefs"])
    return ()


def _weighed_in_mesh(route: Json) -> tuple[tuple[str, int], ...]:
    """The same of a VirtualService: an only destination gets everything, and one of several without a weight nothing."""
    for rule in route["spec"].get("http") or ():
        if found := rule.get("route"):
            names = [each["destination"]["host"].partition(".")[0] for each in found]
            weights = [each.get("weight", 0) for each in found] if len(found) > 1 else [1]
            return tuple(zip(names, weights, strict=True))
    return ()
