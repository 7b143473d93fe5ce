"""Hostile events: JSON that is no event which may lie there, and what surrounds it."""

import json
from random import Random
from typing import Any

from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.releases import ReleaseCompleted
from lockgate.messages.verdicts import VerdictReached
from lockgate.runtime.deadletter import Reason
from tests.support.hostile_drafts import INLETS, INTERNAL, Draft, Raw
from tests.support.hostile_kind import Fate, Make, kind, missing, said


def _newer(version: str) -> Make:
    def make(_: Random, good: Draft) -> Raw:
        known = str(good.event["context"]["type"])
        return good.saying("context", "type", to=f"{known.rsplit('.', 3)[0]}.{version}").raw()

    return make


NOTHING_KNOWN = "dev.cdeventsx.lockgate-nothing.known.1.0.0"

EVENTS = (
    kind("no context", Reason.UNKNOWN_TYPE, missing("context")),
    kind("a context that is a list", Reason.UNKNOWN_TYPE, said("context", to=[1])),
    kind("a type that is a list", Reason.UNKNOWN_TYPE, said("context", "type", to=[]), *INLETS),
    kind("a type that is a number", Reason.UNKNOWN_TYPE, said("context", "type", to=7), *INLETS),
    kind(
        "an unknown type",
        Reason.UNKNOWN_TYPE,
        said("context", "type", to=NOTHING_KNOWN),
        "anomalies",
        "plans",
    ),
    kind("an unknown type of ours", Fate.UNDECODABLE, said("context", "type", to=NOTHING_KNOWN), *INTERNAL),
    kind("an unknown type for CI", Fate.HANDLED, said("context", "type", to=NOTHING_KNOWN), "artifacts"),
    kind("a newer major version", Reason.UNKNOWN_TYPE, _newer("9.0.0"), "plans", "anomalies"),
    kind(
        "a newer major version of ours",
        Fate.UNDECODABLE,
        _newer("9.0.0"),
        "releases",
        "verdicts",
        "rollbacks",
    ),
    kind("a newer minor version", Fate.HANDLED, _newer("0.9.3"), "plans"),
    kind(
        "a type of another inlet",
        Reason.WRONG_TOPIC,
        said("context", "type", to=ArtifactPublished.type),
        *("anomalies", "plans", *INTERNAL),
    ),
    kind(
        "a type that this topic's writer may not send",
        Reason.WRONG_TOPIC,
        lambda _, good: good.saying("context", "type", to=_foreign_type(good.topic)).raw(),
        *INTERNAL,
    ),
    kind("a spec version of tomorrow", Reason.INVALID, said("context", "specversion", to="9.9"), *INLETS),
    kind("an id that is a number", Reason.INVALID, said("context", "id", to=7), *INLETS),
    kind("an empty id", Reason.INVALID, said("context", "id", to=""), *INLETS),
    kind("an id of 3,000 characters", Reason.INVALID, said("context", "id", to="x" * 3000), *INLETS),
    kind("a source that is null", Reason.INVALID, said("context", "source", to=None), *INLETS),
    kind(
        "a time without a zone",
        Reason.INVALID,
        said("context", "timestamp", to="2026-11-24T12:00:00"),
        *INLETS,
    ),
    kind("a time that is none", Reason.INVALID, said("context", "timestamp", to="yesterday"), *INLETS),
    kind("a time as a number", Reason.INVALID, said("context", "timestamp", to=1764000000), *INLETS),
    kind("a subject that is a list", Reason.INVALID, said("subject", to=[]), *INLETS),
    kind("no subject", Reason.INVALID, missing("subject"), *INLETS),
    kind("a content that is a text", Reason.INVALID, said("subject", "content", to="all"), *INLETS),
    kind(
        "a package URL of 2,000 characters",
        Reason.INVALID,
        said("subject", "id", to="p" * 2000),
        "artifacts",
    ),
    kind(
        "a true where text belongs",
        Reason.INVALID,
        said("subject", "content", "description", to=True),
        "anomalies",
    ),
    kind(
        "a service's id that is a number",
        Reason.INVALID,
        said("subject", "content", "service", "id", to=7),
        "anomalies",
    ),
    kind("a plan that is a list", Reason.INVALID, said("subject", "content", "plan", to=[{}]), "plans"),
    kind("an author that is an object", Reason.INVALID, said("subject", "content", "author", to={}), "plans"),
)
"""JSON that is no event which may lie there."""


def _foreign_type(topic: str) -> str:
    return ReleaseCompleted.type if topic != "releases" else VerdictReached.type


def structured(good: Draft, data: Any, **changed: Any) -> Raw:
    body = {"specversion": "1.0", "id": good.id, "source": "/hostile", "type": "x", "data": data, **changed}
    headers = ((b"content-type", b"application/cloudevents+json; charset=utf-8"),)
    return good.raw(value=json.dumps(body).encode(), headers=headers)


HEADERS = (
    kind("a null header", Reason.HEADERS, lambda _, good: good.headed((b"a", None))),
    kind(
        "a content type that is no text",
        Reason.HEADERS,
        lambda _, good: good.raw(headers=((b"content-type", b"\xff"),)),
    ),
    kind(
        "a correlation id that is no text",
        Reason.HEADERS,
        lambda _, good: good.headed((b"correlation_id", b"\xff")),
    ),
    kind("a NUL in a header", Reason.HEADERS, lambda _, good: good.headed((b"a", b"\0"))),
    kind("a header twice", Reason.HEADERS, lambda _, good: good.headed((b"a", b"1"), (b"a", b"1"))),
    kind(
        "a header twice in other case", Reason.HEADERS, lambda _, good: good.headed((b"Content-Type", b"a"))
    ),
    kind(
        "more than 64 headers",
        Reason.HEADERS,
        lambda _, good: good.headed(*((b"%d" % n, b"") for n in range(65))),
    ),
    kind("headers of 17 KB", Reason.HEADERS, lambda _, good: good.headed((b"a", b"x" * 17_000))),
    kind("a header name that is no text", Reason.HEADERS, lambda _, good: good.headed((b"\xff\xfe", b"x"))),
    kind(
        "a header name that is not ASCII",
        Reason.HEADERS,
        lambda _, good: good.headed(("größe".encode(), b"x")),
    ),
    kind("a header name with a line feed", Reason.HEADERS, lambda _, good: good.headed((b"a\r\nb", b"x"))),
    kind(
        "structured, and no CloudEvent",
        Reason.INVALID,
        lambda _, good: structured(good, {}, specversion="7"),
        *INLETS,
    ),
    kind("structured, and no data", Reason.INVALID, lambda _, good: structured(good, "text"), *INLETS),
    kind("a key that is no UTF-8", Reason.KEY, lambda _, good: good.raw(key=b"\xff")),
    kind("a NUL in the key", Reason.KEY, lambda _, good: good.raw(key=b"a\0")),
    kind("a key of 513 bytes", Reason.KEY, lambda _, good: good.raw(key=b"k" * 513)),
)
"""Headers and keys."""
