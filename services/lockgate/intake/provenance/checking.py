"""All bundles of an artifact together: one that shows everything is enough; else the one that came nearest says why not."""

from pathlib import Path
from typing import Any, Final

from lockgate.intake.checks import Check, Unproven, Verified, unproven
from lockgate.intake.provenance.envelope import envelope_of
from lockgate.intake.provenance.signing import signed
from lockgate.intake.provenance.statement import built
from lockgate.messages.plan_provenance import Provenance
from lockgate.messages.releases import ArtifactRefusal

_NEARER: Final = (
    ArtifactRefusal.BAD_BUNDLE,
    ArtifactRefusal.BAD_SIGNATURE,
    ArtifactRefusal.UNTRUSTED,
    ArtifactRefusal.EXPIRED,
    ArtifactRefusal.OTHER_SIGNER,
    ArtifactRefusal.OTHER_DIGEST,
    ArtifactRefusal.NO_PROVENANCE,
    ArtifactRefusal.OTHER_BUILD,
    ArtifactRefusal.OTHER_BUILDER,
    ArtifactRefusal.OTHER_SOURCE,
    ArtifactRefusal.NOT_CHECKED,
)
"""In the order in which a bundle is checked. One that could not be checked might have been good, so that is said first."""


def check(asked: Check, trust_root: Path | None) -> Verified | Unproven:
    """Whether the image has the provenance that is demanded. Reads no file but the trust root, and asks nobody."""
    if asked.demands is None:
        return unproven(ArtifactRefusal.NOT_CHECKED, "nothing was demanded")
    nearest: tuple[int, int] | None = None
    told = unproven(ArtifactRefusal.UNSIGNED, "there is no bundle")
    for number, bundle in enumerate(asked.bundles):
        found = _one(bundle, asked.digest, asked.demands, trust_root)
        if isinstance(found, Verified):
            return found
        if nearest is None or (_NEARER.index(found.code), -number) > nearest:
            nearest = (_NEARER.index(found.code), -number)
            told = unproven(found.code, f"bundle {number + 1}: {found.reason}")
    return told


def _one(bundle: Any, digest: str, demands: Provenance, trust_root: Path | None) -> Verified | Unproven:
    """Nothing of what is signed is read before it is known by whom."""
    envelope = envelope_of(bundle)
    if isinstance(envelope, Unproven):
        return envelope
    by = signed(bundle, envelope, demands.signers, trust_root)
    if isinstance(by, Unproven):
        return by
    how = built(envelope, digest, demands.slsa)
    if isinstance(how, Unproven):
        return how
    return Verified(signer=by.signer, issuer=by.issuer, builder=how.builder, source=how.source)
