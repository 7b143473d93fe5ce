"""The check of a plan's metrics: which series may be named, and what a pilot needs so that it can be measured."""

import pytest

from lockgate.intake.planfile import BadPlan, GoodPlan, check_plan

PLAN = """\
kind: Plan
application: payments
artifact: pkg:oci/payments
workload: {deployment: payments, container: app, service: payments, route: payments}
metrics: {preset: istio}
stages:
  - name: pilot
    kind: pilot
    regions: [eu-west]
    share: 10%
    after: {verify: 60m}
  - {name: all, kind: wave, regions: [eu-west]}
  - {name: watch, kind: watch, for: 2h}
"""
CUSTOM = "{preset: custom, custom: {requests: http_requests_total, latency: http_request_seconds_bucket}}"


def problems(*changes: tuple[str, str]) -> list[str]:
    text = PLAN
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    checked = check_plan(text)
    return [str(problem) for problem in checked.problems] if isinstance(checked, BadPlan) else []


@pytest.mark.parametrize(
    "metrics",
    [
        "{preset: opentelemetry-http}",
        "{preset: linkerd, labels: {pod: pod_name, namespace: kubernetes_namespace, region: none}}",
        "{preset: envoy-gateway, interval: 30s, outage: 5m}",
        "{preset: nginx}",
        CUSTOM,
        "{preset: custom, custom: {requests: r_total, code: result, failed: [timeout, '5'], where: {side: in}}}",
    ],
)
def test_each_preset_can_be_written(metrics: str) -> None:
    assert problems(("{preset: istio}", metrics)) == []


def test_what_is_not_written_has_its_usual_value() -> None:
    checked = check_plan(PLAN)
    assert isinstance(checked, GoodPlan)
    metrics, pilot = checked.plan.metrics, checked.plan.stages[0]
    assert (metrics.interval, metrics.outage, metrics.labels.pod) == (15, 600, "pod")
    assert pilot.kind == "pilot"
    assert (pilot.after.soak, pilot.after.margins.errors, pilot.after.margins.latency) == (0, 1.5, 0.2)


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        (
            "{preset: datadog}",
            (
                "line 5: metrics.preset: 'datadog' is not possible here: write 'opentelemetry-http', 'istio', "
                "'linkerd', 'envoy-gateway', 'nginx' or 'custom'"
            ),
        ),
        (
            "{preset: custom}",
            (
                "line 5: metrics: the preset custom names no series: write custom: {requests: http_requests_total, "
                "latency: http_request_duration_seconds_bucket}"
            ),
        ),
        (
            "{preset: istio, custom: {requests: r_total}}",
            "line 5: metrics: the preset istio names its own series: remove custom, or write preset: custom",
        ),
        (
            "{preset: custom, custom: {requests: 'up or vector(1)'}}",
            (
                "line 5: metrics.custom.requests: 'up or vector(1)' is not possible here: write the name of a "
                "counter, letters, digits and underscores, such as http_requests_total"
            ),
        ),
        (
            CUSTOM.replace("_bucket", ""),
            (
                "line 5: metrics.custom.latency: 'http_request_seconds' is not possible here: write the name of a "
                "histogram's buckets, such as http_request_duration_seconds_bucket"
            ),
        ),
        (
            "{preset: custom, custom: {requests: r_total, failed: ['5.*']}}",
            (
                "line 5: metrics.custom.failed[0]: '5.*' is not possible here: write letters, digits and . _ / -, "
                "beginning with a letter or digit, such as 5"
            ),
        ),
        (
            "{preset: istio, labels: {pod: 'a-b'}}",
            (
                "line 5: metrics.labels.pod: 'a-b' is not possible here: write the name of a label, letters, digits "
                "and underscores, such as code"
            ),
        ),
        ("{preset: istio, outage: 0s}", "line 5: metrics.outage: 0s is out of range: write more than 0s"),
    ],
)
def test_series_that_may_not_be_asked_for_are_told_with_what_to_write(metrics: str, told: str) -> None:
    assert problems(("{preset: istio}", metrics)) == [told]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (
            "{verify: 1m}",
            (
                "line 11: stages[0].after.verify: 1m have fewer than 10 scrapes of 15s, too few to pass: "
                "write at least 150s, or a shorter metrics.interval"
            ),
        ),
        (
            "{verify: 60m, soak: 90m}",
            (
                "line 11: stages[0].after.soak: nothing could pass: the pilot soaks for 90m and is compared for 1h: "
                "write at most 1h"
            ),
        ),
        (
            "{verify: 60m, margins: {errors: 1}}",
            "line 11: stages[0].after.margins.errors: 1 is out of range: write more than 1.05",
        ),
        (
            "{verify: 60m, margins: {errors: much}}",
            (
                "line 11: stages[0].after.margins.errors: 'much' has the wrong type: write a number, such as 1.5"
            ),
        ),
        (
            "{verify: 60m, margins: {latency: 5%}}",
            "line 11: stages[0].after.margins.latency: 5% is out of range: write more than 5%",
        ),
    ],
)
def test_a_verification_that_cannot_decide_is_told_with_what_to_write(after: str, told: str) -> None:
    assert problems(("{verify: 60m}", after)) == [told]


@pytest.mark.parametrize("preset", ["envoy-gateway", "nginx"])
def test_a_gateway_cannot_tell_the_pilot_without_a_route(preset: str) -> None:
    assert problems((", route: payments", ""), ("preset: istio", f"preset: {preset}")) == [
        (
            f"line 5: metrics.preset: {preset} counts by backend, and without an HTTPRoute the pilot has none of its own: "
            "name it as workload.route, or write a preset that counts by pod, such as opentelemetry-http or istio"
        )
    ]
