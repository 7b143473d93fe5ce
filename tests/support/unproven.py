"""Artifacts of `payments` at intake's desk whose plan demands provenance: announced, checked, and what is said of them."""

from pathlib import Path
from typing import Any

from lockgate.intake.checks import Check
from lockgate.intake.provenance.checking import check
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.payload import Payload
from tests.support.desk import Desk
from tests.support.intake import APP, desk, purl
from tests.support.signing import GITHUB

TAGS = "https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/*"
SIGNERS = [{"identity": TAGS, "issuer": GITHUB}]
SLSA = {"builders": [TAGS], "sources": ["https://github.com/acme/payments@refs/tags/*"]}

SIGNED = {"signers": SIGNERS}
"""A plan for which a signature of the image is enough."""
BUILT = {"signers": SIGNERS, "slsa": SLSA}
"""One that demands to know how it was built."""


def demanding(provenance: Any) -> Desk:
    return desk(provenance=provenance)


def announce(at_desk: Desk, *bundles: Any, n: int = 1) -> list[Payload]:
    return at_desk.give(ArtifactPublished(purl=purl(n), bundles=bundles), writer="ci")


def being_checked(at_desk: Desk) -> list[str]:
    """The names of the checks that are under way."""
    return [name for key, name in at_desk.work if key == APP]


def check_all(at_desk: Desk, trust_root: Path | None) -> list[Payload]:
    """Does the work that is asked for, as a worker does it, once for each artifact; what was said then."""
    said: list[Payload] = []
    done: set[str] = set()
    while left := [name for name in being_checked(at_desk) if name not in done]:
        done.add(left[0])
        found = check(Check.model_validate(at_desk.work[APP, left[0]].body), trust_root)
        said += at_desk.report(APP, left[0], found.model_dump(mode="json"))
    return said
