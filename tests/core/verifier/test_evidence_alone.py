"""A region that nothing can be compared with: judged by how much its own series moved when nothing was deployed."""

import json
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from lockgate.verifier.statistics.alone import PLACEBOS, judge
from lockgate.verifier.statistics.alone_record import recompute, result
from lockgate.verifier.statistics.evidence import parse
from lockgate.verifier.statistics.interrupted import BEFORE, Interrupted, measure, moments, scatter, t99
from lockgate.verifier.statistics.verification import encode
from tests.support.verification import cut
from tests.support.verification_regions import LONE_BEGAN, LONE_START, ROLLOUT, WATCH, lonely

WHEN = moments(LONE_BEGAN, WATCH)


def measured(seed: int, scrapes: int = WATCH, placebos: tuple[int, ...] = WHEN, **worse: Any) -> Interrupted:
    return measure(parse(cut(lonely(seed, **worse), scrapes)), LONE_BEGAN, placebos)


def test_placebos_are_a_watch_apart_and_away_from_deployments_and_incidents() -> None:
    assert len(WHEN) == 23
    assert WHEN[0] >= BEFORE
    assert {later - earlier for earlier, later in pairwise(WHEN)} == {WATCH}
    assert WHEN[-1] + WATCH == LONE_BEGAN
    some = moments(200, 20, avoided=[(125, 127)])
    assert some == (60, 80, 100, 160, 180)


def test_a_good_release_is_no_fail_and_mostly_a_pass() -> None:
    verdicts = [judge(measured(seed)).verdict for seed in range(60)]
    assert verdicts.count("fail") <= 1
    assert verdicts.count("pass") >= 50


def test_traffic_that_falls_to_a_hundredth_is_no_fail() -> None:
    """A rate of few requests moves more, and that is nobody's doing."""
    for seed in range(20):
        found = measure(parse(thinned(lonely(seed), 0.01)), LONE_BEGAN, WHEN)
        assert judge(found).verdict != "fail"


def thinned(given: Any, share: float) -> Any:
    """Of the requests after the rollout this share, drawn alike from good and bad ones."""
    rng = np.random.default_rng(7)
    for pod in given["pods"]:
        buckets = np.diff(np.array(pod["buckets"]), axis=0, prepend=0)
        parts, errors = np.diff(buckets, axis=1, prepend=0), np.diff(np.array(pod["errors"]), prepend=0)
        parts[LONE_START:] = rng.binomial(parts[LONE_START:], share)
        errors[LONE_START:] = np.minimum(
            rng.binomial(errors[LONE_START:], share), parts[LONE_START:].sum(axis=1)
        )
        pod["buckets"] = np.cumsum(np.cumsum(parts, axis=1), axis=0).tolist()
        pod["requests"] = [row[-1] for row in pod["buckets"]]
        pod["errors"] = np.cumsum(errors).tolist()
    return given


@pytest.mark.parametrize(
    ("worse", "why"), [({"errors": 4.0}, "errors"), ({"slower": 2.0}, "latency"), ({"cpu": 2.0}, "cpu")]
)
def test_a_release_that_is_much_worse_fails(worse: dict[str, Any], why: str) -> None:
    for seed in range(80, 85):
        found = judge(measured(seed, **worse))
        assert (found.verdict, found.why) == ("fail", why)
        assert found.at <= 8


def test_without_twenty_placebos_nothing_is_proven() -> None:
    few = measured(80, placebos=WHEN[: PLACEBOS - 1], errors=4.0)
    assert (judge(few).verdict, judge(few).why) == ("inconclusive", "placebos")
    assert judge(measured(80, placebos=WHEN[:PLACEBOS], errors=4.0)).verdict == "fail"


def test_what_was_as_high_after_one_placebo_is_no_fail() -> None:
    found = measured(80, errors=4.0)
    found.placebos[3, 0] = 9.0
    assert judge(found).verdict == "inconclusive"


def silent_in(given: Any, *rows: range) -> Any:
    """The same without requests in these scrapes."""
    for pod in given["pods"]:
        for key in ("requests", "errors", "buckets"):
            counts = np.array(pod[key])
            new = np.diff(counts, axis=0, prepend=0)
            for row in rows:
                new[row.start : row.stop] = 0
            pod[key] = np.cumsum(new, axis=0).tolist()
    return given


QUIET = range(LONE_START + 3, LONE_START + WATCH)


def test_a_region_without_requests_is_silent() -> None:
    given = silent_in(lonely(1), QUIET)
    found = judge(measure(parse(given), LONE_BEGAN, WHEN))
    assert (found.verdict, found.why, found.at) == ("fail", "silence", 8)


def test_silence_of_which_too_little_is_known_is_no_fail() -> None:
    found = judge(measure(parse(silent_in(lonely(1), QUIET)), LONE_BEGAN, WHEN[1:20]))
    assert (found.verdict, found.why) == ("inconclusive", "placebos")


def test_a_region_that_was_silent_for_longer_before_there_was_the_release_is_no_fail_and_no_pass() -> None:
    nights = [range(100, 112), range(300, 318)]
    found = judge(measure(parse(silent_in(lonely(1), *nights, QUIET)), LONE_BEGAN, WHEN))
    assert (found.verdict, found.why) == ("inconclusive", "requests")
    longer = silent_in(lonely(1), range(100, 109), QUIET)
    whole = result(measure(parse(longer), LONE_BEGAN, WHEN), "0")
    assert (whole["verdict"], whole["why"], whole["at"]) == ("fail", "silence", 3 + 10)
    assert "no request in 10 scrapes" in whole["reason"]


def test_a_watch_that_begins_long_after_the_rollout_did_proves_nothing_and_says_so() -> None:
    """What moved in between is nobody's doing, and the placebos do not tell how much does."""
    long_before = LONE_BEGAN - 2 * WATCH
    given = parse(lonely(80, errors=4.0))
    whole = result(measure(given, long_before, moments(long_before, WATCH)), "0")
    assert (whole["verdict"], whole["why"]) == ("inconclusive", "gap")
    assert "44 scrapes after the release did" in whole["reason"]


def test_placebos_are_as_far_from_what_is_before_them_as_the_watch_is() -> None:
    """Errors rise by 1/200 with each scrape: by so much from the middle of 60 scrapes to that of a watch, and by the gap."""
    began = LONE_BEGAN - WATCH
    when = moments(began, WATCH, apart=WATCH + ROLLOUT)
    assert when[-1] + WATCH + (WATCH + ROLLOUT) == began
    given = lonely(1)
    for pod in given["pods"]:
        new = np.diff(np.array(pod["requests"]), prepend=0)
        rates = 0.01 * np.exp(np.arange(len(new)) / 200)
        pod["errors"] = np.cumsum(np.round(new * rates)).astype(int).tolist()
    found = measure(parse(given), began, when)
    assert found.apart == WATCH + ROLLOUT
    assert found.placebos[:, 0] == pytest.approx((30 + WATCH + ROLLOUT + WATCH / 2) / 200, rel=0.15)


def test_a_release_whose_latency_cannot_be_compared_does_not_pass() -> None:
    good = measured(next(seed for seed in range(60) if judge(measured(seed)).verdict == "pass"))
    keep = [i for i, name in enumerate(good.names) if not name.startswith("latency")]
    lost = replace(
        good,
        names=tuple(good.names[i] for i in keep),
        models=tuple(good.models[i] for i in keep),
        **{
            one: getattr(good, one)[..., keep]
            for one in ("placebos", "ratio", "absolute", "margin", "d", "above")
        },
    )
    whole = result(lost, "0")
    assert (whole["verdict"], whole["why"]) == ("inconclusive", "no latency")
    assert "other bounds of its histogram" in whole["reason"]


def test_a_watch_of_which_most_is_missing_is_no_pass() -> None:
    given = lonely(2)
    for pod in given["pods"]:
        for key in ("requests", "errors", "buckets"):
            pod[key][LONE_START + 8 : LONE_START + 16] = [None] * 8
    assert judge(measure(parse(given), LONE_BEGAN, WHEN)).verdict == "inconclusive"
    for pod in given["pods"]:
        for key in ("requests", "errors", "buckets"):
            pod[key][LONE_START:] = [None] * WATCH
    assert judge(measure(parse(given), LONE_BEGAN, WHEN)).verdict == "unmeasurable"


def test_a_verdict_is_the_same_with_later_scrapes_cut_off_and_from_its_record_alone() -> None:
    cases: list[dict[str, Any]] = [{}, {"errors": 2.5}]
    for worse in cases:
        whole = result(measured(80, **worse), "0")
        assert whole["control"] == "none"
        if whole["verdict"] == "fail":
            assert encode(result(measured(80, whole["at"], **worse), "0")) == encode(whole)
            assert judge(measured(80, whole["at"] - 1, **worse)).verdict == "running"
        assert encode(recompute(json.loads(encode(whole))["evidence"])) == encode(whole)


def test_the_order_of_pods_means_nothing() -> None:
    given = lonely(80, errors=3.0)
    given["pods"].reverse()
    mixed = measure(parse(given), LONE_BEGAN, WHEN)
    assert encode(result(mixed, "0")) == encode(result(measured(80, errors=3.0), "0"))


def test_the_scatter_is_that_of_medians() -> None:
    assert list(scatter(np.array([1.0, 2.0, 3.0, 4.0, 100.0]))) == pytest.approx([3.0, 1.4826])
    assert t99(22) == pytest.approx(2.508, rel=0.01)


def test_what_matters_is_twice_what_matters_beside_a_control() -> None:
    found = measured(3)
    assert found.ratio[0] == pytest.approx(math.log(1.5), abs=1e-6)
    assert found.absolute[0] == pytest.approx(0.002)
    assert found.margin[0] == pytest.approx(math.log(2.0), abs=1e-6)
    assert found.ratio[-1] == pytest.approx(math.log(1.4), abs=1e-6)
