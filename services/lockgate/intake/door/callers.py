"""Who asks, and what they may do. Pure: secrets and headers in, a caller or a problem out.

A token is known by its hash alone, so the settings hold nothing that opens the door. It is 256 random bits, so one round
of SHA-256 is enough. A secret that signs bodies is needed as it is; the settings name the file that holds it.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from lockgate.intake.door.answers import Code, Refused

TOKEN_PREFIX: Final = "lgd_"  # noqa: S105  # by which secret scanners know our tokens; no secret itself
HASH_PATTERN: Final = r"^sha256:[0-9a-f]{64}$"
_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9a-f]{64}")


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    CI = "ci"
    MONITORING = "monitoring"


WRITERS: Final = {
    "artifacts": frozenset({Role.CI, Role.OPERATOR}),
    "anomalies": frozenset({Role.MONITORING, Role.OPERATOR}),
    "plans": frozenset({Role.OPERATOR}),
    "operations": frozenset({Role.OPERATOR}),
}
"""Topic -> who may write to it through the door. A viewer may write nothing."""


class Scheme(StrEnum):
    """Whose way to sign a body: HMAC-SHA256 over the raw bytes, in hexadecimal, in a header."""

    GITHUB = "X-Hub-Signature-256"
    GRAFANA = "X-Grafana-Alerting-Signature"


_PREFIXES: Final = {Scheme.GITHUB: "sha256=", Scheme.GRAFANA: ""}


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may ask. Several entries of one name are one caller, while a token or secret is replaced."""

    name: str
    role: Role
    token: str | None = None
    """The hash of the token, `sha256:` and 64 digits."""
    secret: bytes | None = field(default=None, repr=False)
    """What bodies are signed with. An entry has either this or a token."""
    applications: frozenset[str] = frozenset()
    """Empty: all of them."""
    packages: frozenset[str] = frozenset()
    """Which artifacts may be announced. Empty: all, or `pkg:oci/APPLICATION` of the applications if those are named."""

    def may_touch(self, application: str) -> bool:
        return not self.applications or application in self.applications

    def may_announce(self, package: str) -> bool:
        allowed = self.packages or {f"pkg:oci/{name}" for name in self.applications}
        return not allowed or package in allowed


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature, of which nothing is known before the body is there."""

    digits: str


def hash_of(token: str) -> str:
    return f"sha256:{hashlib.sha256(token.encode(errors='surrogateescape')).hexdigest()}"


def shared(callers: Iterable[Caller]) -> tuple[str, str] | None:
    """The names of two entries that one token or secret would open, if there are such: who it is could not be told."""
    found: dict[str | bytes, str] = {}
    for caller in callers:
        proof = caller.secret or caller.token or ""
        if proof in found:
            return found[proof], caller.name
        found[proof] = caller.name
    return None


def known(headers: Mapping[str, str], callers: Iterable[Caller]) -> Caller:
    """Whose token it is. Refused if there is none, or if it is nobody's."""
    if (given := headers.get("authorization")) is None:
        raise _unknown("the request does not say who asks: send `Authorization: Bearer TOKEN`")
    if (caller := _by_token(given, callers)) is None:
        raise _unknown(
            "the token in Authorization is none that this door knows: send `Authorization: Bearer TOKEN` with one"
            " whose hash is in its settings; `lockgate door token` makes both"
        )
    return caller


def identified(
    headers: Mapping[str, str], callers: Iterable[Caller], schemes: Iterable[Scheme], *, tokens: bool
) -> Caller | Signed:
    """Who asks, as far as the headers say it. Refused if they prove nothing."""
    for scheme in schemes:
        if (value := headers.get(scheme.lower())) is not None:
            return _signed(scheme, value)
    if tokens:
        return known(headers, callers)
    raise _unknown(
        f"the request is not signed: set a secret for the webhook, so that it sends {' or '.join(schemes)}"
    )


def verified(signed: Signed, body: bytes, callers: Iterable[Caller]) -> Caller:
    """Whose secret signed the body. Refused if it is nobody's."""
    found = None
    for caller in callers:
        if caller.secret is not None:
            made = hmac.new(caller.secret, body, hashlib.sha256).hexdigest()
            if hmac.compare_digest(made, signed.digits):
                found = caller
    if found is None:
        raise _unknown(
            "the signature is not that of this body under any secret that this door knows: compare the secret of the"
            " webhook with the file that the door's settings name, and let nothing on the way change the body"
        )
    return found


def permitted(caller: Caller, roles: Iterable[Role]) -> None:
    """Refused if the caller has none of the roles."""
    if caller.role not in (allowed := frozenset(roles)):
        raise Refused(
            Code.FORBIDDEN,
            f"{caller.name} has the role {caller.role}, and this takes {' or '.join(sorted(allowed))}: use a token"
            " with such a role, or change the role in the door's settings",
        )


def _signed(scheme: Scheme, value: str) -> Signed:
    prefix = _PREFIXES[scheme]
    digits = value.removeprefix(prefix).lower()
    if not value.startswith(prefix) or not _DIGITS.fullmatch(digits):
        raise _unknown(
            f"{scheme} is no signature: {prefix or 'it is'}{' and' if prefix else ''} 64 hexadecimal digits are needed,"
            " an HMAC-SHA256 over the body"
        )
    return Signed(digits)


def _by_token(given: str, callers: Iterable[Caller]) -> Caller | None:
    """Also without the word Bearer: some products send what they are told to and nothing more.

    All hashes are compared, each in constant time, so that the time says nothing.
    """
    match = _BEARER.fullmatch(given.strip())
    if not given.strip():
        return None  # whatever the settings say, nothing is no token
    presented = hash_of(match[1] if match else given.strip())
    found = None
    for caller in callers:
        if caller.token is not None and hmac.compare_digest(caller.token, presented):
            found = caller
    return found


def _unknown(detail: str) -> Refused:
    return Refused(Code.UNAUTHENTICATED, detail, headers={"WWW-Authenticate": 'Bearer realm="lockgate"'})
