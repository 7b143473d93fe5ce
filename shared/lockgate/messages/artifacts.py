"""The topic `artifacts`, an inlet written by CI."""

from typing import Any, Self
from urllib.parse import parse_qs, unquote

from pydantic import Field

from lockgate.messages.cdevent import InletEnvelope
from lockgate.messages.inlet import Inlet
from lockgate.messages.values import MOST_PURL


class ArtifactPublished(Inlet, topic="artifacts", native="artifact.published.0.3.0"):
    """CI says that an artifact is ready. Its subject is a package URL."""

    purl: str = Field(max_length=MOST_PURL)
    user: str | None = None
    sbom: str | None = None
    bundles: tuple[Any, ...] = Field(default=(), exclude_if=lambda bundles: not bundles)
    """Sigstore bundles that CI sent along, in `customData.lockgate.bundles`; nothing of them is checked yet."""

    @classmethod
    def read(cls, subject_id: str, content: dict[str, Any], custom_data: Any) -> Self:
        sbom = content.get("sbom")
        return cls(
            purl=subject_id,
            user=content.get("user"),
            sbom=sbom.get("uri") if isinstance(sbom, dict) else None,
            bundles=_bundles(custom_data),
        )

    def subject_id(self) -> str:
        return self.purl

    @property
    def package(self) -> str:
        """The package URL without version, qualifiers and subpath: what a plan claims."""
        return self.purl.split("?")[0].split("#")[0].split("@")[0]

    @property
    def version(self) -> str:
        """The version of the package URL, decoded: a digest for pkg:oci; empty if there is none."""
        bare = self.purl.split("?")[0].split("#")[0]
        return unquote(bare.split("@", 1)[1]) if "@" in bare else ""

    @property
    def tag(self) -> str | None:
        query = self.purl.split("#")[0].partition("?")[2]
        return next(iter(parse_qs(query).get("tag", ())), None)


def _bundles(custom_data: Any) -> tuple[Any, ...]:
    """What lies there, whatever it is: an announcement that is wrong in this is answered, not thrown away."""
    ours = custom_data.get("lockgate") if isinstance(custom_data, dict) else None
    found = ours.get("bundles") if isinstance(ours, dict) else None
    if found is None:
        return ()
    return tuple(found) if isinstance(found, list) else (found,)


class OtherEvent(Inlet, topic="artifacts", custom="event.other"):
    """Any other CDEvent on the topic. It announces no artifact, and is answered by saying so.

    Its type stands for all types that are not named elsewhere; nobody writes it.
    """

    subject: str = Field(max_length=2048)
    event_type: str = Field(max_length=2048)

    @classmethod
    def read_event(cls, event: InletEnvelope) -> Self:
        return cls(subject=event.subject.id, event_type=event.context.type)

    def subject_id(self) -> str:
        return self.subject
