"""The hash of a record: no two records that differ in a byte have the same, and anybody can make it."""

import hashlib
from itertools import combinations

import pytest

from lockgate.messages.message import USUAL_HEADERS
from lockgate.runtime.batch import pack, unpack
from lockgate.runtime.record_hash import printable, record_hash

Parts = tuple[bytes | None, tuple[tuple[str, bytes | None], ...], bytes | None]

BASIS: Parts = (b"shop", (("a", b"1"), ("b", b"2")), b"value")
OTHERS: dict[str, Parts] = {
    "a byte of the key": (b"shoq", BASIS[1], BASIS[2]),
    "no key": (None, BASIS[1], BASIS[2]),
    "an empty key": (b"", BASIS[1], BASIS[2]),
    "a byte of the value": (b"shop", BASIS[1], b"valuf"),
    "no value": (b"shop", BASIS[1], None),
    "an empty value": (b"shop", BASIS[1], b""),
    "a byte of a header": (b"shop", (("a", b"1"), ("b", b"3")), b"value"),
    "another name": (b"shop", (("a", b"1"), ("c", b"2")), b"value"),
    "a null header": (b"shop", (("a", None), ("b", b"2")), b"value"),
    "an empty header": (b"shop", (("a", b""), ("b", b"2")), b"value"),
    "one header more": (b"shop", (*BASIS[1], ("c", b"3")), b"value"),
    "one header less": (b"shop", (("a", b"1"),), b"value"),
    "a header twice": (b"shop", (*BASIS[1], BASIS[1][1]), b"value"),
    "headers swapped": (b"shop", (("b", b"2"), ("a", b"1")), b"value"),
    "their values swapped": (b"shop", (("a", b"2"), ("b", b"1")), b"value"),
    "a byte that moved from a value into the next name": (b"shop", (("a", b""), ("1b", b"2")), b"value"),
    "a byte that moved from the key into the value": (b"sho", BASIS[1], b"pvalue"),
    "a header that is part of the value": (b"shop", (), b"a1b2value"),
}


def field(length: int, raw: bytes) -> bytes:
    return bytes([0, 0, 0, 0, 0, 0, 0, length]) + raw


def test_it_is_the_sha256_of_fields_that_begin_with_their_length() -> None:
    headers = field(1, b"a") + field(1, b"1") + field(1, b"b") + b"\xff" * 8
    expected = field(4, b"shop") + field(len(headers), headers) + field(0, b"")
    found = record_hash(b"shop", (("a", b"1"), ("b", None)), b"")
    assert found == hashlib.sha256(expected).hexdigest()


@pytest.mark.parametrize("raw", [b"", b"1", b"%b%", b"x" * 255, b"x" * 256, b"x" * 70_000, None])
@pytest.mark.parametrize("at", range(7))
def test_the_headers_of_our_own_events_are_hashed_like_all_others(at: int, raw: bytes | None) -> None:
    values: list[bytes | None] = [b"1.0", b"id", b"/lockgate/x", b"a.type", b"10:00", b"shop", b"json"]
    values[at] = raw
    headers = tuple(zip(USUAL_HEADERS, values, strict=True))
    joined = b"".join(framed(name.encode()) + framed(value) for name, value in headers)
    expected = framed(b"shop") + framed(joined) + framed(b"value")
    assert record_hash(b"shop", headers, b"value") == hashlib.sha256(expected).hexdigest()


def framed(raw: bytes | None) -> bytes:
    """What is hashed of a text or a null, written by the rule and not by the code."""
    return b"\xff" * 8 if raw is None else len(raw).to_bytes(8, "big") + raw


@pytest.mark.parametrize("other", OTHERS)
def test_a_record_that_differs_in_anything_has_another_hash(other: str) -> None:
    assert record_hash(*OTHERS[other]) != record_hash(*BASIS)


def test_no_two_of_them_have_the_same_hash() -> None:
    hashes = {name: record_hash(*parts) for name, parts in OTHERS.items()}
    assert [pair for pair in combinations(hashes, 2) if hashes[pair[0]] == hashes[pair[1]]] == []


def test_an_event_that_waited_in_the_database_has_the_same_hash() -> None:
    headers = (("traceparent", b"00-\xff-1"), ("empty", b""), ("null", None), (printable("n\udcff"), b"1"))
    assert record_hash(b"k", unpack(pack(headers)), b"v") == record_hash(b"k", headers, b"v")


def test_names_that_are_not_utf_8_are_escaped_before() -> None:
    assert printable(b"n\xff".decode("utf-8", "surrogateescape")) == "n\\xff"
    assert printable("größe") == "größe"
    assert record_hash(None, ((printable("n\udcff"), b""),), b"") == record_hash(
        None, (("n\\xff", b""),), b""
    )
