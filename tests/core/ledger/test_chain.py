"""The chain as its definition says, recomputed here by other means."""

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.ledger.chain import (
    GENESIS,
    Head,
    Record,
    decode_headers,
    encode_headers,
    extend,
    leaf,
    linked,
)

RECORD = Record("releases", 3, 7, 1_764_000_000_000, b"payments", b"", b"{}")
FIELDS = (
    struct.pack(">Q", 8) + b"releases"
    + struct.pack(">Qq", 8, 3)
    + struct.pack(">Qq", 8, 7)
    + struct.pack(">Qq", 8, 1_764_000_000_000)
    + struct.pack(">Q", 8) + b"payments"
    + struct.pack(">Q", 0)
    + struct.pack(">Q", 2) + b"{}"
)  # fmt: skip


def test_a_leaf_is_the_hash_of_the_length_prefixed_fields() -> None:
    assert leaf(RECORD) == hashlib.sha256(b"\x00" + FIELDS).digest()


def test_a_link_hashes_the_fields_and_the_link_before() -> None:
    assert linked(RECORD, b"x" * 32) == hashlib.sha256(b"\x00" + FIELDS + b"x" * 32).digest()


def test_the_chain_begins_with_32_zero_bytes_and_record_1() -> None:
    head, links = extend(Head(), [RECORD, RECORD])
    assert [link.seq for link in links] == [1, 2]
    assert links[0].chain == linked(RECORD, bytes(32))
    assert (head.seq, head.chain) == (2, linked(RECORD, links[0].chain))
    assert bytes(32) == GENESIS


def test_nothing_to_append_leaves_the_head_as_it_is() -> None:
    assert extend(Head(5, b"y" * 32), []) == (Head(5, b"y" * 32), [])


@pytest.mark.parametrize(
    "other",
    [
        Record("release", 3, 7, 1_764_000_000_000, b"spayments", b"", b"{}"),
        Record("releases", 7, 3, 1_764_000_000_000, b"payments", b"", b"{}"),
        Record("releases", 3, 7, 1_764_000_000_001, b"payments", b"", b"{}"),
        Record("releases", 3, 7, 1_764_000_000_000, None, b"", b"{}"),
        Record("releases", 3, 7, 1_764_000_000_000, b"payments{}", b"", b""),
        Record("releases", 3, 7, 1_764_000_000_000, b"payments", b"", None),
        Record("releases", 3, 7, 1_764_000_000_000, b"payments", b"{}", b""),
    ],
)
def test_bytes_that_move_from_one_field_to_another_change_the_leaf(other: Record) -> None:
    assert leaf(other) != leaf(RECORD)


def test_a_null_is_not_an_empty_value() -> None:
    empty = Record("plans", 0, 0, 0, b"", b"", b"")
    null = Record("plans", 0, 0, 0, None, b"", None)
    assert leaf(empty) != leaf(null)


def test_headers_keep_their_order_their_repeats_and_their_nulls() -> None:
    headers = (("b", b"2"), ("a", None), ("b", b""), ("ü", b"\xff\x00"), ("\udcff", b""))
    assert decode_headers(encode_headers(headers)) == headers


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.none() | st.binary())))
def test_headers_come_back_as_they_were(headers: list[tuple[str, bytes | None]]) -> None:
    assert decode_headers(encode_headers(headers)) == tuple(headers)


@pytest.mark.parametrize(
    "broken",
    [
        b"\x00",
        struct.pack(">Q", 5) + b"abc",
        struct.pack(">Q", 1) + b"a",
        b"\xff" * 8 + struct.pack(">Q", 0),
    ],
)
def test_bytes_that_are_no_headers_are_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="encoded headers"):
        decode_headers(broken)
