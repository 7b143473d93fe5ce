"""What claims to be of a service, what only looks hostile, and whole batches that nobody honest writes."""

from collections.abc import Callable
from functools import cache
from random import Random

from lockgate.messages.deployments import RegionRegistered
from lockgate.messages.releases import ReleaseCompleted
from lockgate.messages.values import Cause, Place
from lockgate.runtime.checks import MAX_VALUE_BYTES
from lockgate.runtime.deadletter import Reason
from tests.support.hostile_batches import GZIP, LZ4, ZSTD, Rec, batch, bomb, compressed
from tests.support.hostile_drafts import INLETS, INTERNAL, WRITERS, Draft, Raw, artifact, internal
from tests.support.hostile_events import structured
from tests.support.hostile_kind import SLOW, Fate, Make, kind, missing, said


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
    kind("nothing of where it stands", Reason.INVALID, missing("customData"), *INTERNAL),
    kind(
        "a content of another shape",
        Fate.UNDECODABLE,
        said("subject", "content", to={}),
        "releases",
        "verdicts",
        "rollbacks",
    ),
    kind(
        "a release that is a list", Fate.UNDECODABLE, said("subject", "content", "release", to=[]), *INTERNAL
    ),
    kind(
        "a release of 5,000 characters",
        Fate.UNDECODABLE,
        said("subject", "content", "release", to="x" * 5000),
        *INTERNAL,
    ),
    kind("a gap in the numbers", (Fate.HANDLED, Fate.GAP), _gap, *INTERNAL, often=0.2),
    kind("a cause that never comes", Fate.CAUSE, _waits_for_what_never_comes, "releases", often=0.1),
    kind("a region that its writer does not serve", Fate.HANDLED, lambda _, good: good.raw(), "deployments"),
    kind("a claim on a region that is served", Fate.HANDLED, _claims_a_served_region, "deployments"),
    kind("an event that nobody decided", Fate.HANDLED, lambda _, good: good.raw(), *INTERNAL),
    kind(
        "a clock of the year 9999, of ours",
        Fate.HANDLED,
        said("context", "timestamp", to="9999-12-31T23:59:59-14:00"),
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
        said("context", "timestamp", to="9999-12-31T23:59:59-14:00"),
        *INLETS,
    ),
    kind(
        "a clock of the year 1",
        Fate.HANDLED,
        said("context", "timestamp", to="0001-01-01T00:00:00+14:00"),
        *INLETS,
    ),
    kind("structured mode", Fate.HANDLED, lambda _, good: structured(good, good.event), *INLETS),
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
        said("subject", "id", to="pkg:oci/$(reboot)`id`{{7*7}}@x"),
        "artifacts",
    ),
    kind(
        "an application that is none",
        Fate.HANDLED,
        said("subject", "content", "service", "id", to="../;DROP"),
        "anomalies",
    ),
    kind(
        "a plan that is full of nonsense",
        Fate.HANDLED,
        said("subject", "content", "plan", to={"stages": {"a": [None]}, "application": 7}),
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
