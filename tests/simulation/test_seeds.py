"""Some hundred histories, in each of which everything that must hold does. `python -m tests.simulation` runs more."""

import os
import subprocess
import sys

import pytest

from tests.simulation.running import run, trace

SEEDS, IN_ONE = 300, 50


@pytest.mark.parametrize("first", range(0, SEEDS, IN_ONE))
def test_everything_that_must_hold_does(first: int) -> None:
    for seed in range(first, first + IN_ONE):
        if run(seed).error is not None:
            pytest.fail(f"python -m tests.simulation {seed} --trace\n{trace(seed)}", pytrace=False)


def test_the_seeds_reach_every_end_and_every_trouble() -> None:
    """Else what holds would hold of nothing."""
    counts: dict[str, int] = {}
    for seed in range(40):
        for name, count in run(seed).counts.items():
            counts[name] = counts.get(name, 0) + count
    for name in (
        *("ReleaseCompleted", "ReleaseClosed", "ReleaseSuperseded", "ArtifactRefused", "DebtCleared"),
        *("GrantRefused", "RegionFailed", "OrderRefused", "RollbackFailed", "RegionUntouched"),
        *("RegionRolledBack", "RegionRefused", "WatchEnded", "VerificationStarted", "PlanAccepted"),
    ):
        assert counts.get(name, 0) > 0, f"no {name} in 40 seeds: {counts}"


def test_the_same_seed_gives_the_same_history_in_another_process() -> None:
    """Also where sets iterate in another order: that no core depends on it is what replay stands on."""
    expected = run(7).history
    for order in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "7"],
            env={**os.environ, "PYTHONHASHSEED": order},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout == f"seed 7: {expected}\n"


@pytest.mark.parametrize("seed", range(5))
def test_it_makes_no_difference_whether_events_travel_as_bytes(seed: int) -> None:
    assert run(seed, wire=True) == run(seed)


def test_two_seeds_give_two_histories() -> None:
    assert run(1).history != run(2).history


def test_a_trace_tells_what_happened_and_ends_with_the_outcome() -> None:
    told = trace(1, last=5)
    assert len(told.splitlines()) == 6
    assert told.splitlines()[-1] == f"seed 1: {run(1).history}"
