"""A thousand histories, in each of which everything that must hold does; with the marker `ci` ten thousand.

`python -m tests.simulation --seeds A B` runs others, and `make qualify NAME=simulation` runs very many.
"""

import os
import subprocess
import sys

import pytest

from tests.simulation.running import again, run, run_many, story, told

SEEDS, MORE = 1_000, 10_000


def _hold(seeds: range) -> None:
    for failed in run_many(seeds).failed[:1]:
        pytest.fail(f"{told(failed)}\n{story(failed.seed)}\nAll of it: {again(failed.seed)}", pytrace=False)


@pytest.mark.seeds(0, SEEDS, 125)
def test_everything_that_must_hold_does(seeds: range) -> None:
    _hold(seeds)


@pytest.mark.ci
@pytest.mark.seeds(SEEDS, MORE, 500)
@pytest.mark.timeout(1800)  # CI runs it on what its other tests leave of the cores
def test_everything_that_must_hold_does_in_many_more(seeds: range) -> None:
    _hold(seeds)


def test_the_seeds_reach_every_end_and_every_trouble() -> None:
    """Else what holds would hold of nothing."""
    counts = run_many(range(40)).counts
    for name in (
        *("ReleaseCompleted", "ReleaseClosed", "ReleaseSuperseded", "ArtifactRefused", "DebtCleared"),
        "ArtifactVerified",
        *("GrantRefused", "RegionFailed", "OrderRefused", "RollbackFailed", "RegionUntouched"),
        *("RegionRolledBack", "RegionRefused", "WatchEnded", "VerificationStarted", "PlanAccepted"),
        *("RollbackVerified", "recovers", "gave way"),
        *("check pass", "check fail", "check unmeasurable"),
    ):
        assert counts[name] > 0, f"no {name} in 40 seeds: {counts}"


def test_the_same_seed_gives_the_same_history_in_another_process() -> None:
    """Also where sets iterate in another order: that no core depends on it is what replay stands on."""
    expected = told(run(7))
    for order in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "7"],
            env={**os.environ, "PYTHONHASHSEED": order},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout == f"{expected}\n"


@pytest.mark.parametrize("seed", range(5))
def test_it_makes_no_difference_whether_events_travel_as_bytes(seed: int) -> None:
    assert run(seed, wire=True) == run(seed)


def test_it_holds_as_well_where_the_real_statistics_judge() -> None:
    """In place of the oracle that is quicker."""
    assert [run(seed, statistics=True).error for seed in range(12)] == [None] * 12


def test_two_seeds_give_two_histories() -> None:
    assert run(1).history != run(2).history


def test_a_story_tells_what_happened_and_ends_with_the_outcome() -> None:
    lines = story(1, last=5).splitlines()
    assert len(lines) == 6
    assert lines[-1] == told(run(1))
