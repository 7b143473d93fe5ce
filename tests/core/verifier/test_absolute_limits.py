"""Verdicts against an absolute limit: exact tails, and what is decided before any tail is looked at."""

import math

import numpy as np
import pytest

from lockgate.verifier.statistics.absolute import binomial, judge
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
