"""Services in which nothing ever fails: what a pilot without any error shows of its own rate of errors."""

import json
from math import exp, log
from typing import Any

import numpy as np
import pytest

from lockgate.verifier.statistics.record import between
from lockgate.verifier.statistics.spotless import Spotless
from lockgate.verifier.statistics.verification import encode, recompute, verify
from tests.support.verification import PER_SCRAPE, PILOT_PER_SCRAPE, measured, pod, steady

ASKED = {"err_none": 0.001, "soak": 5, "min_strata": 3}
"""With 300 requests a scrape: none fails in 13 of them with a chance of 2.5 % at a rate of 0.1 %, and an over-dispersion of 0.1."""
SCRAPE = log(1.03) / 0.1


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
    # The latency of `steady` is shown after 14 scrapes at a soak of 5.
    assert verdict["verdict"] == "pass"
    mirrored = [float(value) for value in verdict["evidence"]["mirrored"][0]]
    assert mirrored[:13] == pytest.approx([max(0.0, (k + 1) * SCRAPE - log(2)) for k in range(13)], abs=1e-6)
    assert mirrored[11] < log(20) < mirrored[12]
    assert f"no error in {300 * verdict['at']} requests, so below 0.001 of them" in verdict["reason"]


def test_a_single_error_of_the_pilot_loses_the_wager() -> None:
    verdict = verify(without_errors(60, ASKED, pilot_errors=1))
    assert verdict["verdict"] == "inconclusive"
    assert float(verdict["evidence"]["mirrored"][0][-1]) < log(20)


def test_where_production_has_an_error_there_is_a_ratio_and_no_wager() -> None:
    evidence = without_errors(60, ASKED)
    production = evidence["pods"][0]
    production["errors"] = [1 if n > 40_000 else 0 for n in production["requests"]]
    assert 0 < sum(production["errors"]) < len(production["errors"])
    verdict = verify(evidence)
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
@pytest.mark.parametrize("requests", [1.0, 300.0, 3000.0])
@pytest.mark.parametrize("kappa", [0.0, 0.1, 5.0])
def test_the_wager_is_fair_for_every_rate_that_it_is_against(
    rate: float, requests: float, kappa: float
) -> None:
    """Its mean over all outcomes, of independent requests and of such as fail in bursts of that over-dispersion."""
    wealth = exp(float(Spotless.of(0.001, kappa).gains(np.array([requests]))[0]))
    none = (1 + kappa * requests * rate) ** (-1 / kappa) if kappa else (1 - rate) ** requests
    assert none * wealth <= 1 + 1e-9
    assert (1 - rate) ** requests * wealth <= 1 + 1e-9


def test_scrape_by_scrape_it_is_the_same_as_at_once() -> None:
    block, whole = measured(without_errors(6, ASKED)), Spotless.of(0.001, 0.1)
    at_once = whole.fold(block)
    parts = Spotless.of(0.001, 0.1)
    found = [parts.fold(between(block, scrape, scrape + 1))[0] for scrape in range(6)]
    assert found == at_once.tolist()
    assert at_once[-1] == pytest.approx(6 * SCRAPE - log(2))
    assert np.array_equal(parts.so_far, whole.so_far)
