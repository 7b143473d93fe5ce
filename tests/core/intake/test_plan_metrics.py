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


CANARY = "{name: all, kind: wave, regions: [eu-west], strategy: {canary: [10%, 50%], verify: 30m}}"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("verify: 30m", []),
        ("verify: 30m, soak: 5m, margins: {errors: 2}, on-inconclusive: {extend: 10m, then: hold}", []),
        (
            "verify: 1m",
            [
                (
                    "strategy.verify: 1m have fewer than 10 scrapes of 15s, too few to pass: write at least 150s, or a shorter "
                    "metrics.interval"
                )
            ],
        ),
        (
            "verify: 30m, soak: 60m",
            [
                "strategy.soak: nothing could pass: the canary soaks for 1h and is compared for 30m: write at most 30m"
            ],
        ),
        (
            "margins: {errors: 2}",
            [
                (
                    "strategy.margins: `margins` is of a comparison, and the canary has none: write verify: 30m beside it, or "
                    "remove it"
                )
            ],
        ),
    ],
)
def test_a_canary_may_be_compared_between_its_steps(written: str, told: list[str]) -> None:
    wave = CANARY.replace("verify: 30m", written)
    found = problems(("{name: all, kind: wave, regions: [eu-west]}", wave))
    assert found == [f"line 12: stages[1].{each}" for each in told]


def test_of_a_canary_at_100_percent_nothing_is_left_to_compare_it_with() -> None:
    wave = CANARY.replace("[10%, 50%]", "[100%]")
    assert problems(("{name: all, kind: wave, regions: [eu-west]}", wave)) == [
        (
            "line 12: stages[1].strategy.verify: at 100 % no production is left beside the canary: begin it with a smaller "
            "share, or leave `verify` out"
        )
    ]


def test_no_more_is_compared_than_there_are_false_alarms_and_places_for() -> None:
    def told_of(count: int) -> list[str]:
        regions = ", ".join(f"r{n}" for n in range(count))
        wave = CANARY.replace("[eu-west]", f"[eu-west, {regions}], max-parallel: 21")
        return problems(("{name: all, kind: wave, regions: [eu-west]}", wave))

    assert told_of(19) == []
    assert told_of(20) == [
        (
            "line 12: stages[1].max-parallel: at most 20 regions are compared at once: write at most 20, or leave `verify` out"
        )
    ]
    assert told_of(500) == [
        (
            "line 12: stages[1].strategy.verify: 1002 steps in regions are to be compared, and 1000 are the most in a plan: "
            "leave `verify` out in the later waves, or write fewer shares"
        )
    ]


WAVES = (
    "{name: all, kind: wave, regions: [eu-west]}",
    """{name: first, kind: wave, regions: [eu-west], after: {verify: 30m}}
  - {name: rest, kind: wave, regions: [us-east]}""",
)
"""The first wave is compared with the region of the second one."""


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("verify: 30m", []),
        ("verify: 30m, bake: 10m, margins: {errors: 2}, on-inconclusive: {extend: 10m, then: hold}", []),
        (
            "verify: 1m",
            [
                (
                    "after.verify: 1m have fewer than 10 scrapes of 15s, too few to pass: write at least 150s, or a shorter "
                    "metrics.interval"
                )
            ],
        ),
        (
            "verify: 30m, soak: 60m",
            [
                "after.soak: nothing could pass: the wave soaks for 1h and is compared for 30m: write at most 30m"
            ],
        ),
        (
            "bake: 10m, soak: 5m",
            [
                (
                    "after.soak: `soak` is of a comparison, and the wave has none: write verify: 30m beside it, or "
                    "remove it"
                )
            ],
        ),
    ],
)
def test_a_wave_may_be_compared_with_the_regions_after_it(written: str, told: list[str]) -> None:
    found = problems(WAVES, ("after: {verify: 30m}", f"after: {{{written}}}"))
    assert found == [f"line 12: stages[1].{each}" for each in told]


@pytest.mark.parametrize(
    "last",
    [
        ("\n  - {name: rest, kind: wave, regions: [us-east]}", ""),
        ("    regions: [eu-west]\n", "    regions: [us-east]\n"),
    ],
    ids=["the last wave", "a wave before those of the pilots"],
)
def test_a_wave_needs_regions_without_the_release_to_be_compared_with(last: tuple[str, str]) -> None:
    assert problems(WAVES, last) == [
        (
            "line 12: stages[1].after.verify: after first no region is left that does not have the release, or only those of "
            "pilots, so there is nothing to compare it with: leave `verify` out here, and write {name: watch, kind: watch, "
            "for: 2h, verify: {}}, in which each region is compared with its own time before"
        )
    ]


def test_no_more_regions_are_compared_as_one_than_a_verdict_can_carry() -> None:
    regions = ", ".join(f"r{n}" for n in range(12))
    assert (
        problems(WAVES, ("[eu-west], after", f"[{regions}], after"), ("[us-east]", "[us-east, eu-west]"))
        == []
    )
    assert problems(WAVES, ("[eu-west], after", f"[eu-west, {regions}], after")) == [
        (
            "line 12: stages[1].after.verify: at most 12 regions are compared as one, and the wave has 13: write smaller waves, "
            "or leave `verify` out"
        )
    ]


def test_a_wave_of_many_regions_has_the_time_that_is_written_for_as_many_scrapes_as_a_pass_needs() -> None:
    regions = ", ".join(f"r{n}" for n in range(11))
    many = ("[eu-west], after", f"[eu-west, {regions}], after")
    extended = ("{verify: 30m}", "{verify: 30m, on-inconclusive: {extend: 30m, then: hold}}")
    assert problems(WAVES, extended) == []
    assert problems(WAVES, many) == []
    assert problems(WAVES, many, extended) == [
        (
            "line 12: stages[1].after.verify: with its extension each of 12 regions has scrapes of 6m, and 30m have fewer than 10 "
            "of them, too few to pass: write less `extend`, a longer `verify`, or smaller waves"
        )
    ]


@pytest.mark.parametrize(
    ("strategy", "least"),
    [
        ("{canary: [10%, 25%, 50%], verify: 30m, soak: 12m}", "36m"),
        ("{canary: [10%, 50%], wait: 20m}", "40m"),
        ("{blue-green: {keep: 2h}}", "2h"),
        ("{canary: [10%, 50%], verify: 30m}", None),
        ("{blue-green: {keep: 30m}}", None),
        ("rolling", None),
    ],
)
def test_a_wave_that_takes_long_by_its_strategy_is_not_compared_hours_later(
    strategy: str, least: str | None
) -> None:
    told = (
        f"line 12: stages[1].after.verify: the wave takes at least {least} by its strategy, and after more than 30m regions differ by the "
        "time of day alone, so nothing could be compared: leave `verify` out of its `after`, or write shorter steps"
    )
    found = problems(WAVES, ("[eu-west], after", f"[eu-west], strategy: {strategy}, after"))
    assert found == ([told] if least else [])


def test_regions_are_told_apart_by_a_label() -> None:
    assert problems(WAVES, ("{preset: istio}", "{preset: istio, labels: {region: none}}")) == [
        (
            "line 5: metrics.labels.region: without a label of the region first cannot be compared with other regions: name the "
            "label, or leave `verify` out of its `after`"
        )
    ]


def test_a_gateway_that_counts_by_route_needs_one_for_a_wave() -> None:
    pilot = PLAN[PLAN.index("  - name: pilot") : PLAN.index("  - {name: all")]
    found = problems(
        (pilot, ""), WAVES, (", route: payments", ""), ("preset: istio", "preset: envoy-gateway")
    )
    assert found == [
        (
            "line 5: metrics.preset: envoy-gateway counts by route, and the workload has no HTTPRoute, so nothing is known of "
            "first: name it as workload.route, or write a preset that counts by pod, such as opentelemetry-http or istio"
        )
    ]


@pytest.mark.parametrize("who", ["pilot", "canary"])
@pytest.mark.parametrize("preset", ["envoy-gateway", "nginx"])
def test_a_gateway_cannot_tell_a_clone_without_a_route(preset: str, who: str) -> None:
    pilot, wave = (
        PLAN[PLAN.index("  - name: pilot") : PLAN.index("  - {name: all")],
        "  - {name: all, kind: wave, regions: [eu-west]}",
    )
    compared = (wave, wave) if who == "pilot" else (f"{pilot}{wave}", f"  - {CANARY}")
    assert problems((", route: payments", ""), ("preset: istio", f"preset: {preset}"), compared) == [
        (
            f"line 5: metrics.preset: {preset} counts by backend, and without an HTTPRoute the {who} has none of its own: "
            "name it as workload.route, or write a preset that counts by pod, such as opentelemetry-http or istio"
        )
    ]
