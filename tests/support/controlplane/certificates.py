"""The certificates of one control plane: an authority of its own, the API server's, the key of service accounts."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_VALID = timedelta(days=2)
_SERVICE_ADDRESS = "10.0.0.1"  # the first of the range that Services get their addresses from


@dataclass(frozen=True, slots=True)
class Certificates:
    authority: Path
    server: Path
    server_key: Path
    accounts_key: Path


def write_certificates(folder: Path) -> Certificates:
    """New ones in this folder, which nobody else may read."""
    folder.mkdir(mode=0o700)
    files = Certificates(
        folder / "ca.crt", folder / "server.crt", folder / "server.key", folder / "accounts.key"
    )
    authority_key, server_key = _key(), _key()
    authority = _authority(authority_key)
    files.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    server = _server(server_key, authority, authority_key)
    files.server.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    files.server_key.write_bytes(_pem(server_key))
    files.accounts_key.write_bytes(_pem(_key()))
    return files


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _named(name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Name | None) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    builder = _named("lockgate tests", key, None)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = builder.add_extension(usage, critical=True)
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
        key, hashes.SHA256()
    )


def _server(
    key: ec.EllipticCurvePrivateKey, authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    addresses = ("127.0.0.1", _SERVICE_ADDRESS)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(each)) for each in addresses)]
    )
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = _named("kube-apiserver", key, authority.subject).add_extension(names, critical=False)
    return builder.add_extension(issued_by, critical=False).sign(authority_key, hashes.SHA256())
