"""What the core and the work `check` say to each other: an artifact's bundles and what they have to show; and the answer.

Pure. The answer is a closed union, and an input of the core like any other report: so whether an artifact was admitted can be
recomputed from the journal alone, with no key and no trust root.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from lockgate.intake.words import sentence
from lockgate.messages.plan_provenance import Provenance
from lockgate.messages.releases import ArtifactRefusal
from lockgate.messages.values import Digest, Sentence, Value

MOST_BUNDLES = 4
MOST_BUNDLE = 64 * 1024
"""Characters of one bundle as JSON. One of GitHub's has some 12,000."""


class Check(Value):
    """The order: do these bundles show that the image has the provenance that is demanded?"""

    digest: Digest
    demands: Provenance | None
    """None: of a plan that demands nothing. Its turn is waited for, behind others, and the answer is not looked at."""
    bundles: tuple[Any, ...]


class Verified(Value):
    """One of the bundles shows all of it."""

    outcome: Literal["verified"] = "verified"
    signer: str
    issuer: str | None = None
    builder: str | None = None
    source: str | None = None


class Unproven(Value):
    """None does. The reason is that of the bundle that came nearest."""

    outcome: Literal["unproven"] = "unproven"
    code: ArtifactRefusal
    reason: Sentence


def unproven(code: ArtifactRefusal, reason: str) -> Unproven:
    """Of a reason that quotes what came from outside, and may be long."""
    return Unproven(code=code, reason=sentence(reason))


Checked = Verified | Unproven

_CHECKED: TypeAdapter[Checked] = TypeAdapter(Annotated[Checked, Field(discriminator="outcome")])


def checked(report: dict[str, Any]) -> Checked:
    """A report of the work, read back."""
    return _CHECKED.validate_python(report)
