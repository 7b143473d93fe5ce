"""A preview as lines for people, and as JSON for programs. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, assert_never

from lockgate.cli.preview.foreseen import Foreseen, Preview, Time
from lockgate.cli.preview.times import Past
from lockgate.cli.view import plans
from lockgate.cli.view.plain import plain
from lockgate.intake.rows import Pause
from lockgate.intake.words import listed
from lockgate.messages.plan import PilotStage, PreprodStage, Stage, WatchStage, WaveStage
from lockgate.messages.plan_parts import PlanPart
from lockgate.messages.values import write_duration

_HOUR, _DAY = 3600, 86_400


def lines(preview: Preview) -> list[str]:
    """Nothing of it reaches a terminal as a control character."""
    return [plain(line) for line in _lines(preview)]


def _lines(preview: Preview) -> Iterator[str]:
    yield from _admission(preview)
    if preview.queue.refused is not None:
        return
    for number, each in enumerate(preview.stages, 1):
        yield from _stage(number, each)
    yield plans.blamed(preview.plan.remediation, forward_only=preview.queue.forward_only)
    yield from _in_all(preview)


def _admission(preview: Preview) -> Iterator[str]:
    queue, plan = preview.queue, preview.plan
    if queue.refused is not None:
        yield f"It would be refused: {queue.refused}"
        return
    if plan.provenance is not None:
        yield from (
            plans.demands(plan.provenance).replace("Its artifacts", "Before it is queued, it").splitlines()
        )
    if preview.unserved:
        yield f"No deployer has registered {listed(preview.unserved)}: the plan is refused until one does."
    if not preview.live:
        yield "Whether it would wait, and for what, is known to the topics alone: they were not asked."
        return
    yield f"Now: {queue.reason}."
    if queue.replaces:
        yield f"It takes the place of {listed(queue.replaces)}, which would not be released."
    if queue.ahead:
        yield f"Before it: {listed(queue.ahead)}."
    for label, why in queue.held:
        yield f"{label} is held: {why}"
    yield from map(_paused, queue.pauses)
    if not queue.starts and queue.resumes is None:
        yield "How long it waits for that is not known."


def _paused(pause: Pause) -> str:
    if pause.until is None:
        return f"The pause of {pause.who} ends when somebody resumes it."
    return f"The pause of {pause.who} ends by itself at {_at(pause.until)}."


def _stage(number: int, each: Foreseen) -> Iterator[str]:
    stage = each.stage
    regions = plans.where(stage)
    yield f"{number}. {stage.name} ({stage.kind}){': ' if regions else ''}{listed(regions)}"
    for label, told in (
        *(("waits", wait) for wait in _waits(each)),
        *(("gate", gate) for gate in each.gates),
        *((("undecided", each.undecided),) if each.undecided else ()),
        ("takes", _takes(each.stage, each.time)),
    ):
        yield f"   {label:<9}  {told}"


def _waits(each: Foreseen) -> Iterator[str]:
    if each.stage.before.approval:
        past = f"; past ones took {_past(each.approved)}" if each.approved else ""
        yield f"for an operator's approval, however long that takes{past}"
    if not each.stage.before.window:
        return
    window = f"for its window: {plans.window_of(each.stage)}"
    if each.comes is None:
        yield f"{window}; when it would come to it is not known"
    elif each.opens is None:
        yield f"{window}; none opens within a year"
    elif each.closed:
        yield f"{window}; it would come to it at {_at(each.comes)}, and that opens at {_at(each.opens)}"
    else:
        yield f"{window}; that is open at {_at(each.comes)}, when it would come to it"


def _takes(stage: Stage, time: Time) -> str:
    if time.past is not None:
        return f"about {_past(time.past)}"
    least = f"at least {lasting(time.least)} by the plan, and " if time.least else ""
    match stage:
        case PreprodStage(budget=budget):
            return f"{write_duration(budget)} at most: deploying and requests together"
        case PilotStage(budget=budget):
            return f"{least}before that {write_duration(budget)} at most until it is set up"
        case WaveStage(budget=budget):
            return f"{least}what its roll-outs take: {write_duration(budget)} at most for each attempt at a step in a region"
        case WatchStage():
            return lasting(time.least)
        case _:
            assert_never(stage)


def _past(past: Past) -> str:
    if past.releases == 1:
        return f"{lasting(past.middle)}, as the one past release through this very stage"
    return (
        f"{lasting(past.middle)}, the median of {past.releases} past releases through this very stage"
        f" ({lasting(past.least)} to {lasting(past.most)})"
    )


def _in_all(preview: Preview) -> Iterator[str]:
    length, guessed = lasting(preview.seconds), preview.guessed
    windows = ", closed windows included" if any(each.closed for each in preview.stages) else ""
    if not guessed:
        yield f"In all about {length}{windows}, if nothing fails: as past releases took."
    elif len(guessed) < len(preview.stages):
        yield (
            f"In all at least {length}{windows}, if nothing fails: as past releases took, but by the plan's own times alone in"
            f" {listed(guessed)}, which none went through as the plan is now."
        )
    else:
        none = (
            f"no past release of {preview.plan.application} went through these stages"
            if preview.live
            else "past releases were not looked at"
        )
        yield (
            f"In all at least {length}{windows}, if nothing fails: {none}, so this is the sum of the plan's own times. How"
            " long roll-outs and requests take is not in it, since no plan knows."
        )
    if preview.approvals:
        yield f"Not in it: the approval before {listed(preview.approvals)}."
    if preview.unknown:
        yield f"Not in it: what it waits for the window of {listed(preview.unknown)}."


def lasting(seconds: float) -> str:
    """A length of time, as exact as one cares for: `45s`, `12m`, `3h 20m`, `2d 4h`."""
    if seconds < 90:
        return f"{seconds:.0f}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}m"
    larger, smaller, size = ("h", "m", 60) if seconds < 2 * _DAY else ("d", "h", 24)
    whole, rest = divmod(minutes if larger == "h" else round(seconds / _HOUR), size)
    return f"{whole}{larger} {rest}{smaller}" if rest else f"{whole}{larger}"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def as_json(preview: Preview) -> dict[str, Any]:
    """Times in seconds."""
    queue = preview.queue
    found: dict[str, Any] = {
        "application": preview.plan.application,
        "artifact": preview.announced,
        "refused": queue.refused,
        "queue": None,
        "provenance": preview.plan.provenance and _written(preview.plan.provenance),
        "stages": [_stage_as_json(each) for each in preview.stages],
        "remediation": {**_written(preview.plan.remediation), "forward-only": queue.forward_only},
        "seconds": preview.seconds,
        "by_the_plan_alone": preview.guessed,
        "approvals": preview.approvals,
        "unserved": preview.unserved,
    }
    if preview.live and queue.refused is None:
        asked = {
            "starts": queue.starts,
            "reason": queue.reason,
            "ahead": queue.ahead,
            "replaces": queue.replaces,
            "held": [{"artifact": label, "reason": why} for label, why in queue.held],
            "pauses": [_pause_as_json(pause) for pause in queue.pauses],
        }
        found["queue"] = asked
    return found


def _written(part: PlanPart) -> dict[str, Any]:
    """As the plan has it, with what it leaves to the defaults."""
    return part.model_dump(mode="json", by_alias=True)


def _pause_as_json(pause: Pause) -> dict[str, Any]:
    return {"who": pause.who, "reason": pause.why, "until": pause.until and pause.until.isoformat()}


def _stage_as_json(each: Foreseen) -> dict[str, Any]:
    return {
        "name": each.stage.name,
        "kind": each.stage.kind,
        "regions": plans.where(each.stage),
        "approval": each.stage.before.approval is not None,
        "approving": _past_as_json(each.approved),
        "window": each.stage.before.window,
        "comes": each.comes and each.comes.isoformat(),
        "opens": each.opens and each.opens.isoformat(),
        "gates": each.gates,
        "undecided": each.undecided,
        "at_least": each.time.least,
        "past": _past_as_json(each.time.past),
    }


def _past_as_json(past: Past | None) -> dict[str, float] | None:
    if past is None:
        return None
    return {"releases": past.releases, "least": past.least, "median": past.middle, "most": past.most}
