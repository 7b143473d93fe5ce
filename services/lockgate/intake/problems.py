"""What is wrong with a plan, in plain words: which field, and what to write instead.

Pure. Used by intake's core for what was published, and by `planfile`, which adds the lines of a file. The
fields, types and limits are those of `lockgate.messages.plan`; here they are only put into words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lockgate.intake.shape import EXAMPLES, Json, Kind, at, fields, kind_of, phrase
from lockgate.intake.words import clip, listed, shown
from lockgate.messages.plan import Plan
from lockgate.messages.values import AS_WRITTEN, write_duration

Path = tuple[str | int, ...]

STAGE_KINDS: Final = ("preprod", "pilot", "wave", "watch")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: the place in the plan, as keys and positions, and a sentence that says what to write."""

    path: Path
    sentence: str

    @property
    def field(self) -> str:
        """The place as people write it, such as `stages[1].regions[0]`; `plan` for the whole."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return text.removeprefix(".") or "plan"

    def __str__(self) -> str:
        return f"{self.field}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class LinedProblem:
    """A problem with its line in a file, counted from 1."""

    line: int
    problem: Problem

    @property
    def field(self) -> str:
        return self.problem.field

    @property
    def sentence(self) -> str:
        return self.problem.sentence

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}"


def check(raw: Any) -> Plan | tuple[Problem, ...]:
    """The plan, or every problem that can be seen without knowing regions and other applications."""
    loose = tuple(_unknown_in_workload(raw))
    try:
        plan = Plan.model_validate(raw, strict=True, context=AS_WRITTEN)
    except ValidationError as error:
        details = error.errors(include_url=False)
        return (*(_problem(detail) for detail in details), *loose)
    return loose or plan


def named_regions(raw: Any) -> tuple[tuple[Path, str], ...]:
    """Every region that a plan names and where, also of a plan that is otherwise broken."""
    return tuple(_named_regions(raw))


def _named_regions(raw: Any) -> Iterator[tuple[Path, str]]:
    stages = raw.get("stages") if isinstance(raw, dict) else None
    for i, stage in enumerate(stages if isinstance(stages, list) else ()):
        regions = stage.get("regions") if isinstance(stage, dict) else None
        for j, region in enumerate(regions if isinstance(regions, list) else ()):
            if isinstance(region, str) and at(("stages", 0, "wave", "regions", 0)).matches(region):
                yield ("stages", i, "regions", j), region


def _unknown_in_workload(raw: Any) -> Iterator[Problem]:
    """A workload is a value of events too, which ignore what they do not know; in a plan it is a mistake."""
    workload = raw.get("workload") if isinstance(raw, dict) else None
    known = fields(at(("workload",)))
    for name in workload if isinstance(workload, dict) else ():
        if name not in known:
            yield Problem(("workload", name), _unknown_field(name, known))


def _problem(detail: ErrorDetails) -> Problem:
    return Problem(_without_kind(detail["loc"]), _sentence(detail))


def _without_kind(loc: Path) -> Path:
    """Drops what pydantic puts in: it names the kind of a stage in the path, the file has no such level."""
    return (*loc[:2], *loc[3:]) if loc[:1] == ("stages",) and loc[2:3] and loc[2] in STAGE_KINDS else loc


def _sentence(detail: ErrorDetails) -> str:
    loc, context = detail["loc"], detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return _missing(str(loc[-1]))
        case "extra_forbidden":
            return _unknown_field(str(loc[-1]), fields(at(loc[:-1])))
        case "union_tag_not_found":
            return f"the stage has no kind: write one of {listed(STAGE_KINDS)}, such as `kind: wave`"
        case "union_tag_invalid":
            return _unknown_kind(str(context["tag"]))
        case type_:
            return _about_value(type_, at(loc), detail["input"], context)


def _about_value(type_: str, here: Json, value: Any, context: dict[str, Any]) -> str:
    match type_:
        case "literal_error":
            text = f"{shown(value)} is not possible here: write {context['expected']}"
        case "string_pattern_mismatch":
            text = f"{shown(value)} is not possible here: write {phrase(here)}"
        case "value_error":
            text = str(context["error"])
        case "too_short":
            text = f"this list is too short: write at least {context['min_length']} entry"
        case "too_long":
            text = f"this list is too long: write at most {context['max_length']} entries"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            text = _range(here, value, context)
        case _:  # what is left are the many names for "a value of another type"
            text = f"{shown(value)} has the wrong type: write {phrase(here)}"
    return text


def _missing(name: str) -> str:
    example = EXAMPLES.get(name)
    return f"this field is missing: add it{f', such as `{example}`' if example else ''}"


def _unknown_field(name: str, known: tuple[str, ...]) -> str:
    close = get_close_matches(name, known, n=1)
    instead = f"write {close[0]} if you meant that" if close else "remove it"
    return f"there is no field {shown(name)} here: {instead}; the fields here are {listed(known)}"


def _unknown_kind(kind: str) -> str:
    close = get_close_matches(kind, STAGE_KINDS, n=1)
    instead = f"write {close[0]} if you meant that; " if close else ""
    return f"{shown(kind)} is no kind of stage: {instead}the kinds are {listed(STAGE_KINDS)}"


_LIMITS: Final = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def _range(here: Json, value: Any, context: dict[str, Any]) -> str:
    name, limit = next((n, context[n]) for n in _LIMITS if n in context)
    return f"{_measure(here, value)} is out of range: write {_LIMITS[name]} {_measure(here, limit)}"


def _measure(here: Json, value: Any) -> str:
    """A number in the unit that people write the field in."""
    if isinstance(value, str):
        return clip(value, 80)
    if not isinstance(value, int | float):
        return shown(value)
    match kind_of(here):
        case Kind.SHARE:
            return f"{value * 100:g}%"
        case Kind.DURATION:
            return write_duration(value)
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)
