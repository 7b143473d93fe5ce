"""CI that signs images: with a key of its own, or as sigstore does, with a certificate authority and two logs made here.

The authority, the certificate log and the transparency log are as small as the library that verifies lets them be: a root, an
intermediate, and a log of one entry for each bundle. Nothing of it is asked for over a network.
"""

import base64
import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

IN_TOTO = "application/vnd.in-toto+json"
BOTH = ("1.3.6.1.4.1.57264.1.1", "1.3.6.1.4.1.57264.1.8")
"""What a certificate says its issuer in: as it is, and as ASN.1."""
GITHUB = "https://token.actions.githubusercontent.com"
WORKFLOW = "https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/v1"
REPOSITORY = "https://github.com/acme/payments"
DIGEST = f"sha256:{1:064x}"
SIGNED_AT = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)

Json = dict[str, Any]
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def spki(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(key: Key) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


# --- what is signed ---------------------------------------------------------------------------------------------


def statement(digest: str = DIGEST, **changes: Any) -> Json:
    """What `cosign sign` states of an image."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "registry.example/acme/payments", "digest": {"sha256": digest[7:]}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
        **changes,
    }


def provenance(
    digest: str = DIGEST,
    *,
    repository: str = REPOSITORY,
    ref: str = "refs/tags/v1",
    builder: str = WORKFLOW,
    build_type: str = "https://actions.github.io/buildtypes/workflow/v1",
    parameters: Json | None = None,
) -> Json:
    """SLSA provenance as GitHub attests it."""
    workflow = {"repository": repository, "ref": ref, "path": ".github/workflows/release.yml"}
    build = {
        "buildType": build_type,
        "externalParameters": {"workflow": workflow} if parameters is None else parameters,
        "internalParameters": {"github": {"event_name": "push"}},
        "resolvedDependencies": [{"uri": f"git+{repository}@{ref}", "digest": {"gitCommit": "0" * 40}}],
    }
    predicate = {"buildDefinition": build, "runDetails": {"builder": {"id": builder}}}
    return statement(digest, predicateType="https://slsa.dev/provenance/v1", predicate=predicate)


def sign(key: Key, payload: bytes, type_: str = IN_TOTO) -> Json:
    """A DSSE envelope."""
    encoded = b"DSSEv1 %d %b %d %b" % (len(type_), type_.encode(), len(payload), payload)
    made = (
        key.sign(encoded, ec.ECDSA(SHA256()))
        if isinstance(key, ec.EllipticCurvePrivateKey)
        else key.sign(encoded)
    )
    return {"payloadType": type_, "payload": b64(payload), "signatures": [{"sig": b64(made)}]}


def by_key(key: Key, said: Json, type_: str = IN_TOTO) -> Json:
    """A bundle as `cosign sign --key` writes it."""
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": b64(hashlib.sha256(spki(key)).digest())}},
        "dsseEnvelope": sign(key, json.dumps(said).encode(), type_),
    }


# --- who vouches for identities ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sigstore:
    """An instance of sigstore: whoever has its trust root believes what it says."""

    root_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    ca_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    ct_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)
    rekor_key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    def bundle(
        self,
        said: Json | bytes,
        *,
        identity: str = WORKFLOW,
        issuer: str = GITHUB,
        at: datetime = SIGNED_AT,
        logged: timedelta = timedelta(seconds=5),
        type_: str = IN_TOTO,
        vouched: Sequence[str] = BOTH,
    ) -> Json:
        """A bundle of what this identity says; `logged`: so long after it got its certificate, which is good for 10 minutes.
        `vouched`: the extensions in which the certificate says who the issuer is.
        """
        key = new_key()
        leaf = self._leaf(key, identity, issuer, at, vouched)
        envelope = sign(key, said if isinstance(said, bytes) else json.dumps(said).encode(), type_)
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(leaf.public_bytes(Encoding.DER))},
                "tlogEntries": [self._entry(leaf, envelope, at + logged)],
            },
            "dsseEnvelope": envelope,
        }

    def trust_root(self, folder: Path) -> Path:
        """The file that those who trust this instance have."""
        chain = [{"rawBytes": b64(cert.public_bytes(Encoding.DER))} for cert in (self._ca, self._root)]
        since = {"start": BEGAN.isoformat().replace("+00:00", "Z")}
        authority = {
            "subject": {"organization": "tests", "commonName": "tests"},
            "uri": "https://fulcio.invalid",
            "certChain": {"certificates": chain},
            "validFor": since,
        }
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log("https://rekor.invalid", self.rekor_key, since)],
            "certificateAuthorities": [authority],
            "ctlogs": [_log("https://ct.invalid", self.ct_key, since)],
            "timestampAuthorities": [],
        }
        file = folder / "trusted_root.json"
        file.write_text(json.dumps(root))
        return file

    @property
    def _root(self) -> x509.Certificate:
        return _authority("root", self.root_key, "root", self.root_key, None)

    @property
    def _ca(self) -> x509.Certificate:
        return _authority("ca", self.ca_key, "root", self.root_key, 0)

    def _leaf(
        self,
        key: ec.EllipticCurvePrivateKey,
        identity: str,
        issuer: str,
        at: datetime,
        vouched: Sequence[str],
    ) -> x509.Certificate:
        name = x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)
        usage = x509.KeyUsage(True, *[False] * 8)
        draft = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(_name("ca"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at)
            .not_valid_after(at + timedelta(minutes=10))
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(_aki(self.ca_key), critical=False)
        )
        for oid in vouched:
            said = issuer.encode() if oid == BOTH[0] else _der(0x0C, issuer.encode())
            draft = draft.add_extension(_custom(oid, said), critical=False)
        unlogged = draft.add_extension(_sct(b"?"), critical=False).sign(self.ca_key, SHA256())
        promise = self._promise(unlogged.tbs_precertificate_bytes, at)
        return draft.add_extension(_sct(promise), critical=False).sign(self.ca_key, SHA256())

    def _promise(self, certificate: bytes, at: datetime) -> bytes:
        """What the certificate log says of a certificate (RFC 6962)."""
        milliseconds = int(at.timestamp() * 1000)
        entry = hashlib.sha256(spki(self.ca_key)).digest() + len(certificate).to_bytes(3) + certificate
        signed = struct.pack("!BBQH", 0, 0, milliseconds, 1) + entry + b"\0\0"
        signature = self.ct_key.sign(signed, ec.ECDSA(SHA256()))
        log = hashlib.sha256(spki(self.ct_key)).digest()
        return struct.pack("!B32sQHBBH", 0, log, milliseconds, 0, 4, 3, len(signature)) + signature

    def _entry(self, leaf: x509.Certificate, envelope: Json, at: datetime) -> Json:
        """The entry in the transparency log, with the promise and the proof that it is there."""
        payload = base64.b64decode(envelope["payload"])
        signature = envelope["signatures"][0]["sig"]
        spec = {
            "envelopeHash": _hash(json.dumps(envelope).encode()),
            "payloadHash": _hash(payload),
            "signatures": [{"signature": signature, "verifier": b64(leaf.public_bytes(Encoding.PEM))}],
        }
        body = json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}, sort_keys=True).encode()
        log, root = hashlib.sha256(spki(self.rekor_key)).digest(), hashlib.sha256(b"\0" + body).digest()
        seconds = int(at.timestamp())
        promised = {"body": b64(body), "integratedTime": seconds, "logID": log.hex(), "logIndex": 0}
        promise = json.dumps(promised, sort_keys=True, separators=(",", ":")).encode()
        note = f"rekor.invalid\n1\n{b64(root)}\n"
        signed_note = b64(log[:4] + self.rekor_key.sign(note.encode(), ec.ECDSA(SHA256())))
        return {
            "logIndex": "0",
            "logId": {"keyId": b64(log)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(seconds),
            "inclusionPromise": {
                "signedEntryTimestamp": b64(self.rekor_key.sign(promise, ec.ECDSA(SHA256())))
            },
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": b64(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n\u2014 rekor.invalid {signed_note}\n"},
            },
            "canonicalizedBody": b64(body),
        }


@cache
def trusted() -> Sigstore:
    """The instance that the tests trust."""
    return Sigstore()


def _name(text: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, text),
        ]
    )


def _authority(
    name: str, key: ec.EllipticCurvePrivateKey, by: str, signer: ec.EllipticCurvePrivateKey, below: int | None
) -> x509.Certificate:
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(by))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGAN)
        .not_valid_after(BEGAN + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_aki(signer), critical=False)
        .sign(signer, SHA256())
    )


def _aki(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _custom(oid: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)


def _sct(promise: bytes) -> x509.UnrecognizedExtension:
    one = struct.pack("!H", len(promise)) + promise
    return _custom("1.3.6.1.4.1.11129.2.4.2", _der(0x04, struct.pack("!H", len(one)) + one))


def _der(tag: int, value: bytes) -> bytes:
    length = len(value)
    short = (
        bytes([length])
        if length < 128
        else bytes([0x81, length])
        if length < 256
        else b"\x82" + length.to_bytes(2)
    )
    return bytes([tag]) + short + value


def _hash(raw: bytes) -> Json:
    return {"algorithm": "sha256", "value": hashlib.sha256(raw).hexdigest()}


def _log(url: str, key: ec.EllipticCurvePrivateKey, since: Json) -> Json:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": b64(spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": since},
        "logId": {"keyId": b64(hashlib.sha256(spki(key)).digest())},
    }
