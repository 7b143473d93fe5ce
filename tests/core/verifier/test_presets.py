"""How samples of a preset are read: which pod belongs to which arm, and what is an error."""

import pytest

from lockgate.verifier.core.measure import Pods
from lockgate.verifier.presets import PRESETS, arm_of, query, scrapes
from lockgate.verifier.prometheus import Series
from lockgate.verifier.statistics.strata import Arm

OTEL = PRESETS["opentelemetry-http"]
PODS = Pods(namespace="shop", pilot="payments-pilot-8-", baseline="payments-")


@pytest.mark.parametrize(
    ("name", "arm"),
    [
        ("payments-6d4f9c-abcde", Arm.BASELINE),
        ("payments-pilot-8-7c5d-fghij", Arm.PILOT),  # both prefixes fit: the longer one says
        ("paymentsx-6d4f9c-abcde", None),
        ("checkout-6d4f9c-abcde", None),
    ],
)
def test_a_pod_belongs_to_the_arm_with_the_longest_prefix(name: str, arm: Arm | None) -> None:
    assert arm_of(PODS, name) is arm


def test_a_prefix_ends_with_a_dash_whoever_forgot_it() -> None:
    pods = Pods(namespace="shop", pilot="payments-pilot-8", baseline="payments")
    assert query(OTEL, "eu-west", pods) == query(OTEL, "eu-west", PODS)
    assert arm_of(pods, "payments-pilot-8-7c5d-fghij") is Arm.PILOT


def test_the_query_asks_for_both_arms_of_one_region_and_namespace() -> None:
    assert query(OTEL, "eu-west", PODS) == (
        'http_server_request_duration_seconds_count{namespace="shop",region="eu-west",'
        'pod=~"payments-.*|payments-pilot-8-.*"}'
    )


def test_series_of_one_pod_and_moment_are_one_scrape_and_5xx_are_errors() -> None:
    def series(pod: str, code: str, route: str, value: float) -> Series:
        labels = {"pod": pod, "http_response_status_code": code, "http_route": route}
        return Series(labels, ((10.0, value),))

    found = scrapes(
        OTEL,
        PODS,
        [
            series("payments-a", "200", "/pay", 5),
            series("payments-a", "200", "/healthz", 7),
            series("payments-a", "503", "/pay", 1),
            series("checkout-a", "200", "/pay", 9),
        ],
    )
    assert [(scrape.at, scrape.pod, scrape.arm) for scrape in found] == [(10.0, "payments-a", Arm.BASELINE)]
    assert sorted(found[0].values.values()) == [(1, True), (5, False), (7, False)]
