"""The file of `lockgate backtest`: what is tried, or what is wrong with it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lockgate.cli.backtest.policyfile import BadPolicy, read_policy
from lockgate.cli.main import app


def problems(policy: str) -> list[str]:
    found = read_policy(policy)
    assert isinstance(found, BadPolicy)
    return [str(problem) for problem in found.problems]


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (
            "kind: Policy\n",
            ["line 1: plan: nothing is tried: write what is to be otherwise, such as `false-alarms: 2%`"],
        ),
        (
            "kind: Policy\nfals-alarms: 2%\n",
            [
                (
                    "line 2: fals-alarms: there is no field 'fals-alarms' here: write false-alarms if you meant that; the fields"
                    " here are kind, false-alarms, preprod, pilot, canary, wave, watch"
                )
            ],
        ),
        (
            "kind: Policy\nfalse-alarms: 60%\npilot:\n  margins:\n    errors: one\n  soak: 10\n",
            [
                "line 2: false-alarms: 60% is out of range: write at most 20%",
                "line 5: pilot.margins.errors: 'one' has the wrong type: write a number, such as 1.5",
                "line 6: pilot.soak: 10 has no unit: write 10s, 10m or 10h, whichever is meant",
            ],
        ),
        (
            "kind: Policy\ncanary: {verify: 10m, soak: 20m}\nwatch: {for: 1h}\n",
            [
                "line 2: canary.soak: nothing could pass: the canary soaks for 20m and is compared for 10m: write at most 10m",
                "line 3: watch.for: there is no field 'for' here: remove it; the fields here are margins, on-inconclusive",
            ],
        ),
        (
            "kind: Policy\npreprod: 2%\nwave: [a]\n",
            [
                "line 2: preprod: '2%' has the wrong type: write fields with values, such as preprod: {failures: 2%}",
                'line 3: wave: ["a"] has the wrong type: write fields with values, such as wave: {margins: {errors: 1.3}}',
            ],
        ),
        (
            "false-alarms: 2%\n",
            [
                "line 1: kind: this field is missing: write `kind: Policy`, or `kind: Plan` to try a whole plan"
            ],
        ),
        (
            "kind: Wave\n",
            [
                "line 1: kind: 'Wave' is not possible here: write `kind: Policy`, or `kind: Plan` to try a whole plan"
            ],
        ),
        ("- a\n", ["line 1: plan: a plan is an object with fields: write `kind: Plan` first"]),
    ],
)
def test_what_is_wrong_is_told_with_line_field_and_what_to_write(policy: str, told: list[str]) -> None:
    assert problems(policy) == told


PLAN = """\
kind: Plan
application: payments
artifact: pkg:oci/payments
workload: {deployment: payments, container: app, service: payments}
stages:
  - {name: all, kind: wave, regions: [eu-west]}
  - {name: watch, kind: watch, for: 2h}
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)])


def test_a_policy_that_is_malformed_is_refused_before_kafka_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("kind: Policy\npilot: {soak: x}\n")
    result = run("--policy", file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"{file}: line 2: pilot.soak: 'x' is no duration: write a number and a unit, such as 90s, 10m or 2h\n"
    )


def test_a_plan_is_tried_on_no_other_application(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN)
    result = run("--policy", file, "--application", "orders")
    assert result.exit_code == 2
    assert "of payments: leave this out" in " ".join(result.stderr.replace("│", " ").split())


def test_a_plan_is_checked_as_a_plan() -> None:
    assert problems("kind: Plan\napplication: payments\n")[0].startswith(
        "line 1: artifact: this field is missing"
    )
