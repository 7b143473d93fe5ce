"""Services in which nothing ever fails: what a pilot without any error shows of its own rate of errors."""

import json
from math import exp, log
from typing import Any

import numpy as np
import pytest

from lockgate.verifier.statistics.numerics import ln
from lockgate.verifier.statistics.record import between
from lockgate.verifier.statistics.spotless import Spotless
from lockgate.verifier.statistics.verification import encode, recompute, verify
from tests.support.verification import PER_SCRAPE, PILOT_PER_SCRAPE, measured, pod, steady

ASKED = {"err_none": 0.001, "soak": 5, "min_strata": 3}
"""With 300 requests a scrape: 2995 of them without an error have a chance of 5 % at a rate of 0.1 %."""


def without_errors(scrapes: int, policy: dict[str, Any], pilot_errors: int = 0) -> dict[str, Any]:
    evidence = steady(scrapes, policy=policy)
    length = len(evidence["weight"])
    evidence["pods"] = [pod(f"b-{k}", "baseline", {**PER_SCRAPE, "errors": 0}, length) for k in range(3)]
    evidence["pods"].append(pod("p-0", "pilot", {**PILOT_PER_SCRAPE, "errors": 0}, length))
    evidence["pods"][-1]["errors"] = [min(n, pilot_errors) for n in evidence["pods"][-1]["requests"]]
    return evidence


def test_nothing_is_told_of_errors_where_there_are_none_and_no_rate_is_asked() -> None:
    verdict = verify(without_errors(60, {}))
    assert (verdict["verdict"], verdict["why"]) == ("unmeasurable", "errors")
    assert "err_none" not in verdict["evidence"]["policy"]


def test_a_pilot_without_any_error_passes_once_its_requests_show_a_lower_rate() -> None:
    verdict = verify(without_errors(60, ASKED))
    # The latency of `steady` is shown after 14 scrapes at a soak of 5; 2995 requests are reached after 10.
    assert verdict["verdict"] == "pass"
    mirrored = [float(value) for value in verdict["evidence"]["mirrored"][0]]
    assert mirrored[:10] == pytest.approx([300 * (k + 1) * -log(0.999) for k in range(10)], abs=1e-6)
    assert mirrored[8] < log(20) < mirrored[9]
    assert f"no error in {300 * verdict['at']} requests, so below 0.001 of them" in verdict["reason"]


def test_a_single_error_of_the_pilot_loses_the_wager() -> None:
    verdict = verify(without_errors(60, ASKED, pilot_errors=1))
    assert verdict["verdict"] == "inconclusive"
    assert float(verdict["evidence"]["mirrored"][0][-1]) < log(20)


def test_too_few_requests_are_inconclusive_and_what_is_missing_is_said() -> None:
    verdict = verify(without_errors(8, {**ASKED, "deadline": 8}))
    assert verdict["verdict"] == "inconclusive"
    assert "a good pilot would need about" in verdict["reason"]


def test_it_is_recomputed_from_the_record_to_the_same_bytes() -> None:
    verdict = verify(without_errors(60, ASKED))
    assert encode(recompute(json.loads(encode(verdict["evidence"])))) == encode(verdict)


@pytest.mark.parametrize("rate", [0.001, 0.002, 0.05])
@pytest.mark.parametrize("requests", [1, 300, 3000])
def test_the_wager_is_fair_for_every_rate_that_it_is_against(rate: float, requests: int) -> None:
    """Its mean over all outcomes: only that without an error leaves anything."""
    wealth = exp(requests * Spotless.of(0.001).gain)
    assert (1 - rate) ** requests * wealth <= 1 + 1e-9


def test_scrape_by_scrape_it_is_the_same_as_at_once() -> None:
    block, whole = measured(without_errors(6, ASKED)), Spotless.of(0.001)
    at_once = whole.fold(block)
    parts = Spotless.of(0.001)
    found = [parts.fold(between(block, scrape, scrape + 1))[0] for scrape in range(6)]
    assert found == at_once.tolist()
    assert at_once[-1] == 1800 * -ln(0.999)
    assert np.array_equal(parts.so_far, whole.so_far)
