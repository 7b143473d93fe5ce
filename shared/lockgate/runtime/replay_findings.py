"""What a replay can find: a closed union. Each finding says where, what differs, and what it may mean. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, NamedTuple

from lockgate.runtime.batch import Place


class Severity(StrEnum):
    """How much a finding matters. The worst one makes the verdict."""

    DIFFERS = "differs"  # something was changed or lost, or a decision cannot be reproduced
    OTHERWISE = "otherwise"  # another version of a core decided, and today's would decide otherwise
    EXPIRED = "expired"  # the topics no longer hold what it takes; nothing is wrong


class Where(NamedTuple):
    """Which decision it is about (as far as that is known), and at which place the finding lies."""

    writer: str
    key: str
    number: int | None
    place: Place | None

    def __str__(self) -> str:
        what = f"decision {self.number} of {self.writer}" if self.number else f"a decision of {self.writer}"
        at = f" ({'/'.join(map(str, self.place))})" if self.place else ""
        return f"{what} for {self.key!r}{at}"


@dataclass(frozen=True, slots=True)
class _Found:
    """`detail` says what differs: JSON paths with both values, or offsets."""

    severity: ClassVar[Severity] = Severity.DIFFERS
    meaning: ClassVar[str] = ""
    where: Where
    detail: str

    @property
    def sentence(self) -> str:
        return f"{self.where}: {self.meaning}: {self.detail}"


class JournalDamaged(_Found):
    meaning = "the journal record was changed after it was written (its own sha256 does not match)"


class JournalConflict(_Found):
    meaning = "two different journal records have this number, so one of them was forged"


class JournalMoved(_Found):
    meaning = "the journal record does not lie where its writer puts it"


class JournalGap(_Found):
    meaning = "journal records are missing"


class InputChanged(_Found):
    meaning = (
        "the record that was decided on was changed afterwards, in its key, a header or its value (the sha256 over"
        " them is not the one in the journal)"
    )


class InputLost(_Found):
    meaning = "the record that was decided on is not on its topic any more, although retention cannot have removed it"


class InputExpired(_Found):
    severity = Severity.EXPIRED
    meaning = "the record that was decided on is older than its topic keeps"


class InputUnreadable(_Found):
    meaning = "the record that was decided on is unchanged, but cannot be read as an event"


class InputForeign(_Found):
    meaning = "the journal names an input that this key cannot have had"


class DecisionDiffers(_Found):
    meaning = (
        "the same core decides otherwise from the same input, so it cannot be reproduced (a defect) or the"
        " journal was forged"
    )


class DecidesOtherwise(_Found):
    severity = Severity.OTHERWISE
    meaning = "another version of the core decided this; today's would decide otherwise"


class EventChanged(_Found):
    meaning = (
        "the event was changed after it was emitted, in its key, a header or its value (the sha256 over them is"
        " not the one in the journal)"
    )


class EventOtherwise(_Found):
    severity = Severity.OTHERWISE
    meaning = "another version of the core emitted this; today's would emit another event"


class EventMissing(_Found):
    meaning = "the event is missing on the topic, although later ones of its writer are there"


class EventForeign(_Found):
    meaning = "no decision emitted this event"


class CoreUnknown(_Found):
    severity = Severity.EXPIRED
    meaning = "the settings that its core was made for are in no journal record that is left"


Finding = (
    JournalDamaged
    | JournalConflict
    | JournalMoved
    | JournalGap
    | InputChanged
    | InputLost
    | InputExpired
    | InputUnreadable
    | InputForeign
    | DecisionDiffers
    | DecidesOtherwise
    | EventChanged
    | EventOtherwise
    | EventMissing
    | EventForeign
    | CoreUnknown
)


@dataclass
class Findings:
    """Keeps the first findings of each kind and writer, and counts the rest."""

    keep: int = 100
    counts: Counter[tuple[str, type[Finding]]] = field(default_factory=Counter)
    kept: list[Finding] = field(default_factory=list)

    def add(self, found: Finding) -> None:
        name = (found.where.writer, type(found))
        self.counts[name] += 1
        if self.counts[name] <= self.keep:
            self.kept.append(found)

    def copy(self) -> "Findings":
        return Findings(self.keep, self.counts.copy(), self.kept.copy())

    def become(self, earlier: "Findings") -> None:
        """What was added since that copy was made is dropped."""
        self.counts, self.kept = earlier.counts.copy(), earlier.kept.copy()

    def of(self, writer: str) -> Iterator[Finding]:
        return (found for found in self.kept if found.where.writer == writer)

    def number(self, severity: Severity, writer: str | None = None) -> int:
        """How many there are, those that were only counted included."""
        return sum(
            count
            for (whose, kind), count in self.counts.items()
            if kind.severity is severity and writer in {None, whose}
        )
