"""Who signed an envelope: a key of the plan, or an identity that the trust root vouches for. Talks to no network.

Bundles by certificate are verified by the sigstore library: certificate chain, certificate log, transparency log, signature.
It takes no bundles by key, so their signature is checked with `cryptography`, and no log is asked of them.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import (
    Certificate,
    ExtensionNotFound,
    RFC822Name,
    SubjectAlternativeName,
    UniformResourceIdentifier,
    UnrecognizedExtension,
)
from sigstore.errors import CertValidationError, Error, VerificationError
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import OIDCIssuer, OIDCIssuerV2

from lockgate.intake.checks import Unproven, unproven
from lockgate.intake.provenance.envelope import Envelope, Means, bad_bundle, quoted
from lockgate.intake.words import clip, listed
from lockgate.messages.globs import matches
from lockgate.messages.plan_provenance import Signer
from lockgate.messages.releases import ArtifactRefusal

_ISSUERS: Final = (OIDCIssuer, OIDCIssuerV2)
"""The two extensions of a certificate that say who vouches for its identity. Some authorities write only one of them."""


class Signed(NamedTuple):
    """By whom. A key is called by its SHA-256."""

    signer: str
    issuer: str | None = None


def signed(
    bundle: Any, envelope: Envelope, signers: Sequence[Signer], trust_root: Path | None
) -> Signed | Unproven:
    """Who signed it, if it is somebody whom the plan names."""
    match envelope.means:
        case Means.KEY:
            return _by_key(envelope, [signer.key for signer in signers if signer.key is not None])
        case Means.CERTIFICATE:
            named = [signer for signer in signers if signer.key is None]
            return _by_identity(bundle, envelope, named, trust_root)


# --- by a key ---------------------------------------------------------------------------------------------------


def _by_key(envelope: Envelope, keys: Sequence[str]) -> Signed | Unproven:
    if not keys:
        return _other_signer("it is signed by a key, and the plan names none")
    for key in keys:
        der = base64.b64decode(key)
        if _is_signature(load_der_public_key(der), envelope):
            return Signed(f"key {hashlib.sha256(der).hexdigest()}")
    return unproven(
        ArtifactRefusal.BAD_SIGNATURE,
        "no key of the plan made its signature: another key did, or what is signed was changed since",
    )


def _is_signature(key: PublicKeyTypes, envelope: Envelope) -> bool:
    try:
        match key:
            case ec.EllipticCurvePublicKey():
                key.verify(envelope.signature, envelope.signed, ec.ECDSA(SHA256()))
            case ed25519.Ed25519PublicKey():
                key.verify(envelope.signature, envelope.signed)
            case _:
                return False
    except InvalidSignature:
        return False
    return True


# --- by an identity ---------------------------------------------------------------------------------------------


class _Named:
    """The library's question whether a certificate, which it has verified, is of somebody whom the plan names."""

    def __init__(self, signers: Sequence[Signer]) -> None:
        self._signers = signers
        self.asked = False
        self.found: Signed | None = None

    def verify(self, cert: Certificate) -> None:
        self.asked = True
        for name in _names(cert):
            for signer in self._signers:
                if matches(signer.identity or "", name) and _is(cert, signer.issuer):
                    self.found = Signed(name, signer.issuer)
                    return
        raise VerificationError("the plan does not name this identity")


def _is(cert: Certificate, issuer: str | None) -> bool:
    return issuer is not None and any(_says(cert, extension(issuer)) for extension in _ISSUERS)


def _says(cert: Certificate, issuer: OIDCIssuer | OIDCIssuerV2) -> bool:
    try:
        issuer.verify(cert)
    except (VerificationError, ValueError):  # another one, or no text
        return False
    return True


def _names(cert: Certificate) -> list[str]:
    try:
        names = cert.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return []
    uris = names.get_values_for_type(UniformResourceIdentifier)
    return [*uris, *names.get_values_for_type(RFC822Name)]


def _issuer(cert: Certificate) -> str:
    """Who vouches for the identity, as the certificate says."""
    for of, read in ((OIDCIssuerV2, partial(asn1.decode_der, str)), (OIDCIssuer, bytes.decode)):
        try:
            extension = cert.extensions.get_extension_for_oid(of.oid).value
            if isinstance(extension, UnrecognizedExtension):
                return str(read(extension.value))
        except (ExtensionNotFound, ValueError):
            continue
    return "nobody"


def _by_identity(
    bundle: Any, envelope: Envelope, signers: Sequence[Signer], trust_root: Path | None
) -> Signed | Unproven:
    if not signers:
        return _other_signer("it is signed by a certificate, and the plan names keys only")
    if trust_root is None:
        return _not_checked(
            "intake has no trust root for certificates: set LOCKGATE_TRUST_ROOT, and announce it again"
        )
    try:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(trust_root)))
    except (Error, ValueError, OSError) as error:
        return _not_checked(f"the trust root {trust_root} cannot be read: {clip(str(error), 300)}")
    try:
        read = Bundle.from_json(json.dumps(bundle))
        genuine = _is_signature(read.signing_certificate.public_key(), envelope)
    except Exception as error:  # noqa: BLE001  # whatever a library makes of hostile bytes: it is no good bundle
        return bad_bundle(f"it cannot be read: {clip(str(error), 300)}")
    if not genuine:
        return unproven(
            ArtifactRefusal.BAD_SIGNATURE,
            "its certificate's key did not make its signature: what is signed was changed since",
        )
    return _verified(verifier, read, signers)


def _verified(verifier: Verifier, bundle: Bundle, signers: Sequence[Signer]) -> Signed | Unproven:
    policy, cert = _Named(signers), bundle.signing_certificate
    try:
        verifier.verify_dsse(bundle, policy)
    except CertValidationError as error:
        return _of_no_chain(bundle, str(error))
    except Exception as error:  # noqa: BLE001  # as above: what cannot be verified is not
        if not policy.asked or policy.found is not None:
            return _untrusted(str(error))
    if policy.found is not None:
        return policy.found
    return _other_signer(
        f"it was signed by {quoted(listed(_names(cert), 2))}, for whom {quoted(_issuer(cert))} vouches, and the plan allows "
        f"{listed((f'{signer.identity} of {signer.issuer}' for signer in signers), 2)}"
    )


def _of_no_chain(bundle: Bundle, error: str) -> Unproven:
    """Whether it is only too late: the log says when it was signed, and the certificate when that was possible."""
    cert, at = bundle.signing_certificate, bundle.log_entry._inner.integrated_time  # noqa: SLF001  # it has no other name
    until = cert.not_valid_after_utc
    if at is not None and at > until.timestamp():
        return unproven(
            ArtifactRefusal.EXPIRED,
            f"it was signed after its certificate had expired, at {until:%Y-%m-%d %H:%M:%S} UTC",
        )
    return _untrusted(error)


def _untrusted(error: str) -> Unproven:
    return unproven(
        ArtifactRefusal.UNTRUSTED,
        f"the trust root does not vouch for its certificate or its entry in the log: {clip(error, 300)}",
    )


def _other_signer(reason: str) -> Unproven:
    return unproven(ArtifactRefusal.OTHER_SIGNER, reason)


def _not_checked(reason: str) -> Unproven:
    return unproven(ArtifactRefusal.NOT_CHECKED, reason)
