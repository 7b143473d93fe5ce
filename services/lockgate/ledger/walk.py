"""Walks along the chain, record by record, and stops at the first thing that is wrong. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lockgate.ledger.chain import GENESIS, Link, Record, hashes, linked
from lockgate.ledger.findings import (
    Added,
    Broken,
    Changed,
    Displaced,
    Finding,
    Removed,
    Resealed,
    Sound,
    Truncated,
    Untrusted,
)
from lockgate.ledger.signing import is_signed
from lockgate.messages.checkpoints import HeadSigned

NumberedHead = tuple[int, HeadSigned]
"""A signed head with its event number."""


def checked_heads(
    heads: Iterable[NumberedHead], trusted: Mapping[str, Ed25519PublicKey]
) -> tuple[HeadSigned, ...] | Untrusted:
    """The heads in the order of their numbers, once each; or the first that cannot be relied on.

    They may begin with any number (older ones expire), and the same one may be there several times.
    """
    by_number: dict[int, HeadSigned] = {}
    for number, head in heads:
        if by_number.setdefault(number, head) != head:
            return Untrusted(number, "two different heads carry this number: the ledger was forked")
        key = trusted.get(head.key_id)
        if key is None:
            return Untrusted(number, f"its key {head.key_id} is none of those that are trusted here")
        if not is_signed(head, key):
            return Untrusted(number, "its signature is false")
    for before, after in pairwise(sorted(by_number)):
        if after != before + 1:
            return Untrusted(before + 1, "it is missing among the others")
        if by_number[after].sequence <= by_number[before].sequence:
            return Untrusted(after, "it covers no more records than the one before: the ledger went back")
    return tuple(by_number[number] for number in sorted(by_number))


class Walk:
    """`step` with each link in the order of the table, then `end`."""

    def __init__(self, heads: Sequence[HeadSigned] = ()) -> None:
        self._heads = {head.sequence: head for head in heads}
        self._seq = 0
        self._chain = GENESIS
        self._last: tuple[Record, bytes] | None = None
        self._agreed = 0
        self._agreed_heads = 0

    def step(self, link: Link) -> Broken | None:
        """What is wrong with this link, if anything. Nothing after the first finding means anything."""
        expected = self._seq + 1
        if link.seq > expected:
            return Removed(expected)
        if link.seq < expected:
            return Added(link.seq, place(link.record))
        own, chain = hashes(link.record, self._chain)
        if own != link.leaf:
            return Changed(link.seq, place(link.record))
        if chain != link.chain:
            return self._unlinked(link)
        self._last = (link.record, self._chain)
        self._seq, self._chain = link.seq, link.chain
        return self._against_head()

    def _unlinked(self, link: Link) -> Added | Displaced:
        """Where the record follows from the last but one, the last one was put in between."""
        if self._last is not None:
            between, before = self._last
            if linked(link.record, before) == link.chain:
                return Added(self._seq, place(between))
        return Displaced(link.seq, place(link.record))

    def _against_head(self) -> Resealed | None:
        head = self._heads.get(self._seq)
        if head is None:
            return None
        if head.head != self._chain.hex():
            return Resealed(self._agreed, self._seq)
        self._agreed = self._seq
        self._agreed_heads += 1
        return None

    def end(self) -> Finding:
        beyond = [sequence for sequence in self._heads if sequence > self._seq]
        if beyond:
            return Truncated(self._seq, max(beyond))
        return Sound(self._seq, self._chain.hex(), self._agreed_heads)


def walked(links: Iterable[Link], heads: Sequence[HeadSigned] = ()) -> Finding:
    walk = Walk(heads)
    for link in links:
        if broken := walk.step(link):
            return broken
    return walk.end()


def place(record: Record) -> str:
    return f"{record.topic}/{record.part}@{record.offset}"
