"""Hostile requests for the door, each made from a seed: payloads with something changed, headers that say odd things."""

import copy
import json
from random import Random
from typing import Any, NamedTuple

from lockgate.intake.door.callers import Role
from lockgate.intake.door.routes import ROUTES
from tests.support.cdevents import CONFORMANCE, load
from tests.support.deliveries import bearer, payload, signed

_PAYLOADS = (
    *("github/registry_package", "github/package", "github/ping", "harbor/pushed", "harbor/pulled"),
    *("harbor/pushed-cloudevents", "alertmanager/firing", "alertmanager/resolved", "grafana/firing"),
)
EVENT = "event"
"""Stands for a CDEvent of the official samples, bare or in a CloudEvent."""

MEANT = 0.8
"""So many of the requests are for the path, with the credentials, and of the type that their bodies are meant for."""

_PATHS = (*(route.path for route in ROUTES), "/v1/caller", "/openapi.json", "/", "/v1/%00", "/v1/events/")
_MEDIA = (
    *dict.fromkeys(media for route in ROUTES for media in route.bodies),
    "text/plain",
    "a/b; charset=x",
    "",
)
_ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, 10**400, 1e308, "", " ", "\x00", "\u202e", "😀" * 500, "x" * 20_000),
    *([], {}, [[]], {"": ""}, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "sha256:" + "4c" * 32),
    *("pkg:oci/x@y?tag=%00", "../../etc/passwd", "{{7*7}}", "'; drop table releases; --", "payments"),
)


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def hostile(number: int, seed: int) -> Request:
    """The request of a number; the same for the same seed."""
    rng = Random(f"{seed}/{number}")
    name = rng.choice([*_PAYLOADS, EVENT, EVENT])
    body = _body(rng, name)
    if rng.random() < MEANT:
        return _meant(name, body)
    headers = (
        signed(body, "package") if rng.random() < 0.25 else bearer(rng.choice(list(Role)), rng.choice(_MEDIA))
    )
    odd = rng.choice(
        ["Authorization", "Content-Type", "X-Hub-Signature-256", "ce-id", "Idempotency-Key", "X-Odd"]
    )
    headers[odd] = rng.choice(["", "x" * 4000, "Bearer", "sha256=00", "1.0", "application/json"])
    method = "POST" if rng.random() < 0.8 else rng.choice(["GET", "PUT", "HEAD", "OPTIONS"])
    return Request(method, rng.choice(_PATHS), headers, body)


def _meant(name: str, body: bytes) -> Request:
    if name.startswith("github/"):
        return Request("POST", "/v1/github", signed(body, name.removeprefix("github/")), body)
    path = "/v1/events" if name == EVENT else f"/v1/{name.partition('/')[0]}"
    wrapped = name.endswith("cloudevents") or (name == EVENT and b'"specversion": "1.0"' in body)
    media = "application/cloudevents+json" if wrapped else "application/json"
    return Request("POST", path, bearer(Role.OPERATOR, media), body)


def _body(rng: Random, name: str) -> bytes:
    match rng.randrange(16):
        case 0:
            return rng.randbytes(rng.randrange(200))
        case 1:
            return b"[" * rng.randrange(100_000)
        case 2:
            raw = json.dumps(_sample(rng, name)).encode()
            return raw[: rng.randrange(len(raw))]
        case 3:
            return json.dumps([_sample(rng, name) for _ in range(rng.randrange(5))]).encode()
        case _:
            sample = _sample(rng, name)
            for _ in range(rng.randrange(4)):
                _change(sample, rng)
            return json.dumps(sample).encode()


def _sample(rng: Random, name: str) -> Any:
    if name != EVENT:
        return payload(name)
    event = load(rng.choice(CONFORMANCE))
    attributes = {each: event["context"][each] for each in ("id", "source", "type")}
    return event if rng.random() < 0.5 else {"specversion": "1.0", **attributes, "data": event}


def _change(part: Any, rng: Random) -> None:
    """Something in it is another thing, or gone."""
    keys = list(part) if isinstance(part, dict) else list(range(len(part)))
    if not keys:
        return
    key = rng.choice(keys)
    if isinstance(part[key], dict | list) and rng.random() < 0.7:
        _change(part[key], rng)
    elif isinstance(part, dict) and rng.random() < 0.3:
        del part[key]
    else:
        part[key] = copy.deepcopy(rng.choice(_ODD))
