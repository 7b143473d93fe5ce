"""Regions without the release that have levels of their own, and whose parts of the traffic move: no good release is blamed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from lockgate.verifier.statistics.control import Placebos
from lockgate.verifier.statistics.evidence import Evidence, parse
from lockgate.verifier.statistics.mix import Mix
from lockgate.verifier.statistics.state import dump, load
from lockgate.verifier.statistics.verification import Verification

WATCH = 30
BEGAN, ROLLOUT = 12 * WATCH, 1
START = BEGAN + ROLLOUT
POLICY = {
    "alpha": 0.0025,
    "deadline": WATCH,
    "soak": 15,
    "min_strata": 5,
    "stale": 5,
    "err_margin": 2.0,
    "weights": {"errors": 0.5, "latency": 0.44, "gauges": 0.0, "share": 0.06},
    "required": ["errors", "latency"],
}


@dataclass(frozen=True)
class Region:
    """Requests of a scrape and how many of them fail; scrapes are numbered from the start on."""

    fail: float
    requests: Callable[[int], float] = lambda _t: 1000.0
    until: int = WATCH
    """The last scrape of which there are metrics."""
    fail_since: float | None = None


def evidence(seed: int, release: Region, control: Mapping[str, Region]) -> Evidence:
    rng = np.random.default_rng((8, seed))
    pods = [
        *(_pod(rng, f"{name}/pod", "baseline", region, -START) for name, region in control.items()),
        _pod(rng, "here/old", "pilot", release, -START, -ROLLOUT),
        _pod(rng, "here/new", "pilot", release, -ROLLOUT),
    ]
    return parse(
        {
            "schema": "lockgate.evidence/1",
            "scrape_seconds": 60,
            "start": START,
            "weight": [0.0] * START + [1.0] * WATCH,
            "bounds": [0.01, 0.1, 0.5],
            "policy": POLICY,
            "pods": pods,
        }
    )


def _pod(  # noqa: PLR0917  # a pod is flat
    rng: np.random.Generator, name: str, arm: str, region: Region, first: int, end: int = WATCH
) -> dict[str, Any]:
    times = range(-START, WATCH)
    since = region.fail if region.fail_since is None else region.fail_since
    requests = rng.poisson([region.requests(t) for t in times])
    errors = rng.binomial(requests, [since if t >= 0 else region.fail for t in times])
    tail = rng.binomial(requests, 0.05)
    buckets = np.stack((requests // 100, (requests - tail) * 6 // 10, requests - tail, requests), 1)
    counts = {"requests": requests, "errors": errors, "buckets": buckets}
    there = [first <= t < end and t <= region.until for t in times]
    return {"name": name, "arm": arm} | {
        key: [one if seen else None for one, seen in zip(np.cumsum(many, 0).tolist(), there, strict=True)]
        for key, many in counts.items()
    }


def by_region(given: Evidence) -> dict[str, str]:
    return {name: name.partition("/")[0] for name in given.names}


def verdict(seed: int, release: Region, control: Mapping[str, Region]) -> str:
    given = evidence(seed, release, control)
    run = Verification.of(given, BEGAN, by_region(given))
    return run.fold(given).verdict


GOOD, BAD = Region(0.005), Region(0.005, fail_since=0.015)
QUIET = {f"c{n}": Region(0.001) for n in range(4)}


def drained(t: int) -> float:
    return 1000.0 if t < 5 else 20.0


@pytest.mark.parametrize(
    "control",
    [
        {"quiet": Region(0.001), "loud": Region(0.02, until=-15)},
        {"quiet": Region(0.001), "loud": Region(0.02, until=5)},
        {"loud": Region(0.02), "quiet": Region(0.001, until=5)},
        {**QUIET, "loud": Region(0.05, until=5)},
        {**QUIET, "loud": Region(0.05, drained)},
        {"loud": Region(0.05), "quiet": Region(0.001, drained)},
    ],
    ids=[
        "gone-before",
        "loud-one-gone",
        "quiet-one-gone",
        "one-of-five-gone",
        "drained",
        "quiet-one-drained",
    ],
)
def test_beside_regions_of_which_one_goes_a_good_release_is_not_measured(control: dict[str, Region]) -> None:
    assert [verdict(seed, GOOD, control) for seed in range(5)] == ["unmeasurable"] * 5


MOVED = {
    "loud": Region(0.02, lambda t: 1000.0 if t < 0 else 450.0),
    "quiet": Region(0.001, lambda t: 1000.0 if t < 0 else 1400.0),
}


def test_how_much_traffic_each_of_them_has_may_move() -> None:
    """Their sum fails half as often then; the release is judged all the same."""
    assert [verdict(seed, GOOD, MOVED) for seed in range(5)] == ["pass"] * 5
    assert [verdict(seed, BAD, MOVED) for seed in range(5)] == ["fail"] * 5


def test_beside_steady_regions_of_other_levels_a_good_release_passes_and_a_bad_one_fails() -> None:
    control = {"quiet": Region(0.002), "loud": Region(0.01)}
    assert [verdict(seed, GOOD, control) for seed in range(5)] == ["pass"] * 5
    assert [verdict(seed, BAD, control) for seed in range(5)] == ["fail"] * 5


def test_a_region_with_hardly_any_traffic_is_left_out_and_holds_nothing_up() -> None:
    control = {"large": Region(0.002), "tiny": Region(0.3, lambda _t: 20.0, until=5)}
    assert [verdict(seed, GOOD, control) for seed in range(3)] == ["pass"] * 3


def test_a_region_without_the_release_is_no_worse_for_one_that_is_drained() -> None:
    """As each is looked at beside the others."""
    given = evidence(0, GOOD, {**QUIET, "loud": Region(0.05, drained)})
    placebos = Placebos(given, by_region(given), BEGAN)
    placebos.fold(given, WATCH)
    assert placebos.astray == {}


def test_a_part_of_each_region_is_taken_that_leaves_the_mix_as_it_was() -> None:
    mix = Mix.of(
        ("a/1", "a/2", "b/1", "c/1"),
        {"a/1": "a", "a/2": "a", "b/1": "b", "c/1": "c"},
        np.array([30.0, 30, 60, 5]),
    )
    assert mix.parts.tolist() == [0.5, 0.5]
    new = np.array(
        [
            [[50.0, 5], [50, 5], [40, 8], [9, 9]],
            [[0, 0], [90, 1], [10, 1], [0, 0]],
            [[5, 1], [5, 1], [0, 0], [0, 0]],
        ]
    )
    assert mix.even(new[..., 0]).tolist() == [True, False, False]
    assert mix.level(new)[0].tolist() == [80.0, 12.0]


def test_what_nothing_was_asked_of_before_has_no_mix() -> None:
    mix = Mix.of(("a/1",), {"a/1": "a"}, np.array([0.0]))
    assert mix.level(np.array([[[5.0, 1]]])).tolist() == [[0.0, 0.0]]


def test_a_verification_beside_several_regions_is_continued_from_its_state() -> None:
    given = evidence(1, GOOD, MOVED)
    whole, run = (Verification.of(given, BEGAN, by_region(given)) for _ in range(2))
    for end in range(1, WATCH + 1):
        run = load(json.loads(json.dumps(dump(run))))
        run.fold(given, START + end)
    assert run.outcome == whole.fold(given)
