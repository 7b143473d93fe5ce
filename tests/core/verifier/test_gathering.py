"""From raw samples to evidence: the grid, counters that begin anew, scrapes that are missing, pods that come and go."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lockgate.messages.plan_metrics import Metrics
from lockgate.verifier.core.measure import HISTORY, Elsewhere, Measure, Pods
from lockgate.verifier.gathering import BOTH, START, Gathering
from lockgate.verifier.presets import preset_of
from lockgate.verifier.prometheus import Series
from lockgate.verifier.statistics.evidence import parse

SINCE = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
STEP = 10.0
COUNT = "http_server_request_duration_seconds_count"
BUCKET = "http_server_request_duration_seconds_bucket"
LATENCY = {"preset": "opentelemetry-http"}
PLAIN = {"preset": "custom", "custom": {"requests": "r_total"}}


class Both(Gathering):
    """In every scrape something of both arms was scraped, beside what a test is about, and production before the start too."""

    def _arms(self, _index: int) -> frozenset[str]:
        return BOTH

    def _is_known(self) -> bool:
        return True


def gathering(metrics: Mapping[str, Any] = PLAIN, kind: type[Gathering] = Both) -> Gathering:
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
        policy={"required": ["errors"], "min_strata": 3},
    )
    return kind(order, preset_of(asked))


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
    assert run(pod(evidence)["requests"]) == [2, 8, 9, 16]
    assert pod(evidence)["requests"][HISTORY - 1] == 0
    assert (evidence["start"], evidence["weight"][START - 1 : START + 1]) == (START, [0.0, 0.1])


def test_an_interval_without_a_sample_is_a_failed_scrape_and_its_requests_come_with_the_next() -> None:
    assert run(pod(taken([series((0, 3), (21, 17))]))["requests"]) == [0, None, None, 14]


def test_requests_are_added_up_over_series_and_some_are_errors() -> None:
    evidence = taken([series((0, 3), (10, 5)), series((10, 2), code="503"), series((10, 4), code="404")])
    assert run(pod(evidence)["requests"]) == [0, 8, None, None]
    assert run(pod(evidence)["errors"]) == [0, 2, None, None]


def test_a_counter_that_fell_began_anew_with_all_of_its_pod() -> None:
    evidence = taken([series((0, 100), (10, 7)), series((0, 40), (10, 50), code="500")])
    assert run(pod(evidence)["requests"])[:2] == [0, 7 + 50]
    assert run(pod(evidence)["errors"])[:2] == [0, 50]


def test_a_restart_between_two_samples_of_one_interval_is_seen() -> None:
    assert run(pod(taken([series((0, 100), (3, 104), (6, 1), (9, 120))]))["requests"])[:2] == [0, 4 + 120]


def test_a_series_that_is_no_longer_told_takes_nothing_away() -> None:
    evidence = taken([series((0, 100), (10, 110), (20, 120)), series((0, 40), code="500")])
    assert run(pod(evidence)["requests"])[:3] == [0, 10, 20]


def test_a_restart_that_is_seen_late_by_a_series_that_comes_back_doubles_nothing() -> None:
    """The container restarted between 0 and 10, but its 200s had caught up by then; its 500s come again at 20."""
    evidence = taken(
        [series((0, 100), (10, 130), (20, 150), (30, 170)), series((0, 40), (20, 1), (30, 2), code="500")]
    )
    assert run(pod(evidence)["requests"]) == [0, 30, 30 + 20 + 1, 51 + 20 + 1]
    assert run(pod(evidence)["errors"]) == [0, 0, 1, 2]


def test_a_restart_of_a_pod_that_is_scraped_twice_begins_both_anew() -> None:
    one = [series((0, 100), (10, 110), (20, 5)), series((0, 40), (10, 40), (20, 3), code="500")]
    two = [series((-1, 100), (9, 111), (19, 6), code="302")]
    assert run(pod(taken([*one, *two]))["requests"]) == [140, 140 + 10 + 11, 161 + 6 + 5 + 3, None]


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
    gathered.take(START, START, [series((-5, 1), (1, 2), (5, 4), (15, 9))])
    evidence = gathered.evidence(2)
    assert isinstance(evidence, dict)
    assert run(pod(evidence)["requests"]) == [None, 2]


def test_pods_that_come_and_go_are_told_apart_by_arm() -> None:
    evidence = taken([series((0, 1), (10, 2)), series((20, 5), pod="p-b"), series((9, 1), pod="p-pilot-8-x")])
    assert {one["name"]: one["arm"] for one in evidence["pods"]} == {
        "p-a": "baseline",
        "p-b": "baseline",
        "p-pilot-8-x": "pilot",
    }
    assert run(pod(evidence, "p-b")["requests"]) == [None, None, 0, None]


def test_series_of_other_pods_are_left_out() -> None:
    assert gathering().missing == "there are no samples of r_total"
    gathered = gathering()
    gathered.take(0, START, [series((0, 1), pod="q-a")])
    assert gathered.missing == "there are no samples of r_total"


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
    assert run(pod(evidence)["requests"])[:2] == [0, 5 + 3]
    assert run(pod(evidence)["errors"])[:2] == [0, 3]
    assert run(pod(evidence)["buckets"])[:2] == [[0, 0, 0], [2, 4 + 1, 5 + 3]]


def test_a_fall_of_a_bucket_is_a_restart_even_if_the_count_has_caught_up() -> None:
    told = histogram((0, {"0.1": 5, "+Inf": 6}), (10, {"0.1": 2, "+Inf": 9}))
    evidence = taken(told, metrics=LATENCY)
    assert run(pod(evidence)["requests"])[:2] == [0, 9]
    assert run(pod(evidence)["buckets"])[:2] == [[0, 0], [2, 9]]


def test_only_bounds_that_all_series_of_a_pod_have_can_be_added_up() -> None:
    told = [
        *histogram((-10, {"0.1": 0, "0.5": 0, "+Inf": 0}), (0, {"0.1": 5, "0.5": 6, "+Inf": 6})),
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


def apart(*counted: tuple[float, float, float, float]) -> dict[str, Any]:
    """Of requests, errors among them, and a histogram without codes, counted apart. All requests are fast."""
    moments = [10.0 * k for k in range(len(counted))]
    found = [
        series(*((at, one[0] - one[1]) for at, one in zip(moments, counted, strict=True)), name=COUNT),
        series(*((at, one[1]) for at, one in zip(moments, counted, strict=True)), name=COUNT, code="503"),
        *(
            series(
                *((at, one[k]) for at, one in zip(moments, counted, strict=True)), name=BUCKET, le=le, code=""
            )
            for le, k in (("0.1", 3), ("+Inf", 2))
        ),
    ]
    return pod(taken(found, scrapes=len(counted) - 1, metrics=LATENCY))


def test_requests_that_are_not_in_the_histogram_yet_are_not_slow() -> None:
    found = apart((100, 0, 100, 100), (250, 0, 230, 230), (400, 0, 400, 400))
    assert run(found["requests"]) == [0, 130, 300]
    assert run(found["buckets"]) == [[0, 0], [130, 130], [300, 300]]


def test_requests_that_never_come_into_the_histogram_are_counted_one_scrape_later() -> None:
    found = apart((100, 0, 100, 100), (250, 150, 100, 100), (400, 300, 100, 100), (550, 450, 100, 100))
    assert run(found["requests"]) == [0, 0, 150, 300]
    assert run(found["errors"]) == [0, 0, 150, 300]
    assert run(found["buckets"]) == [[0, 0]] * 4


def test_errors_never_grow_by_more_than_the_requests_beside_them() -> None:
    found = apart(
        (1000, 0, 1000, 1000), (1100, 0, 1100, 1100), (1200, 100, 1150, 1150), (1300, 100, 1300, 1300)
    )
    assert run(found["requests"]) == [0, 100, 150, 300]
    assert run(found["errors"]) == [0, 0, 50, 100]


# --- half a sample --------------------------------------------------------------------------------------------

PAST = {"0.1": 600_000.0, "0.5": 990_000.0, "+Inf": 1_000_000.0}
"""What a pod has counted that is up for long."""


def grown(scrapes: int) -> dict[str, float]:
    """Of 150 requests a scrape, 60 % are faster than 0.1 s and 1 % slower than 0.5 s."""
    return {
        le: count + 150.0 * scrapes * share
        for (le, count), share in zip(PAST.items(), (0.6, 0.99, 1.0), strict=True)
    }


@pytest.mark.parametrize(
    "missing",
    [{"0.1", "0.5", "+Inf", ""}, {"0.1", "0.5", "+Inf"}, {"+Inf"}, {"0.5", "+Inf"}, {""}],
    ids=["all", "buckets", "last", "some", "count"],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_moment_at_which_a_part_was_not_sampled_is_a_failed_scrape(missing: set[str], at: int) -> None:
    gathered = gathering(LATENCY)
    for scrape in range(4):
        found = histogram((STEP * scrape, grown(scrape)))
        left = [one for one in found if scrape != at or one.labels.get("le", "") not in missing]
        gathered.take(HISTORY + scrape, HISTORY + scrape, left)
    evidence = gathered.evidence(3)
    assert isinstance(evidence, dict)
    parse(evidence)
    begin = 150 if at == 0 else 0
    counted = [None if scrape == at else 150 * scrape - begin for scrape in range(4)]
    assert run(pod(evidence)["requests"]) == counted
    assert [row and row[-1] for row in run(pod(evidence)["buckets"])] == counted


def test_a_bucket_that_the_first_sample_did_not_have_begins_with_the_next() -> None:
    gathered = gathering(LATENCY)
    for scrape in range(4):
        found = histogram((STEP * scrape, grown(scrape)))
        gathered.take(HISTORY + scrape, HISTORY + scrape, found[scrape == 0 :])
    evidence = gathered.evidence(3)
    assert isinstance(evidence, dict)
    parse(evidence)
    assert run(pod(evidence)["requests"]) == [0, None, 150, 300]
    assert run(pod(evidence)["buckets"])[2:] == [[90, 148, 150], [180, 297, 300]]


def test_the_last_whole_sample_of_an_interval_counts() -> None:
    told = histogram((0, grown(0)), (4, grown(1)))
    told.append(series((8, grown(2)["+Inf"]), name=COUNT))
    assert run(pod(taken(told, metrics=LATENCY))["requests"])[:2] == [0, 150]


@pytest.mark.parametrize(
    "odd", [(600_090.0, 600_080.0), (600_140.0, 990_100.0)], ids=["in it", "since the last"]
)
def test_counts_that_fall_from_bound_to_bound_are_a_failed_scrape_and_harm_no_later_one(
    odd: tuple[float, float],
) -> None:
    told = {"0.1": odd[0], "0.5": odd[1], "+Inf": 1_000_150.0}
    evidence = taken(histogram((-10, grown(0)), (0, told), (10, grown(2)), (20, grown(3))), 3, LATENCY)
    rows = run(pod(evidence)["requests"])
    assert rows[0] is None
    assert 0 < rows[2] <= 450


def test_bounds_in_milliseconds_are_seconds_in_the_evidence() -> None:
    metrics = {
        "preset": "custom",
        "custom": {"requests": COUNT, "latency": BUCKET, "unit": "ms", "code": "code"},
    }
    told = histogram((0, {"100": 5, "2500": 6, "+Inf": 6}))
    assert taken(told, metrics=metrics)["bounds"] == [0.1, 2.5]


@pytest.mark.parametrize("bound", ["0", "0.0", "-1", "NaN", "-Inf", "many"])
def test_bounds_that_are_not_above_0_are_left_out(bound: str) -> None:
    told = histogram((0, {bound: 0, "0.1": 5, "+Inf": 6}), (10, {bound: 1, "0.1": 7, "+Inf": 9}))
    evidence = taken(told, metrics=LATENCY)
    assert evidence["bounds"] == [0.1]
    assert run(pod(evidence)["buckets"])[:2] == [[0, 0], [2, 3]]


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        ([], f"there are no samples of {COUNT} and {BUCKET}"),
        (
            [series((0, 8), name=COUNT)],
            f"there are no samples of {COUNT} and {BUCKET} at the same moment, with all buckets",
        ),
        (histogram((0, {"0.1": 8, "+Inf": 8})), "there are no samples of the pilot"),
        (histogram((0, {"0.1": 8, "+Inf": 8}), name="p-pilot-8-x"), "there are no samples of production"),
    ],
)
def test_what_is_missing_is_said(found: list[Series], missing: str) -> None:
    gathered = gathering(LATENCY)
    gathered.take(0, START, found)
    assert gathered.missing == missing


def test_buckets_without_a_bound_that_can_be_compared_are_no_evidence() -> None:
    gathered = gathering(LATENCY)
    gathered.take(0, START, histogram((0, {"+Inf": 8})))
    assert gathered.evidence(1) == f"{BUCKET} has no bounds that can be compared"


# --- scrapes in which there is nothing to compare ----------------------------------------------------------------


def test_only_scrapes_of_both_arms_are_evidence_and_no_request_between_them_is_lost() -> None:
    gathered = gathering(kind=Gathering)
    pilot = series((0, 0), (10, 1), (20, 2), (40, 4), (80, 8), pod="p-pilot-8-x")
    production = series((-10, 0), (0, 5), (10, 15), (30, 35), (40, 45), (70, 75), (80, 85))
    gathered.take(0, HISTORY + 8, [pilot, production])
    assert gathered.compared == [HISTORY + 1, HISTORY + 4, HISTORY + 8]
    evidence = gathered.evidence(3)
    assert isinstance(evidence, dict)
    assert run(pod(evidence)["requests"]) == [5, 15, 45, 85]
    assert run(pod(evidence, "p-pilot-8-x")["requests"]) == [0, 1, 4, 8]
    assert evidence["weight"][START:] == [0.1, 0.1, 0.1]
    assert parse(evidence).scrapes == START + 3


def test_scrapes_before_the_start_are_history_whatever_was_scraped() -> None:
    gathered = gathering(kind=Gathering)
    gathered.take(0, HISTORY, [series((-20, 1), (0, 3))])
    assert gathered.compared == []
    assert gathered.missing == "there are no samples of the pilot"


@pytest.mark.parametrize(
    "before", [(), ((0, 0),), ((-10, 7), (0, 7))], ids=["no sample", "one sample", "no request"]
)
def test_the_first_scrapes_stand_in_for_a_history_that_there_is_not(
    before: tuple[tuple[float, float], ...],
) -> None:
    gathered = gathering(kind=Gathering)
    both = [(10 * at, 10 * at) for at in range(1, 6)]
    gathered.take(0, HISTORY + 2, [series(*before, *both), series(*both, pod="p-pilot-8-x")])
    assert (gathered.compared, gathered.scrapes) == ([START, START + 1], 0)
    gathered.take(START + 2, START + 4, [series(*both), series(*both, pod="p-pilot-8-x")])
    assert (len(gathered.compared), gathered.scrapes) == (5, 2)
    evidence = gathered.evidence(2)
    assert isinstance(evidence, dict)
    assert (evidence["start"], evidence["weight"][START:]) == (START + 3, [0.0, 0.0, 0.0, 0.1, 0.1])
    assert (parse(evidence).start, parse(evidence).scrapes) == (START + 3, START + 5)


def test_two_scrapes_of_production_with_requests_before_the_start_are_a_history() -> None:
    gathered = gathering(kind=Gathering)
    gathered.take(0, START, [series((-10, 0), (0, 3), (10, 5)), series((10, 1), pod="p-pilot-8-x")])
    assert (gathered.lent, gathered.scrapes) == (0, 1)


REPLICA = "p-6d4f9c-{}"
"""Old pods end with b, new ones with n."""


def of_regions(*found: Series, scrapes: int = 2) -> Gathering:
    """A region, since its rollout 30 s before the start, beside another one; a scrape before the rollout is known."""
    order = gathering(kind=Gathering).order.model_copy(
        update={
            "pods": Pods(namespace="shop", pilot="", baseline="p", service="p", route=None),
            "began": SINCE - timedelta(seconds=30),
            "history": 1,
            "control": (Elsewhere(region="north", namespace="shop"),),
        }
    )
    gathered = Gathering(order, preset_of(order.metrics))
    gathered.take(0, 1 + scrapes, found)
    return gathered


def there(region: str, pod: str, *points: tuple[float, float]) -> Series:
    found = series(*points, pod=REPLICA.format(pod))
    return Series({**found.labels, "region": region, "namespace": "shop"}, found.points)


def test_a_pod_on_its_way_out_is_not_what_a_region_is_compared_by_after_its_rollout() -> None:
    """It is scraped for the last time in the scrape that ends with the start."""
    gathered = of_regions(
        there("eu-west", "bbbbb", (-35, 1), (-5, 4), (5, 4)),
        there("eu-west", "nnnnn", (5, 1), (15, 2)),
        there("north", "bbbbb", (-35, 1), (-5, 2), (5, 3), (15, 4)),
    )
    found = gathered.evidence(2)
    assert isinstance(found, dict)
    assert {one["name"]: (one["arm"], one["requests"]) for one in found["pods"]} == {
        "eu-west/p-6d4f9c-bbbbb": ("pilot", [0, None, None, None]),
        "eu-west/p-6d4f9c-nnnnn": ("pilot", [None, None, 0, 1]),
        "north/p-6d4f9c-bbbbb": ("baseline", [0, 1, 2, 3]),
    }
    assert [one["requests"] for one in gathered.more(1, 2)["pods"]] == [[None], [1], [3]]


def test_pods_that_ran_the_version_already_are_what_a_region_is_compared_by() -> None:
    gathered = of_regions(
        there("eu-west", "bbbbb", (-35, 1), (-5, 4), (5, 5), (15, 6)),
        there("north", "bbbbb", (-35, 1), (-5, 2), (5, 3), (15, 4)),
    )
    found = gathered.evidence(2)
    assert isinstance(found, dict)
    assert [one["requests"] for one in found["pods"]] == [[0, 3, 4, 5], [0, 1, 2, 3]]


def test_what_a_region_lacks_is_said_by_its_name() -> None:
    assert of_regions(there("north", "bbbbb", (-35, 1))).missing == "there are no samples of the region"
    lacking = of_regions(there("eu-west", "bbbbb", (-35, 1))).missing
    assert lacking == "there are no samples of the regions without the release"
