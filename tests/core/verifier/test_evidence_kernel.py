"""The likelihood ratios of one stratum: what they are by hand, and that they are fair under the null, exactly."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from lockgate.verifier.statistics.kernel import Case, chance, gains, mean
from lockgate.verifier.statistics.numerics import Array, exp
from lockgate.verifier.statistics.onset import Mixture
from lockgate.verifier.statistics.policy import Policy


def one(
    n: int, m: int, s: int, *, kappa: float, x: Sequence[int], ratios: Sequence[float], up: bool
) -> Array:
    """Gains [len(x), len(ratios)] of odds ratios against 1, for each count x of the pilot's events."""
    rows = np.ones((len(x), 1))
    draws = rows * min(n, s)
    expected = n * s / (n + m)
    case = Case(
        d=draws,
        x=np.array(x, float)[:, None],
        p0=chance(rows * expected, draws),
        excess=rows * kappa * expected,
        up=np.array([up]),
        usable=rows > 0,
    )
    at = mean(np.array(ratios, float), rows * n, rows * m, rows * s)
    return gains(case, chance(at, draws), np.zeros(len(ratios), np.intp))


def hypergeometric(n: int, m: int, s: int) -> dict[int, float]:
    """The law of the pilot's events if both arms are equally good."""
    low, high = max(0, s - m), min(n, s)
    ways = {x: math.comb(n, x) * math.comb(m, s - x) for x in range(low, high + 1)}
    return {x: count / sum(ways.values()) for x, count in ways.items()}


def test_the_mean_is_exact_at_an_odds_ratio_of_one() -> None:
    assert float(mean(np.array(1.0), np.array(600.0), np.array(5400.0), np.array(30.0))) == pytest.approx(3.0)


def test_the_mean_at_an_odds_ratio_is_cornfields() -> None:
    """Mu with mu (m - s + mu) = R (n - mu)(s - mu): 10 requests each, 10 events, R = 4 gives 20/3."""
    mu = float(mean(np.array(4.0), np.array(10.0), np.array(10.0), np.array(10.0)))
    assert mu == pytest.approx(20 / 3)
    assert mu * mu == pytest.approx(4 * (10 - mu) ** 2)


def test_without_over_dispersion_it_is_the_ratio_of_two_binomials() -> None:
    """10 of 20 requests, 4 events, all in the pilot: p0 = 1/2; an odds ratio so high that p1 is its clip."""
    assert one(10, 10, 4, kappa=0, x=[4], ratios=[1e12], up=True)[0, 0] == pytest.approx(
        4 * math.log(2), abs=1e-6
    )
    found = one(10, 10, 10, kappa=0, x=[7], ratios=[4.0], up=True)[0, 0]
    assert found == pytest.approx(7 * math.log((2 / 3) / 0.5) + 3 * math.log((1 / 3) / 0.5))


def test_with_over_dispersion_it_is_the_ratio_of_two_beta_binomials_that_share_a_shape() -> None:
    """D = 10, mu = 5, kappa .2: nu = 9/(.2*5) - 1 = 8, a = 4; the second shape moves from 4 to 2 at p1 = 2/3."""

    def ln_beta_binomial(y: int, b: float, total: float) -> float:
        return math.lgamma(y + b) - math.lgamma(b) - math.lgamma(10 + total) + math.lgamma(total)

    found = one(10, 10, 10, kappa=0.2, x=[7], ratios=[4.0], up=True)[0, 0]
    assert found == pytest.approx(ln_beta_binomial(3, 2.0, 6.0) - ln_beta_binomial(3, 4.0, 8.0), abs=1e-10)


def test_downwards_is_upwards_seen_from_the_other_side() -> None:
    """Equal arms with half of the requests failing: failures in the pilot are successes of the other direction."""
    up = one(10, 10, 10, kappa=0.2, x=[3, 7], ratios=[4.0], up=True)
    down = one(10, 10, 10, kappa=0.2, x=[7, 3], ratios=[0.25], up=False)
    assert down[:, 0].tolist() == pytest.approx(up[:, 0].tolist(), abs=1e-9)


SIZES = [
    (10, 90, 5),
    (10, 90, 40),
    (60, 540, 3),
    (60, 540, 30),
    (5, 500, 100),
    (400, 100, 20),
    (7, 7, 13),
    (3, 1, 2),
]


@pytest.mark.parametrize("kappa", [0.0, 0.01, 0.1, 1.0, 5.0])
@pytest.mark.parametrize(("n", "m", "s"), SIZES)
def test_the_mean_over_all_outcomes_is_at_most_one(n: int, m: int, s: int, kappa: float) -> None:
    law = hypergeometric(n, m, s)
    for up, ratios in ((True, [1.05, 1.25, 2, 5, 40]), (False, [0.95, 0.7, 0.5, 0.1])):
        ell = one(n, m, s, kappa=kappa, x=list(law), ratios=ratios, up=up)
        means = np.array(list(law.values())) @ np.exp(ell)
        assert means.max() <= 1 + 1e-9, (up, means)


def test_with_too_little_over_dispersion_it_would_not_be_fair() -> None:
    """So that the bound above can be broken: counts that vary more than the kappa that they are judged with."""
    a, draws = 2.0, 10
    law = [
        math.comb(draws, x) * math.exp(ln_beta(x + a, draws - x + a) - ln_beta(a, a))
        for x in range(draws + 1)
    ]
    chances = np.array(law)
    assert chances.sum() == pytest.approx(1)
    assert chances @ np.exp(one(10, 10, 10, kappa=0, x=range(11), ratios=[2.0], up=True)) > 1.2
    assert chances @ np.exp(one(10, 10, 10, kappa=1, x=range(11), ratios=[2.0], up=True)) <= 1


def ln_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def test_the_mean_stays_at_most_one_at_the_best_moment_to_stop() -> None:
    """Over all outcomes of three strata, with the mixture over onsets: whoever may stop when it pays gains nothing."""
    law = hypergeometric(4, 20, 3)
    gain = dict(zip(law, one(4, 20, 3, kappa=0.05, x=list(law), ratios=[3.0], up=True)[:, 0], strict=True))

    def worth(path: tuple[int, ...]) -> float:
        """The most that can be had on average from here on."""
        now = value([gain[x] for x in path])
        if len(path) == 3:
            return now
        return max(now, sum(law[x] * worth((*path, x)) for x in law))

    assert value([]) == 1
    assert worth(()) <= 1 + 1e-9
    assert max(value([gain[3]] * k) for k in (1, 2, 3)) > 2  # and it does grow


def value(path: list[float]) -> float:
    mixed = Mixture.of(Policy(deadline=10), np.zeros(1))
    if not path:
        return 1.0
    ell = np.array(path)[:, None]
    found = mixed.fold(np.arange(float(len(path))), ell, exp(ell))
    return float(found.m[-1, 0] + found.waiting[-1, 0])
