"""The kinds of hostile records, as one table: how each is made from a good one, where it is sent, and its fate.

The fates are written by hand. What only looks hostile has its place here too: it must be handled.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from random import Random
from typing import Any

from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.releases import ReleaseCompleted
from lockgate.messages.values import Cause, Place
from lockgate.messages.verdicts import VerdictReached
from lockgate.runtime.checks import MAX_VALUE_BYTES
from lockgate.runtime.deadletter import Reason
from tests.support.hostile_batches import GZIP, LZ4, ZSTD, Rec, batch, bomb, compressed
from tests.support.hostile_drafts import (
    ANYWHERE,
    INLETS,
    INTERNAL,
    WRITERS,
    Draft,
    Raw,
    artifact,
    draft,
    internal,
)


class Fate(StrEnum):
    """What becomes of a record that is no dead letter."""

    HANDLED = "handled"
    UNDECODABLE = "undecodable"  # parked: an event of ours, in its place, by a newer schema
    GAP = "gap"  # parked: events before it are missing
    CAUSE = "cause"  # parked where its cause is waited for; handled elsewhere


Ends = Reason | Fate
Make = Callable[[Random, Draft], Raw | Sequence[Raw]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`fates` are those of the records that are made at once; `often` how often it is drawn beside the others."""

    name: str
    make: Make
    fates: tuple[Ends, ...]
    topics: tuple[str, ...]
    often: float = 1.0

    def drawn(self, chance: Random) -> list[tuple[Raw, Ends]]:
        """Records of this kind, each with its fate."""
        made = self.make(chance, draft(chance.choice(self.topics), chance))
        raws = [made] if isinstance(made, Raw) else list(made)
        return list(zip(raws, self.fates, strict=True))


def kind(
    name: str,
    fate: Ends | tuple[Ends, ...],
    make: Make,
    *topics: str,
    often: float = 1.0,
) -> Kind:
    return Kind(name, make, fate if isinstance(fate, tuple) else (fate,), topics or ANYWHERE, often)


SLOW = 0.02
"""For what is large: a few of them in ten thousand."""


def _random_bytes(chance: Random, good: Draft) -> Raw:
    return good.raw(value=b"\xff" + bytes(chance.choices(range(1, 256), k=chance.randrange(300))))


def _cut(chance: Random, good: Draft) -> Raw:
    return good.raw(value=good.value[: chance.randrange(1, len(good.value))])


VALUES = (
    kind("no key and no value", Reason.EMPTY, lambda _, good: good.raw(key=None, value=None)),
    kind("no value", Reason.EMPTY, lambda _, good: good.raw(value=None)),
    kind("an empty value", Reason.EMPTY, lambda _, good: good.raw(value=b"")),
    kind("random bytes", Reason.NOT_JSON, _random_bytes),
    kind("no UTF-8 in a text", Reason.NOT_JSON, lambda _, good: good.within(b'"\xff"')),
    kind("overlong UTF-8", Reason.NOT_JSON, lambda _, good: good.within(b'"\xc0\xaf"')),
    kind("a surrogate as UTF-8", Reason.NOT_JSON, lambda _, good: good.within(b'"\xed\xa0\x80"')),
    kind("a lone surrogate", Reason.NOT_JSON, lambda _, good: good.within(b'"\\ud800"')),
    kind("UTF-16", Reason.NUL, lambda _, good: good.raw(value=good.value.decode().encode("utf-16"))),
    kind("a byte order mark", Reason.NOT_JSON, lambda _, good: good.raw(value=b"\xef\xbb\xbf" + good.value)),
    kind("a NUL", Reason.NUL, lambda _, good: good.within(b'"a\0b"')),
    kind("an escaped NUL", Reason.NUL, lambda _, good: good.within(b'"\\u0000"')),
    kind("a key twice", Reason.DUPLICATE_KEY, lambda _, good: good.replaced(b'"subject"', b'"context"')),
    kind(
        "a key twice by an escape", Reason.DUPLICATE_KEY, lambda _, good: good.within(b'1, "mor\\u0065": 2')
    ),
    kind(
        "a key twice, deep inside", Reason.DUPLICATE_KEY, lambda _, good: good.within(b'[[{"a": 1, "a": 1}]]')
    ),
    kind(
        "depth 100,000 of lists", Reason.TOO_DEEP, lambda _, good: good.raw(value=b"[" * 100_000), often=0.2
    ),
    kind(
        "depth 20,000 of objects",
        Reason.TOO_DEEP,
        lambda _, good: good.raw(value=b'{"a":' * 20_000),
        often=0.2,
    ),
    kind("depth 33", Reason.TOO_DEEP, lambda _, good: good.within(b"[" * 31 + b"]" * 31)),
    kind(
        "one byte more than 256 KiB",
        Reason.TOO_LARGE,
        lambda _, good: good.raw(value=good.value.ljust(MAX_VALUE_BYTES + 1)),
        often=SLOW,
    ),
    kind(
        "almost 1 MiB",
        Reason.TOO_LARGE,
        lambda chance, good: good.raw(value=chance.randbytes(1_040_000)),
        often=SLOW,
    ),
    kind("half an event", Reason.NOT_JSON, _cut),
    kind("an event and more", Reason.NOT_JSON, lambda _, good: good.raw(value=good.value + b"{}")),
    kind("single quotes", Reason.NOT_JSON, lambda _, good: good.raw(value=good.value.replace(b'"', b"'"))),
    kind("NaN", Reason.INVALID, lambda _, good: good.within(b"NaN")),
    kind("a number beyond all floats", Reason.INVALID, lambda _, good: good.within(b"1e999"), *INLETS),
    kind("2**63", Reason.INVALID, lambda _, good: good.within(str(2**63).encode()), *INLETS),
    kind(
        "a number of 100,000 digits",
        Reason.INVALID,
        lambda _, good: good.within(b"9" * 100_000),
        *INLETS,
        often=0.2,
    ),
    kind("a list", Reason.INVALID, lambda _, good: good.raw(value=b"[1, 2]")),
    kind("a bare text", Reason.INVALID, lambda _, good: good.raw(value=b'"event"')),
    kind("null", Reason.INVALID, lambda _, good: good.raw(value=b"null")),
)
"""Values that are no JSON of sane size."""


def _said(*path: str, to: Any) -> Make:
    return lambda _, good: good.saying(*path, to=to).raw()


def _missing(*path: str) -> Make:
    return lambda _, good: good.without(*path).raw()


def _newer(version: str) -> Make:
    def make(_: Random, good: Draft) -> Raw:
        known = str(good.event["context"]["type"])
        return good.saying("context", "type", to=f"{known.rsplit('.', 3)[0]}.{version}").raw()

    return make


NOTHING_KNOWN = "dev.cdeventsx.lockgate-nothing.known.1.0.0"

EVENTS = (
    kind("no context", Reason.UNKNOWN_TYPE, _missing("context")),
    kind("a context that is a list", Reason.UNKNOWN_TYPE, _said("context", to=[1])),
    kind("a type that is a list", Reason.UNKNOWN_TYPE, _said("context", "type", to=[]), *INLETS),
    kind("a type that is a number", Reason.UNKNOWN_TYPE, _said("context", "type", to=7), *INLETS),
    kind(
        "an unknown type",
        Reason.UNKNOWN_TYPE,
        _said("context", "type", to=NOTHING_KNOWN),
        "anomalies",
        "plans",
    ),
    kind("an unknown type of ours", Fate.UNDECODABLE, _said("context", "type", to=NOTHING_KNOWN), *INTERNAL),
    kind("an unknown type for CI", Fate.HANDLED, _said("context", "type", to=NOTHING_KNOWN), "artifacts"),
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
        _said("context", "type", to=ArtifactPublished.type),
        *("anomalies", "plans", *INTERNAL),
    ),
    kind(
        "a type that this topic's writer may not send",
        Reason.WRONG_TOPIC,
        lambda _, good: good.saying("context", "type", to=_foreign_type(good.topic)).raw(),
        *INTERNAL,
    ),
    kind("a spec version of tomorrow", Reason.INVALID, _said("context", "specversion", to="9.9"), *INLETS),
    kind("an id that is a number", Reason.INVALID, _said("context", "id", to=7), *INLETS),
    kind("an empty id", Reason.INVALID, _said("context", "id", to=""), *INLETS),
    kind("an id of 3,000 characters", Reason.INVALID, _said("context", "id", to="x" * 3000), *INLETS),
    kind("a source that is null", Reason.INVALID, _said("context", "source", to=None), *INLETS),
    kind(
        "a time without a zone",
        Reason.INVALID,
        _said("context", "timestamp", to="2026-11-24T12:00:00"),
        *INLETS,
    ),
    kind("a time that is none", Reason.INVALID, _said("context", "timestamp", to="yesterday"), *INLETS),
    kind("a time as a number", Reason.INVALID, _said("context", "timestamp", to=1764000000), *INLETS),
    kind("a subject that is a list", Reason.INVALID, _said("subject", to=[]), *INLETS),
    kind("no subject", Reason.INVALID, _missing("subject"), *INLETS),
    kind("a content that is a text", Reason.INVALID, _said("subject", "content", to="all"), *INLETS),
    kind(
        "a package URL of 2,000 characters",
        Reason.INVALID,
        _said("subject", "id", to="p" * 2000),
        "artifacts",
    ),
    kind(
        "a true where text belongs",
        Reason.INVALID,
        _said("subject", "content", "description", to=True),
        "anomalies",
    ),
    kind(
        "a service's id that is a number",
        Reason.INVALID,
        _said("subject", "content", "service", "id", to=7),
        "anomalies",
    ),
    kind("a plan that is a list", Reason.INVALID, _said("subject", "content", "plan", to=[{}]), "plans"),
    kind(
        "an author that is an object", Reason.INVALID, _said("subject", "content", "author", to={}), "plans"
    ),
)
"""JSON that is no event which may lie there."""


def _foreign_type(topic: str) -> str:
    return ReleaseCompleted.type if topic != "releases" else VerdictReached.type


def _structured(good: Draft, data: Any, **changed: Any) -> Raw:
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
        lambda _, good: _structured(good, {}, specversion="7"),
        *INLETS,
    ),
    kind("structured, and no data", Reason.INVALID, lambda _, good: _structured(good, "text"), *INLETS),
    kind("a key that is no UTF-8", Reason.KEY, lambda _, good: good.raw(key=b"\xff")),
    kind("a NUL in the key", Reason.KEY, lambda _, good: good.raw(key=b"a\0")),
    kind("a key of 513 bytes", Reason.KEY, lambda _, good: good.raw(key=b"k" * 513)),
)
"""Headers and keys."""


def _other_writer(chance: Random, good: Draft) -> Raw:
    others = [writer for topic, writer in WRITERS.items() if topic != good.topic]
    if good.topic == "deployments":
        others = ["intake", "verifier", "rollback", "ledger"]
    return good.of(chance.choice([*others, "ledger", "nobody.at.all"][: len(others) + 1])).raw()


def _gap(_: Random, good: Draft) -> list[Raw]:
    return [good.raw(), good.of(WRITERS[good.topic], 5).raw()]


def _waits_for_what_never_comes(_: Random, good: Draft) -> Raw:
    body = ReleaseCompleted(application=good.name, release="r", artifact=artifact(good.name))
    return internal("releases", good.name, body, (Cause("verifier", good.name, 3),)).raw()


def _claims_a_served_region(_: Random, good: Draft) -> Raw:
    place = Place(region="eu-west", deployer=WRITERS["deployments"], cluster="c", namespace="n")
    return internal("deployments", good.name, RegionRegistered(place=place)).raw()


OURS = (
    kind("a writer that may not write there", Reason.WRONG_WRITER, _other_writer, *INTERNAL),
    kind(
        "a deployer that speaks for another",
        Reason.WRONG_WRITER,
        lambda _, good: good.of("deployer-eu").raw(),
        "deployments",
    ),
    kind(
        "an id that was made up",
        Reason.FORGED,
        lambda _, good: good.saying("context", "id", to="made-up").raw(),
        *INTERNAL,
    ),
    kind("the key of another application", Reason.KEY, lambda _, good: good.raw(key=b"payments"), *INTERNAL),
    kind("no key", Reason.KEY, lambda _, good: good.raw(key=None), *INTERNAL),
    kind("the number 0", Reason.INVALID, lambda _, good: good.of(WRITERS[good.topic], 0).raw(), *INTERNAL),
    kind(
        "the number 2**63",
        Reason.INVALID,
        lambda _, good: good.of(WRITERS[good.topic], 2**63).raw(),
        *INTERNAL,
    ),
    kind(
        "the number 1.0", Reason.INVALID, lambda _, good: good.of(WRITERS[good.topic], 1.0).raw(), *INTERNAL
    ),
    kind("nothing of where it stands", Reason.INVALID, _missing("customData"), *INTERNAL),
    kind(
        "a content of another shape",
        Fate.UNDECODABLE,
        _said("subject", "content", to={}),
        "releases",
        "verdicts",
        "rollbacks",
    ),
    kind(
        "a release that is a list", Fate.UNDECODABLE, _said("subject", "content", "release", to=[]), *INTERNAL
    ),
    kind("a gap in the numbers", (Fate.HANDLED, Fate.GAP), _gap, *INTERNAL, often=0.2),
    kind("a cause that never comes", Fate.CAUSE, _waits_for_what_never_comes, "releases", often=0.1),
    kind("a region that its writer does not serve", Fate.HANDLED, lambda _, good: good.raw(), "deployments"),
    kind("a claim on a region that is served", Fate.HANDLED, _claims_a_served_region, "deployments"),
    kind("an event that nobody decided", Fate.HANDLED, lambda _, good: good.raw(), *INTERNAL),
    kind(
        "a clock of the year 9999, of ours",
        Fate.HANDLED,
        _said("context", "timestamp", to="9999-12-31T23:59:59-14:00"),
        *INTERNAL,
    ),
)
"""What only a client that may write to an internal topic can send."""


def _old(_: Random, good: Draft) -> Raw:
    """An artifact as CDEvents 0.4.1 says it."""
    context = {k: v for k, v in good.event["context"].items() if k != "specversion"}
    changed = {**context, "version": "0.4.1", "type": "dev.cdevents.artifact.published.0.2.0"}
    return good.saying("context", to=changed).raw()


def _twice(_: Random, good: Draft) -> list[Raw]:
    return [good.raw(), good.raw(key=b"another")]


LEGAL = (
    kind(
        "a reply_to header", Fate.HANDLED, lambda _, good: good.headed((b"reply_to", b"evil-topic")), *INLETS
    ),
    kind("an empty header name", Fate.HANDLED, lambda _, good: good.headed((b"", b"x")), *INLETS),
    kind(
        "attributes that nobody knows",
        Fate.HANDLED,
        lambda _, good: good.within(b'{"a": [1, null, "\xf0\x9f\x92\xa3"]}'),
        *INLETS,
    ),
    kind("no key from outside", Fate.HANDLED, lambda _, good: good.raw(key=None), *INLETS),
    kind(
        "a clock of the year 9999",
        Fate.HANDLED,
        _said("context", "timestamp", to="9999-12-31T23:59:59-14:00"),
        *INLETS,
    ),
    kind(
        "a clock of the year 1",
        Fate.HANDLED,
        _said("context", "timestamp", to="0001-01-01T00:00:00+14:00"),
        *INLETS,
    ),
    kind("structured mode", Fate.HANDLED, lambda _, good: _structured(good, good.event), *INLETS),
    kind("CDEvents 0.4.1", Fate.HANDLED, _old, "artifacts"),
    kind(
        "256 KiB",
        Fate.HANDLED,
        lambda _, good: good.raw(value=good.value.ljust(MAX_VALUE_BYTES)),
        *INLETS,
        often=SLOW,
    ),
    kind("depth 32", Fate.HANDLED, lambda _, good: good.within(b"[" * 30 + b"]" * 30), *INLETS),
    kind("twice", (Fate.HANDLED, Fate.HANDLED), _twice, *INLETS),
    kind(
        "commands where names belong",
        Fate.HANDLED,
        _said("subject", "id", to="pkg:oci/$(reboot)`id`{{7*7}}@x"),
        "artifacts",
    ),
    kind(
        "an application that is none",
        Fate.HANDLED,
        _said("subject", "content", "service", "id", to="../;DROP"),
        "anomalies",
    ),
    kind(
        "a plan that is full of nonsense",
        Fate.HANDLED,
        _said("subject", "content", "plan", to={"stages": {"a": [None]}, "application": 7}),
        "plans",
    ),
)
"""What only looks hostile."""


ONE = (Rec(b"hello"),)


def _whole(made: Callable[[], bytes]) -> Make:
    """The batch is made when it is needed, and once: that takes seconds."""
    raw = cache(made)
    return lambda _, good: good.raw(key=None, value=ONE[0].value, headers=(), batch=raw())


BATCHES = (
    kind("a gzip bomb of 500 MiB", Reason.BATCH, _whole(lambda: bomb(GZIP, 500 << 20)), often=SLOW),
    kind("a zstd bomb of 2,047 MiB", Reason.BATCH, _whole(lambda: bomb(ZSTD, 2047 << 20)), often=SLOW),
    kind(
        "a record of 3 MB that weighs nothing",
        Reason.BATCH,
        _whole(lambda: batch([Rec(b" " * 3_000_000)], ZSTD)),
        often=0.1,
    ),
    kind(
        "garbage behind lz4", Reason.BATCH, _whole(lambda: batch(ONE, LZ4, compressed(LZ4, ONE) + b"garbage"))
    ),
    kind(
        "garbage behind gzip",
        Reason.NOT_JSON,
        _whole(lambda: batch(ONE, GZIP, compressed(GZIP, ONE) + b"garbage")),
    ),
)
"""Whole batches of one record."""

KINDS: Mapping[str, Kind] = {
    each.name: each for each in (*VALUES, *EVENTS, *HEADERS, *OURS, *LEGAL, *BATCHES)
}


def from_table(chance: Random) -> Iterator[tuple[str, list[tuple[Raw, Ends]]]]:
    """Names of kinds with records of them, without an end: first each kind on each of its topics, then at random."""
    pairs = [(each, topic) for each in KINDS.values() for topic in each.topics]
    chance.shuffle(pairs)
    for each, topic in pairs:
        yield each.name, replace(each, topics=(topic,)).drawn(chance)
    kinds, often = list(KINDS.values()), [each.often for each in KINDS.values()]
    while True:
        found = chance.choices(kinds, often)[0]
        yield found.name, found.drawn(chance)


__all__ = ["KINDS", "Ends", "Fate", "Kind", "from_table"]
