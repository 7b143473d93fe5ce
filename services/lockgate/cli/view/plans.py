"""A plan in words: its stages with their limits, what it demands of artifacts, and what follows a failure. Pure."""

from collections.abc import Sequence
from typing import assert_never

from lockgate.cli.view.content import columns
from lockgate.messages.flags import Flag
from lockgate.messages.plan import PilotStage, Plan, PreprodStage, Remediation, Stage, WatchStage, WaveStage
from lockgate.messages.plan_parts import Request
from lockgate.messages.plan_provenance import Provenance
from lockgate.messages.strategies import BlueGreen, Canary, Strategy
from lockgate.messages.undecided import Inconclusive
from lockgate.messages.values import write_duration


def summary(plan: Plan) -> str:
    rows = [
        (stage.name, stage.kind, ", ".join(where(stage)), f"{limits(stage)}{_before(stage)}{_fixes(stage)}")
        for stage in plan.stages
    ]
    return "\n".join(f"  {line}" for line in columns(rows))


def demands(provenance: Provenance) -> str:
    """What an artifact has to show before it becomes a release."""
    signers = [
        f"a key ({s.key[-12:]})" if s.key else f"{s.identity} of {s.issuer}" for s in provenance.signers
    ]
    lines = [f"Its artifacts must be signed by {' or '.join(signers)}"]
    if (slsa := provenance.slsa) is not None:
        lines.append(f"and built by {' or '.join(slsa.builders)}")
        lines.append(f"from {' or '.join(slsa.sources)}")
    return "\n  ".join(lines) + "."


def blamed(remediation: Remediation, *, forward_only: bool = False) -> str:
    """What follows where a release is blamed. `forward_only`: it says so of itself."""
    if forward_only:
        then = f"{_HELD}: it says of itself that it goes forward only"
        return f"If it is blamed in production, {_flags_first(remediation.flags)}{then}."
    match remediation.then:
        case "hold":
            then = _HELD
        case "rollback":
            to = {"previous": "what ran before", "good": "the last good version"}[remediation.to]
            then = f"it is taken back to {to}"
    within = remediation.recovers_within
    ends = f", and its incidents have to end within {write_duration(within)}" if within else ""
    where = "in production " if remediation.flags else ""
    return f"If a release is blamed, {where}{_flags_first(remediation.flags)}{then}{ends}."


_HELD = "it stays as it is, halted, until an operator says what follows"


def _flags_first(flags: Sequence[Flag]) -> str:
    """They help against what people meet with in production, and are not tried for anything else."""
    if not flags:
        return ""
    names = " and ".join(each.flag for each in flags)
    are = "are" if len(flags) > 1 else "is"
    return f"for what was measured, a failed check or an incident {names} {are} switched off first; if that does not help, or for anything else, "


def where(stage: Stage) -> tuple[str, ...]:
    return () if isinstance(stage, WatchStage) else tuple(stage.regions)


def limits(stage: Stage) -> str:
    """Shares and times with their units, so that one sees how the plan was understood."""
    match stage:
        case PreprodStage(environment=environment, budget=budget, requests=requests):
            made = "on demand, " if environment == "on-demand" else ""
            return f"{made}{_many(requests)}, budget {write_duration(budget)}"
        case PilotStage(share=share, budget=budget, after=after):
            verify = _verify(after.verify, after.on_inconclusive)
            return f"share {100 * share:g}%, {verify}, budget {write_duration(budget)}"
        case WaveStage(strategy=strategy, max_parallel=most, retry=retry, budget=budget, after=after):
            tries = f", retry {retry}" if retry else ""
            bake = f", bake {write_duration(after.bake)}" if after.bake else ""
            beside = (
                f", {_verify(after.verify, after.on_inconclusive)} beside later waves" if after.verify else ""
            )
            return f"{_manner(strategy)}max-parallel {most}{tries}, budget {write_duration(budget)}{beside}{bake}"
        case WatchStage(for_=length, verify=asked):
            compared = ", each region compared with its own time before" if asked is not None else ""
            return f"for {write_duration(length)}{compared}"


def _before(stage: Stage) -> str:
    """What it waits for before it begins."""
    approval = ", after an approval" if stage.before.approval else ""
    window = f", in {window_of(stage)}" if stage.before.window else ""
    return f"{approval}{window}"


def window_of(stage: Stage) -> str:
    closed = f" but on {len(stage.before.closed_on)} days" if stage.before.closed_on else ""
    return f"{' or '.join(stage.before.window)}{closed}"


def _fixes(stage: Stage) -> str:
    return ", skipped by fixes" if isinstance(stage, PreprodStage | PilotStage) and stage.fixes else ""


def _manner(strategy: Strategy) -> str:
    match strategy:
        case "rolling":
            return ""
        case Canary(canary=shares) as canary:
            steps = ", ".join(f"{100 * share:g}%" for share in shares)
            return f"canary {steps} ({_between(canary)}), "
        case BlueGreen(blue_green=side):
            asked = f", {_many(side.requests)}" if side.requests else ""
            return f"blue-green (keep {write_duration(side.keep)}{asked}), "
        case _:
            assert_never(strategy)


def _between(canary: Canary) -> str:
    """What is done between its steps."""
    if canary.verify <= 0:
        return f"wait {write_duration(canary.wait)}"
    waits = f", wait {write_duration(canary.wait)} at 100%" if canary.compared < len(canary.canary) else ""
    return f"{_verify(canary.verify, canary.on_inconclusive)} each{waits}"


def _verify(length: float, undecided: Inconclusive) -> str:
    more = f" (+{write_duration(undecided.extend)} if inconclusive)" if undecided.extend else ""
    return f"verify {write_duration(length)}{more}"


def _many(requests: Sequence[Request]) -> str:
    return "1 request" if len(requests) == 1 else f"{len(requests)} requests"
