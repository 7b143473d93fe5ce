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

from lockgate.intake.measurable import unmeasurable
from lockgate.intake.shape import EXAMPLES, Json, Kind, at, fields, kind_of, phrase
from lockgate.intake.words import clip, listed, shown
from lockgate.messages.plan import Plan
from lockgate.messages.stage_rules import STAGE_KINDS, Outline, Path, breaches
from lockgate.messages.values import AS_WRITTEN, parse_share, write_duration

VERSION: Final = "0.1"
_NEAREST: Final = {"canary": "wave", "blue-green": "wave", "approval": "wave"}
"""A kind that is none -> the kind of stage that comes nearest to it."""
_STRATEGIES: Final = {"canary": "{canary: [25%, 50%, 100%]}", "blue-green": "{blue-green: {keep: 10m}}"}
"""Strategies that are more than a word -> how one is written."""
_APPROVAL: Final = "write before: {approval: required} in the stage"
_WINDOW: Final = "write before: {window: weekdays 08:00-17:00 Europe/Berlin} in the stage"
_ELSEWHERE: Final = {
    **dict.fromkeys(("approval", "approvals", "approve", "before"), _APPROVAL),
    **dict.fromkeys(("window", "windows"), _WINDOW),
    "pauses": "remove it, and pause with `lockgate pause`",
}
"""What people look for in a plan, where it is not -> where it is."""


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
    readable, unknown = _with_known_kinds(raw)
    loose = (*unknown, *_unknown_in_workload(raw), *_between_stages(readable))
    try:
        plan = Plan.model_validate(readable, strict=True, context=AS_WRITTEN)
    except ValidationError as error:
        details = [detail for detail in error.errors(include_url=False) if not _is_between_stages(detail)]
        return (*(_problem(detail) for detail in details), *loose)
    return (*loose, *(Problem(*breach) for breach in unmeasurable(plan))) or plan


def _with_known_kinds(raw: Any) -> tuple[Any, tuple[Problem, ...]]:
    """The plan with the nearest kind in each stage whose kind is unknown, else nothing of it would be checked."""
    stages = raw.get("stages") if isinstance(raw, dict) else None
    if not isinstance(stages, list):
        return raw, ()
    problems, readable = [], []
    for i, stage in enumerate(stages):
        kind = stage.get("kind") if isinstance(stage, dict) else None
        if isinstance(kind, str) and kind not in STAGE_KINDS and (near := _nearest(kind)):
            problems.append(Problem(("stages", i, "kind"), _unknown_kind(kind)))
            readable.append({**stage, "kind": near})
        else:
            readable.append(stage)
    return {**raw, "stages": readable}, tuple(problems)


def _between_stages(raw: Any) -> Iterator[Problem]:
    stages = raw.get("stages") if isinstance(raw, dict) else None
    outlines = [_outline(stage) for stage in stages] if isinstance(stages, list) else []
    workload = raw.get("workload") if isinstance(raw, dict) else None
    routed = not isinstance(workload, dict) or "route" in workload
    for path, told in breaches(outlines, routed=routed):
        yield Problem(path, told)


def _outline(stage: Any) -> Outline:
    fields_ = stage if isinstance(stage, dict) else {}
    name, kind, regions = (fields_.get(field) for field in ("name", "kind", "regions"))
    return Outline(
        name if isinstance(name, str) else None,
        kind if isinstance(kind, str) and kind in STAGE_KINDS else None,
        [region if isinstance(region, str) else None for region in regions]
        if isinstance(regions, list)
        else (),
        list(_shares(fields_.get("strategy"))),
        verifies=fields_.get("verify") is not None,
    )


def _shares(strategy: Any) -> Iterator[float | None]:
    """The shares of a canary as it is written; None for what is none."""
    steps = strategy.get("canary") if isinstance(strategy, dict) else None
    for step in steps if isinstance(steps, list) else ():
        try:
            share = parse_share(step)
        except ValueError:
            share = None
        yield share if isinstance(share, int | float) else None


def _is_between_stages(detail: ErrorDetails) -> bool:
    """The model says the first breach, without its place; `_between_stages` says all, with theirs."""
    return detail["loc"] == () and detail["type"] == "value_error"


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
            yield Problem(("workload", name), unknown_field(name, known))


def _problem(detail: ErrorDetails) -> Problem:
    return Problem(_without_kind(detail["loc"]), _sentence(detail))


def _without_kind(loc: Path) -> Path:
    """Drops what pydantic puts in: the kind of a stage and the name of its strategy, which the file has no level for."""
    if loc[:1] != ("stages",) or not loc[2:3] or loc[2] not in STAGE_KINDS:
        return loc
    return (*loc[:2], *loc[3:4], *loc[5 if loc[3:4] == ("strategy",) else 4 :])


def _sentence(detail: ErrorDetails) -> str:
    loc, context = detail["loc"], detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return _missing(str(loc[-1]))
        case "extra_forbidden":
            return unknown_field(str(loc[-1]), fields(at(loc[:-1])))
        case "union_tag_not_found":
            return f"the stage has no kind: write one of {listed(STAGE_KINDS)}, such as `kind: wave`"
        case "union_tag_invalid":
            return _unknown_kind(str(context["tag"]))
        case "strategy":
            return _unknown_strategy(detail["input"], detail["msg"])
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


def unknown_field(name: str, known: tuple[str, ...]) -> str:
    if name in _ELSEWHERE:
        return (
            f"there is no field {shown(name)} here: {_ELSEWHERE[name]}; the fields here are {listed(known)}"
        )
    close = get_close_matches(name, known, n=1)
    instead = f"write {close[0]} if you meant that" if close else "remove it"
    return f"there is no field {shown(name)} here: {instead}; the fields here are {listed(known)}"


def _unknown_strategy(value: Any, instead: str) -> str:
    if isinstance(value, str) and value in _STRATEGIES:
        return f"{value} needs to be told more: write {_STRATEGIES[value]}"
    return f"{shown(value)} is no strategy: {instead}"


def _unknown_kind(kind: str) -> str:
    near = _nearest(kind)
    if kind in _STRATEGIES:
        return f"{kind} is a strategy and no kind of stage: write `kind: {near}` with `strategy: {_STRATEGIES[kind]}`"
    if kind in _NEAREST:
        return f"{kind} is not in {VERSION} yet: use {near}; the kinds are {listed(STAGE_KINDS)}"
    instead = f"write {near} if you meant that; " if near else ""
    return f"{shown(kind)} is no kind of stage: {instead}the kinds are {listed(STAGE_KINDS)}"


def _nearest(kind: str) -> str | None:
    close = get_close_matches(kind, STAGE_KINDS, n=1)
    return _NEAREST.get(kind) or next(iter(close), None)


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
