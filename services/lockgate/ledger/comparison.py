"""The ledger against the topics: each (topic, partition, offset) gets one of four verdicts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lockgate.ledger.chain import Record, leaf
from lockgate.ledger.walk import place

NAMED = 20
"""How many bad places are kept by name."""


class Match(StrEnum):
    EQUAL = "equal"
    MISSING_IN_LEDGER = "missing in the ledger"
    MISSING_IN_KAFKA = "missing in Kafka"  # allowed only below the log start
    DIFFERENT = "different bytes"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many places got each verdict. `expired`: below the log start, where Kafka has dropped them as it should.

    `lag`: records that the ledger has not read yet. `bad` names the first places that are not equal.
    """

    counts: dict[Match, int] = field(default_factory=lambda: dict.fromkeys(Match, 0))
    expired: int = 0
    lag: int = 0
    bad: tuple[tuple[str, Match], ...] = ()

    def __add__(self, other: "Comparison") -> "Comparison":
        return Comparison(
            {match: self.counts[match] + other.counts[match] for match in Match},
            self.expired + other.expired,
            self.lag + other.lag,
            (*self.bad, *other.bad)[:NAMED],
        )

    @property
    def sound(self) -> bool:
        return not self.bad

    @property
    def sentence(self) -> str:
        equal = f"{self.counts[Match.EQUAL]} records are equal in the ledger and in Kafka"
        rest = f"{self.expired} have expired in Kafka, {self.lag} are not in the ledger yet"
        if self.sound:
            return f"{equal}; {rest}."
        first, match = self.bad[0]
        wrong = ", ".join(f"{n} {m}" for m, n in self.counts.items() if n and m is not Match.EQUAL)
        return f"{wrong}; the first is {first}, {match}. {equal}; {rest}."


def compared(stored: Sequence[tuple[int, bytes]], records: Sequence[Record], where: str) -> Comparison:
    """Compares what both have of one stretch of offsets of one partition (`where`, as topic/partition).

    `stored` is (offset, leaf as in the ledger). The stretch lies above the log start and below the ledger's position.
    """
    leaves = dict(stored)
    counts = dict.fromkeys(Match, 0)
    bad: list[tuple[int, str, Match]] = []
    for record in records:
        known = leaves.pop(record.offset, None)
        match = Match.MISSING_IN_LEDGER if known is None else _bytes(known, record)
        counts[match] += 1
        if match is not Match.EQUAL:
            bad.append((record.offset, place(record), match))
    counts[Match.MISSING_IN_KAFKA] = len(leaves)
    bad += [(offset, f"{where}@{offset}", Match.MISSING_IN_KAFKA) for offset in leaves]
    return Comparison(counts, bad=tuple((name, match) for _, name, match in sorted(bad)[:NAMED]))


def _bytes(known: bytes, record: Record) -> Match:
    return Match.EQUAL if known == leaf(record) else Match.DIFFERENT
