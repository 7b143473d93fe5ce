"""What the metrics of a preset are called, and how its samples are read. Pure; used by the work."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from lockgate.verifier.core.measure import Pods
from lockgate.verifier.prometheus import Series, selector
from lockgate.verifier.statistics.strata import Arm, Scrape, Value


@dataclass(frozen=True, slots=True)
class Preset:
    """A counter of requests, and the label whose value says whether they failed."""

    metric: str
    code: str
    region: str = "region"
    namespace: str = "namespace"
    pod: str = "pod"


PRESETS = {
    "opentelemetry-http": Preset("http_server_request_duration_seconds_count", "http_response_status_code")
}


def prefix(name: str) -> str:
    """A pod name's prefix, ended by the dash that ends its workload's name."""
    return name.rstrip("-") + "-"


def query(preset: Preset, region: str, pods: Pods) -> str:
    """The selector of both arms of a region. ValueError names what may not be asked for."""
    starts = tuple(sorted({prefix(pods.baseline), prefix(pods.pilot)}))
    return selector(
        preset.metric,
        {preset.region: region, preset.namespace: pods.namespace},
        {preset.pod: starts},
    )


def arm_of(pods: Pods, name: str) -> Arm | None:
    """The arm whose prefix fits, the longer one if both do: `payments-` also begins `payments-pilot-8-`."""
    fitting = [
        (len(start), arm)
        for arm, start in ((Arm.PILOT, prefix(pods.pilot)), (Arm.BASELINE, prefix(pods.baseline)))
        if name.startswith(start)
    ]
    return max(fitting, key=lambda fit: fit[0])[1] if fitting else None


def scrapes(preset: Preset, pods: Pods, found: Iterable[Series]) -> list[Scrape]:
    """The series by pod and moment. A series of another pod than asked for is left out."""
    together: dict[tuple[str, float], dict[str, Value]] = defaultdict(dict)
    for series in found:
        name = series.labels.get(preset.pod, "")
        error = series.labels.get(preset.code, "").startswith("5")
        own = "\0".join(f"{label}={value}" for label, value in sorted(series.labels.items()))
        for at, count in series.points:
            together[name, at][own] = Value(count, error)
    arms = {name: arm_of(pods, name) for name, _ in together}
    return [Scrape(at, name, arm, values) for (name, at), values in together.items() if (arm := arms[name])]
