"""From samples to strata and tolerances, each formula by hand on a case small enough for it."""

import math

import numpy as np
import pytest

from lockgate.verifier.statistics.dispersion import (
    Placebo,
    Terms,
    binomial_variance,
    chi_square,
    kappa,
    placebo_kappa,
)
from lockgate.verifier.statistics.gauges import Model, difference, model
from lockgate.verifier.statistics.intervals import close
from lockgate.verifier.statistics.numerics import Array
from lockgate.verifier.statistics.offsets import chi2_999, median, offset, t95
from lockgate.verifier.statistics.policy import Policy
from lockgate.verifier.statistics.series import Counting
from lockgate.verifier.statistics.slowness import Reference, Warmup, choose, observed
from tests.support.verification import HISTORY, each_count, measured, steady, the_pilot

NAN = math.nan


def counted(*samples: tuple[int, int] | None) -> list[list[float]]:
    seen = np.array([[sample is not None] for sample in samples])
    counters = np.array([[sample or (0, 0)] for sample in samples], float)
    return Counting.of(1, 2).fold(counters, seen).new[:, 0].tolist()  # type: ignore[no-any-return]  # numpy's tolist


def test_the_first_sample_is_an_anchor_and_a_missed_one_is_made_up_for() -> None:
    assert counted((100, 10), (110, 11), None, (130, 14)) == [[0, 0], [10, 1], [0, 0], [20, 3]]


@pytest.mark.parametrize(
    "after", [(5, 1), (105, 3), (102, 8)], ids=["requests", "a part", "all but the part"]
)
def test_a_counter_that_fell_began_anew_in_all_its_parts(after: tuple[int, int]) -> None:
    assert counted((100, 4), after, (after[0] + 7, after[1] + 2))[1:] == [list(map(float, after)), [7, 2]]


def test_a_stratum_needs_half_of_the_pods_of_both_arms_at_both_ends() -> None:
    pilots = [0b1, 0b1, 0b1, 0b0, 0b1]
    baseline = [0b111, 0b110, 0b001, 0b111, 0b111]
    found, left = close(pilots, baseline, [(1, 3)] * 5)
    assert [(one.left, one.right, one.pilots, one.baseline) for one in found] == [(0, 1, 1, 2), (1, 4, 1, 2)]
    assert left == 4
    assert [one.everybody for one in found] == [False, False]


def test_without_a_pod_at_the_left_end_it_moves_on() -> None:
    found, left = close([0b0, 0b1, 0b1], [0b1, 0b1, 0b1], [(0, 1), (1, 1), (1, 1)])
    assert [(one.left, one.right, one.everybody) for one in found] == [(1, 2, True)]
    assert left == 2


def test_a_missed_scrape_merges_intervals_of_both_arms() -> None:
    evidence = steady(scrapes=4)
    for key in ("requests", "errors", "buckets"):
        the_pilot(evidence)[key][HISTORY + 1] = None
    block = measured(evidence)
    assert block.t.tolist() == [0, 2, 3]
    assert block.left.tolist() == [-1, 0, 2]
    assert block.n.tolist() == [[300, 3000], [600, 6000], [300, 3000]]
    assert block.events[:, 0].tolist() == [[3, 30], [6, 60], [3, 30]]
    assert block.events[1, 1].tolist() == [240, 2400]  # slower than 0.1 s


def test_a_pod_that_is_new_counts_from_its_second_scrape_on() -> None:
    evidence = steady(scrapes=3)
    late = evidence["pods"][0]
    for key in ("requests", "errors", "buckets"):
        late[key][: HISTORY + 1] = [None] * (HISTORY + 1)
    assert measured(evidence).n.tolist() == [[300, 2000], [300, 2000], [300, 3000]]
    assert measured(evidence).pods.tolist() == [[1, 2], [1, 2], [1, 3]]


def test_the_share_is_judged_only_where_every_pod_was_measured_and_the_weight_was_one() -> None:
    evidence = steady(scrapes=4)
    evidence["weight"][HISTORY + 1] = 1.0
    evidence["pods"][0]["requests"][HISTORY + 3] = None
    assert measured(evidence).share[:, 0].tolist() == [0.1, 0.0, 0.1, 0.0]


def folded(
    *, cap: float = 36.0, usable: tuple[bool, ...] = (True, True), x: tuple[float, ...] = (10, 20)
) -> Array:
    ten = np.full(len(x), 10.0)
    """The sums of chi-squares and expectations, and the count."""
    return np.asarray(Terms.of(cap).fold(np.array(x), ten, np.ones(len(x)), np.array(usable))[-1, :3])


def test_over_dispersion_comes_from_successive_differences() -> None:
    """R = 30/20, chi-square = (1 - 2)^2 / (1.5 (1/10 + 1/10)) = 10/3, mean expectation 10."""
    assert folded().tolist() == pytest.approx([10 / 3, 10, 1])
    assert float(kappa(folded())) == pytest.approx((10 / 3 - 1) / 10)
    assert float(kappa(folded(), prior=12.0)) == pytest.approx(((12 + 10 / 3) / 13 - 1) / 10)


def test_a_lasting_change_is_no_over_dispersion() -> None:
    assert folded(x=(30, 30, 30, 30), usable=(True,) * 4).tolist() == pytest.approx([0, 30, 3])


def test_a_difference_is_capped_and_unusable_scrapes_are_passed_over() -> None:
    assert folded(cap=2.0)[0] == 2.0
    assert folded(x=(10, 99, 20), usable=(True, False, True)).tolist() == pytest.approx([10 / 3, 10, 1])


def test_nothing_of_the_own_stratum_is_in_what_it_is_judged_with() -> None:
    sums = Terms.of(36.0).fold(np.array([10.0, 20.0]), np.full(2, 10.0), np.ones(2), np.ones(2, bool))
    assert sums[:2, 2].tolist() == [0, 0]


def bursts(mean: float, scrapes: int) -> Array:
    """Sums over counts whose rate is drawn anew for each scrape, as large as it varies."""
    rng = np.random.default_rng(12)
    x = rng.poisson(mean * rng.gamma(1.0, 1.0, scrapes)).astype(float)
    every = np.full(scrapes, mean)
    return np.asarray(Terms.of(36.0).fold(x, every, np.ones(scrapes), np.ones(scrapes, bool))[-1])


@pytest.mark.parametrize("mean", [30.0, 3_000.0, 300_000.0])
def test_bursts_are_seen_whole_however_many_events_they_have(mean: float) -> None:
    """Differences of rates from an exponential law, by their sum: the mean of (a - b)^2 / (a + b) is 2/3 of the rate."""
    assert float(kappa(bursts(mean, 500))) == pytest.approx(2 / 3, rel=0.2)


def test_one_incident_of_any_size_hardly_counts() -> None:
    x = np.full(100, 3_000.0)
    x[40:45] = 90_000.0
    sums = Terms.of(36.0).fold(x, np.full(100, 3_000.0), np.ones(100), np.ones(100, bool))[-1]
    assert float(chi_square(sums)) == 2 * 36.0
    assert float(kappa(sums)) == 0.0


def test_few_placebo_terms_or_a_single_pod_mean_the_default() -> None:
    sums = np.array([[60.0, 290.0, 29.0], [60.0, 300.0, 30.0]])
    assert placebo_kappa(kappa(sums), sums[..., 2], np.array(0.5), 0.1).tolist() == pytest.approx(
        [0.1, 1 / 10 * 0.5]
    )
    assert placebo_kappa(kappa(sums), sums[..., 2], np.array(0.0), 0.1).tolist() == [0.1, 0.1]


def test_a_hypergeometric_count_varies_less_the_more_of_all_it_is() -> None:
    assert binomial_variance(np.array(5.0), np.array(10.0), np.array(100.0)) == 0.5
    assert binomial_variance(np.array(10.0), np.array(10.0), np.array(100.0)) == pytest.approx(0.01)


def test_of_five_placebo_pods_the_wildest_is_left_out() -> None:
    rng = np.random.default_rng(3)
    new = np.stack((np.full((40, 5), 1000.0), rng.poisson(50, (40, 5)).astype(float)), axis=-1)
    new[::2, 2, 1] = 300.0
    placebo = Placebo.of(1, 5)
    placebo.fold(new, np.ones((40, 5), bool))
    wild = float(kappa(placebo.over_pods(placebo.terms.sums))[0])
    placebo.leave_out(5)
    assert placebo.included[0].tolist() == [True, True, False, True, True]
    assert float(kappa(placebo.over_pods(placebo.terms.sums))[0]) < 0.9 * wild


def test_quantiles_are_those_of_the_tables() -> None:
    assert [t95(df) for df in (1, 10)] == [6.3138, 1.8125]
    assert t95(20) == pytest.approx(1.7247, abs=2e-3)
    assert [chi2_999(df) for df in (3, 8)] == pytest.approx([16.27, 26.12], rel=0.02)
    assert median(np.array([4.0, 1.0, 3.0, 2.0])) == 2.5


def test_pods_that_differ_by_chance_only_have_no_offset() -> None:
    assert offset(np.full(9, 6e4), np.array([300.0, 310, 290, 305, 295, 300, 301, 299, 300]), 0.0, 1.1) == 0.0
    assert offset(np.full(1, 6e4), np.array([300.0]), 0.0, 2.0) == 0.0


def test_the_offset_of_pods_that_evidently_differ() -> None:
    """Three pods, by hand: log odds ratios against the rest, minus their median; df = 2, t = 2.92."""
    n, x = [1e5] * 3, [1000.0, 1200.0, 1500.0]
    logs, variances = [], []
    for events in x:
        cells = [events + 0.5, 1e5 - events + 0.5, 3700 - events + 0.5, 2e5 - (3700 - events) + 0.5]
        logs.append(math.log(cells[0] / cells[1] / (cells[2] / cells[3])))
        variances.append(sum(1 / cell for cell in cells))
    middle = sorted(logs)[1]
    q_total = sum((one - middle) ** 2 / v * 2 / 3 for one, v in zip(logs, variances, strict=True))
    sigma = math.sqrt((q_total - 2) / sum(1 / v for v in variances))
    assert offset(np.array(n), np.array(x), 0.0, 4 / 3) == pytest.approx(
        2.92 * sigma * math.sqrt(4 / 3), abs=1e-6
    )
    assert offset(np.array(n), np.array([10.0, 10, 9000]), 0.0, 4 / 3) == pytest.approx(math.log(3), abs=1e-6)


def test_bounds_are_chosen_by_how_much_is_slower_than_them() -> None:
    exceeded = np.array([0.98, 0.93, 0.6, 0.2, 0.018, 0.003, 0.0005])
    assert choose(1e6, exceeded * 1e6) == (2, 3, 4, 5)
    assert choose(1e6, exceeded[:4] * 1e6) == (1, 2, 3)
    assert choose(0.0, np.zeros(3)) == ()


def reference(**policy: float) -> Reference:
    return Reference((0.1, 0.2, 0.4), (1,), np.zeros(1), Policy(**policy))  # type: ignore[arg-type]  # floats only


SLOWER = np.array([[0.5e12, 0.2e12, 0.05e12]])
"""Between 0.1 and 0.2 s the logit falls by ln 4 while the latency doubles: by 2 per e-fold."""


def test_a_slowdown_is_a_log_odds_ratio_at_a_bound() -> None:
    found = reference().slowness(np.array([20.0]), np.array([1e12]), SLOWER)
    assert found.tolerated[0, 0] == pytest.approx(2 * math.log(1.03), abs=1e-6)
    assert found.ratio[0, 0] == pytest.approx(2 * math.log(1.07), abs=1e-6)
    assert found.margin[0, 0] == pytest.approx(2 * math.log(1.2), abs=1e-6)
    assert found.absolute[0, 0] == pytest.approx(2 * math.log(0.2 / 0.19), abs=1e-6)
    assert found.scheduled[0, 0] == 0.0


def test_below_the_lowest_bound_nothing_is_known_and_so_nothing_is_tolerated_beyond() -> None:
    found = reference(lat_tol=0.5, lat_abs=0.15).slowness(np.array([20.0]), np.array([1e12]), SLOWER)
    assert found.absolute[0, 0] == pytest.approx(math.log(4), abs=1e-6)
    assert found.tolerated[0, 0] == pytest.approx(2 * math.log(1.5), abs=1e-6)


def test_a_warm_up_is_allowed_by_the_clock_and_by_what_was_seen() -> None:
    found = reference(warm_max=0.5).slowness(np.array([0.0, 1.0]), np.full(2, 1e12), SLOWER.repeat(2, axis=0))
    tolerated = 2 * math.log(1.03)
    assert found.scheduled[:, 0].tolist() == pytest.approx(
        [2 * math.log(1.53) - tolerated, 2 * math.log(1.28) - tolerated], abs=1e-5
    )
    warmup = Warmup(Policy(), np.full(1, np.inf))
    allowed = warmup.fold(
        np.array([0.0, 1.0, 3.0, 9.0]),
        np.full((4, 1), 2.0),
        np.array([[1.0], [0.1], [9.0], [9.0]]),
        np.full((4, 1), True),
    )
    assert allowed[:, 0].tolist() == pytest.approx([2.0, 0.65, 0.1 * 0.65**2, 0.0])


def test_what_was_observed_counts_with_twice_its_error() -> None:
    cells = (10.5, 90.5, 20.5, 180.5)
    plain = math.log(10.5 / 90.5 / (20.5 / 180.5))
    error = math.sqrt(sum(1 / cell for cell in cells))
    ten, hundred, twenty, more = (np.array(float(one)) for one in (10, 100, 20, 200))
    assert float(observed(ten, hundred, twenty, more, np.array(0.0))) == pytest.approx(plain + 2 * error)
    # kappa .3 and an expectation of 10: four times the variance
    assert float(observed(ten, hundred, twenty, more, np.array(0.3))) == pytest.approx(plain + 4 * error)


def modelled(history: Array) -> Model | None:
    return model(history, np.full(len(history), history.shape[1]), 1, Policy())


def test_gauges_that_do_not_move_get_the_least_noise() -> None:
    found = modelled(np.full((30, 3), 7.0))
    assert found is not None
    assert (found.sigma, found.offset) == (0.005, 0.0)
    assert found.tol == pytest.approx(math.log(1.05), abs=1e-6)


def test_gauges_need_two_pods_and_twenty_scrapes_that_have_values() -> None:
    assert modelled(np.full((30, 1), 7.0)) is None
    assert modelled(np.full((19, 3), 7.0)) is None
    padded = np.concatenate((np.full((100, 3), NAN), np.full((19, 3), 7.0)))
    assert modelled(padded) is None
    assert modelled(np.full((20, 3), 7.0)) is not None


def test_a_gauge_of_less_than_half_of_the_pods_has_no_model() -> None:
    some = np.full((30, 9), 7.0)
    some[:, 4:] = NAN
    assert modelled(some) is None
    some[:, 4] = 7.0
    assert modelled(some) is not None


def test_how_gauges_move_is_found_again() -> None:
    rng = np.random.default_rng(11)
    noise = rng.normal(0, 0.05, (4000, 9))
    for i in range(1, len(noise)):
        noise[i] = 0.8 * noise[i - 1] + 0.6 * noise[i]
    found = modelled(np.exp(noise + 3))
    assert found is not None
    assert found.phi == pytest.approx(0.8, abs=0.01)
    # an innovation of the difference: .05 * .6 * sqrt(1 + 1/9) * 1.04
    assert found.sigma == pytest.approx(0.05 * 0.6 * math.sqrt(10 / 9) * 1.04, rel=0.02)
    assert found.offset < 0.01


def test_offsets_of_gauges_widen_what_is_tolerated() -> None:
    """Three pods at -.2, 0 and .2: sigma 0.2, two degrees of freedom, q = 4/3."""
    levels = np.exp(np.array([-0.2, 0.0, 0.2]))
    found = modelled(np.tile(levels, (400, 1)))
    assert found is not None
    assert found.offset == pytest.approx(0.2, abs=1e-3)
    assert found.tol == pytest.approx(2.92 * 0.2 * math.sqrt(4 / 3), abs=2e-3)


def test_the_difference_of_gauges_is_that_of_geometric_means_of_at_least_half_of_the_pods() -> None:
    baseline = np.array([[2.0, 8.0, 4.0], [NAN, NAN, 4.0], [NAN, 2.0, 8.0]])
    d, above = difference(np.full((3, 1, 1), 6.0), baseline[:, None], np.array([[1, 3]] * 3))
    assert d[:, 0].tolist() == pytest.approx([math.log(1.5), NAN, math.log(1.5)], abs=1e-6, nan_ok=True)
    assert above[:, 0].tolist() == pytest.approx([2.0, NAN, 2.0], nan_ok=True)


def test_the_origin_of_counters_means_nothing() -> None:
    evidence = steady(scrapes=5)
    moved = each_count(evidence, lambda name, count: count + 1000 * ord(name[-1]))
    assert measured(moved).events.tolist() == measured(evidence).events.tolist()
    assert measured(moved).psi0.tolist() == measured(evidence).psi0.tolist()


def test_heavier_tails_than_the_models_widen_its_noise() -> None:
    """Of nine pods each has one scrape in forty that is far off; the noise is that of the tail then."""
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.02, (60, 9))
    usual = modelled(np.exp(noise))
    noise[rng.random((60, 9)) < 1 / 40] += 0.15
    wild = modelled(np.exp(noise))
    assert usual is not None
    assert wild is not None
    assert wild.sigma > 2.5 * usual.sigma


def test_a_history_shorter_than_the_verification_widens_what_is_tolerated() -> None:
    """sigma^2 (60/20 - 1)/2 / (1 - phi^2) is the variance of where it may have wandered to."""
    values = np.exp(np.random.default_rng(8).normal(0, 0.05, (60, 9)))
    long, short = modelled(values), modelled(values[:20])
    assert long is not None
    assert short is not None
    assert long.tol == pytest.approx(math.log(1.05), abs=1e-6)
    wandered = short.sigma**2 / (1 - short.phi**2) + short.offset**2 * 10 / 9
    assert short.tol == pytest.approx(1.8595 * math.sqrt(wandered), abs=1e-6)
