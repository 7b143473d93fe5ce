"""What one batch changes, gathered in memory and written by `store` in one transaction. No I/O here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from lockgate.messages.decision import RowKey
from lockgate.messages.message import Headers
from lockgate.messages.values import Cause
from lockgate.runtime import canonical
from lockgate.runtime.checks import Record

Place = tuple[str, int, int]
"""Topic, partition, offset."""


class Out(NamedTuple):
    """A record to be published, on the partition of its key. `topic` is the name without prefix."""

    part: int
    topic: str
    key: bytes | None
    headers: Headers
    value: bytes | None


@dataclass(frozen=True, slots=True)
class TimerRow:
    key: str
    name: str
    part: int
    due: datetime
    grace: float
    body: dict[str, Any]
    causes: tuple[Cause, ...]
    set_by: int


WorkName = tuple[str, str]
"""Key and name of a piece of work."""


@dataclass(frozen=True, slots=True)
class WorkRow:
    key: str
    name: str
    part: int
    kind: str
    body: dict[str, Any]
    causes: tuple[Cause, ...]
    set_by: int


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """An event that waits, or one that a core could not take. `number` is None if it could not be read."""

    record: Record
    writer: str
    key: str
    number: int | None
    reason: str
    detail: str

    @property
    def place(self) -> Place:
        return (self.record.topic, self.record.partition, self.record.offset)


@dataclass(frozen=True, slots=True)
class Redrive:
    """An operator's wish: try again what is stuck of a writer and key in a partition."""

    id: int
    writer: str
    key: str
    part: int
    asked_by: str


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of a redrive: how many wait no longer, how many still do, and why the first of those does."""

    released: int
    waiting: int
    number: int | None = None
    reason: str | None = None
    detail: str | None = None


@dataclass
class Batch:
    """One transaction: the offsets it consumes and everything that follows from them."""

    offsets: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    keys: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """key -> decisions before this batch, decisions, events"""
    rows: dict[RowKey, tuple[int, bytes | None]] = field(default_factory=dict)
    marks: dict[tuple[str, str], int] = field(default_factory=dict)
    seen: dict[tuple[str, str], None] = field(default_factory=dict)
    timers: dict[tuple[str, str], TimerRow | None] = field(default_factory=dict)
    work: dict[tuple[str, str], WorkRow | None] = field(default_factory=dict)
    fired: dict[tuple[str, str], int] = field(default_factory=dict)
    reported: dict[tuple[str, str], int] = field(default_factory=dict)
    park: dict[Place, ParkedRow] = field(default_factory=dict)
    unpark: dict[Place, None] = field(default_factory=dict)
    repark: dict[Place, ParkedRow] = field(default_factory=dict)
    """Rows that are there already, and wait on for another reason."""
    redriven: dict[int, Redriven] = field(default_factory=dict)
    out: list[Out] = field(default_factory=list)
    decisions: int = 0

    def consume(self, record: Record, expected: int) -> None:
        place = (record.topic, record.partition)
        first = self.offsets[place][0] if place in self.offsets else expected
        self.offsets[place] = (first, record.offset + 1)

    def guard(self, place: tuple[str, int], expected: int) -> None:
        """Makes the batch fail as a whole if another replica has read on from this place."""
        self.offsets.setdefault(place, (expected, expected))

    @property
    def empty(self) -> bool:
        waiting = self.park or self.unpark or self.repark or self.redriven
        return not (self.offsets or self.keys or waiting or self.out)

    @property
    def extra(self) -> str | None:
        """The rarer parts as JSON for `apply_extra`; None if there are none."""
        parts: tuple[Any, ...] = (
            self.seen,
            self.timers,
            self.work,
            self.fired,
            self.reported,
            self.park,
            self.unpark,
            self.repark,
            self.redriven,
        )
        if not any(parts):
            return None
        return canonical.dumps(
            {
                "seen": [{"source": source, "id": id_} for source, id_ in self.seen],
                "fired": _guards(self.fired),
                "reported": _guards(self.reported),
                "timers": [_timer(row) for row in self.timers.values() if row],
                "untimers": [_name(name) for name, row in self.timers.items() if row is None],
                "work": [_work(row) for row in self.work.values() if row],
                "unwork": [_name(name) for name, row in self.work.items() if row is None],
                "park": [_parked(row) for row in self.park.values()],
                "unpark": [_at(place) for place in self.unpark],
                "repark": [
                    {**_at(place), "reason": row.reason, "detail": row.detail}
                    for place, row in self.repark.items()
                ],
                "redriven": [{"id": id_, **asdict(answer)} for id_, answer in self.redriven.items()],
            }
        ).decode()


def pack(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """Headers as bytes, for the outbox and the parked rows: JSON of names and hexadecimal values."""
    return canonical.dumps([[name, None if value is None else value.hex()] for name, value in headers])


def unpack(data: bytes) -> tuple[tuple[str, bytes | None], ...]:
    return tuple(
        (name, None if value is None else bytes.fromhex(value)) for name, value in canonical.loads(data)
    )


def packed_causes(causes: tuple[Cause, ...]) -> bytes:
    return canonical.dumps([list(cause) for cause in causes])


def unpacked_causes(data: bytes) -> tuple[Cause, ...]:
    return tuple(Cause(*cause) for cause in canonical.loads(data))


def _at(place: Place) -> dict[str, Any]:
    return {"topic": place[0], "part": place[1], "offset": place[2]}


def _name(name: tuple[str, str]) -> dict[str, Any]:
    return {"key": name[0], "name": name[1]}


def _guards(guards: dict[tuple[str, str], int]) -> list[dict[str, Any]]:
    return [{**_name(name), "set_by": set_by} for name, set_by in guards.items()]


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _common(row: TimerRow | WorkRow) -> dict[str, Any]:
    body, causes = canonical.dumps(row.body).hex(), packed_causes(row.causes).hex()
    return {
        "key": row.key,
        "name": row.name,
        "part": row.part,
        "body": body,
        "causes": causes,
        "set_by": row.set_by,
    }


def _timer(row: TimerRow) -> dict[str, Any]:
    return {**_common(row), "due": row.due.isoformat(), "grace": row.grace}


def _work(row: WorkRow) -> dict[str, Any]:
    return {**_common(row), "kind": row.kind}


def _parked(row: ParkedRow) -> dict[str, Any]:
    record = row.record
    place = _at(row.place)
    raw = {"record_key": _hex(record.key), "headers": pack(record.headers).hex(), "value": _hex(record.value)}
    why = {
        "writer": row.writer,
        "key": row.key,
        "number": row.number,
        "reason": row.reason,
        "detail": row.detail,
    }
    return {**place, **raw, **why}
