"""`lockgate publish`: announces an artifact as CI would, and waits for intake's answer."""

import asyncio
from typing import Annotated
from urllib.parse import quote

import typer

from lockgate.cli.kafka import UnreachableError, cdevent, follow, publish
from lockgate.cli.options import DEFAULT_KAFKA, DEFAULT_PREFIX, KafkaOption, PrefixOption
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.releases import ArtifactRefused, ReleaseQueued

ANSWER_SECONDS = 30.0


def announce(
    package: Annotated[
        str, typer.Argument(help="The package URL without version, such as pkg:oci/payments.")
    ],
    digest: Annotated[str, typer.Argument(help="sha256: and 64 hexadecimal digits.")],
    tag: Annotated[str | None, typer.Option(help="For people only; nothing is deployed by it.")] = None,
    kafka: KafkaOption = DEFAULT_KAFKA,
    prefix: PrefixOption = DEFAULT_PREFIX,
) -> None:
    """Announces an artifact as CI would, and says what intake makes of it."""
    try:
        answer = asyncio.run(announced(kafka, prefix, purl(package, digest, tag)))
    except UnreachableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    match answer:
        case ReleaseQueued(release=release, reason=reason, application=application):
            typer.echo(f"{reason}\nrelease {release}; follow it with: lockgate watch {application}")
        case ArtifactRefused(reason=reason, code=code):
            typer.echo(f"refused ({code}): {reason}", err=True)
            raise typer.Exit(1)
        case None:
            typer.echo(
                f"announced, but intake did not answer within {ANSWER_SECONDS:.0f} s; it will when it runs",
                err=True,
            )
            raise typer.Exit(3)


def purl(package: str, digest: str, tag: str | None = None) -> str:
    """The package URL of an artifact, by the rules of its specification."""
    version = quote(digest, safe="")
    return f"{package}@{version}" + (f"?tag={quote(tag, safe='')}" if tag else "")


async def announced(kafka: str, prefix: str, name: str) -> ReleaseQueued | ArtifactRefused | None:
    """Announces an artifact by its package URL and waits for the answer; None if none came in time."""
    id_ = await publish(
        kafka, prefix, "artifacts", cdevent(ArtifactPublished.type, name, {}, source="/lockgate/cli/ci")
    )
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            async for message in follow(kafka, prefix, ("releases",)):
                if isinstance(message.body, ReleaseQueued | ArtifactRefused) and id_ in message.links:
                    return message.body
    except TimeoutError:
        pass
    return None
