"""Hostile values: what is no JSON of sane size."""

from random import Random

from lockgate.runtime.checks import MAX_VALUE_BYTES
from lockgate.runtime.deadletter import Reason
from tests.support.hostile_drafts import INLETS, Draft, Raw
from tests.support.hostile_kind import SLOW, kind


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
