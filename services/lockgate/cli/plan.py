"""`lockgate plan check|publish|show|preview`: checks a plan offline, publishes one and waits for intake's answer, shows the one that
holds, and says what would happen to an artifact.
"""

import asyncio
import getpass
import json
import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import TypeAdapter, ValidationError

from lockgate.cli.door import DoorOption, TokenFileOption, deliver
from lockgate.cli.following import follow
from lockgate.cli.kafka import ANSWER_SECONDS, ask, cdevent
from lockgate.cli.options import DEFAULT_KAFKA, DEFAULT_PREFIX, JsonOption, KafkaOption, PrefixOption, seconds
from lockgate.cli.power.options import (
    ErrorsOption,
    LatencyOption,
    NamespaceOption,
    Options,
    PodsOption,
    PrometheusOption,
    RequestsOption,
    SinceOption,
    has_comparisons,
)
from lockgate.cli.preview.history import FACTS, STEPS, History
from lockgate.cli.problems import unreachable_is_2
from lockgate.cli.view import plans
from lockgate.cli.view.order import moment
from lockgate.cli.view.plain import plain
from lockgate.intake.planfile import BadPlan, GoodPlan, check_plan
from lockgate.intake.rows import NewestPlan
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan
from lockgate.messages.plans import PlanPublished
from lockgate.messages.releases import PlanAccepted, PlanRefused
from lockgate.messages.values import MOST_PURL, Name, digest_problem

_NAMES: Final[TypeAdapter[str]] = TypeAdapter(Name)

FORETOLD: Final = (
    "How likely a good release is to pass it tells with --requests-per-second NUMBER, or --prometheus URL."
)

app = typer.Typer(
    no_args_is_help=True, help="Check, publish and show plans, and what would follow from them."
)

FileArgument = Annotated[
    Path, typer.Argument(help="The plan, YAML or JSON.", exists=True, dir_okay=False, readable=True)
]


@app.command()
def check(  # noqa: PLR0917  # typer gives them by their names
    file: FileArgument,
    requests_per_second: RequestsOption = None,
    error_rate: ErrorsOption = None,
    latency: LatencyOption = None,
    pods: PodsOption = None,
    prometheus: PrometheusOption = None,
    namespace: NamespaceOption = None,
    since: SinceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Checks a plan offline: every problem at once, each with its line and what to write instead.

    With traffic, given or measured, it says how likely a good release is to pass, and how soon a bad one is found.
    """
    asked = Options(requests_per_second, error_rate, latency, pods, prometheus, namespace, since).asked
    plan = _checked(file, "").plan
    if not as_json:
        typer.echo(f"{file} is a good plan for {plan.application}:")
        typer.echo(_told(plan))
        typer.echo("Whether its regions are served is known when it is published.")
    if asked is None:
        if as_json:
            typer.echo(json.dumps({"application": plan.application}))
        elif has_comparisons(plan):
            typer.echo(FORETOLD)
        return
    from lockgate.cli.power.command import foretold  # noqa: PLC0415  # numpy, which no other command here needs

    told = foretold(plan, asked)
    typer.echo(
        json.dumps({"application": plan.application, **told.json}, indent=2)
        if as_json
        else "\n".join(told.lines)
    )


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


@app.command()
def show(
    application: Annotated[str, typer.Argument(help="The application.")],
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Shows the plan that holds for an application, as the topics tell it."""
    with unreachable_is_2():
        history = asyncio.run(heard(kafka, prefix, _name(application), since=None))
    newest = _published(application, history)
    typer.echo(f"version {newest.version} of the plan of {application}, accepted at {history.accepted}:")
    typer.echo(_told(newest.plan))


@app.command()
def preview(  # noqa: PLR0917  # typer gives them by their names
    plan: Annotated[
        str, typer.Argument(help="A file with a plan; or an application, whose published plan is meant.")
    ],
    artifact: Annotated[
        str | None,
        typer.Option(help="Its package URL with digest, as CI announces it; or its digest alone."),
    ] = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Of a file too: ask the topics what runs, and what past releases took."),
    ] = False,
    since: Annotated[
        float,
        typer.Option(parser=seconds, metavar="DURATION", help="How far back to look for past releases."),
    ] = "30d",  # type: ignore[assignment]  # typer gives the text to the parser
    as_json: JsonOption = False,
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Says what would happen to an artifact: stages, regions, waits, gates, the queue, and about how long it takes."""
    from lockgate.cli.preview import foreseen, telling  # noqa: PLC0415  # numpy, which no other command here needs

    file = _file(plan)
    good = _checked(file, "").plan if file is not None else None
    if artifact is not None and (problem := _unannounced(artifact)):
        raise typer.BadParameter(problem, param_hint="--artifact")
    history = None
    if good is None or live:
        with unreachable_is_2():
            history = asyncio.run(heard(kafka, prefix, good.application if good else _name(plan), since))
    given = good or _published(plan, history or History(plan)).plan
    found = foreseen.preview(given, history, artifact, datetime.fromtimestamp(time.time(), UTC))
    if as_json:
        typer.echo(json.dumps(telling.as_json(found), indent=2))
    else:
        typer.echo("\n".join(telling.lines(found)))
    if found.queue.refused is not None:
        raise typer.Exit(1)


def _file(plan: str) -> Path | None:
    """None: an application is meant."""
    file = Path(plan)
    with suppress(OSError):  # a name that no file can have
        if file.is_file():
            return file
    if "/" in plan or file.suffix in {".yaml", ".yml", ".json"}:
        raise typer.BadParameter(f"there is no file {plain(plan)}", param_hint="plan")
    return None


def _name(application: str) -> str:
    try:
        return _NAMES.validate_python(application)
    except ValidationError:
        raise typer.BadParameter(
            f"{plain(application)} is neither a file nor a name that an application can have: small letters, digits and dashes",
            param_hint="plan",
        ) from None


def _unannounced(artifact: str) -> str | None:
    """Why it can be no artifact at all."""
    if len(artifact) > MOST_PURL:
        return f"it has {len(artifact)} characters, and an artifact's package URL has {MOST_PURL} at most"
    return digest_problem(artifact) if artifact.lower().startswith("sha256:") else None


async def heard(kafka: str, prefix: str, application: str, since: float | None) -> History:
    """What the topics say of an application: all that is kept of its facts, and of its stages what was said `since`, if that is wanted."""
    found: list[Message[Payload]] = []
    history = History(application)
    for topics, seconds_ago in ((FACTS, None), *([(STEPS, since)] if since is not None else [])):
        async with follow(kafka, prefix, topics, since=seconds_ago, wanted=history.concerns) as news:
            found += await anext(news)
    for message in sorted(found, key=moment):
        history.see(message)
    return history


def _published(application: str, history: History) -> NewestPlan:
    if history.newest is None:
        typer.echo(
            f"the topics tell of no accepted plan of {plain(application)}: correct the name of the application, or publish a plan with"
            " `lockgate plan publish FILE`. A plan that was accepted before the time for which `releases` is kept is not found",
            err=True,
        )
        raise typer.Exit(1)
    return history.newest


def _told(plan: Plan) -> str:
    demanded = [] if plan.provenance is None else [plans.demands(plan.provenance)]
    return "\n".join([plans.summary(plan), *demanded, *_checks(plan), plans.blamed(plan.remediation)])


def _checks(plan: Plan) -> list[str]:
    """Which of them there are only the verifier knows, and only when it asks."""
    names = dict.fromkeys(stage.check.http for stage in plan.stages if stage.check is not None)
    if not names:
        return []
    told = f"It asks {', '.join(names)}: that the verifier has such a check (its setting LOCKGATE_CHECKS) is not looked up here,"
    return [f"{told} and a release is held where it has none."]


def _checked(file: Path, and_so: str) -> GoodPlan:
    match check_plan(file.read_bytes()):
        case GoodPlan() as good:
            return good
        case BadPlan(problems=problems):
            for problem in problems:
                typer.echo(f"{file}: {plain(str(problem))}", err=True)
            typer.echo(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}{and_so}.", err=True)
            raise typer.Exit(1)
