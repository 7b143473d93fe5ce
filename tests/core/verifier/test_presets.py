"""What a preset asks Prometheus for, whose a series is, and what counts as an error."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.messages.plan_metrics import Metrics
from lockgate.sandbox.promql import parse_selector
from lockgate.verifier.core.measure import Elsewhere, Measure, Pods
from lockgate.verifier.presets import PRESETS, Preset, arm_of, preset_of, query, unit_of

PODS = Pods(
    namespace="shop", pilot="payments-pilot-8-", baseline="payments-", service="web", route="payments"
)


def order(pods: Pods = PODS, region: str = "eu-west") -> Measure:
    return Measure(
        release="r",
        stage="pilot",
        region=region,
        since=datetime(2026, 11, 24, tzinfo=UTC),
        step=15,
        scrapes=60,
        share=0.1,
        metrics=Metrics(),
        pods=pods,
        policy={},
    )


def of(preset: str, **metrics: Any) -> Preset:
    return preset_of(Metrics.model_validate({"preset": preset, **metrics}))


@pytest.mark.parametrize(
    ("name", "requests", "latency"),
    [
        (
            "opentelemetry-http",
            'http_server_request_duration_seconds_count{namespace="shop",region="eu-west",pod=~"ARMS"}',
            'http_server_request_duration_seconds_bucket{namespace="shop",region="eu-west",pod=~"ARMS"}',
        ),
        (
            "istio",
            'istio_requests_total{namespace="shop",region="eu-west",reporter="destination",pod=~"ARMS"}',
            (
                'istio_request_duration_milliseconds_bucket{namespace="shop",region="eu-west",'
                'reporter="destination",pod=~"ARMS"}'
            ),
        ),
        (
            "linkerd",
            'response_total{direction="inbound",namespace="shop",region="eu-west",pod=~"ARMS"}',
            'response_latency_ms_bucket{direction="inbound",namespace="shop",region="eu-west",pod=~"ARMS"}',
        ),
        (
            "envoy-gateway",
            (
                'envoy_cluster_upstream_rq_xx{region="eu-west",'
                'envoy_cluster_name=~"httproute/shop/payments/rule/.*"}'
            ),
            (
                'envoy_cluster_upstream_rq_time_bucket{region="eu-west",'
                'envoy_cluster_name=~"httproute/shop/payments/rule/.*"}'
            ),
        ),
        (
            "nginx",
            'nginx_ingress_controller_requests{namespace="shop",region="eu-west",service=~"web|web-pilot-8"}',
            (
                'nginx_ingress_controller_request_duration_seconds_bucket{namespace="shop",region="eu-west",'
                'service=~"web|web-pilot-8"}'
            ),
        ),
    ],
)
def test_a_preset_asks_for_both_arms_of_one_region_by_plain_selectors(
    name: str, requests: str, latency: str
) -> None:
    preset = of(name)
    asked = [query(preset, metric, order()) for metric in preset.metrics]
    arms = "payments-.*|payments-pilot-8-.*"
    assert asked == [requests.replace("ARMS", arms), latency.replace("ARMS", arms)]
    assert set(PRESETS) == {"opentelemetry-http", "istio", "linkerd", "envoy-gateway", "nginx"}


def test_series_of_ones_own_are_asked_for_with_the_labels_that_the_plan_names() -> None:
    custom = {
        "requests": "requests_total",
        "code": "result",
        "failed": ["error", "5"],
        "latency": "took_milliseconds_bucket",
        "unit": "ms",
        "where": {"side": "in"},
    }
    preset = of("custom", custom=custom, labels={"pod": "pod_name", "namespace": "ns", "region": "none"})
    assert [query(preset, metric, order()) for metric in preset.metrics] == [
        'requests_total{ns="shop",side="in",pod_name=~"payments-.*|payments-pilot-8-.*"}',
        'took_milliseconds_bucket{ns="shop",side="in",pod_name=~"payments-.*|payments-pilot-8-.*"}',
    ]
    assert preset.unit == 1000
    assert [preset.is_error({"result": each}) for each in ("ok", "error_timeout", "503", "")] == [
        False,
        True,
        True,
        False,
    ]


def test_without_a_histogram_only_requests_are_asked_for() -> None:
    assert of("custom", custom={"requests": "r_total"}).metrics == ("r_total",)


@pytest.mark.parametrize(
    ("preset", "labels", "arm"),
    [
        ("istio", {"pod": "payments-6d4f9c-abcde"}, "baseline"),
        ("istio", {"pod": "payments-pilot-8-7c5d-fghij"}, "pilot"),  # both prefixes fit: the longer one says
        ("istio", {"pod": "paymentsx-6d4f9c-abcde"}, None),
        ("istio", {}, None),
        ("nginx", {"service": "web"}, "baseline"),
        ("nginx", {"service": "web-pilot-8"}, "pilot"),
        ("nginx", {"service": "web-pilot-80"}, None),
        ("envoy-gateway", {"envoy_cluster_name": "httproute/shop/payments/rule/0/backend/0"}, "baseline"),
        ("envoy-gateway", {"envoy_cluster_name": "httproute/shop/payments/rule/2/backend/1"}, "pilot"),
        ("envoy-gateway", {"envoy_cluster_name": "httproute/shop/payments/rule/0/backend/2"}, None),
        ("envoy-gateway", {"envoy_cluster_name": "httproute/shop/payments/rule/0"}, None),
    ],
)
def test_a_series_belongs_to_one_arm_or_none(preset: str, labels: dict[str, str], arm: str | None) -> None:
    assert arm_of(of(preset), order(), labels) == arm


def test_what_counts_by_itself_is_a_target_and_at_a_gateway_each_arm_of_it() -> None:
    labels = {"pod": "a", "instance": "10.0.0.7:9464"}
    assert unit_of(of("istio"), order(), "pilot", labels) == "a/10.0.0.7:9464"
    assert unit_of(of("istio"), order(), "pilot", {"pod": "a"}) == "a"
    assert unit_of(of("nginx"), order(), "pilot", labels) == "a/10.0.0.7:9464/pilot"


@pytest.mark.parametrize(
    ("preset", "label", "codes"),
    [
        ("opentelemetry-http", "http_response_status_code", {"200": False, "404": False, "503": True}),
        ("istio", "response_code", {"200": False, "500": True}),
        ("linkerd", "classification", {"success": False, "failure": True}),
        ("envoy-gateway", "envoy_response_code_class", {"2": False, "4": False, "5": True}),
        ("nginx", "status", {"302": False, "502": True}),
    ],
)
def test_errors_are_what_the_server_answers_for(preset: str, label: str, codes: dict[str, bool]) -> None:
    assert {code: of(preset).is_error({label: code}) for code in codes} == codes


def test_a_prefix_ends_with_a_dash_whoever_forgot_it() -> None:
    pods = PODS.model_copy(update={"pilot": "payments-pilot-8", "baseline": "payments"})
    preset = of("istio")
    assert query(preset, preset.requests, order(pods)) == query(preset, preset.requests, order())
    assert arm_of(preset, order(pods), {"pod": "payments-pilot-8-7c5d-fghij"}) == "pilot"


def test_a_gateway_needs_a_route() -> None:
    preset = of("envoy-gateway")
    with pytest.raises(ValueError, match="names no route"):
        query(preset, preset.requests, order(PODS.model_copy(update={"route": None})))


@given(st.text(max_size=20), st.text(max_size=20), st.sampled_from(sorted(PRESETS)))
def test_whatever_a_name_is_no_query_leaves_its_shape(pilot: str, route: str, name: str) -> None:
    """It is refused, or it is one plain selector of the metric with the labels that the preset has."""
    preset = of(name)
    pods = PODS.model_copy(update={"pilot": pilot, "route": route, "service": route})
    try:
        chosen = query(preset, preset.requests, order(pods))
    except ValueError:
        return
    selector = parse_selector(chosen)
    assert selector.range is None
    asked = {matcher.label for matcher in selector.matchers}
    assert asked <= {"__name__", "region", "namespace", preset.arm, *preset.where}
    assert chosen.count("{") == chosen.count("}") == 1
    assert "\\" not in chosen


@pytest.mark.parametrize(
    ("length", "end"),
    [
        (46, "-6f7d9c5b8-fxzwv"),
        (47, "-6f7d9c5b8ffxzwv"),
        (50, "-6f7d9c5fxzwv"),
        (57, "-fxzwv"),
        (37, "-pilot-812-6f7d9c5b8-fxzwv"),
        (39, "-canary-812-6f7d9c5fxzwv"),
        (48, "-pilot-812fxzwv"),
    ],
)
def test_pods_of_a_long_name_are_those_of_their_workload_though_their_name_was_cut(
    length: int, end: str
) -> None:
    workload = "x" * length
    pods = PODS.model_copy(update={"pilot": "", "baseline": workload})
    assert arm_of(of("opentelemetry-http"), order(pods), {"pod": workload + end}) == "baseline"


def test_a_name_that_begins_alike_is_another_workloads_though_it_was_cut() -> None:
    pods = PODS.model_copy(update={"pilot": "", "baseline": "x" * 40})
    cut = "x" * 40 + "-worker-6f7d9c5b" + "fxzwvtq"
    assert len(cut) == 63
    assert arm_of(of("opentelemetry-http"), order(pods), {"pod": cut}) is None


ALONE = PODS.model_copy(update={"pilot": ""})


def elsewhere(**namespaces: str) -> Measure:
    """A region that is compared with others."""
    control = tuple(Elsewhere(region=region, namespace=name) for region, name in namespaces.items())
    return order(ALONE.model_copy(update={"baseline": "payments"})).model_copy(update={"control": control})


def test_regions_are_asked_for_together_and_each_in_its_namespace() -> None:
    otel, envoy = of("opentelemetry-http"), of("envoy-gateway")
    same, other = elsewhere(north="shop", east="shop"), elsewhere(north="prod")
    assert query(otel, otel.requests, same) == (
        'http_server_request_duration_seconds_count{namespace="shop",pod=~"payments-.*",region=~"east|eu-west|north"}'
    )
    assert query(otel, otel.requests, other) == (
        "http_server_request_duration_seconds_count"
        '{pod=~"payments-.*",namespace=~"prod|shop",region=~"eu-west|north"}'
    )
    assert query(envoy, envoy.requests, other) == (
        'envoy_cluster_upstream_rq_xx{envoy_cluster_name=~"httproute/prod/payments/rule/.*|'
        'httproute/shop/payments/rule/.*",region=~"eu-west|north"}'
    )


@pytest.mark.parametrize(
    ("preset", "labels", "arm"),
    [
        ("istio", {"region": "eu-west", "namespace": "shop", "pod": "payments-6d4f9c-bcdfg"}, "pilot"),
        ("istio", {"region": "north", "namespace": "prod", "pod": "payments-6d4f9c-bcdfg"}, "baseline"),
        ("istio", {"region": "north", "namespace": "shop", "pod": "payments-6d4f9c-bcdfg"}, None),
        ("istio", {"region": "south", "namespace": "prod", "pod": "payments-6d4f9c-bcdfg"}, None),
        ("istio", {"region": "north", "namespace": "prod", "pod": "payments-api-6d4f9c-bcdfg"}, None),
        ("nginx", {"region": "north", "namespace": "prod", "service": "web"}, "baseline"),
        (
            "envoy-gateway",
            {"region": "north", "envoy_cluster_name": "httproute/prod/payments/rule/0"},
            "baseline",
        ),
        ("envoy-gateway", {"region": "north", "envoy_cluster_name": "httproute/shop/payments/rule/0"}, None),
    ],
)
def test_what_serves_in_a_region_is_its_arm_where_regions_are_compared(
    preset: str, labels: dict[str, str], arm: str | None
) -> None:
    assert arm_of(of(preset), elsewhere(north="prod"), labels) == arm


def test_pods_of_the_same_name_in_two_regions_count_each_for_itself() -> None:
    labels = {"region": "north", "pod": "payments-6d4f9c-bcdfg"}
    assert unit_of(of("istio"), elsewhere(north="prod"), "baseline", labels) == "north/payments-6d4f9c-bcdfg"
