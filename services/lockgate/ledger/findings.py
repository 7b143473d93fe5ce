"""What verifying the ledger can find: a closed union, each member with a sentence for people. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sound:
    """Nothing was changed. `heads`: how many signed heads agree; without any, a re-hash of everything is not seen."""

    records: int
    head: str
    heads: int

    @property
    def sentence(self) -> str:
        against = (
            f"{self.heads} signed heads agree" if self.heads else "no signed head was there to compare with"
        )
        return f"The chain of {self.records} records is sound up to {self.head[:16]}; {against}."


@dataclass(frozen=True, slots=True)
class Changed:
    """The bytes of a record are not those that were stored."""

    seq: int
    place: str

    @property
    def sentence(self) -> str:
        return f"Record {self.seq} ({self.place}) was changed: its bytes do not have the hash beside them."


@dataclass(frozen=True, slots=True)
class Removed:
    seq: int

    @property
    def sentence(self) -> str:
        return f"Record {self.seq} was removed: the number is missing in the table."


@dataclass(frozen=True, slots=True)
class Added:
    """A record was put in: the next one follows from the one before it."""

    seq: int
    place: str

    @property
    def sentence(self) -> str:
        return f"Record {self.seq} ({self.place}) was added later: it is not part of the chain."


@dataclass(frozen=True, slots=True)
class Displaced:
    """A record does not follow from the one before it."""

    seq: int
    place: str

    @property
    def sentence(self) -> str:
        return (
            f"Record {self.seq} ({self.place}) does not follow from the record before it: it was swapped or changed"
            " together with its own hash, or the record before it was replaced or removed."
        )


@dataclass(frozen=True, slots=True)
class Truncated:
    """The table ends before a head that was signed."""

    last: int
    signed: int

    @property
    def sentence(self) -> str:
        return (
            f"The records from {self.last + 1} on were cut off: head {self.signed} was signed, and the table ends"
            f" with {self.last}."
        )


@dataclass(frozen=True, slots=True)
class Resealed:
    """The chain is consistent in itself and not what was signed: it was hashed again after a change."""

    after: int
    signed: int

    @property
    def sentence(self) -> str:
        return (
            f"The chain was rewritten: its hash at record {self.signed} is not the signed one. The first changed"
            f" record is one of {self.after + 1} to {self.signed}."
        )


@dataclass(frozen=True, slots=True)
class Untrusted:
    """A signed head cannot be relied on."""

    number: int
    reason: str

    @property
    def sentence(self) -> str:
        return f"The signed head number {self.number} cannot be trusted: {self.reason}."


Broken = Changed | Removed | Added | Displaced | Truncated | Resealed | Untrusted
Finding = Sound | Broken
