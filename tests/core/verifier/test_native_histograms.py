"""Native histograms, brought onto bounds that every resolution has: nothing is told of a bound that a bucket lies across."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from lockgate.verifier.core.measure import HISTORY
from lockgate.verifier.gathering import START
from lockgate.verifier.native import (
    NO_NUMBER,
    Cell,
    Histogram,
    Steps,
    cells,
    grown,
    known,
    ladder,
    read_histogram,
)
from lockgate.verifier.prometheus import Series
from lockgate.verifier.statistics.evidence import parse
from lockgate.verifier.units import Form
from tests.core.verifier.test_gathering import BUCKET, COUNT, LATENCY, SINCE, gathering, pod, run, series

NATIVE = "http_server_request_duration_seconds"
ISTIO = {"preset": "istio"}
EIGHTH = 2**0.125
"""What a bucket of resolution 3 grows by."""
QUARTER = 1.189207115002721


def told(count: float, *buckets: tuple[int, str, str, str]) -> dict[str, Any]:
    return {"count": str(count), "sum": "NaN", "buckets": [list(one) for one in buckets]}


def of(*buckets: tuple[float, float, float], more: float = 0.0) -> Histogram:
    return Histogram(sum(many for _, _, many in buckets) + more, buckets)


def native(
    *points: tuple[float, Histogram], pod: str = "p-a", code: str = "200", name: str = NATIVE, **labels: str
) -> Series:
    at = tuple((SINCE.timestamp() + moment, one) for moment, one in points)
    own = {"__name__": name, "pod": pod, "http_response_status_code": code}
    return Series(own | labels, (), at)


def classic(*points: tuple[float, float], pod: str = "p-a") -> list[Series]:
    """Requests that all take from 0.05 to 0.1 s."""
    none = tuple((at, 0.0) for at, _ in points)
    buckets = [series(*none, name=BUCKET, le="0.05", pod=pod)]
    buckets += [series(*points, name=BUCKET, le=le, pod=pod) for le in ("0.1", "+Inf")]
    return [series(*points, name=COUNT, pod=pod), *buckets]


def taken(found: Iterable[Series], scrapes: int = 3, metrics: Mapping[str, Any] = LATENCY) -> dict[str, Any]:
    gathered = gathering(metrics)
    gathered.take(0, HISTORY + scrapes, found)
    evidence = gathered.evidence(scrapes)
    assert isinstance(evidence, dict)
    parse(evidence)
    return evidence


def upto(evidence: dict[str, Any], bound: float, name: str = "p-a") -> list[Any]:
    """What came up to a bound, from the scrape at the start on."""
    one = pod(evidence, name)
    place = one["bounds"].index(bound)
    return [None if row is None else row[place] for row in run(one["buckets"])]


def test_a_sample_is_read_with_its_buckets_and_whatever_its_sum_is() -> None:
    found = read_histogram(told(7, (3, "-0.001", "0.001", "1"), (0, "0.5", "1", "4"), (0, "1", "+Inf", "2")))
    assert found == Histogram(7.0, ((-0.001, 0.001, 1.0), (0.5, 1.0, 4.0), (1.0, inf, 2.0)))
    assert read_histogram({"count": "0", "sum": "0"}) == Histogram(0.0, ())
    assert read_histogram(told(1, (1, "-1", "-0.5", "1"))) == Histogram(1.0, ((-1.0, -0.5, 1.0),))


@pytest.mark.parametrize("count", ["NaN", "+Inf", "-1"])
def test_a_sample_without_a_count_is_none(count: str) -> None:
    assert read_histogram({"count": count, "sum": "1"}) is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"sum": "1"}, "count"),
        ({"count": "many"}, "could not convert"),
        (told(1, (0, "1", "0.5", "1")), "from a lower to a higher"),
        (told(1, (0, "NaN", "0.5", "1")), "from a lower to a higher"),
        (told(1, (0, "+Inf", "+Inf", "1")), "from a lower to a higher"),
        (told(1, (0, "0.5", "1", "-1")), "a count in a bucket"),
        (told(1, (1, "0.5", "1", "1")), "includes its higher bound"),
        (told(1, (9, "0.5", "1", "1")), "includes its higher bound"),
        (told(1, (0, "0.5", "1", "2")), "at most the 1 of the histogram"),
        ({"count": "1", "buckets": [[0, "0.5", "1"]]}, "missing 1 required"),
        ({"count": "1", "buckets": [7]}, "must be an iterable"),
        ({"count": "1", "buckets": [[0, "0.5", "1", "0"]] * 10_001}, "at most 10000 buckets"),
    ],
)
def test_a_malformed_sample_is_refused(given: dict[str, Any], reason: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError), match=reason):
        read_histogram(given)


def test_finer_buckets_are_gathered_on_the_ladder() -> None:
    found = cells(of((1 / EIGHTH, 1.0, 2), (1.0, EIGHTH, 3), (EIGHTH, EIGHTH**2, 4)), 1.0)
    assert found == {Cell(0.8408964152537145, 1.0): 2, Cell(1.0, QUARTER): 7, NO_NUMBER: 0}


def test_coarser_and_custom_buckets_stay_as_they_are() -> None:
    found = cells(of((-inf, 0.05, 1), (0.05, 0.1, 2), (1.0, 4.0, 3), (30.0, inf, 4)), 1.0)
    assert found == {
        Cell(-inf, 0.05): 1,
        Cell(0.05, 0.1): 2,
        Cell(1.0, 4.0): 3,
        Cell(30.0, inf): 4,
        NO_NUMBER: 0,
    }


def test_what_is_faster_than_the_ladder_is_in_one_cell_and_so_is_what_is_slower() -> None:
    found = cells(
        of((-2.0, -1.0, 1), (-1e-9, 1e-9, 2), (2.0**-20, 2.0**-19, 4), (2.0**9, 2.0**9 * EIGHTH, 8)), 1.0
    )
    assert found == {Cell(-inf, 2.0**-10): 7, Cell(64.0, inf): 8, NO_NUMBER: 0}


def test_milliseconds_have_a_ladder_of_their_own() -> None:
    assert (ladder(1000.0)[0], ladder(1000.0)[-1], len(ladder(1000.0))) == (1.0, 65536.0, 65)
    assert cells(of((256.0, 512.0, 3)), 1000.0) == {Cell(0.256, 0.512): 3, NO_NUMBER: 0}


def test_observations_that_are_no_number_are_up_to_no_bound() -> None:
    found = cells(of((0.5, 1.0, 2), more=3), 1.0)
    assert found == {Cell(0.5, 1.0): 2, NO_NUMBER: 3}
    assert Steps.of(found).get(64.0, 0.0) == 2
    assert Steps.of(found).get(inf, 0.0) == 5


def test_a_bound_is_known_only_where_no_bucket_lies_across_it() -> None:
    found = known([Cell(0.5, 2.0), Cell(0.03, 0.05), NO_NUMBER], 1.0)
    assert {0.5, 2.0, 0.03, 0.05, 0.25, 64.0} <= found
    assert found.isdisjoint({1.0, QUARTER, 2 * 2.0**-6 * QUARTER})


def test_what_came_is_known_together_where_buckets_were_merged() -> None:
    before = {Cell(0.5, 1.0): 2.0, Cell(1.0, 2.0): 3.0, Cell(2.0, 4.0): 1.0}
    now = {Cell(0.5, 2.0): 7.0, Cell(2.0, 4.0): 1.0}
    assert grown(now, before) == {Cell(0.5, 2.0): 2.0}


def test_a_cell_that_fell_began_anew_even_if_there_are_more_in_all() -> None:
    assert grown({Cell(0.5, 1.0): 1.0, Cell(1.0, 2.0): 9.0}, {Cell(0.5, 1.0): 2.0}) is None


def test_a_native_histogram_tells_requests_errors_and_latency() -> None:
    good = native((0, of((0.25, 0.5, 10))), (10, of((0.25, 0.5, 14), (1.0, 2.0, 3))))
    bad = native((0, of((0.25, 0.5, 1))), (10, of((0.25, 0.5, 3))), code="500")
    evidence = taken([good, bad])
    assert run(pod(evidence)["requests"])[:2] == [0, 9]
    assert run(pod(evidence)["errors"])[:2] == [0, 2]
    assert upto(evidence, 0.5)[:2] == [0, 6]
    assert upto(evidence, 1.0)[:2] == [0, 6]
    assert upto(evidence, 2.0)[:2] == [0, 9]


def test_beside_a_counter_of_requests_it_tells_latency_only() -> None:
    labels = {"pod": "p-a", "response_code": "200"}
    requests = Series({"__name__": "istio_requests_total", **labels}, ((SINCE.timestamp(), 20.0),))
    more = Series({"__name__": "istio_requests_total", **labels}, ((SINCE.timestamp() + 10, 26.0),))
    name = "istio_request_duration_milliseconds"
    latency = native((0, of((256.0, 512.0, 20))), (10, of((256.0, 512.0, 25), (512.0, 1024.0, 1))), name=name)
    evidence = taken([requests, more, latency], metrics=ISTIO)
    assert run(pod(evidence)["requests"])[:2] == [0, 6]
    assert upto(evidence, 0.512)[:2] == [0, 5]


def test_a_resolution_that_is_halved_in_mid_run_takes_no_bound_of_the_ladder_away() -> None:
    fine = of((1.0, EIGHTH, 3), (EIGHTH, EIGHTH**2, 4))
    evidence = taken([native((0, fine), (10, of((1.0, QUARTER, 9))))])
    assert upto(evidence, QUARTER)[:2] == [0, 2]
    assert upto(evidence, 1.0)[:2] == [0, 0]


def test_buckets_that_become_coarser_than_the_ladder_lose_the_bounds_inside_and_nothing_else() -> None:
    before, after = of((0.5, 1.0, 3), (1.0, 2.0, 4)), of((0.25, 1.0, 5), (1.0, 4.0, 9))
    evidence = taken([native((0, before), (10, after))])
    bounds = pod(evidence)["bounds"]
    assert 0.5 not in bounds
    assert 2.0 not in bounds
    assert upto(evidence, 1.0)[:2] == [0, 2]
    assert upto(evidence, 4.0)[:2] == [0, 7]


def test_a_restart_begins_it_anew() -> None:
    evidence = taken([native((0, of((0.5, 1.0, 100))), (10, of((0.5, 1.0, 7))))])
    assert run(pod(evidence)["requests"])[:2] == [0, 7]
    assert upto(evidence, 1.0)[:2] == [0, 7]


def test_one_that_a_client_emptied_begins_anew_alone() -> None:
    emptied = native((0, of((0.5, 1.0, 100))), (10, of((0.5, 1.0, 7))))
    other = native((0, of((0.5, 1.0, 40))), (10, of((0.5, 1.0, 41))), code="500")
    evidence = taken([emptied, other])
    assert run(pod(evidence)["requests"])[:2] == [0, 8]
    assert run(pod(evidence)["errors"])[:2] == [0, 1]


def test_a_counter_that_fell_beside_it_tells_that_all_began_anew() -> None:
    labels = {"__name__": "istio_requests_total", "pod": "p-a", "response_code": "200"}
    requests = Series(labels, ((SINCE.timestamp(), 50.0), (SINCE.timestamp() + 10, 30.0)))
    name = "istio_request_duration_milliseconds"
    latency = native((0, of((256.0, 512.0, 20))), (10, of((256.0, 512.0, 30))), name=name)
    evidence = taken([requests, latency], metrics=ISTIO)
    assert run(pod(evidence)["requests"])[:2] == [0, 30]
    assert upto(evidence, 0.512)[:2] == [0, 30]


def test_a_bound_of_custom_buckets_that_shows_late_is_told_for_what_was_before() -> None:
    evidence = taken(
        [native((0, of((0.05, 0.1, 3))), (10, of((0.05, 0.1, 8))), (20, of((0.05, 0.1, 8), (0.1, 0.3, 2))))]
    )
    assert upto(evidence, 0.05)[:3] == [0, 0, 0]
    assert upto(evidence, 0.1)[:3] == [0, 5, 5]
    assert upto(evidence, 0.3)[:3] == [0, 5, 7]


def test_a_scrape_without_it_is_one_that_failed() -> None:
    evidence = taken([native((0, of((0.5, 1.0, 1))), (20, of((0.5, 1.0, 4))))])
    assert run(pod(evidence)["requests"]) == [0, None, 3, None]


def test_where_both_forms_are_there_the_native_one_is_used_and_nothing_is_counted_twice() -> None:
    both = [native((0, of((0.5, 1.0, 10))), (10, of((0.5, 1.0, 14)))), *classic((0, 10), (10, 14))]
    evidence = taken(both)
    assert run(pod(evidence)["requests"])[:2] == [0, 4]
    assert 0.05 not in pod(evidence)["bounds"]
    assert 0.1 not in pod(evidence)["bounds"]


def test_one_that_becomes_native_before_the_start_is_told_since_then() -> None:
    later = native((-5, of((0.5, 1.0, 300))), (0, of((0.5, 1.0, 310))))
    evidence = taken([*classic((-40, 100), (-30, 200), (-20, 290)), later])
    assert pod(evidence)["requests"][HISTORY - 4 : HISTORY + 1] == [None, None, None, None, 10]


def test_one_that_becomes_native_after_the_start_is_no_more_scraped() -> None:
    """What it was compared by is gone, and its other bounds would begin in the middle."""
    evidence = taken([*classic((0, 100), (10, 120)), native((20, of((0.5, 1.0, 300))))])
    assert run(pod(evidence)["requests"]) == [0, 20, None, None]


def test_arms_of_different_forms_have_the_bounds_that_both_have() -> None:
    """0.25 is a power of two, so it is a bound of every resolution; 0.1 is none."""
    ours = [series((0, 0), (10, 9), name=COUNT)]
    ours += [
        series((0, 0), (10, many), name=BUCKET, le=le)
        for le, many in (("0.1", 3), ("0.25", 5), ("0.5", 8), ("+Inf", 9))
    ]
    theirs = native((0, of()), (10, of((0.0884, 0.1051, 2), (0.25, 0.5, 3))), pod="p-pilot-8-x")
    evidence = taken([*ours, theirs])
    assert parse(evidence).bounds == (0.25, 0.5)


def test_only_forms_that_are_there_are_asked_for_once_both_arms_are() -> None:
    gathered = gathering(LATENCY)
    assert gathered.forms == {Form.CLASSIC, Form.NATIVE}
    gathered.take(START, START, [native((1, of((0.5, 1.0, 3))))])
    assert gathered.forms == {Form.CLASSIC, Form.NATIVE}
    gathered.take(START, START, [native((1, of((0.5, 1.0, 3))), pod="p-pilot-8-x")])
    assert gathered.forms == {Form.NATIVE}


def test_answers_in_parts_give_the_same_as_all_at_once() -> None:
    points = [(10 * at, of((0.5, 1.0, 3 * at + 40), (1.0, 2.0, at + 20.0))) for at in range(-9, 4)]
    whole, parts = gathering(LATENCY), gathering(LATENCY)
    whole.take(0, HISTORY + 3, [native(*points)])
    for index, point in zip(range(HISTORY - 9, HISTORY + 4), points, strict=True):
        parts.take(index, index, [native(point)])
    assert whole.evidence(3) == parts.evidence(3)


def test_numbers_that_have_the_name_of_a_native_histogram_are_no_requests() -> None:
    odd = replace(native((0, of((0.5, 1.0, 3)))), points=((SINCE.timestamp() + 10, 5.0),))
    assert run(pod(taken([odd]))["requests"]) == [0, None, None, None]
