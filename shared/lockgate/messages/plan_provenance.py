"""What a plan demands of where an artifact comes from: who signed it, and by which build, from which source."""

import base64
import binascii
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from lockgate.messages.globs import glob_problem
from lockgate.messages.plan_parts import PlanPart
from lockgate.messages.values import AS_WRITTEN

MOST_SIGNERS = 20
MOST_ALLOWED = 50
GITHUB: Final = "https://actions.github.io/buildtypes/workflow/v1"
"""The type of the builds of GitHub's own attestations."""

_BEGIN, _END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
_P256: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
"""What a public key on the curve P-256 begins with (SubjectPublicKeyInfo, DER); the two coordinates follow."""
_ED25519: Final = bytes.fromhex("302a300506032b6570032100")
_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B: Final = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def _glob(text: str) -> str:
    if problem := glob_problem(text):
        raise ValueError(f"{text[:80]!r} is not possible here: {problem}")
    return text


def _exact(text: str) -> str:
    if "*" in text:
        raise ValueError(f"{text[:80]!r} has a *, and is compared as it is: write it out")
    return _glob(text)


def _key(text: str) -> str:
    """The key as base64 of its DER on one line, however it was written."""
    written = "".join(text.replace(_BEGIN, "").replace(_END, "").split())
    try:
        der = base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        der = b""
    if not _is_key(der):
        raise ValueError(
            f"this is no public key of ECDSA P-256 or Ed25519: write what is in its PEM file, from {_BEGIN} to {_END}"
        )
    return base64.b64encode(der).decode()


def _is_key(der: bytes) -> bool:
    if der.startswith(_ED25519):
        return len(der) == len(_ED25519) + 32
    if not der.startswith(_P256) or len(der) != len(_P256) + 64:
        return False
    x, y = (int.from_bytes(der[at : at + 32]) for at in (len(_P256), len(_P256) + 32))
    return x < _P and y < _P and (y * y - x * x * x + 3 * x - _B) % _P == 0


def _said(given: Any, info: ValidationInfo) -> Any:
    """A field without a value looks like a demand, and would be none. Events have none of it instead."""
    if given is None and info.context == AS_WRITTEN:
        raise ValueError(
            "it is empty, and would demand nothing: write what it demands, or leave the field out"
        )
    return given


Said = BeforeValidator(_said)
"""For a demand that may be left out: whoever writes it down has to say what it is."""
Glob = Annotated[str, Field(max_length=500), AfterValidator(_glob)]
"""See `globs`."""
Exact = Annotated[str, Field(max_length=500), AfterValidator(_exact)]
Key = Annotated[str, Field(max_length=1000), AfterValidator(_key)]


class Signer(PlanPart):
    """Whose signature counts: that of a key, or of an identity that an issuer vouches for."""

    key: Key | None = Field(
        default=None, description="a public key, ECDSA P-256 or Ed25519: PEM, or its base64"
    )
    identity: Glob | None = Field(
        default=None,
        description="as the certificate has it: a workflow's URL with its ref, or an e-mail address",
    )
    issuer: Exact | None = Field(default=None, description="of the identity: https://…, as it is")

    @model_validator(mode="after")
    def _key_or_identity(self) -> Self:
        by_identity = self.identity is not None and self.issuer is not None
        if (self.key is not None) == by_identity or (self.identity is None) != (self.issuer is None):
            raise ValueError(
                "a signer is either {key: …} or {identity: …, issuer: …}: an identity is worth no more than who vouches for it"
            )
        return self


class Slsa(PlanPart):
    """What SLSA provenance (v1) has to say of the build."""

    builders: list[Glob] = Field(min_length=1, max_length=MOST_ALLOWED, description="`builder.id`")
    sources: list[Glob] = Field(
        min_length=1,
        max_length=MOST_ALLOWED,
        description="repositories, such as https://github.com/acme/payments; with @refs/tags/* of these refs only",
    )
    build_types: list[Exact] = Field(default=[GITHUB], min_length=1, max_length=MOST_ALLOWED)
    parameters: list[Exact] = Field(
        default=[],
        max_length=MOST_ALLOWED,
        description="external parameters that a build may have beside its source, whatever they say",
    )


class Provenance(PlanPart):
    """Artifacts are admitted only with a bundle, in their announcement, that fulfils this."""

    signers: list[Signer] = Field(min_length=1, max_length=MOST_SIGNERS, description="one of them is enough")
    slsa: Annotated[Slsa | None, Said] = Field(
        default=None,
        exclude_if=lambda given: given is None,
        description="without, a signature of the image is enough",
    )
