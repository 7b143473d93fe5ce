"""Verdicts against an absolute limit: exact tails, and what is decided before any tail is looked at."""

import math

import numpy as np
import pytest

from lockgate.verifier.statistics.absolute import Counted, binomial, enough, judge, judged
from lockgate.verifier.statistics.numerics import total


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (7, 0.01), (20, 0.3), (300, 0.01), (40, 0.99)])
def test_the_law_is_the_binomial(n: int, p: float) -> None:
    expected = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    assert binomial(n, p).tolist() == pytest.approx(expected, rel=1e-11, abs=1e-200)


def test_the_law_of_many_requests_adds_up_to_one() -> None:
    law = binomial(1_000_000, 0.01)
    assert float(total(np.sort(law))) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("requests", "failed", "verdict"),
    [
        (298, 0, "inconclusive"),
        (299, 0, "pass"),  # .99^299 = .0495
        (299, 1, "inconclusive"),
        (500, 1, "pass"),  # .0398
        (100, 4, "inconclusive"),  # P(X >= 4) = .0184
        (100, 5, "fail"),  # P(X >= 5) = .0034
        (20, 20, "fail"),
        (19, 19, "unmeasurable"),
        (0, 0, "unmeasurable"),
    ],
)
def test_what_is_concluded_with_a_limit_of_one_per_cent(requests: int, failed: int, verdict: str) -> None:
    assert judge(requests, failed, 0.01) == verdict


def test_a_request_that_had_to_pass_and_did_not_is_a_fail_however_few_there_were() -> None:
    assert judge(3, 1, 0.01, must_pass_failed=1) == "fail"


@pytest.mark.parametrize(
    ("requests", "failed", "limit"), [(10, 11, 0.1), (10, -1, 0.1), (10, 1, 0.0), (10, 1, 1.0)]
)
def test_numbers_that_cannot_be_are_refused(requests: int, failed: int, limit: float) -> None:
    with pytest.raises(ValueError, match=r"^expected 0 <= failed <= requests"):
        judge(requests, failed, limit)


def test_the_tails_are_exact_and_told_with_the_verdict() -> None:
    """P(X >= 2) of 20 at 10 % is .6083, P(X <= 2) .6769."""
    found = judged(Counted(20, 2, 0.1))
    assert [found.at_least, found.at_most] == pytest.approx([0.608253, 0.676927], abs=1e-6)
    assert found.evidence == {
        "method": "binomial/1",
        "requests": "20",
        "failed": "2",
        "limit": "0.1",
        "alpha": "0.01",
        "beta": "0.05",
        "mustPassFailed": "0",
        "minRequests": "20",
        "atLeast": "0.608253",
        "atMost": "0.676927",
    }


@pytest.mark.parametrize("limit", [0.001, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("n", [20, 77, 400])
def test_at_the_limit_a_fail_is_at_most_as_likely_as_alpha_and_a_pass_as_beta(n: int, limit: float) -> None:
    """Over all outcomes, each with its chance."""
    law, verdicts = binomial(n, limit), [judge(n, x, limit) for x in range(n + 1)]
    chance = {
        one: sum(p for p, said in zip(law, verdicts, strict=True) if said == one) for one in set(verdicts)
    }
    assert chance.get("fail", 0.0) <= 0.01
    assert chance.get("pass", 0.0) <= 0.05
    order = ["pass", "inconclusive", "fail"]
    assert verdicts == sorted(verdicts, key=order.index)  # more failures are never better


@pytest.mark.parametrize(("limit", "needed"), [(0.01, 299), (0.05, 59), (0.5, 20)])
def test_how_many_requests_without_a_failure_are_enough(limit: float, needed: int) -> None:
    assert enough(Counted(0, 0, limit)) == needed
    assert judge(needed, 0, limit) == "pass"
    assert needed == 20 or judge(needed - 1, 0, limit) == "inconclusive"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            Counted(100, 5, 0.01),
            "5 of 100 requests failed, and 1 % of them may: that is too many to be chance.",
        ),
        (
            Counted(300, 0, 0.01),
            "0 of 300 requests failed, and 1 % of them may: that is few enough to be sure.",
        ),
        (Counted(7, 0, 0.01), "Only 7 requests were sent, and at least 20 are needed."),
        (Counted(30, 1, 0.01, must_pass_failed=1), "1 of the requests that have to pass did not."),
    ],
)
def test_the_reason_says_what_was_counted(given: Counted, reason: str) -> None:
    assert judged(given).reason == reason


def test_what_is_undecided_says_what_would_be_enough() -> None:
    assert judged(Counted(100, 0, 0.01)).reason.endswith("few enough; 299 without a failure would be.")
