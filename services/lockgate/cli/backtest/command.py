"""`lockgate backtest`: reads what is tried and the topics, and shows which past verdicts would have been others.

Talks to Kafka, and writes nothing.
"""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from lockgate.cli.backtest.history import TELL_OF_RELEASES, TELL_OF_VERDICTS, Past
from lockgate.cli.backtest.policyfile import BadPolicy, Tried, read_policy
from lockgate.cli.following import follow
from lockgate.cli.options import DEFAULT_KAFKA, DEFAULT_PREFIX, JsonOption, KafkaOption, PrefixOption, seconds
from lockgate.cli.problems import unreachable_is_2
from lockgate.cli.view.order import moment
from lockgate.cli.view.plain import plain
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.plan import Plan

EXIT_NOTHING, EXIT_MALFORMED = 1, 2


def backtest(  # noqa: PLR0917  # typer gives them by their names
    policy: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            readable=True,
            help="What is tried, YAML or JSON: a policy (kind: Policy), or a whole plan.",
        ),
    ],
    application: Annotated[str | None, typer.Option(help="Only the verdicts of this application.")] = None,
    since: Annotated[
        float,
        typer.Option(parser=seconds, metavar="DURATION", help="How far back to look for verdicts."),
    ] = "90d",  # type: ignore[assignment]  # typer gives the text to the parser
    every: Annotated[
        bool, typer.Option("--all", help="Tell also of the verdicts that would have been the same.")
    ] = False,
    as_json: JsonOption = False,
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Tries another policy on the verdicts of past releases: which would have changed, from what to what, and when.

    Judged is the evidence that each verdict carries. What it cannot tell is said, verdict by verdict.
    """
    from lockgate.cli.backtest import rejudged, telling  # noqa: PLC0415  # numpy, which no other command here needs

    tried = _read(policy)
    with unreachable_is_2():
        past = asyncio.run(_heard(kafka, prefix, _of(tried, application), since))
    every_case = list(past.cases())
    if not every_case:
        typer.echo(_nothing(past.application), err=True)
        raise typer.Exit(EXIT_NOTHING)
    cases = [case for case in every_case if case.has_evidence]
    findings, without = [rejudged.judged(case, tried) for case in cases], len(every_case) - len(cases)
    if as_json:
        typer.echo(json.dumps(telling.as_json(findings, without), indent=2))
    else:
        typer.echo("\n".join(telling.lines(findings, without, every=every)))


def _read(file: Path) -> Tried:
    match read_policy(file.read_bytes()):
        case BadPolicy(problems=problems):
            for problem in problems:
                typer.echo(f"{file}: {plain(str(problem))}", err=True)
            raise typer.Exit(EXIT_MALFORMED)
        case tried:
            return tried


def _of(tried: Tried, application: str | None) -> str | None:
    """Whose verdicts: a plan is tried on those of its own application only."""
    if not isinstance(tried, Plan):
        return application
    if application not in {None, tried.application}:
        raise typer.BadParameter(
            f"the plan that is tried is of {tried.application}: leave this out, or try a policy",
            param_hint="--application",
        )
    return tried.application


async def _heard(kafka: str, prefix: str, application: str | None, since: float) -> Past:
    """All that is kept of releases, since one may have begun long before its verdict."""
    past, found = Past(application), list[Message[Payload]]()
    for topic, seconds_ago in ((TELL_OF_RELEASES, None), (TELL_OF_VERDICTS, since)):
        async with follow(kafka, prefix, (topic,), since=seconds_ago, wanted=past.concerns) as news:
            found += await anext(news)
    for message in sorted(found, key=moment):
        past.see(message)
    return past


def _nothing(application: str | None) -> str:
    whose = f" of {plain(application)}: correct the name of the application, or" if application else ":"
    return f"the topics tell of no verdict{whose} look further back with --since"
