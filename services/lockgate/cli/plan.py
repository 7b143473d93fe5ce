"""`lockgate plan check|publish`: checks a plan offline, and publishes one and waits for intake's answer."""

import asyncio
import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, assert_never

import typer

from lockgate.cli.door import DoorOption, TokenFileOption, deliver
from lockgate.cli.kafka import ANSWER_SECONDS, ask, cdevent
from lockgate.cli.options import DEFAULT_KAFKA, DEFAULT_PREFIX, KafkaOption, PrefixOption
from lockgate.cli.problems import unreachable_is_2
from lockgate.cli.view.content import columns
from lockgate.cli.view.plain import plain
from lockgate.intake.planfile import BadPlan, GoodPlan, check_plan
from lockgate.messages.plan import PilotStage, Plan, PreprodStage, Remediation, Stage, WatchStage, WaveStage
from lockgate.messages.plan_parts import Request
from lockgate.messages.plan_provenance import Provenance
from lockgate.messages.plans import PlanPublished
from lockgate.messages.releases import PlanAccepted, PlanRefused
from lockgate.messages.strategies import BlueGreen, Canary, Strategy
from lockgate.messages.undecided import Inconclusive
from lockgate.messages.values import write_duration

app = typer.Typer(no_args_is_help=True, help="Check and publish plans.")

FileArgument = Annotated[
    Path, typer.Argument(help="The plan, YAML or JSON.", exists=True, dir_okay=False, readable=True)
]


@app.command()
def check(file: FileArgument) -> None:
    """Checks a plan offline: every problem at once, each with its line and what to write instead."""
    plan = _checked(file, "").plan
    typer.echo(f"{file} is a good plan for {plan.application}:")
    typer.echo(_summary(plan))
    if plan.provenance is not None:
        typer.echo(_demands(plan.provenance))
    typer.echo(_blamed(plan.remediation))
    typer.echo("Whether its regions are served is known when it is published.")


@app.command("publish")
def publish_plan(
    file: FileArgument,
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
    door: DoorOption = None,
    door_token_file: TokenFileOption = None,
) -> None:
    """Checks a plan, publishes it, and waits for intake's answer."""
    good = _checked(file, "; nothing was published")
    if door is not None:
        deliver(door, door_token_file, "/v1/plans", file.read_bytes(), "application/yaml")
        typer.echo("published through the door; what intake makes of it: lockgate watch")
        return
    with unreachable_is_2():
        answer = asyncio.run(published(kafka, prefix, good))
    match answer:
        case PlanAccepted(application=application, version=version):
            typer.echo(
                f"accepted: version {version} of the plan of {application}. Releases that start from now on use it."
            )
        case PlanRefused(problems=problems):
            typer.echo("refused:\n" + "\n".join(f"  {plain(problem)}" for problem in problems), err=True)
            raise typer.Exit(1)
        case None:
            typer.echo(
                f"published, but intake did not answer within {ANSWER_SECONDS:.0f} s. It will when it runs: look with"
                " `lockgate watch`, and at intake's log",
                err=True,
            )
            raise typer.Exit(3)


async def published(kafka: str, prefix: str, good: GoodPlan) -> PlanAccepted | PlanRefused | None:
    """Publishes a plan and waits for the answer; None if none came in time."""
    content = {"plan": good.written, "author": author()}
    event = cdevent(PlanPublished.type, good.plan.application, content)
    return await ask(kafka, prefix, "plans", event, PlanAccepted, PlanRefused)


def author() -> str:
    """Who runs the command; a container's user may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _checked(file: Path, and_so: str) -> GoodPlan:
    match check_plan(file.read_bytes()):
        case GoodPlan() as good:
            return good
        case BadPlan(problems=problems):
            for problem in problems:
                typer.echo(f"{file}: {plain(str(problem))}", err=True)
            typer.echo(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}{and_so}.", err=True)
            raise typer.Exit(1)


def _fixes(stage: Stage) -> str:
    return ", skipped by fixes" if isinstance(stage, PreprodStage | PilotStage) and stage.fixes else ""


def _summary(plan: Plan) -> str:
    rows = [
        (stage.name, stage.kind, _where(stage), f"{_limits(stage)}{_before(stage)}{_fixes(stage)}")
        for stage in plan.stages
    ]
    return "\n".join(f"  {line}" for line in columns(rows))


def _demands(provenance: Provenance) -> str:
    """What an artifact has to show before it becomes a release."""
    signers = [
        f"a key ({s.key[-12:]})" if s.key else f"{s.identity} of {s.issuer}" for s in provenance.signers
    ]
    lines = [f"Its artifacts must be signed by {' or '.join(signers)}"]
    if (slsa := provenance.slsa) is not None:
        lines.append(f"and built by {' or '.join(slsa.builders)}")
        lines.append(f"from {' or '.join(slsa.sources)}")
    return "\n  ".join(lines) + "."


def _blamed(remediation: Remediation) -> str:
    """What follows where a release is blamed."""
    names = " and ".join(each.flag for each in remediation.flags)
    flags = f"{names} is switched off first; if that does not help, " if names else ""
    flags = flags.replace(" is ", " are ") if len(remediation.flags) > 1 else flags
    match remediation.then:
        case "hold":
            then = "it stays as it is, halted, until an operator says what follows"
        case "rollback":
            to = {"previous": "what ran before", "good": "the last good version"}[remediation.to]
            then = f"it is taken back to {to}"
    within = remediation.recovers_within
    ends = f", and its incidents have to end within {write_duration(within)}" if within else ""
    return f"If a release is blamed, {flags}{then}{ends}."


def _where(stage: Stage) -> str:
    return "" if isinstance(stage, WatchStage) else ", ".join(stage.regions)


def _limits(stage: Stage) -> str:
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
    window = f", in {' or '.join(stage.before.window)}" if stage.before.window else ""
    closed = f" but on {len(stage.before.closed_on)} days" if stage.before.closed_on else ""
    return f"{approval}{window}{closed}"


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
