"""Every kind of record that is no event gets the reason that says why; nothing raises, nothing is read in part."""

import json
from typing import Any

import pytest

from lockgate.messages.message import encode
from lockgate.runtime.checks import Record
from lockgate.runtime.deadletter import Reason
from lockgate.runtime.reading import Item, Readable, Rejected, read
from tests.support.toy_world import said

Headers = tuple[tuple[str, bytes | None], ...]


def incident(**changed: Any) -> dict[str, Any]:
    context = {
        "specversion": "0.5.1",
        "id": "1",
        "source": "/monitoring",
        "type": "dev.cdevents.incident.detected.0.3.0",
        "timestamp": "2026-11-24T12:00:00Z",
    }
    content = {"service": {"id": "shop"}, "description": "slow"}
    return {"context": {**context, **changed}, "subject": {"id": "outage", "content": content}}


def described(text: str) -> bytes:
    """An event whose description is this JSON text."""
    return GOOD.replace(b'"slow"', text.encode())


def inlet(value: bytes | None, key: bytes | None = b"shop", headers: Headers = ()) -> Item:
    return read(Record("anomalies", 0, 7, key, headers, value))


GOOD = json.dumps(incident()).encode()
DEEP = b"[" * 100_000

VALUES: dict[str, tuple[bytes | None, Reason]] = {
    "no value": (None, Reason.EMPTY),
    "an empty value": (b"", Reason.EMPTY),
    "one byte more than 256 KiB": (GOOD.ljust(256 * 1024 + 1), Reason.TOO_LARGE),
    "a raw NUL": (described('"a\0b"'), Reason.NUL),
    "an escaped NUL": (described('"\\u0000"'), Reason.NUL),
    "an escaped NUL behind an escaped backslash": (described(r'"\\\u0000"'), Reason.NUL),
    "an escaped NUL in a key": (GOOD.replace(b'"description"', b'"\\u0000"'), Reason.NUL),
    "depth 100,000 that never ends": (DEEP, Reason.TOO_DEEP),
    "depth 100,000 that ends": (DEEP + b"]" * 100_000, Reason.TOO_DEEP),
    "depth 100,000 of objects": (b'{"a":' * 20_000, Reason.TOO_DEEP),
    "depth 33": (described("[" * 30 + "]" * 30), Reason.TOO_DEEP),
    "depth behind an escaped quote": (described('"\\"", "x": ' + "[" * 40 + "]" * 40), Reason.TOO_DEEP),
    "a doubled key": (GOOD.replace(b'"subject"', b'"context"'), Reason.DUPLICATE_KEY),
    "a key doubled by an escape": (described('"a", "descripti\\u006fn": "b"'), Reason.DUPLICATE_KEY),
    "a key doubled deep inside": (described('[[{"a": 1, "a": 1}]]'), Reason.DUPLICATE_KEY),
    "no UTF-8": (b'{"a": "\xff"}', Reason.NOT_JSON),
    "an overlong UTF-8 sequence": (b'{"a": "\xc0\xaf"}', Reason.NOT_JSON),
    "a surrogate in UTF-8": (described('"x"').replace(b'"x"', b'"\xed\xa0\x80"'), Reason.NOT_JSON),
    "an escaped lone surrogate": (described('"\\ud800"'), Reason.NOT_JSON),
    "UTF-16": (GOOD.decode().encode("utf-16"), Reason.NUL),
    "a byte order mark": (b"\xef\xbb\xbf" + GOOD, Reason.NOT_JSON),
    "no JSON": (b"hello", Reason.NOT_JSON),
    "half an event": (GOOD[:-1], Reason.NOT_JSON),
    "an event and more": (GOOD + b"{}", Reason.NOT_JSON),
    "a comma too many": (described('"a",'), Reason.NOT_JSON),
    "single quotes": (GOOD.replace(b'"', b"'"), Reason.NOT_JSON),
    "NaN": (described("NaN"), Reason.INVALID),
    "Infinity": (described("Infinity"), Reason.INVALID),
    "minus infinity": (described("-Infinity"), Reason.INVALID),
    "a number beyond all floats": (described("1e999"), Reason.INVALID),
    "2**63": (described(str(2**63)), Reason.INVALID),
    "an integer of 100,000 digits": (described("9" * 100_000), Reason.INVALID),
    "a list": (b"[1, 2]", Reason.INVALID),
    "a bare string": (b'"event"', Reason.INVALID),
    "no context": (b'{"subject": {}}', Reason.UNKNOWN_TYPE),
    "a context that is no object": (b'{"context": [1]}', Reason.UNKNOWN_TYPE),
    "a type that is no text": (json.dumps(incident(type=7)).encode(), Reason.UNKNOWN_TYPE),
    "an unknown type": (json.dumps(incident(type="dev.cdevents.x.y.9.0.0")).encode(), Reason.UNKNOWN_TYPE),
    "a type of another topic": (
        json.dumps(incident(type="dev.cdevents.artifact.published.0.3.0")).encode(),
        Reason.WRONG_TOPIC,
    ),
    "a number where text belongs": (described("7"), Reason.INVALID),
    "true where text belongs": (described("true"), Reason.INVALID),
    "a time without zone": (
        json.dumps(incident(timestamp="2026-11-24T12:00:00")).encode(),
        Reason.INVALID,
    ),
    "an empty id": (json.dumps(incident(id="")).encode(), Reason.INVALID),
    "an id of 3,000 characters": (json.dumps(incident(id="x" * 3000)).encode(), Reason.INVALID),
    "another spec version": (json.dumps(incident(specversion="9.9")).encode(), Reason.INVALID),
}

HEADERS: dict[str, Headers] = {
    "a null header": (("a", None),),
    "a header that is no text": (("a", b"\xff"),),
    "a NUL in a header": (("a", b"\0"),),
    "a header twice": (("a", b"1"), ("a", b"1")),
    "a header twice in other case": (("Content-Type", b"a"), ("content-type", b"a")),
    "65 headers": tuple((str(n), b"") for n in range(65)),
    "headers of more than 16 KiB": (("a", b"x" * 17_000),),
    "a content type that is no text": (("content-type", b"\xff"),),
}

KEYS: dict[str, bytes] = {
    "a key that is no UTF-8": b"\xff",
    "a NUL in the key": b"a\0",
    "a key of 513 bytes": b"k" * 513,
}


@pytest.mark.parametrize(("value", "reason"), VALUES.values(), ids=VALUES)
def test_a_hostile_value(value: bytes | None, reason: Reason) -> None:
    item = inlet(value)
    assert isinstance(item, Rejected), item
    assert item.reason is reason, item
    assert item.detail


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_a_hostile_header(headers: Headers) -> None:
    item = inlet(GOOD, headers=headers)
    assert isinstance(item, Rejected), item
    assert item.reason is Reason.HEADERS


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_hostile_key(key: bytes) -> None:
    item = inlet(GOOD, key=key)
    assert isinstance(item, Rejected), item
    assert item.reason is Reason.KEY


HARMLESS: dict[str, tuple[bytes, bytes | None, Headers]] = {
    "nothing special": (GOOD, b"shop", ()),
    "no key": (GOOD, None, ()),
    "a reply_to header": (GOOD, b"shop", (("reply_to", b"evil-topic"), ("correlation_id", b"x"))),
    "256 KiB": (GOOD.ljust(256 * 1024), b"shop", ()),
    "depth 32": (GOOD.replace(b'"slow"', b'"slow", "x": ' + b"[" * 29 + b"]" * 29), b"shop", ()),
    "many brackets in text": (described(json.dumps("[{" * 500)), b"shop", ()),
    "many brackets side by side": (described('"slow", "x": [' + "[]," * 500 + "[]]"), b"shop", ()),
    "2**63 - 1": (described(f'"slow", "x": {2**63 - 1}'), b"shop", ()),
    "text about an escaped NUL": (described(r'"\\\\u0000"'), b"shop", ()),
    "an escaped quote and a backslash": (described('"\\"\\\\"'), b"shop", ()),
}


@pytest.mark.parametrize(("value", "key", "headers"), HARMLESS.values(), ids=HARMLESS)
def test_what_only_looks_hostile_is_read(value: bytes, key: bytes | None, headers: Headers) -> None:
    item = inlet(value, key, headers)
    assert isinstance(item, Readable), item
    assert item.message.id == "1"


def test_an_event_of_our_own_is_read_from_what_was_encoded() -> None:
    headers, value = encode(said(3))
    item = read(Record("verdicts", 0, 0, b"shop", headers, value))
    assert isinstance(item, Readable), item
    assert item.message == said(3)
