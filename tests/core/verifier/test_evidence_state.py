"""A verification that was kept as JSON goes on as if it had never been interrupted."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.verifier.statistics.evidence import Evidence, parse
from lockgate.verifier.statistics.record import load as load_record
from lockgate.verifier.statistics.state import dump, load
from lockgate.verifier.statistics.verification import Verification, encode, verify
from tests.bench.scenarios import by, leak
from tests.bench.traffic import World, evidence
from tests.support.verification import cut, steady

WORLDS = [
    World(),
    World(error_factor=by(2.5, 5), missing=0.1),
    World(memory=leak(0.01), missing=0.45),
    World(bursty=True, latency=by(1.1, 10)),
]
POLICY = {"min_strata": 5, "stale": 20, "soak": 45}
START, RUN = 60, 60


def later(whole: dict[str, Any], first: int, end: int, judged: Verification) -> Evidence:
    """What a scraper has that keeps nothing: the scrapes from `first` to before `end`."""
    part = cut(whole, end - START)
    part["weight"] = part["weight"][first:]
    for pod in part["pods"]:
        for key in ("requests", "errors", "buckets"):
            pod[key] = pod[key][first:]
        pod["gauges"] = {name: values[first:] for name, values in pod["gauges"].items()}
    return parse(part, first, judged.setup.gauges)


@settings(deadline=None, max_examples=12)
@given(st.sampled_from(range(len(WORLDS))), st.sets(st.integers(0, RUN - 1), max_size=4))
def test_continued_elsewhere_it_comes_to_the_same_bytes(world: int, stops: set[int]) -> None:
    whole = evidence(WORLDS[world], (31, world), POLICY)
    run, at = Verification.of(parse(cut(whole, 0))), START
    for stop in [*sorted(stops), RUN]:
        if START + stop > at:
            run.fold(later(whole, at, START + stop, run))
        at = START + stop
        run = load(json.loads(json.dumps(dump(run), allow_nan=False)))
    expected = verify(whole)
    assert encode(run.result(run.outcome, expected["evidence"]["sha256"])) == encode(expected)


def test_a_state_is_small_however_long_it_ran() -> None:
    whole = evidence(WORLDS[0], (32, 0), {"soak": 60})
    run = Verification.of(parse(whole))
    before = len(json.dumps(dump(run)))
    run.fold(parse(cut(whole, 59)))
    assert before < 32_000
    assert len(json.dumps(dump(run))) < before + 59 * 500


def test_other_pods_and_scrapes_that_are_missing_are_refused() -> None:
    run = Verification.of(parse(steady(0)))
    with pytest.raises(
        ValueError, match=r"expected the scrapes of 4 pods from 30 on, got those of 5 from 0 on"
    ):
        run.fold(parse(steady(3, baseline=4)))
    with pytest.raises(ValueError, match=r"got those of 4 from 31 on: make a verification anew"):
        run.fold(parse(steady(3), 31))


def test_the_state_of_another_version_is_refused_and_so_is_that_of_a_verdict_made_again() -> None:
    run = Verification.of(parse(steady(3)))
    with pytest.raises(ValueError, match=r"expected a state 'lockgate\.verification/1', got 'other'"):
        load(dump(run) | {"state": "other"})
    setup, _ = load_record(verify(steady(3))["evidence"])
    with pytest.raises(ValueError, match="keep its record instead"):
        dump(Verification(setup))
