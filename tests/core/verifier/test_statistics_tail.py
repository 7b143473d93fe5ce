"""The tail of the pilot's error count against sums by hand, by enumeration and in exact fractions."""

import math
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.verifier.statistics import tail as module
from lockgate.verifier.statistics.arithmetic import decimal, log, odds, rounded
from lockgate.verifier.statistics.tail import Stratum, upper_tail


def exact(strata: list[Stratum]) -> Fraction:
    """P(sum >= observed) by enumerating every outcome of every stratum, in fractions."""
    laws = []
    for s in strata:
        whole = math.comb(s.requests, s.errors)
        laws.append(
            [
                (k, Fraction(math.comb(s.pilot, k) * math.comb(s.baseline, s.errors - k), whole))
                for k in range(min(s.errors, s.pilot) + 1)
                if s.errors - k <= s.baseline
            ]
        )
    observed = sum(s.pilot_errors for s in strata)
    total = Fraction(0)
    for outcome in product(*laws):
        if sum(k for k, _ in outcome) >= observed:
            total += math.prod((p for _, p in outcome), start=Fraction(1))
    return total


@pytest.mark.parametrize(
    ("stratum", "expected"),
    [
        # the lady tasting tea: 8 cups, 4 and 4, 3 or more right: (16 + 1) / 70
        (Stratum(4, 3, 4, 1), 17 / 70),
        (Stratum(4, 4, 4, 0), 1 / 70),
        # 2 errors, both of the pilot's 10 of 100: 10/100 * 9/99
        (Stratum(10, 2, 90, 0), 1 / 110),
        # 1 error, the pilot's: its share of the requests
        (Stratum(10, 1, 90, 0), 0.1),
        # no error of the pilot: certain
        (Stratum(10, 0, 90, 5), 1.0),
        # more errors than the baseline can hold: the pilot has at least 3 of them
        (Stratum(5, 3, 2, 2), 1.0),
        (Stratum(5, 4, 2, 1), 11 / 21),
    ],
)
def test_one_stratum_has_the_tail_of_fishers_exact_test(stratum: Stratum, expected: float) -> None:
    assert upper_tail([stratum]) == pytest.approx(expected, rel=1e-12)


def test_two_strata_have_the_tail_of_the_sum() -> None:
    # each: 1 error, the pilot's with chance 1/10 and 1/4; at least one of the two: 1 - 9/10 * 3/4
    strata = [Stratum(10, 1, 90, 0), Stratum(25, 0, 75, 1)]
    assert upper_tail(strata) == pytest.approx(0.325, rel=1e-12)
    both = [Stratum(10, 1, 90, 0), Stratum(25, 1, 75, 0)]
    assert upper_tail(both) == pytest.approx(0.025, rel=1e-12)


@pytest.mark.parametrize(
    "stratum",
    [
        Stratum(0, 0, 100, 7),  # the pilot was not there
        Stratum(10, 5, 0, 0),  # production was not there
        Stratum(10, 0, 90, 0),  # nothing failed
        Stratum(10, 10, 90, 90),  # everything failed: a shared outage
    ],
)
def test_a_stratum_in_which_nothing_could_differ_tells_nothing(stratum: Stratum) -> None:
    assert upper_tail([stratum]) == 1.0
    telling = Stratum(10, 2, 90, 0)
    assert upper_tail([stratum, telling]) == upper_tail([telling])


def test_no_strata_tell_nothing() -> None:
    assert upper_tail([]) == 1.0


def test_pooling_would_see_a_shared_incident_as_a_difference_and_strata_do_not() -> None:
    # the pilot was measured beside half of production only while both failed at 50 %
    quiet, incident = Stratum(1, 0, 900, 1), Stratum(100, 50, 100, 50)
    pooled = Stratum(101, 50, 1000, 51)
    assert upper_tail([pooled]) < 1e-20
    assert upper_tail([quiet, incident]) > 0.4


strata = st.builds(
    lambda pilot, baseline, x, y: Stratum(pilot, min(x, pilot), baseline, min(y, baseline)),
    *(st.integers(0, 12), st.integers(0, 20), st.integers(0, 5), st.integers(0, 5)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(strata, max_size=4))
def test_the_tail_is_the_exact_one(cells: list[Stratum]) -> None:
    telling = [cell for cell in cells if cell.telling]
    assert upper_tail(cells) == pytest.approx(float(exact(telling)), rel=1e-9)


@settings(max_examples=150, deadline=None)
@given(st.lists(strata, max_size=4))
def test_the_bound_for_large_counts_is_never_below_the_exact_tail(cells: list[Stratum]) -> None:
    telling = [cell for cell in cells if cell.telling]
    assert module._bound(telling) >= float(exact(telling)) * (1 - 1e-9)


def test_large_counts_are_judged_by_the_bound_without_losing_what_is_obvious() -> None:
    same = Stratum(100_000, 1_000, 900_000, 9_000)
    worse = Stratum(100_000, 1_500, 900_000, 9_000)
    assert upper_tail([same]) == 1.0
    assert upper_tail([worse]) < 1e-30


def test_the_order_of_strata_changes_no_digit_of_what_is_written() -> None:
    cells = [Stratum(10 + i, i % 3, 90 + 7 * i, i % 5) for i in range(30)]
    assert decimal(upper_tail(cells)) == decimal(upper_tail(list(reversed(cells))))


@settings(max_examples=200)
@given(st.floats(min_value=1e-300, max_value=1e300))
def test_the_logarithm_is_the_logarithm(x: float) -> None:
    assert log(x) == pytest.approx(math.log(x), rel=1e-14, abs=1e-15)


@settings(max_examples=200)
@given(st.floats(min_value=-690, max_value=0))
def test_the_exponential_is_the_exponential(x: float) -> None:
    assert module._exp(x) == pytest.approx(math.exp(x), rel=1e-11)


def test_there_is_no_logarithm_of_zero() -> None:
    with pytest.raises(ValueError, match="only positive numbers"):
        log(0.0)


def test_numbers_are_compared_as_they_are_written() -> None:
    assert decimal(1 / 110) == "9.090909e-03"
    assert rounded(0.00123456789) == 0.001234568


@pytest.mark.parametrize(
    ("chance", "says"),
    [
        (1.666667e-03, "1 in 600"),
        (0.25, "1 in 4"),
        (8e-5, "1 in 12 500"),
        (5.849688e-13, "1 in 10^12"),
        (1e-12, "1 in 10^12"),
        (0.0, "next to nothing"),
        (1.0, "1.000000e+00"),
    ],
)
def test_a_chance_is_said_as_people_say_it_and_never_smaller_than_it_is(chance: float, says: str) -> None:
    assert odds(chance) == says
