"""What a look concludes; how often a good release is failed, and how surely a bad one is."""

import json
import math
import random

import pytest

from lockgate.verifier.statistics.comparison import (
    Evidence,
    Fail,
    Inconclusive,
    Judgement,
    Pass,
    Running,
    Timed,
    Unmeasurable,
    judge,
)

END = 1920.0


def evidence(*rows: Timed, look: int = 6, closing: bool = True, alpha: float = 0.01) -> Evidence:
    return Evidence({"eu-west": rows}, END, look, 6, alpha, closing)


def row(pilot: int, x: int, baseline: int, y: int, end: float = END) -> Timed:
    return (end, pilot, x, baseline, y)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (row(1000, 5, 9000, 45), Pass),  # the same rate
        (row(1000, 0, 9000, 0), Pass),
        (row(1000, 100, 9000, 45), Fail),  # 10 % beside 0.5 %
        (row(1000, 17, 9000, 45), Fail),
        (row(99, 0, 900, 0), Inconclusive),  # too few requests
        (row(100, 0, 900, 0), Pass),
        (row(120, 4, 1080, 5), Inconclusive),  # 3.3 % beside 0.5 %: over the margin, but no proof
        (row(0, 0, 9000, 45), Unmeasurable),
        (row(1000, 5, 0, 0), Unmeasurable),
        (row(1000, 5, 9000, 45, end=1439.0), Unmeasurable),  # nothing in the last quarter
        (row(1000, 5, 9000, 45, end=1440.0), Pass),
    ],
)
def test_what_is_concluded_at_the_end(given: Timed, expected: type[Judgement]) -> None:
    assert type(judge(evidence(given))) is expected


def test_nothing_at_all_is_unmeasurable() -> None:
    assert isinstance(judge(Evidence({}, END, 6, 6, 0.01, True)), Unmeasurable)
    assert isinstance(judge(evidence()), Unmeasurable)


def test_before_the_end_only_a_failure_is_concluded() -> None:
    assert isinstance(judge(evidence(row(1000, 5, 9000, 45), look=2, closing=False)), Running)
    assert isinstance(judge(evidence(row(1000, 100, 9000, 45), look=2, closing=False)), Fail)
    assert isinstance(judge(evidence(look=1, closing=False)), Running)


def test_a_shared_outage_is_no_failure_of_the_pilot() -> None:
    assert isinstance(judge(evidence(row(1000, 500, 9000, 4500))), Pass)


def test_an_excess_that_is_proven_but_too_small_to_matter_is_no_failure() -> None:
    # 0.11 % beside 0.10 % of 10 million requests
    assert isinstance(judge(evidence(row(10_000_000, 11_000, 90_000_000, 90_000))), Pass)


def test_a_failure_names_the_guilty_regions_and_its_numbers() -> None:
    two = {"eu-west": (row(1000, 5, 9000, 45),), "us-east": (row(1000, 80, 9000, 45),)}
    judgement = judge(Evidence(two, END, 3, 6, 0.01, False))
    assert isinstance(judgement, Fail)
    assert judgement.guilty == ("us-east",)
    assert "in us-east 80 of 1000 pilot requests failed, beside 45 of 9000 in production" in judgement.reason
    assert judgement.numbers["level"] == "8.333333e-04"  # .01 over 6 looks and 2 regions
    assert judgement.numbers["regions"]["eu-west"]["pilot"] == [1000, 5]


def test_a_region_without_enough_requests_is_not_covered_by_the_others() -> None:
    two = {"eu-west": (row(1000, 5, 9000, 45),), "us-east": (row(20, 0, 200, 1),)}
    judgement = judge(Evidence(two, END, 6, 6, 0.01, True))
    assert isinstance(judgement, Inconclusive)
    assert "in us-east 0 of 20" in judgement.reason


def test_a_verdict_is_made_again_from_its_numbers_alone_byte_for_byte() -> None:
    judgement = judge(evidence(*(row(97 + i, i % 3, 900 + i, i % 7, 40.0 * (i + 1)) for i in range(48))))
    carried = json.loads(json.dumps(judgement.numbers))
    again = judge(Evidence.load(carried))
    assert again == judgement
    assert json.dumps(again.numbers, sort_keys=True) == json.dumps(judgement.numbers, sort_keys=True)


def test_the_evidence_of_twenty_regions_fits_into_an_event() -> None:
    rows = tuple(row(100_000 + i, 1_000, 900_000 + i, 9_000, 1234.5 + i) for i in range(48))
    wide = {f"a-long-name-of-a-region-{i}": rows for i in range(20)}
    assert len(json.dumps(judge(Evidence(wide, END, 6, 6, 0.01, True)).numbers)) < 64 * 1024


def poisson(chance: random.Random, mean: float) -> int:
    """By Knuth's product; means here are small."""
    limit, count, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        count, product = count + 1, product * chance.random()
    return count


def run(chance: random.Random, pilot_rate: float, base_rate: float, alpha: float) -> Judgement:
    """One verification of 32 slices, 60 pilot and 540 production requests in each, looked at six times."""
    rows: list[Timed] = []
    said: Judgement = Running("", {})
    for number in range(1, 33):
        level = math.exp(chance.gauss(0, 0.5))  # the error rate of both moves with time
        x, y = poisson(chance, 60 * pilot_rate * level), poisson(chance, 540 * base_rate * level)
        rows.append((60.0 * number, 60, min(x, 60), 540, min(y, 540)))
        if number in (1, 2, 4, 8, 16, 32):
            said = judge(evidence(*rows, look=number, closing=number == 32, alpha=alpha))
            if not isinstance(said, Running):
                break
    return said


def test_a_good_release_is_failed_no_more_often_than_promised_however_often_it_is_looked_at() -> None:
    chance, runs, alpha = random.Random(1), 600, 0.05
    failed = sum(isinstance(run(chance, 0.01, 0.01, alpha), Fail) for _ in range(runs))
    # 3 standard deviations above alpha: 600 * .05 + 3 * sqrt(600 * .05 * .95) = 46
    assert failed <= 46


def test_a_good_release_passes_nearly_always() -> None:
    chance = random.Random(2)
    assert sum(isinstance(run(chance, 0.005, 0.005, 0.01), Pass) for _ in range(200)) >= 190


@pytest.mark.parametrize(("rate", "least"), [(0.05, 200), (0.02, 195)])
def test_a_bad_release_is_failed(rate: float, least: int) -> None:
    chance = random.Random(3)
    assert sum(isinstance(run(chance, rate, 0.005, 0.01), Fail) for _ in range(200)) >= least


def test_an_obvious_regression_is_failed_at_the_first_look() -> None:
    # one slice of a thirty-second part of the time: 12 of 60 requests failed
    judgement = judge(evidence(row(60, 12, 540, 3, end=60.0), look=1, closing=False))
    assert isinstance(judgement, Fail)
