"""From samples to strata: anchors, restarts, pods that come and go, missed scrapes."""

import random

from lockgate.verifier.statistics.strata import Arm, Scrape, Strata, Value

PILOT, BASELINE = "payments-pilot-8-x", "payments-a"


def scrape(pod: str, at: float, served: float | None, failed: float | None = None) -> Scrape:
    values = {"200": (served, False), "500": (failed, True)}
    arm = Arm.PILOT if pod.startswith("payments-pilot") else Arm.BASELINE
    return Scrape(at, pod, arm, {k: Value(v, e) for k, (v, e) in values.items() if v is not None})


def begun(*pods: str) -> Strata:
    """Pods that had served 1000 requests and failed 10 before the start."""
    strata = Strata()
    strata.slice(0, [scrape(pod, -5, 1000, 10) for pod in pods or (PILOT, BASELINE)])
    return strata


def test_what_was_counted_before_the_start_is_an_anchor_and_no_evidence() -> None:
    strata = begun()
    strata.slice(15, [scrape(PILOT, 10, 1020, 11), scrape(BASELINE, 10, 1180, 12)])
    assert strata.closed == [(15, 21, 1, 182, 2)]


def test_all_samples_of_a_slice_add_up() -> None:
    strata = begun()
    scrapes = [scrape(PILOT, at, 1000 + at, 10) for at in (5, 10, 15)]
    strata.slice(15, [*scrapes, scrape(BASELINE, 15, 1100, 10)])
    assert strata.closed == [(15, 15, 0, 100, 0)]


def test_a_series_that_appears_on_a_known_pod_counts_from_zero() -> None:
    strata = Strata()
    strata.slice(0, [scrape(PILOT, -5, 100), scrape(BASELINE, -5, 100)])
    strata.slice(15, [scrape(PILOT, 10, 110, 3), scrape(BASELINE, 10, 200)])
    assert strata.closed == [(15, 13, 3, 100, 0)]


def test_a_pods_first_sample_is_an_anchor() -> None:
    strata = begun()
    new = "payments-b"
    strata.slice(15, [scrape(PILOT, 10, 1010, 10), scrape(BASELINE, 10, 1100, 10), scrape(new, 10, 500, 400)])
    strata.slice(30, [scrape(PILOT, 25, 1020, 10), scrape(BASELINE, 25, 1200, 10), scrape(new, 25, 600, 401)])
    assert strata.closed == [(15, 10, 0, 100, 0), (30, 10, 0, 201, 1)]


def test_a_counter_that_fell_was_restarted_and_all_counters_of_its_pod_begin_at_zero() -> None:
    strata = begun()
    # the errors fell from 10 to 2; the requests rose over their old value since
    strata.slice(15, [scrape(PILOT, 10, 1005, 2), scrape(BASELINE, 10, 1100, 10)])
    assert strata.closed == [(15, 1007, 2, 100, 0)]


def test_a_missed_scrape_merges_the_interval_in_both_arms_alike() -> None:
    strata = begun()
    strata.slice(15, [scrape(BASELINE, 10, 1100, 10)])
    assert strata.closed == []
    strata.slice(30, [scrape(PILOT, 25, 1020, 11), scrape(BASELINE, 25, 1200, 11)])
    assert strata.closed == [(30, 21, 1, 201, 1)]


def test_a_pod_that_is_gone_does_not_count_and_does_not_hold_up_the_others() -> None:
    others = ("payments-a", "payments-b", "payments-c")
    strata = begun(PILOT, *others)
    strata.slice(15, [scrape(PILOT, 10, 1010, 10), *(scrape(pod, 10, 1100, 10) for pod in others[:2])])
    assert strata.closed == [(15, 10, 0, 200, 0)]


def test_what_a_pod_served_before_it_went_does_not_count_in_a_merged_interval() -> None:
    others = ("payments-a", "payments-b", "payments-c")
    strata = begun(PILOT, *others)
    strata.slice(15, [scrape(pod, 10, 1100, 10) for pod in others])
    strata.slice(30, [scrape(PILOT, 25, 1020, 10), *(scrape(pod, 25, 1200, 10) for pod in others[:2])])
    assert strata.closed == [(30, 20, 0, 400, 0)]


def test_a_stratum_waits_while_most_pods_of_an_arm_are_missing() -> None:
    others = ("payments-a", "payments-b", "payments-c")
    strata = begun(PILOT, *others)
    strata.slice(15, [scrape(PILOT, 10, 1010, 10), scrape("payments-a", 10, 1100, 10)])
    assert strata.closed == []


def test_a_pod_that_comes_back_after_strata_closed_without_it_begins_with_an_anchor() -> None:
    others = ("payments-a", "payments-b")
    strata = begun(PILOT, *others)
    strata.slice(15, [scrape(PILOT, 10, 1010, 10), scrape("payments-a", 10, 1100, 10)])
    both = [scrape(pod, 25, 5000, 10) for pod in others]
    strata.slice(30, [scrape(PILOT, 25, 1020, 10), *both])
    assert strata.closed == [(15, 10, 0, 100, 0), (30, 10, 0, 3900, 0)]


def test_a_pilot_that_appears_after_the_start_is_compared_from_its_first_sample_on() -> None:
    strata = begun(BASELINE)
    strata.slice(15, [scrape(PILOT, 10, 50, 1), scrape(BASELINE, 10, 1100, 10)])
    strata.slice(30, [scrape(PILOT, 25, 60, 1), scrape(BASELINE, 25, 1200, 10)])
    assert strata.closed == [(30, 10, 0, 100, 0)]


def test_a_sample_that_is_read_twice_counts_once() -> None:
    strata = begun()
    first = [scrape(PILOT, 15, 1010, 10), scrape(BASELINE, 15, 1100, 10)]
    strata.slice(15, first)
    older = [scrape(PILOT, 5, 1005, 10), scrape(BASELINE, 5, 1050, 10)]
    strata.slice(30, [*older, *first, scrape(PILOT, 30, 1020, 10), scrape(BASELINE, 30, 1200, 10)])
    assert strata.closed == [(15, 10, 0, 100, 0), (30, 10, 0, 100, 0)]


def test_neither_the_order_of_samples_nor_a_constant_on_a_pods_counters_changes_anything() -> None:
    def folded(shuffle: random.Random | None, offset: float) -> list[tuple[float, int, int, int, int]]:
        strata = Strata()
        for end in range(0, 60, 15):
            found = [scrape(PILOT, end - 1, offset + 20 * end, offset + end)]
            found += [scrape(f"payments-{i}", end - 1, 100 * end + i, end) for i in range(4)]
            if shuffle:
                shuffle.shuffle(found)
            strata.slice(end, found)
        return strata.closed

    plain = folded(None, 300)
    assert len(plain) == 3
    assert folded(random.Random(1), 300) == plain
    assert folded(None, 7_000_000) == plain
