"""What is concluded from evidence: each verdict, each rule and each gate, on a production that never changes."""

import copy
import math
from typing import Any

import numpy as np
import pytest

from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.silence import Scrape, Silence
from lockgate.verifier.statistics.verification import recompute, verify
from tests.support.verification import HISTORY, PILOT_PER_SCRAPE, Evidence, pod, steady, the_pilot

LENGTH = HISTORY + 60
GAUGES = 6


def said(evidence: Evidence) -> tuple[str, int, str]:
    verdict = verify(evidence)
    return verdict["verdict"], verdict["at"], verdict["why"]


def piloted(scrapes: int = 60, policy: Evidence | None = None, **step: Any) -> Evidence:
    """A pilot that counts otherwise in each scrape."""
    evidence = steady(scrapes, policy=policy)
    evidence["pods"][-1] = pod("p-0", "pilot", {**PILOT_PER_SCRAPE, **step}, HISTORY + scrapes)
    return evidence


def gauged(pilot: Any, *, baseline: int = 3, policy: Evidence | None = None) -> Evidence:
    """With a gauge around 100; `pilot` is a factor for each scrape since the start."""
    rng = np.random.default_rng(GAUGES)
    evidence = steady(baseline=baseline, policy=policy)
    for one in evidence["pods"]:
        values = 100 * np.exp(rng.normal(0, 0.01, LENGTH))
        if one["arm"] == "pilot":
            values[HISTORY:] *= pilot
        one["gauges"] = {"cpu": values.tolist()}
    return evidence


def blank(evidence: Evidence, name: str, rows: slice) -> None:
    """Scrapes of a pod that failed."""
    found = next(one for one in evidence["pods"] if one["name"] == name)
    for key in ("requests", "errors", "buckets"):
        found[key][rows] = [None] * len(found[key][rows])


def test_a_pilot_like_production_passes_when_it_has_soaked() -> None:
    assert said(steady()) == ("pass", 30, "margins")
    assert said(steady(policy={"soak": 12})) == (
        "pass",
        16,
        "margins",
    )  # errors are shown to be within 1.5 times then


def test_before_the_deadline_nothing_is_concluded_from_silence_of_the_evidence() -> None:
    assert said(steady(scrapes=29)) == ("running", 29, "time")
    assert said(steady(scrapes=0)) == ("running", 0, "time")


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"errors": 30}, "errors"),
        ({"buckets": [3, 120, 285, 300]}, "latency"),
        ({"buckets": [3, 180, 240, 300]}, "latency"),
    ],
)
def test_a_worse_pilot_fails_soon_and_for_what_is_worse(step: Evidence, why: str) -> None:
    verdict, at, found = said(piloted(**step))
    assert (verdict, found) == ("fail", why)
    assert at <= 3 + 2 * (why == "latency")


def test_the_bound_at_which_it_is_slower_is_guilty() -> None:
    slow = verify(piloted(buckets=[3, 180, 240, 300]))
    assert slow["guilty"] == ["latency>0.5"]
    assert "longer than 0.5 s" in slow["reason"]


def test_a_better_pilot_never_fails() -> None:
    assert said(piloted(errors=0, buckets=[30, 250, 299, 300])) == ("pass", 30, "margins")


def test_an_excess_that_does_not_matter_opens_no_gate() -> None:
    """20 % more errors of many are proven, and less than the 25 % that the policy asks for."""
    evidence = piloted(
        requests=30_000, errors=360, buckets=[300, 18_000, 28_500, 30_000], policy={"soak": 60}
    )
    for one in evidence["pods"][:-1]:
        for key in ("requests", "errors"):
            one[key] = [100 * count for count in one[key]]
        one["buckets"] = [[100 * count for count in row] for row in one["buckets"]]
    found = verify(evidence)
    assert float(found["evidence"]["metrics"]["errors"]["ln_e"][-1]) > math.log(100)
    assert set(found["evidence"]["metrics"]["errors"]["open"]) == {"0"}
    assert found["verdict"] == "inconclusive"  # it is no fail, and what is suspicious is no pass
    loose = copy.deepcopy(evidence) | {"policy": {"soak": 60, "err_ratio": 1.05, "err_abs": 0}}
    assert said(loose)[0::2] == ("fail", "errors")


def test_a_gauge_that_jumped_fails_and_one_that_leaks_does() -> None:
    assert said(gauged(1.5))[0::2] == ("fail", "cpu")
    assert said(gauged(1 + 0.02 * np.arange(60)))[0::2] == ("fail", "cpu")
    assert said(gauged(1.0)) == ("pass", 30, "margins")


def test_an_excess_of_a_gauge_in_its_own_units_must_matter_as_well() -> None:
    assert said(gauged(1.5, policy={"g_abs": {"cpu": 60}, "soak": 60}))[0] == "inconclusive"
    assert said(gauged(1.5, policy={"g_abs": {"cpu": 40}, "soak": 60}))[0] == "fail"
    assert said(gauged(1.5, policy={"g_ratio": 0.6, "soak": 60}))[0] == "inconclusive"


def test_a_pilot_that_gets_too_little_of_the_traffic_fails_by_its_share() -> None:
    less = piloted(requests=15, errors=0, buckets=[0, 9, 14, 15])
    verdict, at, why = said(less)
    assert (verdict, why) == ("fail", "share")
    assert at >= Policy().silent


def test_a_pilot_without_requests_is_silent() -> None:
    evidence = piloted(requests=0, errors=0, buckets=[0, 0, 0, 0])
    assert said(evidence)[0::2] == ("fail", "silence")
    assert verify(evidence)["at"] <= Policy().silent + 1


def test_a_pilot_without_requests_that_should_have_none_is_not() -> None:
    evidence = piloted(requests=0, errors=0, buckets=[0, 0, 0, 0])
    evidence["weight"] = [0.0] * LENGTH
    assert said(evidence) == ("unmeasurable", 60, "weight")


def test_nothing_passes_to_which_nothing_was_to_be_routed() -> None:
    evidence = steady()
    evidence["weight"] = [0.0] * LENGTH
    assert said(evidence) == ("unmeasurable", 60, "weight")


def shrunk(evidence: Evidence) -> Evidence:
    """Of production's nine pods three go at the start, and two four scrapes later."""
    for index, end in enumerate([HISTORY] * 3 + [HISTORY + 4] * 2):
        blank(evidence, f"b-{index}", slice(end, None))
        for values in evidence["pods"][index].get("gauges", {}).values():
            values[end:] = [None] * (len(values) - end)
    return evidence


def test_a_production_that_scaled_down_still_shows_that_the_pilot_is_silent_or_down() -> None:
    evidence = shrunk(steady(baseline=9))
    evidence["pods"][-1] = pod("p-0", "pilot", {"requests": 0, "errors": 0, "buckets": [0] * 4}, LENGTH)
    assert said(evidence)[0::2] == ("fail", "silence")
    gone = shrunk(steady(baseline=9))
    blank(gone, "p-0", slice(HISTORY, None))
    the_pilot(gone)["ready"] = [0] * LENGTH
    assert said(gone)[0::2] == ("fail", "down")


def test_a_production_that_scaled_down_still_shows_gauges_that_are_too_high() -> None:
    evidence = shrunk(gauged(np.where(np.arange(60) < 20, 1.0, 1.5), baseline=9))
    assert said(evidence)[0::2] == ("fail", "cpu")


def test_a_production_that_loses_most_of_its_pods_at_once_is_compared_with_those_it_has_left() -> None:
    """From the scrape on in which no scrape of the last ten had more: what was lost is no gap then."""
    evidence = steady(baseline=9)
    evidence["weight"] = [0.03] * LENGTH
    for index in range(6):
        blank(evidence, f"b-{index}", slice(HISTORY + 8, None))
    found = verify(evidence)
    assert (found["verdict"], found["at"]) == ("pass", 30)
    measured = found["evidence"]["measured"]
    assert measured["t"][7:10] == ["7", "17", "18"]
    assert measured["pods"][1][7:10] == ["9", "3", "3"]
    assert measured["n"][1][8] == str(3 * 10 * 1000)


def test_a_missing_half_of_production_is_waited_for_while_it_may_come_back() -> None:
    evidence = steady(baseline=9)
    evidence["weight"] = [0.03] * LENGTH
    for index in range(6):
        blank(evidence, f"b-{index}", slice(HISTORY + 8, HISTORY + 12))
    assert verify(evidence)["evidence"]["measured"]["t"][7:10] == ["7", "12", "13"]


@pytest.mark.parametrize("slow", [False, True])
def test_counts_as_large_as_numbers_can_be_are_judged_as_any(slow: bool) -> None:
    """1e14 requests a scrape; if everything is slower than the first bound, its share of all is 1 to the last digit."""
    evidence = steady(32)
    for one in evidence["pods"]:
        for key in ("requests", "errors"):
            one[key] = [140_000_000_000 * count for count in one[key]]
        one["buckets"] = [
            [140_000_000_000 * (0 if slow else row[0]), *_scaled(row[1:])] for row in one["buckets"]
        ]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = verify(evidence)
    assert (found["verdict"], found["at"]) == ("pass", 30)
    assert recompute(found["evidence"]) == found


def _scaled(row: list[int]) -> list[int]:
    return [140_000_000_000 * count for count in row]


def test_a_pilot_that_is_not_ready_and_cannot_be_scraped_is_down() -> None:
    evidence = steady()
    blank(evidence, "p-0", slice(HISTORY + 8, None))
    assert said(evidence) == ("unmeasurable", 60, "strata")
    the_pilot(evidence)["ready"] = [1] * (HISTORY + 10) + [0] * 50
    assert said(evidence) == ("fail", 15, "down")
    for name in ("b-0", "b-1", "b-2"):
        blank(evidence, name, slice(HISTORY + 8, None))
    assert said(evidence) == ("unmeasurable", 60, "strata")  # monitoring is what is down


def test_a_pilot_that_restarts_and_restarts_is_down() -> None:
    evidence = steady()
    blank(evidence, "p-0", slice(HISTORY + 8, None))
    the_pilot(evidence)["restarts"] = [0] * (HISTORY + 10) + [1] * 5 + [2] * 45
    assert said(evidence) == ("fail", 16, "down")  # with the second


@pytest.mark.parametrize("blind", [0, 20])
@pytest.mark.parametrize(
    "restarts",
    [[3] * LENGTH, [3] * (HISTORY + 22) + [None] + [3] * 37, [None] * (HISTORY + 24) + [3] * 36],
    ids=["constant", "not known for a scrape", "known late"],
)
def test_a_pilot_that_restarted_long_ago_is_not_down_because_it_cannot_be_scraped(
    restarts: list[int | None], blind: int
) -> None:
    evidence = steady(policy={"soak": 60})
    blank(evidence, "p-0", slice(HISTORY + blind, None))
    the_pilot(evidence)["restarts"] = restarts
    assert said(evidence)[:2] == ("unmeasurable", 60)


def test_a_pilot_that_says_that_it_is_ready_is_not_down_however_often_it_restarts() -> None:
    evidence = steady()
    blank(evidence, "p-0", slice(HISTORY + 8, None))
    the_pilot(evidence)["restarts"] = list(range(LENGTH))
    assert said(evidence) == ("fail", 13, "down")
    the_pilot(evidence)["ready"] = [1] * LENGTH
    assert said(evidence) == ("unmeasurable", 60, "strata")


def test_one_restart_is_not_a_pilot_that_is_down_and_two_far_apart_are_not() -> None:
    evidence = steady()
    blank(evidence, "p-0", slice(HISTORY + 8, None))
    the_pilot(evidence)["restarts"] = [0] * (HISTORY + 10) + [1] * 50
    assert said(evidence) == ("unmeasurable", 60, "strata")
    the_pilot(evidence)["restarts"][HISTORY + 30 :] = [2] * 30
    assert said(evidence) == ("unmeasurable", 60, "strata")


def test_without_pods_of_production_nothing_can_be_measured() -> None:
    evidence = steady()
    evidence["pods"] = [the_pilot(evidence)]
    assert said(evidence) == ("unmeasurable", 60, "baseline")
    evidence["pods"] = []
    assert said(evidence) == ("unmeasurable", 60, "baseline")


def test_evidence_that_ended_long_ago_is_stale() -> None:
    evidence = steady(policy={"soak": 60})
    blank(evidence, "p-0", slice(HISTORY + 50, None))
    assert said(evidence) == ("unmeasurable", 60, "stale")
    fresh = steady(policy={"soak": 60})
    blank(fresh, "p-0", slice(HISTORY + 51, None))
    assert said(fresh)[0] == "inconclusive"


def test_a_required_metric_that_told_nothing_is_unmeasurable() -> None:
    evidence = piloted(errors=0)
    for one in evidence["pods"]:
        one["errors"] = [0] * LENGTH
    assert said(evidence) == ("unmeasurable", 60, "errors")
    short = gauged(1.0, policy={"required": ["cpu"]})
    for one in short["pods"]:
        one["gauges"]["cpu"][: HISTORY - 19] = [None] * (HISTORY - 19)
    assert said(short) == ("unmeasurable", 60, "cpu")


def test_without_a_decision_the_scrapes_are_said_that_a_good_pilot_would_still_need() -> None:
    evidence = piloted(requests=30, errors=0, buckets=[0, 18, 28, 30], policy={"share_tol": 0.9, "soak": 60})
    found = verify(evidence)
    assert (found["verdict"], found["at"]) == ("inconclusive", 60)
    assert "a good pilot would need about" in found["reason"]
    assert found["reason"].endswith("requests to it.")


def test_weights_of_nothing_mean_that_a_metric_cannot_fail() -> None:
    alone = {"errors": 0, "latency": 0.5, "gauges": 0.4, "share": 0.1}
    assert said(piloted(errors=30, policy={"weights": alone}))[0] == "inconclusive"


def test_another_policy_is_tried_on_the_record_alone() -> None:
    record = copy.deepcopy(verify(piloted(errors=4, policy={"soak": 60, "alpha": 1e-6}))["evidence"])
    assert recompute(record)["verdict"] == "inconclusive"
    record["policy"]["alpha"] = "0.2"
    assert recompute(record)["verdict"] == "fail"


def quiet(**told: Any) -> Scrape:
    known = {
        "measured": True,
        "scraped": True,
        "requests": 0.0,
        "beside": True,
        "serving": True,
        "baseline": 900.0,
    }
    return Scrape(**{**known, "weight": 0.1, "ready": None, "restarted": False, **told})


def test_any_request_ends_a_row_of_silence_and_a_missed_scrape_does_not() -> None:
    silence = Silence(Policy(silent=3))
    row = [
        quiet(),
        quiet(),
        quiet(requests=1.0),
        quiet(),
        quiet(measured=False, scraped=False),
        quiet(),
        quiet(),
    ]
    assert [silence.fold(scrape) for scrape in row] == [None] * 6 + ["silence"]


def test_silence_needs_requests_that_were_to_be_expected() -> None:
    """27 requests of the baseline at 10 % are 3 of the pilot a scrape; 20 are expected in the seventh."""
    silence = Silence(Policy(silent=3))
    assert [silence.fold(quiet(baseline=27.0)) for _ in range(7)] == [None] * 6 + ["silence"]
