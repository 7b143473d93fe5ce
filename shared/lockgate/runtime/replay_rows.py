"""What one key's state was before a decision, rebuilt from what its earlier decisions wrote. Pure.

Rows come from the journal as bytes do from the database: parsed, upcast, validated. Of the key `*` every version
is kept, because decisions of other keys name the version that they saw.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lockgate.messages.decision import Row, RowKey
from lockgate.messages.values import EVERY
from lockgate.runtime import canonical
from lockgate.runtime.decider import ABSENT, Loaded

Body = dict[str, Any]


def state_hash(rows: Iterable[tuple[str, str, Any]]) -> str:
    """SHA-256 over the rows (kind, id, body) of one key, sorted, as canonical JSON. The empty state has one too."""
    ordered = sorted(([kind, id_, body] for kind, id_, body in rows), key=lambda row: (row[0], row[1]))
    return canonical.sha256(canonical.dumps(ordered))


class Unavailable(Exception):  # noqa: N818  # no error: what the decision was made from is not there any more
    pass


@dataclass(slots=True)
class _Kept:
    version: int
    body: Body
    loaded: Loaded | None = None

    def load(self, row: type[Row]) -> Loaded:
        if self.loaded is None or type(self.loaded.row) is not row:
            value = row.model_validate(row.upcast(self.body), strict=False)
            self.loaded = Loaded(self.version, value)
        return self.loaded


@dataclass(slots=True)
class SharedRows:
    """Every version of the rows of `*`. A removed row is a version without body. `unknown` as in `KeyState`."""

    unknown: int = 0
    versions: dict[RowKey, dict[int, _Kept]] = field(default_factory=dict)
    history: dict[RowKey, list[tuple[str, int]]] = field(default_factory=dict)

    def write(self, key: RowKey, version: int, body: Body | None, now: str) -> None:
        self.history.setdefault(key, []).append((now, version if body is not None else 0))
        if body is not None:
            self.versions.setdefault(key, {})[version] = _Kept(version, body)

    def at_version(self, key: RowKey, version: int, row: type[Row]) -> Loaded | None:
        """The row as that decision of `*` wrote it; None if no such version is known."""
        if version == 0:
            return ABSENT
        kept = self.versions.get(key, {}).get(version)
        return kept.load(row) if kept else None

    def at_time(self, key: RowKey, now: str, row: type[Row]) -> Loaded:
        """The newest version that was written by then: for a row that the journal does not name."""
        history = self.history.get(key, [])
        index = bisect_right(history, now, key=lambda written: written[0])
        return (self.at_version(key, history[index - 1][1], row) or ABSENT) if index else ABSENT


@dataclass(slots=True)
class Pending:
    """A timer that was set or work that was started, and not yet done: what its input must equal."""

    input: Body
    causes: list[Any]


@dataclass(slots=True)
class KeyState:
    """The state of one key between two of its decisions.

    `unknown` is the newest decision whose writes are not known: its record is missing, damaged, or older than the
    topics reach. 0 if all are known.
    """

    key: str
    shared: SharedRows
    unknown: int = 0
    decisions: int = 0
    events: int | None = 0
    rows: dict[RowKey, _Kept] = field(default_factory=dict)
    timers: dict[str, Pending] = field(default_factory=dict)
    work: dict[str, Pending] = field(default_factory=dict)

    def named(self, key: RowKey, version: int, row: type[Row]) -> Loaded:
        """A row that the journal says was read at this version. Unavailable if nobody knows what was in it.

        If the version is not what earlier decisions left, what they left is given, and the comparison shows it.
        """
        if key.key == EVERY != self.key:
            found = self.shared.at_version(key, version, row)
            if found is None and version <= self.shared.unknown:
                raise Unavailable
            return found or ABSENT
        kept = self.rows.get(key)
        current = kept.version if kept else 0
        if current < version <= self.unknown:
            raise Unavailable
        removed = not version and current < self.unknown
        return kept.load(row) if kept and not removed else ABSENT

    def current(self, key: RowKey, now: str, row: type[Row]) -> Loaded:
        """A row that the journal does not name, but that this core reads."""
        if key.key == EVERY != self.key:
            return self.shared.at_time(key, now, row)
        kept = self.rows.get(key)
        return kept.load(row) if kept else ABSENT

    def apply(self, record: Mapping[str, Any], *, forwarded: bool = False) -> None:
        """Does what a journal record says: rows, timers, work, counters. A forwarded timer is another key's."""
        number, now = record["number"], record["now"]
        for kind, id_, body in record["rows"]:
            name = RowKey(self.key, kind, id_)
            if body is None:
                self.rows.pop(name, None)
            else:
                self.rows[name] = _Kept(number, body)
            if self.key == EVERY:
                self.shared.write(name, number, body, now)
        if not forwarded:
            self._end(record["input"])
        self._schedule(record)
        self.decisions = number
        self.events = record["first"] - 1 + len(record["events"])

    def pass_over(self, number: int) -> None:
        """All decisions up to this one are done, and what the newest of them wrote is not known."""
        self.unknown = self.decisions = number
        self.events = None
        if self.key == EVERY:
            self.shared.unknown = number

    def _end(self, given: Mapping[str, Any]) -> None:
        if given["kind"] == "timer":
            self.timers.pop(given["name"], None)
        if given["kind"] == "work" and given["final"]:
            self.work.pop(given["name"], None)

    def _schedule(self, record: Mapping[str, Any]) -> None:
        causes = record["causes"]
        for timer in record["timers"]:
            if name := timer.get("set"):
                due = {"kind": "timer", "name": name, "body": timer["body"], "due": timer["due"]}
                self.timers[name] = Pending(due, causes)
            else:
                self.timers.pop(timer["cancel"], None)
        for work in record["work"]:
            if name := work.get("start"):
                body = {"kind": "work", "name": name, "work": work["kind"], "body": work["body"]}
                self.work[name] = Pending(body, causes)
            else:
                self.work.pop(work["cancel"], None)

    @property
    def hash(self) -> str:
        return state_hash((key.kind, key.id, kept.body) for key, kept in self.rows.items())
