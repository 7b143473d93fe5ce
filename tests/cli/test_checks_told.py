"""What is said of a stage's check before anybody asks it: by `plan check`, and in a preview."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lockgate.cli.main import app
from lockgate.cli.preview.gates import gates
from lockgate.messages.plan import WaveStage
from tests.support.verifier import WAVE


@pytest.mark.parametrize(
    ("check", "gate"),
    [
        ({"http": "smoke"}, "the check smoke answers 200"),
        (
            {"http": "smoke", "expect": {"status": 204}, "times": 3, "interval": "1m", "failures": 1},
            "the check smoke answers 204 3 times, 1m apart, and otherwise 1 times at most",
        ),
    ],
)
def test_what_it_has_to_answer_is_the_last_gate_of_its_stage(check: dict[str, Any], gate: str) -> None:
    stage = WaveStage.model_validate({**WAVE, "check": check})
    assert gates(stage) == (*gates(WaveStage.model_validate(WAVE)), gate)


def test_a_plan_is_good_with_a_check_that_nobody_here_knows_and_is_told_so(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "application: payments\n"
        "artifact: pkg:oci/payments\n"
        "workload: {deployment: payments, container: app, service: payments}\n"
        "stages:\n"
        "  - {name: all, kind: wave, regions: [eu-west], check: {http: smoke}}\n"
        "  - {name: watch, kind: watch, for: 2h, check: {http: load}}\n"
    )
    result = CliRunner().invoke(app, ["plan", "check", str(plan)])
    assert result.exit_code == 0, result.output
    assert (
        "It asks smoke, load: that the verifier has such a check (its setting LOCKGATE_CHECKS) is not looked up here, and a "
        "release is held where it has none.\n"
    ) in result.output
