"""The JSON Schema of the plan says to editors what `plan check` says."""

import copy
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from lockgate.intake.planfile import GoodPlan, check_plan
from tests.support.cdevents import ROOT, SCHEMAS, load, problems_with

SCHEMA = load(SCHEMAS / "plan.json")
PLANS = sorted(ROOT.glob("docs/plans/*.yaml"))


def plan(**changes: Any) -> dict[str, Any]:
    minimal = {
        "application": "payments",
        "artifact": "pkg:oci/payments",
        "workload": {"deployment": "payments", "container": "app", "service": "payments"},
        "stages": [
            {
                "name": "all",
                "kind": "wave",
                "regions": ["eu-west"],
                "max-parallel": 2,
                "after": {"bake": "10m"},
            },
            {"name": "watch", "kind": "watch", "for": "2h"},
        ],
    }
    return copy.deepcopy(minimal) | changes


def wave(strategy: Any) -> dict[str, Any]:
    return {"name": "all", "kind": "wave", "regions": ["eu-west"], "strategy": strategy}


@pytest.mark.parametrize(
    "strategy",
    [
        "rolling",
        {"canary": ["25%", "100%"]},
        {"canary": [0.5], "wait": "2m"},
        {"canary": ["10%"], "verify": "30m", "soak": "5m", "on-inconclusive": {"then": "hold"}},
        {"blue-green": {"keep": "10m", "requests": [{"get": "/healthz"}]}},
    ],
)
def test_each_strategy_can_be_written(strategy: Any) -> None:
    assert problems_with(SCHEMA, plan(stages=[wave(strategy)])) == []


def test_a_wave_can_be_compared_with_those_after_it() -> None:
    after = {
        "verify": "30m",
        "soak": "5m",
        "margins": {"errors": 2},
        "on-inconclusive": {"then": "hold"},
        "bake": "5m",
    }
    assert problems_with(SCHEMA, plan(stages=[{**wave("rolling"), "after": after}])) == []


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.stem)
def test_the_plans_of_the_documentation_are_valid(file: Any) -> None:
    text = file.read_text()
    assert problems_with(SCHEMA, YAML(typ="safe", pure=True).load(text)) == []
    assert isinstance(check_plan(text), GoodPlan)
    assert f"lockgate plan check docs/plans/{file.name}" in text


def test_the_documentation_has_a_plan_for_each_of_ten_common_cases_and_names_it() -> None:
    table = (ROOT / "docs" / "plans" / "README.md").read_text()
    assert len(PLANS) >= 10
    assert [file.name for file in PLANS if f"]({file.name})" not in table] == []


def test_names_have_hyphens_and_values_are_as_people_write_them() -> None:
    assert problems_with(SCHEMA, plan(**{"false-alarms": "1%"})) == []


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"false_alarms": 0.01}, "$"),
        ({"kind": "Plna"}, "$.kind"),
        ({"application": "Payments"}, "$.application"),
        ({"stages": []}, "$.stages"),
        ({"workload": {"deployment": "a", "container": "a", "service": "a", "routes": "a"}}, "$.workload"),
        ({"metrics": {"interval": "15 s"}}, "$.metrics.interval"),
        ({"metrics": {"interval": 15}}, "$.metrics.interval"),
        ({"remediation": {"to": "yesterday"}}, "$.remediation.to"),
        ({"stages": [{"name": "all", "kind": "wave", "regions": ["eu-west"], "paralel": 2}]}, "$.stages[0]"),
        ({"stages": [wave({"canary": []})]}, "$.stages[0]"),
        ({"stages": [wave({"canary": ["25"]})]}, "$.stages[0]"),
        ({"stages": [wave({"blue-green": {}})]}, "$.stages[0]"),
        ({"stages": [wave("canary")]}, "$.stages[0]"),
    ],
)
def test_what_cannot_be_written_is_marked_where_it_stands(changes: dict[str, Any], place: str) -> None:
    assert [problem.split(": ")[0] for problem in problems_with(SCHEMA, plan(**changes))] == [place]
