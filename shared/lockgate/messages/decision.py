"""The vocabulary between a pure core and the runtime: what a core is given, and what it decides.

A core is a table from input types to transitions. `touches` names the rows that an input certainly needs;
`decide` is called with them. A row that it reads beyond those is loaded and `decide` is called again, which is
safe because it is pure. Time is an argument, ids are derived, and nothing here does anything.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from lockgate.messages.message import Message
from lockgate.messages.payload import Payload
from lockgate.messages.values import EVERY


class Row(BaseModel):
    """A piece of state of one key. Bodies are canonical JSON; older bodies are upcast on reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]

    @classmethod
    def upcast(cls, body: dict[str, Any]) -> dict[str, Any]:
        """An older body in today's shape. A pure function; the default says that there is no older shape."""
        return body


R = TypeVar("R", bound=Row)


class RowKey(NamedTuple):
    key: str
    kind: str
    id: str


class NotLoaded(Exception):  # noqa: N818  # no error: a request to load rows and decide again
    def __init__(self, keys: tuple[RowKey, ...]) -> None:
        super().__init__(f"not loaded yet: {keys}")
        self.keys = keys


class Rows:
    """The rows that one decision sees: those of its key, and read-only those of `*`."""

    def __init__(self, key: str, loaded: Mapping[RowKey, Row | None]) -> None:
        self.key = key
        self._loaded = loaded
        self.read: dict[RowKey, None] = {}

    def get(self, row: type[R], id_: str = "") -> R | None:
        """The row of this key, or None if there is none."""
        return self._get(RowKey(self.key, row.kind, id_), row)

    def shared(self, row: type[R], id_: str = "") -> R | None:
        """The row of the key `*`, or None if there is none."""
        return self._get(RowKey(EVERY, row.kind, id_), row)

    def many(self, row: type[R], ids: tuple[str, ...]) -> dict[str, R]:
        """The rows of this key that exist, by id; loaded together."""
        keys = tuple(RowKey(self.key, row.kind, id_) for id_ in ids)
        if missing := tuple(key for key in keys if key not in self._loaded):
            raise NotLoaded(missing)
        found = {id_: self._get(key, row) for id_, key in zip(ids, keys, strict=True)}
        return {id_: value for id_, value in found.items() if value is not None}

    def _get(self, key: RowKey, row: type[R]) -> R | None:
        if key not in self._loaded:
            raise NotLoaded((key,))
        self.read[key] = None
        value = self._loaded[key]
        if value is not None and not isinstance(value, row):
            raise TypeError(f"the row {key} is a {type(value).__name__}, not a {row.__name__}")
        return value


# --- inputs -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimerDue:
    """A timer fired, after everything that was written before it fell due has been read."""

    name: str
    body: dict[str, Any]
    due: datetime


@dataclass(frozen=True, slots=True)
class WorkReported:
    """A piece of work reports. `final` ends it; before that it may report progress."""

    name: str
    kind: str
    body: dict[str, Any]
    report: dict[str, Any]
    final: bool


@dataclass(frozen=True, slots=True)
class ServiceStarted:
    """The service starts, or takes over the key `*`, with these settings. Its key is `*`."""

    settings: dict[str, Any]


Input = Message[Payload] | TimerDue | WorkReported | ServiceStarted


# --- what is decided ------------------------------------------------------------------------------------------


class Put(NamedTuple):
    """A row of the decision's key gets this body; None removes it."""

    kind: str
    id: str
    row: Row | None


@dataclass(frozen=True, slots=True)
class SetTimer:
    """One timer per (key, name): a second one replaces the first. Due by the database's clock.

    `grace`: for a deadline set on another service, how much longer it is given after a gap in our own reading.
    """

    name: str
    due: datetime
    body: dict[str, Any] = field(default_factory=dict)
    grace: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class CancelTimer:
    name: str


@dataclass(frozen=True, slots=True)
class StartWork:
    """Slow work, done by a worker outside of the decision. One per (key, name): a second replaces the first."""

    name: str
    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CancelWork:
    name: str


class Step(NamedTuple):
    """The whole outcome of one decision. Steps add up: `a + b` does both."""

    rows: tuple[Put, ...] = ()
    events: tuple[Payload, ...] = ()
    timers: tuple[SetTimer | CancelTimer, ...] = ()
    work: tuple[StartWork | CancelWork, ...] = ()
    forward: tuple[str, ...] = ()
    """Applications that get the same input next (only of a decision under `*`)."""

    def __add__(self, other: "Step") -> "Step":  # type: ignore[override]  # no longer tuple is meant
        return Step(
            self.rows + other.rows,
            self.events + other.events,
            self.timers + other.timers,
            self.work + other.work,
            self.forward + other.forward,
        )


NOTHING = Step()


def put(row: Row, id_: str = "") -> Step:
    return Step(rows=(Put(row.kind, id_, row),))


def remove(row: type[Row], id_: str = "") -> Step:
    return Step(rows=(Put(row.kind, id_, None),))


def emit(*events: Payload) -> Step:
    return Step(events=events)


# --- the core -------------------------------------------------------------------------------------------------


class Core(Protocol):
    """What a service decides. Implemented by `Table`."""

    @property
    def rows(self) -> Mapping[str, type[Row]]: ...

    def keys(self, message: Message[Payload]) -> tuple[str, ...]:
        """The keys under which an event is decided first: its own, `*` for inlets, or none if it is not for us."""

    def touches(self, key: str, given: Input) -> tuple[RowKey, ...]: ...

    def decide(self, rows: Rows, given: Input, now: datetime) -> Step: ...


Decide = Callable[[Rows, Any, datetime], Step]
Touches = Callable[[Any], tuple[tuple[type[Row], str], ...]]


@dataclass(frozen=True, slots=True)
class On:
    """One line of the table: what is decided on an input type, and which rows it needs for sure."""

    decide: Decide
    touches: Touches = lambda _given: ()


@cache
def _by_kind(kinds: tuple[type[Row], ...]) -> Mapping[str, type[Row]]:
    return {row.kind: row for row in kinds}


@dataclass(frozen=True, slots=True)
class Table:
    """A core as a table. Events whose type it does not name are not for this service.

    `concerns` narrows further, by the event alone (a deployer's own regions). Timers and work are looked up by
    the first word of their name and by their kind.
    """

    kinds: tuple[type[Row], ...]
    events: Mapping[type[Payload], On]
    shared: Mapping[type[Payload], On] = field(default_factory=dict)
    timers: Mapping[str, On] = field(default_factory=dict)
    work: Mapping[str, On] = field(default_factory=dict)
    started: On | None = None
    concerns: Callable[[Message[Payload]], bool] = lambda _message: True

    @property
    def rows(self) -> Mapping[str, type[Row]]:
        return _by_kind(self.kinds)

    def keys(self, message: Message[Payload]) -> tuple[str, ...]:
        if not self.concerns(message):
            return ()
        if type(message.body) in self.shared:
            return (EVERY,)
        if type(message.body) in self.events:
            return (message.key,)
        return ()

    def touches(self, key: str, given: Input) -> tuple[RowKey, ...]:
        return tuple(RowKey(key, row.kind, id_) for row, id_ in self._line(key, given).touches(given))

    def decide(self, rows: Rows, given: Input, now: datetime) -> Step:
        return self._line(rows.key, given).decide(rows, given, now)

    def _line(self, key: str, given: Input) -> On:
        match given:
            case Message():
                lines = self.shared if key == EVERY and type(given.body) in self.shared else self.events
                return lines[type(given.body)]
            case TimerDue():
                return self.timers[given.name.split(" ", 1)[0]]
            case WorkReported():
                return self.work[given.kind]
            case ServiceStarted():
                if self.started is None:
                    raise LookupError("this core decides nothing at its start")
                return self.started
