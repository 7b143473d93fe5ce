"""Requests as other products send them, for the tests of the door."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from lockgate.intake.door.answers import Refused
from lockgate.intake.door.callers import Caller, Role, Scheme, hash_of
from lockgate.intake.door.delivery import Delivery, Options
from lockgate.intake.door.judging import Judged, judged
from lockgate.intake.door.routes import BY_PATH
from tests.support.cdevents import ROOT

WEBHOOKS = ROOT / "tests" / "data" / "webhooks"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DIGEST = "sha256:" + "4c" * 32
SECRET = b"the secret of our webhooks"
TOKENS = {role: f"lgd_the-token-of-{role}" for role in Role}
CALLERS = (
    *(Caller(f"a-{role}", role, token=hash_of(token)) for role, token in TOKENS.items()),
    Caller("hub", Role.CI, secret=SECRET),
    Caller("graph", Role.MONITORING, secret=SECRET + b" for graphs"),
)


def payload(name: str) -> Any:
    """A file under tests/data/webhooks, which may be changed."""
    return json.loads((WEBHOOKS / f"{name}.json").read_bytes())


def body_of(name: str) -> bytes:
    return (WEBHOOKS / f"{name}.json").read_bytes()


def signature(body: bytes, secret: bytes = SECRET) -> str:
    """As GitHub makes it."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def signed(body: bytes, event: str = "registry_package") -> dict[str, str]:
    """The headers of GitHub's delivery of a body."""
    return {"content-type": "application/json", "x-github-event": event, Scheme.GITHUB: signature(body)}


def bearer(role: Role, media: str = "application/json") -> dict[str, str]:
    return {"authorization": f"Bearer {TOKENS[role]}", "content-type": media}


def caller(role: Role, **restrictions: Any) -> Caller:
    return Caller("somebody", role, token=hash_of("t"), **restrictions)


def delivered(
    path: str, body: Any, who: Caller, headers: Mapping[str, str] = MappingProxyType({}), **options: Any
) -> Judged:
    """What a route makes of a body; what is no bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-type": "application/json", **headers}
    return judged(BY_PATH[path], who, Delivery(named, raw, who.name, NOW, "fresh"), Options(**options))


def refusal(path: str, body: Any, who: Caller, headers: Mapping[str, str] = MappingProxyType({})) -> Refused:
    """Why a route refuses a body. AssertionError if it does not."""
    try:
        made = delivered(path, body, who, headers)
    except Refused as refused:
        return refused
    raise AssertionError(f"it was not refused: {made}")
