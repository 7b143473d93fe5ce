"""Every kind of tampering with the table is found, and the first record that is wrong is named."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lockgate.ledger.chain import GENESIS, Head, Link, Record, extend, leaf, linked
from lockgate.ledger.findings import (
    Added,
    Changed,
    Displaced,
    Finding,
    Removed,
    Resealed,
    Sound,
    Truncated,
    Untrusted,
)
from lockgate.ledger.signing import Signer
from lockgate.ledger.walk import checked_heads, walked
from lockgate.messages.checkpoints import HeadSigned

SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(b"s" * 32))
TRUSTED = {SIGNER.key_id: SIGNER.public_key()}


def record(n: int, value: bytes = b"value") -> Record:
    return Record("releases", 0, n, 1000 + n, b"payments", b"", value + str(n).encode())


LINKS = extend(Head(), [record(n) for n in range(1, 9)])[1]
FOREIGN = record(99, b"foreign")
HEADS = tuple(SIGNER.signed(Head(link.seq, link.chain)) for link in LINKS if link.seq in {3, 6, 8})


def rehashed(links: list[Link]) -> list[Link]:
    """As somebody does who may write everything in the database, and knows how the chain is made."""
    return extend(Head(), [link.record for link in links])[1]


def at(seq: int, **changes: object) -> Callable[[list[Link]], list[Link]]:
    return lambda links: [replace(link, **changes) if link.seq == seq else link for link in links]  # type: ignore[arg-type]  # a table of changes


def with_record(seq: int, **changes: object) -> Callable[[list[Link]], list[Link]]:
    return at(seq, record=replace(LINKS[seq - 1].record, **changes))  # type: ignore[arg-type]  # as above


def swapped(links: list[Link]) -> list[Link]:
    third, fifth = links[2], links[4]
    return [*links[:2], replace(fifth, seq=3), links[3], replace(third, seq=5), *links[5:]]


def added(links: list[Link]) -> list[Link]:
    foreign = Link(4, FOREIGN, leaf(FOREIGN), linked(FOREIGN, links[2].chain))
    return [*links[:3], foreign, *(replace(link, seq=link.seq + 1) for link in links[3:])]


PLACE = "releases/0@{}".format


@pytest.mark.parametrize(
    ("tamper", "finding"),
    [
        (with_record(4, value=b"valu_4"), Changed(4, PLACE(4))),
        (with_record(4, key=None), Changed(4, PLACE(4))),
        (with_record(4, headers=b"x"), Changed(4, PLACE(4))),
        (with_record(4, time=1), Changed(4, PLACE(4))),
        (with_record(4, topic="plans"), Changed(4, "plans/0@4")),
        (with_record(4, part=1), Changed(4, "releases/1@4")),
        (with_record(4, offset=40), Changed(4, PLACE(40))),
        (at(4, leaf=b"x" * 32), Changed(4, PLACE(4))),
        (at(4, chain=b"x" * 32), Displaced(4, PLACE(4))),
        (at(4, record=FOREIGN, leaf=leaf(FOREIGN)), Displaced(4, PLACE(99))),
        (
            at(4, record=FOREIGN, leaf=leaf(FOREIGN), chain=linked(FOREIGN, LINKS[2].chain)),
            Displaced(5, PLACE(5)),
        ),
        (lambda links: [*links[:3], *links[4:]], Removed(4)),
        (lambda links: links[1:], Removed(1)),
        (lambda links: [*links[:3], *(replace(k, seq=k.seq - 1) for k in links[4:])], Displaced(4, PLACE(5))),
        (swapped, Displaced(3, PLACE(5))),
        (added, Added(4, PLACE(99))),
        (lambda links: [Link(0, FOREIGN, leaf(FOREIGN), GENESIS), *links], Added(0, PLACE(99))),
    ],
)
def test_without_any_signed_head_is_found(
    tamper: Callable[[list[Link]], list[Link]], finding: Finding
) -> None:
    assert walked(tamper(LINKS)) == finding


def test_an_untouched_chain_is_sound_with_and_without_heads() -> None:
    end = LINKS[-1].chain.hex()
    assert walked(LINKS) == Sound(8, end, 0)
    assert walked(LINKS, HEADS) == Sound(8, end, 3)
    assert walked([]) == Sound(0, "00" * 32, 0)


def test_records_after_the_newest_signed_head_are_no_finding() -> None:
    assert walked(LINKS, HEADS[:2]) == Sound(8, LINKS[-1].chain.hex(), 2)


@pytest.mark.parametrize(("kept", "signed"), [(7, 8), (5, 8), (0, 8)])
def test_a_tail_that_was_cut_off_is_found_by_the_signed_head(kept: int, signed: int) -> None:
    assert walked(LINKS[:kept]).__class__ is Sound
    assert walked(LINKS[:kept], HEADS) == Truncated(kept, signed)


def test_a_changed_record_with_everything_hashed_again_is_found_between_two_signed_heads() -> None:
    forged = rehashed(with_record(5, value=b"forged")(LINKS))
    assert walked(forged).__class__ is Sound
    assert walked(forged, HEADS) == Resealed(3, 6)


def test_a_removed_record_with_everything_hashed_again_is_found() -> None:
    assert walked(rehashed([*LINKS[:1], *LINKS[2:]]), HEADS) == Resealed(0, 3)


def test_a_tail_that_was_hashed_again_after_the_last_head_but_one_is_found() -> None:
    assert walked(rehashed(with_record(7, value=b"forged")(LINKS)), HEADS) == Resealed(6, 8)


def test_ten_thousand_random_changes_of_one_bit_are_all_found() -> None:
    draw = random.Random(7)  # seeded: the same changes in each run
    for _ in range(10_000):
        seq = draw.randint(1, 8)
        link = LINKS[seq - 1]
        name = draw.choice(["value", "key", "leaf", "chain", "time", "offset", "part"])
        holder = link if name in {"leaf", "chain"} else link.record
        before = getattr(holder, name)
        if isinstance(before, bytes):
            bits = int.from_bytes(before, "big") ^ 1 << draw.randrange(8 * len(before))
            after: object = bits.to_bytes(len(before), "big")
        else:
            after = before ^ 1 << draw.randrange(20)
        tamper = at(seq, **{name: after}) if holder is link else with_record(seq, **{name: after})
        finding = walked(tamper(LINKS))
        assert isinstance(finding, Changed | Displaced)
        assert finding.seq == seq


def numbered(*heads: HeadSigned, first: int = 1) -> list[tuple[int, HeadSigned]]:
    return list(enumerate(heads, first))


def test_signed_heads_are_taken_in_the_order_of_their_numbers_once_each() -> None:
    one, two, three = numbered(*HEADS, first=5)
    assert checked_heads([two, one, three, two], TRUSTED) == HEADS


def test_no_head_at_all_is_nothing_to_mistrust() -> None:
    assert checked_heads([], TRUSTED) == ()


@pytest.mark.parametrize(
    ("heads", "number", "reason"),
    [
        (numbered(HEADS[0], HEADS[1].model_copy(update={"sequence": 7})), 2, "its signature is false"),
        (numbered(HEADS[0].model_copy(update={"head": "ab" * 32})), 1, "its signature is false"),
        (numbered(STRANGER.signed(Head(3, LINKS[2].chain))), 1, "is none of those that are trusted"),
        (
            numbered(STRANGER.signed(Head(3, LINKS[2].chain)).model_copy(update={"key_id": SIGNER.key_id})),
            1,
            "its signature is false",
        ),
        ([(1, HEADS[0]), (3, HEADS[1])], 2, "it is missing among the others"),
        ([(1, HEADS[0]), (1, HEADS[1])], 1, "two different heads carry this number"),
        ([(1, HEADS[1]), (2, HEADS[0])], 2, "it covers no more records than the one before"),
    ],
)
def test_a_head_that_cannot_be_relied_on_is_named(
    heads: list[tuple[int, HeadSigned]], number: int, reason: str
) -> None:
    finding = checked_heads(heads, TRUSTED)
    assert isinstance(finding, Untrusted)
    assert finding.number == number
    assert reason in finding.reason


def test_each_finding_says_in_a_sentence_what_and_where() -> None:
    sentences: dict[Finding, str] = {
        Sound(
            8, "ab" * 32, 0
        ): "The chain of 8 records is sound up to abababababababab; no signed head was there"
        " to compare with.",
        Sound(
            8, "ab" * 32, 3
        ): "The chain of 8 records is sound up to abababababababab; 3 signed heads agree.",
        Changed(
            4, "plans/0@4"
        ): "Record 4 (plans/0@4) was changed: its bytes do not have the hash beside them.",
        Added(4, "plans/0@4"): "Record 4 (plans/0@4) was added later: it is not part of the chain.",
        Removed(4): "Record 4 was removed: the number is missing in the table.",
        Truncated(5, 8): "The records from 6 on were cut off: head 8 was signed, and the table ends with 5.",
        Resealed(
            3, 6
        ): "The chain was rewritten: its hash at record 6 is not the signed one. The first changed"
        " record is one of 4 to 6.",
        Untrusted(
            2, "its signature is false"
        ): "The signed head number 2 cannot be trusted: its signature is false.",
    }
    assert [finding.sentence for finding in sentences] == list(sentences.values())
