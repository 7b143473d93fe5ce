"""A record judged by another policy comes to what the samples come to by that policy, or says that it cannot tell."""

from functools import cache
from typing import Any

import pytest

from lockgate.verifier.statistics.alone_record import result
from lockgate.verifier.statistics.control import Control
from lockgate.verifier.statistics.evidence import parse
from lockgate.verifier.statistics.interrupted import measure, moments
from lockgate.verifier.statistics.otherwise import Untold, otherwise
from lockgate.verifier.statistics.refusal import EvidenceError
from lockgate.verifier.statistics.regions import Regions
from lockgate.verifier.statistics.verification import Verification, verify
from tests.support.verification import Evidence, steady, the_pilot
from tests.support.verification_regions import LONE_BEGAN, WATCH, lonely, together, watched

POLICY = {"deadline": 40, "soak": 20}


def piloted(errors: float = 1.0, **policy: Any) -> Evidence:
    """Of a pilot with so many times production's errors."""
    found = steady(40, policy=POLICY | policy)
    the_pilot(found)["errors"] = [int(errors * count) for count in the_pilot(found)["errors"]]
    return found


def in_short(verdict: dict[str, Any] | Untold) -> tuple[Any, ...] | str:
    if isinstance(verdict, Untold):
        return verdict.why
    return tuple(verdict[name] for name in ("verdict", "at", "why", "guilty", "reason"))


@pytest.mark.parametrize(
    ("errors", "changes", "verdict", "at"),
    [
        (1.0, {"soak": 10}, "pass", 16),
        (1.0, {"soak": 5, "err_margin": 2.5}, "pass", 14),
        (1.0, {"deadline": 12, "soak": 10}, "inconclusive", 12),
        (1.0, {"beta": 0.2}, "pass", 20),
        (2.0, {"alpha": 0.1}, "fail", 6),
        (2.0, {"err_ratio": 1.5, "alpha": 0.05}, "fail", 6),
        (2.0, {"soak": 5, "deadline": 30}, "fail", 8),
        (20.0, {"alpha": 1e-6}, "fail", 1),
    ],
)
def test_another_policy_comes_to_what_the_samples_come_to(
    errors: float, changes: dict[str, Any], verdict: str, at: int
) -> None:
    found = otherwise(verify(piloted(errors))["evidence"], changes)
    assert in_short(found) == in_short(verify(piloted(errors, **changes)))
    assert in_short(found)[:2] == (verdict, at)


def test_without_a_change_it_is_the_verdict_that_it_is_of() -> None:
    before = verify(piloted())
    assert otherwise(before["evidence"], {}) == before


@pytest.mark.parametrize(
    ("errors", "changes", "end"),
    [(1.0, {"soak": 30}, 20), (2.0, {"alpha": 1e-6}, 8), (2.0, {"err_ratio": 3.0}, 8)],
)
def test_where_the_record_ends_before_there_is_a_verdict_it_is_running(
    errors: float, changes: dict[str, Any], end: int
) -> None:
    found = otherwise(verify(piloted(errors))["evidence"], changes)
    assert in_short(found)[:2] == ("running", end)


@pytest.mark.parametrize("margin", [0.1, 0.4])
@pytest.mark.parametrize(
    ("errors", "policy", "verdict", "at"),
    [(2.0, {}, "fail", 8), (1.0, {"err_margin": 1.06}, "inconclusive", 40)],
)
def test_where_latency_is_no_difference_another_margin_of_it_is_none(
    errors: float, policy: dict[str, Any], verdict: str, at: int, margin: float
) -> None:
    found = otherwise(verify(piloted(errors, **policy))["evidence"], {"lat_margin": margin})
    truth = verify(piloted(errors, lat_margin=margin, **policy))
    truth["reason"] = truth["reason"].replace("would need about", "would need at least")
    assert in_short(found) == in_short(truth)
    assert in_short(found)[:2] == (verdict, at)


def test_what_latency_would_still_need_by_another_margin_is_not_guessed() -> None:
    """Both errors and latency lack evidence in so few scrapes; how much latency lacks by that margin the record does not tell."""
    short = {"deadline": 10, "soak": 5, "min_strata": 5}
    found = otherwise(verify(piloted(**short))["evidence"], {"lat_margin": 0.06})
    truth = verify(piloted(**short, lat_margin=0.06))
    assert in_short(found)[:2] == in_short(truth)[:2] == ("inconclusive", 10)
    assert "a good pilot would need at least 13 scrapes more" in in_short(found)[4]
    assert "a good pilot would need about 266 scrapes more" in in_short(truth)[4]


def test_where_latency_decides_another_margin_of_it_cannot_be_told() -> None:
    assert otherwise(verify(piloted())["evidence"], {"lat_margin": 0.4}) == Untold(
        "it depends on how latency compares with a margin of 40%, and that was measured for another one only"
    )


@pytest.mark.parametrize("name", ["lat_tol", "lat_ratio", "kappa_default", "rho0", "warm_gamma"])
def test_what_the_samples_are_counted_by_cannot_be_told(name: str) -> None:
    given = verify(piloted())["evidence"]
    value = {"rho0": 1.5, "warm_gamma": 0.7}.get(name, 0.4)
    assert otherwise(given, {name: value}) == Untold(
        f"`{name}` would be {value}, and the evidence was counted with {given['policy'][name]}: the samples, which could be counted"
        " anew, are not in it"
    )


def test_over_how_many_scrapes_pods_are_counted_is_told_where_they_are_as_many_all_the_time() -> None:
    given = verify(piloted(2.0))["evidence"]
    assert in_short(otherwise(given, {"stale": 5}))[:2] == ("fail", 8)
    away = piloted(2.0)
    pod = away["pods"][0]
    for name in ("requests", "errors", "buckets"):
        pod[name][33] = None
    found = otherwise(verify(away)["evidence"], {"stale": 5})
    assert isinstance(found, Untold)
    assert found.why.startswith("the number of scrapes over which pods are counted would be 5")


def test_a_policy_that_cannot_be_says_why() -> None:
    found = otherwise(verify(piloted())["evidence"], {"soak": 41})
    assert found == Untold(
        "there is no such policy: policy.soak: expected at most the deadline, 40 scrapes, got 41"
    )


def test_a_record_that_is_none_is_refused() -> None:
    with pytest.raises(EvidenceError, match="method: expected one of"):
        otherwise({"method": "guessed"}, {"alpha": 0.1})


# --- a region and its own time before ------------------------------------------------------------------------------


@cache
def alone(errors: float, **policy: float) -> dict[str, Any]:
    given = lonely(3, errors=errors)
    given["policy"] |= policy
    return result(measure(parse(given), LONE_BEGAN, moments(LONE_BEGAN, WATCH)), "0")


@pytest.mark.parametrize(
    ("errors", "changes", "verdict"),
    [
        (8.0, {"alpha": 0.2}, "fail"),
        (8.0, {"lat_margin": 0.5}, "fail"),
        (1.0, {"err_margin": 3.0}, "pass"),
        (1.0, {"err_margin": 1.06}, "inconclusive"),
        (1.0, {"err_margin": 1.06, "lat_margin": 5.0}, "inconclusive"),
    ],
)
def test_a_watch_by_another_policy_comes_to_what_the_samples_come_to(
    errors: float, changes: dict[str, Any], verdict: str
) -> None:
    found = otherwise(alone(errors)["evidence"], changes)
    assert in_short(found) == in_short(alone(errors, **changes))
    assert in_short(found)[0] == verdict


def test_a_watch_of_another_length_cannot_be_told() -> None:
    found = otherwise(alone(1.0)["evidence"], {"deadline": 10})
    assert isinstance(found, Untold)
    assert found.why.startswith("the number of scrapes would be 10, and the evidence was counted with 20")


# --- regions that are one verification -----------------------------------------------------------------------------


@cache
def wave(errors: float, control: int = 2, alpha: float = 0.01, **policy: float) -> dict[str, Any]:
    """Two regions, the one with so many times the errors, beside so many of which none went astray. `alpha`: of both."""
    given = {"eu-west": watched(1, errors=errors), "us-east": watched(2)}
    for one in given.values():
        one["policy"] |= {"alpha": alpha, **policy}
    run = together(given)
    runs = {name: Verification(one.setup) for name, one in run.runs.items()}
    anew = Regions(alpha, runs, Control(("ap-south", "eu-north", "us-west")[:control], {}))
    anew.judge({name: one.measured() for name, one in run.runs.items()})
    return anew.result(dict.fromkeys(runs, "0"))


@pytest.mark.parametrize(
    ("errors", "changes", "verdict"),
    [
        (1.0, {"soak": 10}, "pass"),
        (1.0, {"err_margin": 3.0}, "pass"),
        (2.0, {"soak": 15}, "fail"),
        (2.0, {"lat_margin": 0.5}, "fail"),
    ],
)
def test_a_wave_by_another_policy_comes_to_what_the_samples_come_to(
    errors: float, changes: dict[str, Any], verdict: str
) -> None:
    found = otherwise(wave(errors)["evidence"], changes)
    assert in_short(found) == in_short(wave(errors, **changes))
    assert in_short(found)[0] == verdict


def test_the_part_of_each_region_makes_the_rate_of_all() -> None:
    """A tenth of it in all is a twentieth in each of two regions."""
    assert in_short(otherwise(wave(2.0)["evidence"], {"alpha": 0.05})) == in_short(wave(2.0, alpha=0.1))


def test_a_region_that_was_looked_at_no_more_leaves_open_what_would_have_followed() -> None:
    """Both were shown to be good with other scrapes, and by then the first to be would not have been."""
    before = wave(1.0)
    ends = [int(one["measured"]["scrapes"]) for one in before["evidence"]["regions"].values()]
    found = otherwise(before["evidence"], {"soak": WATCH})
    assert in_short(found)[:2] == ("running", min(ends))


@pytest.mark.parametrize("changes", [{"alpha": 0.05}, {"soak": 15}, {"err_margin": 3.0}])
def test_which_of_three_regions_would_have_gone_astray_cannot_be_told(changes: dict[str, Any]) -> None:
    found = otherwise(wave(1.0, control=3)["evidence"], changes)
    assert isinstance(found, Untold)
    assert found.why.startswith("the regions without the release are judged by the policy as well")


def test_none_of_three_regions_goes_astray_by_less_than_they_had() -> None:
    found = otherwise(wave(1.0, control=3)["evidence"], {"soak": 10, "alpha": 0.001})
    assert in_short(found)[0] == "pass"
