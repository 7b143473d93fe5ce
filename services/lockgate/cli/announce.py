"""`lockgate publish`: announces an artifact as CI would, and waits for intake's answer."""

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from lockgate.cli.door import DoorOption, TokenFileOption, deliver
from lockgate.cli.kafka import ANSWER_SECONDS, ask, cdevent
from lockgate.cli.options import DEFAULT_KAFKA, DEFAULT_PREFIX, KafkaOption, PrefixOption
from lockgate.cli.problems import unreachable_is_2
from lockgate.cli.view.plain import plain
from lockgate.intake.core.lane import release_of
from lockgate.intake.purls import purl
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.releases import ArtifactRefused, ReleaseQueued
from lockgate.messages.values import digest_problem

BundleOption = Annotated[
    list[Path] | None,
    typer.Option(
        help="A sigstore bundle of the image, as the signing tool wrote it; may be given several times.",
        exists=True,
        dir_okay=False,
        readable=True,
    ),
]

_BARE = re.compile(r"[^@?#]*")


def _package(text: str) -> str:
    bare = _BARE.match(text)[0]  # type: ignore[index]  # it matches every text
    kind, _, name = bare.partition("/")
    name, _, tag = name.partition(":")
    if text != bare or tag:
        raise typer.BadParameter(
            f"give the package alone, {kind}/{name}: the digest is the next argument, and a tag goes to --tag"
        )
    return text


def _digest(text: str) -> str:
    if problem := digest_problem(text):
        raise typer.BadParameter(problem)
    return text


def announce(  # noqa: PLR0917  # typer gives them by their names
    package: Annotated[
        str,
        typer.Argument(
            callback=_package, help="The package URL without version or tag, such as pkg:oci/payments."
        ),
    ],
    digest: Annotated[str, typer.Argument(callback=_digest, help="sha256: and 64 hexadecimal digits.")],
    tag: Annotated[str | None, typer.Option(help="For people only; nothing is deployed by it.")] = None,
    bundle: BundleOption = None,
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
    door: DoorOption = None,
    door_token_file: TokenFileOption = None,
) -> None:
    """Announces an artifact as CI would, and says what intake makes of it."""
    bundles = [_bundle(file) for file in bundle or ()]
    if door is not None:
        event = _event(purl(package, digest, tag), bundles)
        deliver(door, door_token_file, "/v1/events", json.dumps(event).encode(), "application/json")
        typer.echo("announced through the door; what intake makes of it: lockgate watch")
        return
    with unreachable_is_2():
        answer = asyncio.run(announced(kafka, prefix, purl(package, digest, tag), bundles))
    match answer:
        case ReleaseQueued(release=release, reason=reason, application=application):
            typer.echo(plain(reason))
            typer.echo(f"release {release}; follow it with: lockgate watch {application}")
        case ArtifactRefused(reason=reason, code=code):
            typer.echo(f"refused ({code}): {plain(reason)}", err=True)
            raise typer.Exit(1)
        case None:
            typer.echo(
                f"announced, but intake did not answer within {ANSWER_SECONDS:.0f} s. It will when it runs: look at its"
                " log, and with `lockgate watch`",
                err=True,
            )
            raise typer.Exit(3)


async def announced(
    kafka: str, prefix: str, name: str, bundles: Sequence[Any] = ()
) -> ReleaseQueued | ArtifactRefused | None:
    """Announces an artifact by its package URL and waits for the answer; None if none came in time."""
    event = _event(name, bundles)
    source, id_ = str(event["context"]["source"]), str(event["context"]["id"])

    def is_about_it(message: Message[Payload]) -> bool:
        """What follows from a check names the event, or the release that it becomes."""
        body = message.body
        if isinstance(body, ArtifactRefused):
            return body.event == id_
        return isinstance(body, ReleaseQueued) and body.release == release_of(
            body.application, source, id_, name
        )

    return await ask(kafka, prefix, "artifacts", event, ReleaseQueued, ArtifactRefused, is_about_it)


def _event(name: str, bundles: Sequence[Any] = ()) -> dict[str, Any]:
    event = cdevent(ArtifactPublished.type, name, {}, source="/lockgate/cli/ci")
    if not bundles:
        return event
    custom = {
        "customData": {"lockgate": {"bundles": list(bundles)}},
        "customDataContentType": "application/json",
    }
    return {**event, **custom}


def _bundle(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except ValueError as error:
        raise typer.BadParameter(f"{file} is no JSON, and so no sigstore bundle: {error}") from None
