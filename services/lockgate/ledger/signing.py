"""Ed25519 over the heads of the chain. The key lies in a file, never in the ledger's database."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from lockgate.ledger.chain import Head
from lockgate.messages.checkpoints import HeadSigned

_UNSIGNED: Final = "0" * 128


class KeyFileError(Exception):
    """The key cannot be used; the text names the file and says what to do."""


class Signer:
    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = key_id(key.public_key())

    @classmethod
    def from_file(cls, path: Path, *, create: bool = False) -> "Signer":
        """The signer with the key of a file. With `create` a missing one is made (0600), and PATH.pub beside it.

        KeyFileError if it is missing, readable by others, or no Ed25519 key.
        """
        if create and not path.exists():
            _make(path)
        return cls(_load(path))

    def signed(self, head: Head) -> HeadSigned:
        unsigned = HeadSigned(
            sequence=head.seq, head=head.chain.hex(), key_id=self.key_id, signature=_UNSIGNED
        )
        signature = self._key.sign(unsigned.signed_text).hex()
        return unsigned.model_copy(update={"signature": signature})

    def public_key(self) -> Ed25519PublicKey:
        return self._key.public_key()


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def trusted(paths: Iterable[Path]) -> dict[str, Ed25519PublicKey]:
    """Public keys of PEM files, by key id. KeyFileError if one is not a readable Ed25519 public key."""
    keys = [_load_public(path) for path in paths]
    return {key_id(key): key for key in keys}


def is_signed(head: HeadSigned, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(bytes.fromhex(head.signature), head.signed_text)
    except InvalidSignature:
        return False
    return True


def _load(path: Path) -> Ed25519PrivateKey:
    try:
        mode, pem = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise KeyFileError(
            f"the ledger's signing key {path} cannot be read ({error.strerror}): make one with"
            f" `openssl genpkey -algorithm ed25519 -out {path}` and chmod 600"
        ) from error
    if mode & 0o077:
        raise KeyFileError(f"the ledger's signing key {path} is open to others: chmod 600 {path}")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise KeyFileError(f"{path} is no unencrypted private key in PEM: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a {type(key).__name__}; the ledger signs with Ed25519")
    return key


def _load_public(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path} is no readable public key in PEM: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path} holds a {type(key).__name__}; heads are signed with Ed25519")
    return key


def _make(path: Path) -> None:
    """Exclusively, and never open to others for a moment. Who is second uses the first one's key."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
        path.with_name(f"{path.name}.pub").write_bytes(public)
    except FileExistsError:
        pass
    finally:
        beside.unlink()
