"""One tick of a region: advance its traffic and scrape every pod. Talks to `traffic` and `samples`."""

from lockgate.sandbox.kinds import PODS
from lockgate.sandbox.objects import labels_of, name_of, uid_of
from lockgate.sandbox.region import Region
from lockgate.sandbox.routing import Routing
from lockgate.sandbox.samples import PodScrape, RouteScrape, Samples
from lockgate.sandbox.traffic import Tick, advance


def tick(region: Region, samples: Samples, index: int, now: float, seconds: float, *, scrapes: bool) -> None:
    """Requests of the interval that ends at `now`, then a scrape, unless Prometheus misses it."""
    routing = region.routing()
    interval = Tick(region.name, region.seed, index, now, seconds, region.demand, region.usual_errors)
    region.traffic = advance(region.traffic, interval, routing, region.flag_is_on)
    if not scrapes:
        return
    seen = _pods(region, routing, samples, now)
    for application, unrouted in region.traffic.unrouted.items():
        labels = {"namespace": region.namespace, "route": application, "job": "gateway"}
        samples.add(region.name, f"route/{application}", labels, now, RouteScrape(unrouted))
        seen.add(f"route/{application}")
    samples.retire(region.name, region.scraped - seen, now)
    region.scraped = seen


def _pods(region: Region, routing: Routing, samples: Samples, now: float) -> set[str]:
    seen = set()
    for obj in region.store.select(PODS, region.namespace):
        name = name_of(obj)
        pod = routing.pods.get(name)
        if pod is None:
            run = region.controllers.runs.get(uid_of(obj))
            scrape = PodScrape(None, 0.0, ready=False, restarts=run.restarts if run is not None else 0)
        else:
            counters = region.traffic.pods[name]
            memory = pod.behaviour.memory_at(pod.age(now)) * counters.jitter
            scrape = PodScrape(counters, memory, ready=name in routing.ready, restarts=pod.restarts)
        samples.add(region.name, name, _labels(obj, region, routing), now, scrape)
        seen.add(name)
    return seen


def _labels(obj: dict[str, object], region: Region, routing: Routing) -> dict[str, str]:
    name = name_of(obj)
    home = routing.homes.get(name) or labels_of(obj).get("app", "")
    pod = routing.pods.get(name)
    container = pod.container if pod is not None else "app"
    return {
        "namespace": region.namespace,
        "pod": name,
        "container": container,
        "service": home,
        "job": f"{region.namespace}/{home}",
    }
