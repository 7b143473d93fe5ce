"""`lockgate artifact check`: what intake would say of an announcement by a plan that demands provenance, with no server.

The core itself decides, on a table that has the plan and nothing else; the check is that of intake's worker.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from lockgate.cli.decided import decided
from lockgate.cli.view.plain import plain
from lockgate.intake.checks import Check, Unproven, Verified
from lockgate.intake.planfile import BadPlan, check_plan
from lockgate.intake.rows import Claim, NewestPlan
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.decision import RowKey, StartWork, Step
from lockgate.messages.message import Message
from lockgate.messages.plan import Plan
from lockgate.messages.releases import ArtifactRefused
from lockgate.messages.values import EVERY
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import Rejected, read

app = typer.Typer(no_args_is_help=True, help="Check what CI announces.")

EXIT_REFUSED = 1
EXIT_UNREADABLE = 2
_NOW = datetime(2000, 1, 1, tzinfo=UTC)  # nothing here depends on it

FileArgument = Annotated[
    Path,
    typer.Argument(help="The CDEvent as CI sends it, JSON.", exists=True, dir_okay=False, readable=True),
]
PlanOption = Annotated[
    Path, typer.Option("--plan", help="The plan, YAML or JSON.", exists=True, dir_okay=False, readable=True)
]
RootOption = Annotated[
    Path | None,
    typer.Option(
        help="A sigstore trusted root, JSON; needed for signers by identity.",
        envvar="LOCKGATE_TRUST_ROOT",
        exists=True,
        dir_okay=False,
        readable=True,
    ),
]


@app.callback()
def _artifact() -> None:
    """Check what CI announces."""


@app.command("check")
def check_artifact(file: FileArgument, plan: PlanOption, trust_root: RootOption = None) -> None:
    """Says, offline, whether intake would admit an artifact by the provenance that a plan demands."""
    said, demanding = _announcement(file), _plan(plan)
    match _checked(said, demanding, trust_root):
        case None:
            typer.echo(f"{plan} demands no provenance: bundles are not looked at")
        case Verified() as found:
            typer.echo(
                f"verified: signed by {plain(found.signer)}{f' of {found.issuer}' if found.issuer else ''}"
            )
            if found.builder:
                typer.echo(f"built by {plain(found.builder)}\nfrom {plain(found.source or '')}")
        case Unproven() | ArtifactRefused() as bad:
            typer.echo(f"refused ({bad.code}): {plain(bad.reason)}", err=True)
            raise typer.Exit(EXIT_REFUSED)


def _checked(
    said: Message[ArtifactPublished], plan: Plan, trust_root: Path | None
) -> Verified | Unproven | ArtifactRefused | None:
    """What intake finds first: a refusal at once, or what the check comes to; None if the plan asks for none."""
    for step in _decided(said, plan):
        for event in step.events:
            if isinstance(event, ArtifactRefused):
                return event
        for work in step.work:
            if isinstance(work, StartWork):
                from lockgate.intake.provenance.checking import check  # noqa: PLC0415  # most commands never need it

                return check(Check.model_validate(work.body), trust_root)
    return None


def _decided(said: Message[ArtifactPublished], plan: Plan) -> list[Step]:
    """Under `*`, and under the application if there is anything to check."""
    claim = RowKey(EVERY, Claim.kind, plan.artifact)
    first = decided(EVERY, said, {claim: Claim(application=plan.application)}, _NOW)
    if first.events or plan.provenance is None:
        return [first]
    newest = RowKey(plan.application, NewestPlan.kind, "")
    return [first, decided(plan.application, said, {newest: NewestPlan(version=1, plan=plan)}, _NOW)]


def _announcement(file: Path) -> Message[ArtifactPublished]:
    """The event, read as the services read it."""
    headers = (("content-type", b"application/json"),)
    item = read(Record(ArtifactPublished.topic, 0, 0, None, headers, file.read_bytes()))
    if isinstance(item, Rejected):
        _unreadable(f"{file} is no event that can be read ({item.reason}): {item.detail}")
    body = item.message.body
    if not isinstance(body, ArtifactPublished):
        _unreadable(f"{file} announces no artifact: its type has to be {ArtifactPublished.type}")
    said = item.message
    return Message(body=body, id=said.id, source=said.source, key=said.key, at=said.at)


def _plan(file: Path) -> Plan:
    found = check_plan(file.read_bytes())
    if isinstance(found, BadPlan):
        _unreadable(f"{file} is no good plan: `lockgate plan check {file}` says why")
    return found.plan


def _unreadable(why: str) -> NoReturn:
    typer.echo(plain(why), err=True)
    raise typer.Exit(EXIT_UNREADABLE)
