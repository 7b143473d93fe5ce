"""Reads what is tried, YAML or JSON: a whole plan, or a policy, which says in a plan's words what is to be otherwise in each kind of
stage. Every problem is told with its line and what to write instead.

Pure. A policy is checked as the plan that has its parts: so its fields, their limits and the words about them are a plan's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lockgate.intake.planfile import BadPlan, GoodPlan, check_plan, lined
from lockgate.intake.problems import LinedProblem, Problem, check, unknown_field
from lockgate.intake.words import shown
from lockgate.intake.yamltext import UnreadableTextError, read_text
from lockgate.messages.plan import Plan
from lockgate.messages.stage_rules import Path


@dataclass(frozen=True, slots=True)
class Policy:
    """What is otherwise than in the plan that a release had, as it is written."""

    written: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadPolicy:
    """Every problem, in the order of the file."""

    problems: tuple[LinedProblem, ...]


Tried = Plan | Policy

_COMPARED: Final = ("verify", "soak", "margins", "on-inconclusive")
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "preprod": ("failures", "on-inconclusive"),
    "pilot": _COMPARED,
    "canary": _COMPARED,
    "wave": _COMPARED,
    "watch": ("margins", "on-inconclusive"),
}
"""What can be tried, by the kind of stage; that of a canary is the comparison between its steps."""
_KNOWN: Final = ("kind", "false-alarms", *FIELDS)
_PLACES: Final[Mapping[str, Path]] = {
    "preprod": ("stages", 0),
    "pilot": ("stages", 1, "after"),
    "canary": ("stages", 2, "strategy"),
    "wave": ("stages", 3, "after"),
    "watch": ("stages", 5, "verify"),
}
"""Where each part is in `_plan`."""
_LONGEST: Final = {"verify": "2160h"}
"""Of a comparison of which the policy does not say how long it is: whatever soak time it says is possible then."""


def read_policy(text: str | bytes) -> Tried | BadPolicy:
    """The one check of the text. Never raises for what the text contains."""
    try:
        document = read_text(text)
    except UnreadableTextError as error:
        return BadPolicy((LinedProblem(error.line, Problem((), str(error))),))
    if document.data.get("kind") != "Policy":
        return _plan_or_neither(text, document.data.get("kind"))
    found = lined(document, _problems(document.data))
    return BadPolicy(found) if found else Policy(document.data)


def _plan_or_neither(text: str | bytes, kind: Any) -> Tried | BadPolicy:
    if kind != "Plan":
        written = "this field is missing" if kind is None else f"{shown(kind)} is not possible here"
        told = f"{written}: write `kind: Policy`, or `kind: Plan` to try a whole plan"
        return BadPolicy((LinedProblem(1, Problem(("kind",), told)),))
    match check_plan(text):
        case GoodPlan(plan=plan):
            return plan
        case BadPlan(problems=problems):
            return BadPolicy(problems)


def _problems(given: Mapping[str, Any]) -> Iterator[Problem]:
    tried = {name: part for name, part in given.items() if name != "kind"}
    if not tried:
        yield Problem((), "nothing is tried: write what is to be otherwise, such as `false-alarms: 2%`")
    good = {"false-alarms": given["false-alarms"]} if "false-alarms" in given else {}
    for name, part in tried.items():
        if name not in _KNOWN:
            yield Problem((name,), unknown_field(name, _KNOWN))
        elif name in FIELDS and not isinstance(part, dict):
            told = f"{shown(part)} has the wrong type: write fields with values, such as {_example(name)}"
            yield Problem((name,), told)
        elif name in FIELDS:
            unknown = [field for field in part if field not in FIELDS[name]]
            yield from (Problem((name, field), unknown_field(field, FIELDS[name])) for field in unknown)
            good[name] = {field: value for field, value in part.items() if field in FIELDS[name]}
    checked = check(_plan(good))
    for problem in () if isinstance(checked, Plan) else checked:
        yield Problem(_as_written(problem.path), problem.sentence)


def _example(name: str) -> str:
    return f"{name}: {{failures: 2%}}" if name == "preprod" else f"{name}: {{margins: {{errors: 1.3}}}}"


def _as_written(path: Path) -> Path:
    for name, place in _PLACES.items():
        if path[: len(place)] == place:
            return (name, *path[len(place) :])
    return path


def _plan(given: Mapping[str, Any]) -> dict[str, Any]:
    """A plan with these parts, and nothing else that could be wrong."""
    stages: list[dict[str, Any]] = [
        {"name": "preprod", "kind": "preprod", "regions": ["p"], "requests": [{"get": "/"}]}
        | given.get("preprod", {}),
        {"name": "pilot", "kind": "pilot", "regions": ["a"], "share": "10%"}
        | {"after": _LONGEST | given.get("pilot", {})},
        {"name": "canary", "kind": "wave", "regions": ["a"]}
        | {"strategy": {"canary": ["10%", "100%"]} | _LONGEST | given.get("canary", {})},
        {"name": "wave", "kind": "wave", "regions": ["b"], "after": _LONGEST | given.get("wave", {})},
        {"name": "rest", "kind": "wave", "regions": ["c"]},
        {"name": "watch", "kind": "watch", "for": "2h", "verify": given.get("watch", {})},
    ]
    alarms = {"false-alarms": given["false-alarms"]} if "false-alarms" in given else {}
    return {
        "kind": "Plan",
        "application": "any",
        "artifact": "pkg:oci/any",
        "workload": {"deployment": "any", "container": "any", "service": "any", "route": "any"},
        "metrics": {"interval": "500ms"},
        "stages": stages,
        **alarms,
    }
