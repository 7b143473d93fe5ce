"""Reads a plan as people write it, YAML 1.2 or JSON, and tells every problem with its line.

Pure: text in, plan or problems out; it knows no regions (`lockgate plan check` works offline). What YAML can do
beyond plain data (aliases, tags, several documents) is refused, so that a plan means what it looks like.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lockgate.intake.problems import LinedProblem, Problem, check
from lockgate.intake.yamltext import Document, UnreadableTextError, read_text
from lockgate.messages.plan import Plan
from lockgate.messages.stage_rules import Path


@dataclass(frozen=True, slots=True)
class GoodPlan:
    """A plan that can be published: as written (plain JSON data) and as the model."""

    written: dict[str, Any]
    plan: Plan


@dataclass(frozen=True, slots=True)
class BadPlan:
    """Every problem, in the order of the file."""

    problems: tuple[LinedProblem, ...]


def check_plan(text: str | bytes) -> GoodPlan | BadPlan:
    """The one check of a plan's text. Never raises for what the text contains."""
    try:
        document = read_text(text)
    except UnreadableTextError as error:
        return BadPlan((LinedProblem(error.line, Problem((), str(error))),))
    checked = check(document.data)
    if isinstance(checked, Plan) and not document.problems:
        return GoodPlan(document.data, checked)
    return BadPlan(lined(document, () if isinstance(checked, Plan) else checked))


def lined(document: Document, found: Iterable[Problem]) -> tuple[LinedProblem, ...]:
    """With their lines, and in their order, what was found in the document; of a place that could not be kept, that alone."""
    told = {each.problem.path for each in document.problems}
    more = (LinedProblem(_line(document, it.path), it) for it in found if it.path not in told)
    return tuple(sorted((*document.problems, *more), key=lambda each: each.line))


def _line(document: Document, path: Path) -> int:
    """The line of the field, or of the nearest part around it that is written down."""
    while path not in document.lines:
        path = path[:-1]
    return document.lines[path]


__all__ = ["BadPlan", "GoodPlan", "LinedProblem", "check_plan", "lined"]
