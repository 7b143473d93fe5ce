"""From raw samples to evidence: the grid, counters that begin anew, scrapes that are missing, pods that come and go."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from lockgate.messages.plan import Metrics
from lockgate.verifier.core.measure import Measure, Pods
from lockgate.verifier.gathering import HISTORY, START, Gathering
from lockgate.verifier.presets import preset_of
from lockgate.verifier.prometheus import Series
from lockgate.verifier.statistics.evidence import parse

SINCE = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
STEP = 10.0
COUNT = "http_server_request_duration_seconds_count"
BUCKET = "http_server_request_duration_seconds_bucket"
LATENCY = {"preset": "opentelemetry-http"}
PLAIN = {"preset": "custom", "custom": {"requests": "r_total"}}


def gathering(metrics: Mapping[str, Any] = PLAIN) -> Gathering:
    asked = Metrics.model_validate(metrics)
    order = Measure(
        release="r",
        stage="pilot",
        region="eu-west",
        since=SINCE,
        step=STEP,
        scrapes=10,
        share=0.1,
        metrics=asked,
        pods=Pods(namespace="shop", pilot="p-pilot-8-", baseline="p-", service="p", route=None),
        policy={"required": ["errors"]},
    )
    return Gathering(order, preset_of(asked))


def series(
    *points: tuple[float, float], pod: str = "p-a", name: str = "r_total", code: str = "200", le: str = ""
) -> Series:
    """Points by seconds since the start."""
    labels = {"__name__": name, "pod": pod, "code": code, "http_response_status_code": code}
    more = {"le": le} if le else {}
    return Series(labels | more, tuple((SINCE.timestamp() + at, value) for at, value in points))


def taken(found: Iterable[Series], scrapes: int = 3, metrics: Mapping[str, Any] = PLAIN) -> dict[str, Any]:
    """Evidence of so many scrapes, all samples in one answer."""
    gathered = gathering(metrics)
    gathered.take(0, HISTORY + scrapes, found)
    evidence = gathered.evidence(scrapes)
    assert isinstance(evidence, dict)
    parse(evidence)
    return evidence


def pod(evidence: dict[str, Any], name: str = "p-a") -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in evidence["pods"] if one["name"] == name)
    return found


def run(values: list[Any]) -> list[Any]:
    """From the scrape at the start on."""
    return values[HISTORY:]


def test_the_newest_sample_in_a_scrape_interval_counts() -> None:
    evidence = taken([series((-10, 1), (-3, 2), (0, 3), (0.1, 4), (10, 9), (10.1, 10), (29, 17))])
    assert run(pod(evidence)["requests"]) == [3, 9, 10, 17]
    assert pod(evidence)["requests"][HISTORY - 1] == 1
    assert (evidence["start"], evidence["weight"][START - 1 : START + 1]) == (START, [0.0, 0.1])


def test_an_interval_without_a_sample_is_a_failed_scrape_and_its_requests_come_with_the_next() -> None:
    assert run(pod(taken([series((0, 3), (21, 17))]))["requests"]) == [3, None, None, 17]


def test_requests_are_added_up_over_series_and_some_are_errors() -> None:
    evidence = taken([series((0, 3), (10, 5)), series((10, 2), code="503"), series((10, 4), code="404")])
    assert run(pod(evidence)["requests"]) == [3, 11, None, None]
    assert run(pod(evidence)["errors"]) == [0, 2, None, None]


def test_a_counter_that_fell_began_anew_with_all_of_its_pod() -> None:
    evidence = taken([series((0, 100), (10, 7)), series((0, 40), (10, 50), code="500")])
    assert run(pod(evidence)["requests"])[:2] == [140, 140 + 7 + 50]
    assert run(pod(evidence)["errors"])[:2] == [40, 40 + 50]


def test_a_restart_between_two_samples_of_one_interval_is_seen() -> None:
    assert run(pod(taken([series((0, 100), (3, 104), (6, 1), (9, 120))]))["requests"])[:2] == [100, 224]


def test_a_series_that_is_no_longer_told_takes_nothing_away() -> None:
    evidence = taken([series((0, 100), (10, 110), (20, 120)), series((0, 40), code="500")])
    assert run(pod(evidence)["requests"])[:3] == [140, 150, 160]


def test_answers_in_parts_give_the_same_as_all_at_once() -> None:
    points = [(at, float(3 * at + 400)) for at in range(-100, 31, 4)]
    whole, parts = gathering(), gathering()
    whole.take(0, HISTORY + 3, [series(*points)])
    for index in range(HISTORY - 12, HISTORY + 4):
        begin = (index - HISTORY - 1) * STEP
        parts.take(index, index, [series(*((at, v) for at, v in points if begin - 5 < at <= begin + STEP))])
    assert whole.evidence(3) == parts.evidence(3)


def test_samples_before_or_after_what_was_asked_for_are_not_looked_at() -> None:
    gathered = gathering()
    gathered.take(START, START, [series((-5, 1), (5, 2), (15, 9))])
    evidence = gathered.evidence(2)
    assert isinstance(evidence, dict)
    assert run(pod(evidence)["requests"]) == [None, 2, None]


def test_pods_that_come_and_go_are_told_apart_by_arm() -> None:
    evidence = taken([series((0, 1), (10, 2)), series((20, 5), pod="p-b"), series((9, 1), pod="p-pilot-8-x")])
    assert {one["name"]: one["arm"] for one in evidence["pods"]} == {
        "p-a": "baseline",
        "p-b": "baseline",
        "p-pilot-8-x": "pilot",
    }
    assert run(pod(evidence, "p-b")["requests"]) == [None, None, 5, None]


def test_series_of_other_pods_are_left_out() -> None:
    assert gathering().evidence(1) == "there are no samples of r_total"
    gathered = gathering()
    gathered.take(0, START, [series((0, 1), pod="q-a")])
    assert gathered.evidence(1) == "there are no samples of r_total"


# --- histograms -----------------------------------------------------------------------------------------------


def histogram(*points: tuple[float, dict[str, float]], code: str = "200", name: str = "p-a") -> list[Series]:
    """Cumulative counts by bound, and the count of all, at some moments."""
    bounds = points[0][1]
    buckets = [
        series(*((at, told[le]) for at, told in points), name=BUCKET, le=le, code=code, pod=name)
        for le in bounds
    ]
    whole = series(*((at, told["+Inf"]) for at, told in points), name=COUNT, code=code, pod=name)
    return [*buckets, whole]


def test_buckets_are_added_up_over_series_by_bound() -> None:
    good = histogram((0, {"0.1": 5, "0.5": 8, "+Inf": 9}), (10, {"0.1": 7, "0.5": 12, "+Inf": 14}))
    bad = histogram((10, {"0.1": 0, "0.5": 1, "+Inf": 3}), code="500")
    evidence = taken([*good, *bad], metrics=LATENCY)
    assert evidence["bounds"] == [0.1, 0.5]
    assert run(pod(evidence)["requests"])[:2] == [9, 17]
    assert run(pod(evidence)["errors"])[:2] == [0, 3]
    assert run(pod(evidence)["buckets"])[:2] == [[5, 8, 9], [7, 13, 17]]


def test_a_fall_of_a_bucket_is_a_restart_even_if_the_count_has_caught_up() -> None:
    told = histogram((0, {"0.1": 5, "+Inf": 6}), (10, {"0.1": 2, "+Inf": 9}))
    evidence = taken(told, metrics=LATENCY)
    assert run(pod(evidence)["requests"])[:2] == [6, 15]
    assert run(pod(evidence)["buckets"])[:2] == [[5, 6], [7, 15]]


def test_only_bounds_that_all_series_of_a_pod_have_can_be_added_up() -> None:
    told = [
        *histogram((0, {"0.1": 5, "0.5": 6, "+Inf": 6})),
        *histogram((0, {"0.5": 1, "+Inf": 2}), code="500"),
    ]
    evidence = taken(told, metrics=LATENCY)
    assert pod(evidence)["bounds"] == [0.5]
    assert run(pod(evidence)["buckets"])[0] == [7, 8]


def test_pods_with_different_bounds_are_compared_by_those_that_both_have() -> None:
    told = [
        *histogram((0, {"0.1": 5, "0.5": 6, "+Inf": 6})),
        *histogram((0, {"0.5": 6, "1.0": 6, "+Inf": 6}), name="p-pilot-8-x"),
    ]
    assert parse(taken(told, metrics=LATENCY)).bounds == (0.5,)


def test_a_histogram_that_is_ahead_of_the_count_of_its_requests_leads() -> None:
    told = [series((0, 8), name=COUNT), *histogram((0, {"0.1": 9, "+Inf": 10}))[:-1]]
    assert run(pod(taken(told, metrics=LATENCY))["requests"])[0] == 10


def test_bounds_in_milliseconds_are_seconds_in_the_evidence() -> None:
    metrics = {
        "preset": "custom",
        "custom": {"requests": COUNT, "latency": BUCKET, "unit": "ms", "code": "code"},
    }
    told = histogram((0, {"100": 5, "2500": 6, "+Inf": 6}))
    assert taken(told, metrics=metrics)["bounds"] == [0.1, 2.5]


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        ([], f"there are no samples of {COUNT} and {BUCKET}"),
        ([series((0, 8), name=COUNT)], f"there are no samples of {COUNT} and {BUCKET}"),
        (histogram((0, {"+Inf": 8})), f"{BUCKET} has no bounds that can be compared"),
    ],
)
def test_what_is_missing_is_said(found: list[Series], missing: str) -> None:
    gathered = gathering(LATENCY)
    gathered.take(0, START, found)
    assert gathered.evidence(1) == missing
