"""What a verdict says is true of what was measured, also where nothing was proven or nothing was measured."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lockgate.cli.main import app
from lockgate.verifier.statistics.verification import verify
from tests.bench.verdicts import run
from tests.support.verification import HISTORY, Evidence, pod, steady, the_pilot


def unlike(errors: int, policy: Evidence) -> Evidence:
    """So many requests that little is left to chance; production fails 1 % of its own."""
    evidence = steady(policy={"soak": 60, **policy})
    length = HISTORY + 60
    many = {"requests": 1_000_000, "errors": 10_000, "buckets": [10_000, 600_000, 950_000, 1_000_000]}
    few = {"requests": 300_000, "errors": errors, "buckets": [3_000, 180_000, 285_000, 300_000]}
    arms = [(f"b-{index}", "baseline", many) for index in range(3)] + [("p-0", "pilot", few)]
    evidence["pods"] = [pod(name, arm, step, length) for name, arm, step in arms]
    return evidence


def test_a_pilot_within_the_margins_that_looks_worse_is_not_said_to_be_outside() -> None:
    found = verify(unlike(3_600, {}))
    assert (found["verdict"], found["why"]) == ("inconclusive", "errors")
    assert found["reason"] == (
        "The time is over: everything is shown to be within its margin, but errors looks worse than a pass allows."
    )


def test_what_is_proven_but_does_not_matter_is_not_said_to_be_unproven() -> None:
    found = verify(unlike(3_600, {"err_margin": 1.1}))
    assert float(found["evidence"]["metrics"]["errors"]["ln_e"][-1]) > 5
    assert (found["verdict"], found["why"]) == ("inconclusive", "errors")
    assert found["reason"].startswith(
        "The time is over and errors is neither proven worse by as much as matters nor shown"
    )


def test_a_pilot_that_was_not_compared_after_it_had_soaked_is_not_said_to_be_outside() -> None:
    evidence = steady(policy={"soak": 60})
    for key in ("requests", "errors", "buckets"):
        the_pilot(evidence)[key][-3:] = [None] * 3
    found = verify(evidence)
    assert (found["verdict"], found["why"]) == ("inconclusive", "time")
    assert found["reason"].endswith("but nothing could be compared after the pilot had soaked.")


def test_a_gauge_without_values_since_the_start_has_no_estimate(tmp_path: Path) -> None:
    evidence = steady()
    for one in evidence["pods"]:
        one["gauges"] = {"cpu": [7.0] * (HISTORY + 60)}
    the_pilot(evidence)["gauges"]["cpu"][HISTORY:] = [None] * 60
    found = verify(evidence)["evidence"]["metrics"]["cpu"]["estimate"]
    assert set(found) == {None}
    file = tmp_path / "evidence.jsonl"
    file.write_text(json.dumps(evidence))
    said = CliRunner().invoke(app, ["verify", "--evidence", str(file), "--explain"])
    assert said.exit_code == 0
    assert "1000000000" not in said.stdout


@pytest.mark.parametrize(("name", "runs"), [("mean power of 21", 21), ("mean FAIL of 11 A/A", 11)])
def test_a_mean_of_the_benchmark_is_of_the_runs_of_its_rows(name: str, runs: int) -> None:
    lines = {line.name: line for line in run(1, 1, 1)}
    assert lines[name].runs == runs
