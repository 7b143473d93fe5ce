"""A sigstore bundle as far as every kind of it is alike: a signed envelope (DSSE), and what it is to be checked with.

Pure. Source: sigstore's `sigstore_bundle.proto` in its JSON form, and the DSSE protocol, v1.0.2.
"""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lockgate.intake.checks import Unproven, unproven
from lockgate.intake.words import clip, shown
from lockgate.messages.releases import ArtifactRefusal

_CERTIFICATES = ("certificate", "x509CertificateChain")


class Means(StrEnum):
    """What a bundle is checked with."""

    KEY = "key"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Envelope:
    type: str
    payload: bytes
    signature: bytes
    means: Means

    @property
    def signed(self) -> bytes:
        """What the signature is over: DSSE's pre-authentication encoding."""
        type_ = self.type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(type_), type_, len(self.payload), self.payload)


def bad_bundle(reason: str) -> Unproven:
    return unproven(ArtifactRefusal.BAD_BUNDLE, reason)


def quoted(value: Any) -> str:
    """What is said in a bundle. Of an identity the end counts as much as the beginning, so more of it is shown than elsewhere."""
    return f"'{clip(value, 300)}'" if isinstance(value, str) else shown(value)


def envelope_of(bundle: Any) -> Envelope | Unproven:
    """The envelope of a bundle from outside."""
    fields, material = _object(bundle), _object(bundle, "verificationMaterial")
    envelope, signatures = _object(bundle, "dsseEnvelope"), _object(bundle, "dsseEnvelope").get("signatures")
    if not fields or not material:
        return bad_bundle("it is no sigstore bundle: send the JSON object that the signing tool wrote")
    if not envelope:
        return bad_bundle(
            "it signs bytes, and states nothing of an image: sign the image with cosign 3, or attest its provenance"
        )
    if not isinstance(signatures, list) or len(signatures) != 1:
        return bad_bundle("its envelope must have exactly one signature")
    type_, payload = envelope.get("payloadType"), _bytes(envelope.get("payload"))
    signature = _bytes(_object(signatures[0]).get("sig"))
    if not isinstance(type_, str) or not type_.isascii() or not payload or not signature:
        return bad_bundle("payloadType, payload or sig of its envelope is missing, or no base64")
    means = _means(material)
    if means is None:
        named = ", ".join(sorted(material)) or "nothing"
        return bad_bundle(
            f"its verificationMaterial must have either publicKey or certificate, and has {shown(named)}"
        )
    return Envelope(type_, payload, signature, means)


def _means(material: dict[str, Any]) -> Means | None:
    key, certificates = "publicKey" in material, [name for name in _CERTIFICATES if name in material]
    if key == bool(certificates) or len(certificates) > 1:
        return None
    return Means.KEY if key else Means.CERTIFICATE


def _object(given: Any, field: str | None = None) -> dict[str, Any]:
    """The object, or the object in a field of it; empty if there is none."""
    found = given if field is None or not isinstance(given, dict) else given.get(field)
    return found if isinstance(found, dict) else {}


def _bytes(text: Any) -> bytes:
    """Empty if it is no base64."""
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return b""
