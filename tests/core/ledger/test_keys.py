"""The signing key: made only when asked for, never open to others, refused with a sentence."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from lockgate.ledger.chain import Head
from lockgate.ledger.signing import KeyFileError, Signer, is_signed, trusted


def test_a_missing_key_is_not_made_unless_asked_for(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"cannot be read .*openssl genpkey -algorithm ed25519"):
        Signer.from_file(tmp_path / "key.pem")
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_made_once_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key.pem"
    first = Signer.from_file(path, create=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Signer.from_file(path, create=True).key_id == first.key_id
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["key.pem", "key.pem.pub"]


def test_the_public_key_beside_it_proves_a_signature(tmp_path: Path) -> None:
    signer = Signer.from_file(tmp_path / "key.pem", create=True)
    keys = trusted([tmp_path / "key.pem.pub"])
    signed = signer.signed(Head(7, b"h" * 32))
    assert is_signed(signed, keys[signed.key_id])
    assert not is_signed(signed.model_copy(update={"sequence": 8}), keys[signed.key_id])


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    Signer.from_file(path, create=True)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="is open to others: chmod 600"):
        Signer.from_file(path)


def test_what_is_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.touch(0o600)
    with pytest.raises(KeyFileError, match="is no unencrypted private key"):
        Signer.from_file(path)
    path.write_bytes(
        X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    with pytest.raises(KeyFileError, match="the ledger signs with Ed25519"):
        Signer.from_file(path)
    with pytest.raises(KeyFileError, match="is no readable public key"):
        trusted([path])


def test_an_encrypted_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.touch(0o600)
    encryption = BestAvailableEncryption(b"secret")
    path.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    )
    with pytest.raises(KeyFileError, match="is no unencrypted private key"):
        Signer.from_file(path)
