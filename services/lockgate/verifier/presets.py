"""What the metrics of a preset are called, and whose a series is. Pure; used by the work.

Names and labels are those that the projects document (looked up in November 2026):
- OpenTelemetry: `http.server.request.duration` with `http.response.status_code`, as Prometheus names them
  (opentelemetry.io, semantic conventions for HTTP metrics).
- Istio: `istio_requests_total`, `istio_request_duration_milliseconds`, labels `reporter` and `response_code`
  (istio.io, standard metrics). Only what the receiving side reports is counted.
- Linkerd: `response_total` with `classification`, `response_latency_ms` up to the first byte, label `direction`
  (linkerd.io, proxy metrics).
- Envoy Gateway: Envoy's cluster statistics `upstream_rq_xx` and `upstream_rq_time`; a cluster is named
  `httproute/NAMESPACE/ROUTE/rule/N/backend/M` where a rule has weighted backends (gateway.envoyproxy.io, proxy metrics).
  The deployer writes the pilot's backend right behind production's, so they are the backends 0 and 1 of a rule.
- nginx: `nginx_ingress_controller_requests` and `..._request_duration_seconds` by `service` and `status`
  (kubernetes.github.io/ingress-nginx, monitoring).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from typing import Final

from lockgate.messages.plan_metrics import Metrics
from lockgate.verifier.core.measure import Measure, Pods
from lockgate.verifier.prometheus import selector
from lockgate.verifier.statistics.evidence import BASELINE, PILOT
from lockgate.verifier.units import Form

NO_LABEL = "none"
"""A plan's word for a label that this Prometheus does not have."""


class By(StrEnum):
    """What tells the arms apart."""

    POD = "pod"  # the beginning of the name of the pod that served
    SERVICE = "service"  # the service that a gateway sent it to
    BACKEND = "backend"  # the place of the backend in its route, in a name of Envoy's


@dataclass(frozen=True, slots=True)
class Preset:
    """A counter of requests whose label `code` begins with one of `failed` for errors, and a histogram's buckets."""

    requests: str
    code: str
    latency: str | None
    failed: tuple[str, ...] = ("5",)
    unit: float = 1.0
    """So many of the histogram's units are a second."""
    where: Mapping[str, str] = field(default_factory=dict)
    by: By = By.POD
    arm: str = "pod"
    """The label that tells the arms apart."""
    pod: str = "pod"
    region: str = "region"
    namespace: str = "namespace"

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.requests,) if self.latency is None else (self.requests, self.latency)

    @property
    def native(self) -> str | None:
        """What the same histogram is called where it is a native one."""
        return None if self.latency is None else self.latency.removesuffix("_bucket")

    @property
    def counts(self) -> bool:
        """Whether the requests are those that the histogram counts, so that a native one tells them too."""
        return self.native is not None and self.requests == f"{self.native}_count"

    @property
    def forms(self) -> Mapping[Form, tuple[str, ...]]:
        """The series that tell requests and latency, by the form of the histogram."""
        if self.native is None:
            return {Form.CLASSIC: self.metrics}
        native = (self.native,) if self.counts else (self.requests, self.native)
        return {Form.CLASSIC: self.metrics, Form.NATIVE: native}

    @property
    def every(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(chain.from_iterable(self.forms.values())))

    def is_error(self, labels: Mapping[str, str]) -> bool:
        return labels.get(self.code, "").startswith(self.failed)


_MS = 1000.0

PRESETS: Mapping[str, Preset] = {
    "opentelemetry-http": Preset(
        "http_server_request_duration_seconds_count",
        "http_response_status_code",
        "http_server_request_duration_seconds_bucket",
    ),
    "istio": Preset(
        "istio_requests_total",
        "response_code",
        "istio_request_duration_milliseconds_bucket",
        unit=_MS,
        where={"reporter": "destination"},
    ),
    "linkerd": Preset(
        "response_total",
        "classification",
        "response_latency_ms_bucket",
        failed=("failure",),
        unit=_MS,
        where={"direction": "inbound"},
    ),
    "envoy-gateway": Preset(
        "envoy_cluster_upstream_rq_xx",
        "envoy_response_code_class",
        "envoy_cluster_upstream_rq_time_bucket",
        unit=_MS,
        by=By.BACKEND,
        arm="envoy_cluster_name",
        namespace=NO_LABEL,
    ),
    "nginx": Preset(
        "nginx_ingress_controller_requests",
        "status",
        "nginx_ingress_controller_request_duration_seconds_bucket",
        by=By.SERVICE,
        arm="service",
    ),
}


def preset_of(metrics: Metrics) -> Preset:
    """The series that a plan names, with the labels that it calls otherwise."""
    if metrics.custom is not None:
        own = metrics.custom
        unit = _MS if own.unit == "ms" else 1.0
        found = Preset(own.requests, own.code, own.latency, tuple(own.failed), unit, own.where)
    else:
        found = PRESETS[metrics.preset]
    labels = metrics.labels
    arm = labels.pod if found.by is By.POD else found.arm
    namespace = labels.namespace if found.namespace != NO_LABEL else NO_LABEL
    return replace(found, arm=arm, pod=labels.pod, region=labels.region, namespace=namespace)


def query(preset: Preset, metric: str, order: Measure) -> str:
    """The selector of both arms, in one region or in several. ValueError names what may not be asked for."""
    pods, places = order.pods, order.places
    asked = {preset.region: {*places}, preset.namespace: {*places.values()}}
    named = {label: tuple(sorted(values)) for label, values in asked.items() if label != NO_LABEL}
    equal = {label: values[0] for label, values in named.items() if len(values) == 1} | dict(preset.where)
    among = {label: values for label, values in named.items() if len(values) > 1}
    match preset.by:
        case By.POD:
            starts = tuple(sorted({prefix(name) for name in (pods.baseline, pods.pilot) if name}))
            return selector(metric, equal, {preset.arm: starts}, among)
        case By.SERVICE:
            services = (pods.service, pods.pilot_service) if pods.pilot else (pods.service,)
            return selector(metric, equal, among={**among, preset.arm: tuple(sorted(services))})
        case By.BACKEND:
            rules = tuple(sorted({_rules(pods, namespace) for namespace in places.values()}))
            return selector(metric, equal, {preset.arm: rules}, among)


def prefix(name: str) -> str:
    """A pod name's prefix, ended by the dash that ends its workload's name."""
    return name.rstrip("-") + "-"


def _rules(pods: Pods, namespace: str) -> str:
    if pods.route is None:
        raise ValueError("the plan names no route, so nothing is known of what a gateway counts")
    return f"httproute/{namespace}/{pods.route}/rule/"


def arm_of(preset: Preset, order: Measure, labels: Mapping[str, str]) -> str | None:
    """The arm that a series is of; None if of neither."""
    return (
        _arm_there(preset, order.pods, labels) if not order.control else _arm_by_region(preset, order, labels)
    )


def _arm_by_region(preset: Preset, order: Measure, labels: Mapping[str, str]) -> str | None:
    """Of a region with the release, what serves there; of those without, likewise."""
    region, pods, name = labels.get(preset.region, ""), order.pods, labels.get(preset.arm, "")
    namespace = order.places.get(region)
    if namespace is None or not _serves(preset, pods, name):
        return None
    if preset.by is By.BACKEND:
        own = name.startswith(_rules(pods, namespace))
    else:
        own = preset.namespace == NO_LABEL or labels.get(preset.namespace) == namespace
    arm = PILOT if region == order.region else BASELINE
    return arm if own else None


def _arm_there(preset: Preset, pods: Pods, labels: Mapping[str, str]) -> str | None:
    """Of a region that has both, or one that is not compared with others."""
    name = labels.get(preset.arm, "")
    if not pods.pilot:
        return BASELINE if _serves(preset, pods, name) else None
    match preset.by:
        case By.POD:  # the longer prefix if both fit: `payments-` also begins `payments-pilot-8-`
            arms = {prefix(pods.pilot): PILOT, prefix(pods.baseline): BASELINE}
            fitting = [start for start in arms if name.startswith(start)]
            return arms[max(fitting, key=len)] if fitting else None
        case By.SERVICE:
            return {pods.pilot_service: PILOT, pods.service: BASELINE}.get(name)
        case By.BACKEND:
            return {"0": BASELINE, "1": PILOT}.get(name.rpartition("/backend/")[2])


_REPLICA: Final = re.compile(
    r"((pilot|canary|green)-\d+-)?[bcdf-hj-np-tv-xz2456789]{1,10}-[bcdf-hj-np-tv-xz2456789]{5}"
)
"""What follows the name of a Deployment in those of its pods, and of its clones': Kubernetes' hashes have no vowels."""
_LONGEST: Final = 63
"""Of a pod's name. What it begins with is cut before the last five letters are added, so that a dash or more is missing."""
_CUT: Final = re.compile(
    r"((pilot|canary|green)-\d+-?)?[bcdf-hj-np-tv-xz2456789]{0,10}-?[bcdf-hj-np-tv-xz2456789]{5}"
)
"""The same of a name that was cut."""


def _serves(preset: Preset, pods: Pods, name: str) -> bool:
    """Whether that is production, of whatever version."""
    match preset.by:
        case By.POD:
            start = prefix(pods.baseline)
            replica = _CUT if len(name) == _LONGEST else _REPLICA
            return name.startswith(start) and replica.fullmatch(name, len(start)) is not None
        case By.SERVICE:
            return name == pods.service
        case By.BACKEND:  # a rule with one backend is named without it
            return "/backend/" not in name or name.endswith("/backend/0")


def unit_of(preset: Preset, order: Measure, arm: str, labels: Mapping[str, str]) -> str:
    """What counts by itself, and begins anew when it restarts: a scraped target, and at a gateway each arm of it. Of several
    regions it begins with the region's name.
    """
    region = [labels[preset.region]] if order.control else []
    there = [labels.get(preset.pod, ""), labels.get("instance", "")]
    beside = [] if preset.by is By.POD else [arm]
    return "/".join(filter(None, (*region, *there, *beside)))
