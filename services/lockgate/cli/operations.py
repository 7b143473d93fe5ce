"""What operators want done: `lockgate pause`, `abort`, `fix`, `approve` and so on, through the door, which knows who asks.

With `--wait` the answer of the service that decides it is waited for, on the topics.
"""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer

from lockgate.cli.door import DoorOption, TokenFileOption, deliver
from lockgate.cli.kafka import ANSWER_SECONDS, called, fetched, reading
from lockgate.cli.options import DEFAULT_KAFKA, DEFAULT_PREFIX, KafkaOption, PrefixOption, seconds
from lockgate.cli.problems import unreachable_is_2
from lockgate.cli.view.plain import plain
from lockgate.messages.operations import Answer
from lockgate.messages.values import digest_problem

app = typer.Typer()


class Grade(StrEnum):
    BAD = "bad"
    GOOD = "good"


def _digest(text: str | None) -> str | None:
    if text is not None and (problem := digest_problem(text)):
        raise typer.BadParameter(problem)
    return text


def _moment(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("write a time with its zone, such as 2026-12-24T08:00+01:00") from None
    if found.tzinfo is None:
        raise typer.BadParameter("the time has no zone: write 2026-12-24T08:00+01:00, for instance")
    return found.isoformat()


ApplicationArgument = Annotated[str, typer.Argument(help="The application.")]
SomeArgument = Annotated[list[str] | None, typer.Argument(help="The applications.")]
AllOption = Annotated[bool, typer.Option("--all", help="All applications.")]
WhyOption = Annotated[str, typer.Option(help="The reason, for whoever is on call next.")]
ReleaseOption = Annotated[
    str | None,
    typer.Option(help="Only if this is the release that is under way; --release of what waits names it."),
]
StageOption = Annotated[str | None, typer.Option(help="Only if the release is in this stage.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait for the answer, which says what was done.")]


class _Way:
    """Through which door, and where the answer is read: the options that every operation has."""

    def __init__(
        self,
        *,
        wait: WaitOption = False,
        kafka: KafkaOption = DEFAULT_KAFKA,
        prefix: PrefixOption = DEFAULT_PREFIX,
        door: DoorOption = None,
        door_token_file: TokenFileOption = None,
    ) -> None:
        if door is None:
            raise typer.BadParameter(
                "operations go through the door, which knows who asks: name it with --door or LOCKGATE_DOOR"
            )
        self.kafka, self.prefix, self.door, self.token, self.wait = kafka, prefix, door, door_token_file, wait

    def send(self, body: dict[str, Any]) -> str:
        """The id of the operation."""
        (id_,) = deliver(
            self.door, self.token, "/v1/operations", json.dumps(body).encode(), "application/json"
        ) or [""]
        return id_


def _through_the_door(command: Callable[..., None]) -> Callable[..., None]:
    """The command, which takes a way first, as one that takes the options of the way last."""
    own = [each for name, each in signature(command).parameters.items() if name != "way"]
    options = dict(signature(_Way).parameters)

    @wraps(command)
    def typed(**given: Any) -> None:
        way = _Way(**{name: given.pop(name) for name in options})
        command(way, **given)

    everything = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in (*own, *options.values())]
    typed.__signature__ = Signature(everything)  # type: ignore[attr-defined]  # it is what typer reads
    typed.__annotations__ = {each.name: each.annotation for each in everything}
    return typed


@app.command()
@_through_the_door
def pause(
    way: _Way,
    why: WhyOption,
    *,
    applications: SomeArgument = None,
    everything: AllOption = False,
    until: Annotated[
        str | None,
        typer.Option(callback=_moment, help="When it ends by itself, such as 2026-12-24T08:00+01:00."),
    ] = None,
    lasting: Annotated[
        float | None,
        typer.Option("--for", parser=seconds, metavar="DURATION", help="For how long, such as 2h."),
    ] = None,
) -> None:
    """Begins nothing more: no release, no stage, no region. What is under way in a region is finished."""
    if until is not None and lasting is not None:
        raise typer.BadParameter("give either --until or --for")
    if lasting is not None:
        until = (datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=lasting)).isoformat()
    _ask_each("pause", _named(applications, everything), why, {"until": until}, way)


@app.command()
@_through_the_door
def resume(
    way: _Way,
    why: WhyOption,
    applications: SomeArgument = None,
    everything: AllOption = False,
) -> None:
    """Ends a pause."""
    _ask_each("resume", _named(applications, everything), why, {}, way)


@app.command()
@_through_the_door
def abort(
    way: _Way,
    application: ApplicationArgument,
    why: WhyOption,
    release: ReleaseOption = None,
) -> None:
    """Ends a release: takes it back if it is under way, withdraws it if it waits. Its version is not marked bad."""
    _ask("abort", application, why, {"release": release}, way)


@app.command()
@_through_the_door
def rollback(
    way: _Way,
    application: ApplicationArgument,
    why: WhyOption,
    to: Annotated[
        str | None,
        typer.Option(
            callback=_digest, metavar="DIGEST", help="The version to go back to, where it ran before."
        ),
    ] = None,
    release: ReleaseOption = None,
) -> None:
    """Takes the release in production back, or the one that was completed last, and marks its version bad.

    While another release is under way, --release names the completed one, by its version or its id: what is under way gives way.
    """
    _ask("rollback", application, why, {"release": release, "to": to}, way)


@app.command()
@_through_the_door
def mark(
    way: _Way,
    application: ApplicationArgument,
    digest: Annotated[str, typer.Argument(callback=_digest, help="sha256: and 64 hexadecimal digits.")],
    grade: Annotated[Grade, typer.Argument(help="What it is.")],
    why: WhyOption,
) -> None:
    """Keeps a version from being released, or lets it be released again."""
    _ask("mark", application, why, {"digest": digest, "grade": grade.value}, way)


@app.command()
@_through_the_door
def fix(
    way: _Way,
    application: ApplicationArgument,
    artifact: Annotated[
        str,
        typer.Option(help="Its package URL with digest, as CI announces it; or its digest alone."),
    ],
    why: WhyOption,
) -> None:
    """Lets this artifact go first: what is under way is pre-empted, and what waits gives way."""
    _ask("fix", application, why, {"artifact": artifact}, way)


@app.command()
@_through_the_door
def reassign(
    way: _Way,
    region: Annotated[str, typer.Argument(help="The region.")],
    to: Annotated[str, typer.Option(metavar="DEPLOYER", help="The deployer that has asked for it.")],
    why: WhyOption,
) -> None:
    """Lets another deployer serve a region, or the same one in another cluster, from the next release on."""
    _ask("reassign", None, why, {"region": region, "deployer": to}, way)


def _of_stage(name: str, help_: str) -> None:
    """The commands about a stage of the release under way: they differ in their names alone."""

    def command(
        way: _Way,
        application: ApplicationArgument,
        why: WhyOption,
        release: ReleaseOption = None,
        stage: StageOption = None,
    ) -> None:
        _ask(name, application, why, {"release": release, "stage": stage}, way)

    app.command(name, help=help_)(_through_the_door(command))


_of_stage("approve", "Lets a stage begin that waits for an approval, or a pilot pass that is held.")
_of_stage(
    "reject",
    "Refuses what waits for an approval: the release fails, and a version taken back so is marked bad.",
)
_of_stage(
    "promote",
    "Ends the time that the release waits for: bake, watch, between two steps, or until a window opens.",
)
_of_stage("retry", "Compares a pilot anew that is held.")
_of_stage("skip", "Leaves a region out that failed and is held.")


def _named(applications: list[str] | None, everything: bool) -> list[str | None]:
    if everything == bool(applications):
        raise typer.BadParameter("name applications, or give --all")
    return [None] if everything else list(applications or ())


def _ask_each(name: str, applications: list[str | None], why: str, fields: dict[str, Any], way: _Way) -> None:
    """Each is asked for, whatever became of the others; the exit code is the worst of theirs."""
    worst = 0
    for application in applications:
        try:
            _ask(name, application, why, fields, way)
        except typer.Exit as ended:
            typer.echo(f"{name} of {application or 'all'} is not done: the line before says why", err=True)
            worst = max(worst, ended.exit_code)
    if worst:
        raise typer.Exit(worst)


def _ask(name: str, application: str | None, why: str, fields: dict[str, Any], way: _Way) -> None:
    given = {"operation": name, "application": application, "why": why, **fields}
    body = {field: value for field, value in given.items() if value is not None}
    if not way.wait:
        way.send(body)
        typer.echo(
            f"{name} of {fields.get('region') or application or 'all'} asked for; what is made of it: --wait, or lockgate watch"
        )
        return
    with unreachable_is_2():
        answer = asyncio.run(_answered(way, body))
    if answer is None:
        typer.echo(
            f"asked for, but nobody answered within {ANSWER_SECONDS:.0f} s. It is answered when the service that decides"
            " it runs: look with `lockgate watch`",
            err=True,
        )
        raise typer.Exit(3)
    if answer.code is not None:
        typer.echo(f"refused ({answer.code}): {plain(answer.reason)}", err=True)
        raise typer.Exit(1)
    typer.echo(plain(answer.reason))


async def _answered(way: _Way, body: dict[str, Any]) -> Answer | None:
    """Asks, and waits for the answer; None if none came in time."""
    async with reading(way.kafka, way.prefix, ("releases", "verdicts")) as consumer:
        await called(way.kafka, consumer.seek_to_end())  # the answer lies behind what is there now
        id_ = await asyncio.to_thread(way.send, body)
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            for message in await fetched(way.kafka, way.prefix, consumer):
                if isinstance(message.body, Answer) and message.body.event == id_:
                    return message.body
    return None
