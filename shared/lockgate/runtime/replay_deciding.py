"""One decision made again: with which core, from which rows, and whether it is the same. Pure.

`decider.decide` decides, as it did in the service. What it is given is rebuilt from the journal and the topics.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from lockgate.messages.decision import Core, NotLoaded, RowKey
from lockgate.messages.message import Message
from lockgate.messages.topics import TOPICS, Kind
from lockgate.messages.values import EVERY
from lockgate.runtime import canonical
from lockgate.runtime.decider import Case, Decision, Loaded, decide
from lockgate.runtime.replay_compare import differing
from lockgate.runtime.replay_findings import Where
from lockgate.runtime.replay_inputs import Given, Handled, Inputs
from lockgate.runtime.replay_report import WriterReport
from lockgate.runtime.replay_rows import KeyState, SharedRows, Unavailable

Body = Mapping[str, Any]
"""A journal record, parsed."""

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Replayable:
    """A service to be replayed. `version` is today's core's.

    `core` makes the core from the settings of a start (None: the journal tells of none); it gives None if it
    cannot be made without them.
    """

    service: str
    version: str
    core: Callable[[Mapping[str, Any] | None], Core | None]

    @property
    def topic(self) -> str:
        """Where the service's events lie."""
        return next(t.name for t in TOPICS.values() if t.writer == self.service and t.kind is Kind.INTERNAL)


@dataclass(slots=True)
class Writer:
    """What is known of one writer across its keys."""

    service: Replayable
    report: WriterReport
    shared: SharedRows = field(default_factory=SharedRows)
    forwards: dict[bytes, set[str]] = field(default_factory=dict)
    _times: list[str] = field(default_factory=list)
    _starts: list[bytes] = field(default_factory=list)
    _cores: dict[bytes, Core | None] = field(default_factory=dict)
    _orders: dict[int, Sequence[Core]] = field(default_factory=dict)

    def started(self, now: str, settings: Mapping[str, Any]) -> None:
        """The writer was started with these settings; starts are told in the order of their numbers."""
        self._times.append(max(now, *self._times[-1:]))
        self._starts.append(self._made(settings))
        self._orders.clear()

    def cores_for(self, body: Body) -> Sequence[Core]:
        """The core with the settings of the newest start by then; then those of other starts, newest first.

        Other replicas of a writer may have been started with other settings already, or still.
        """
        given = body["input"]
        if given["kind"] == "started" and isinstance(given["settings"], dict):
            return self._known((self._made(given["settings"]),))
        by_then = bisect_right(self._times, body["now"])
        if by_then not in self._orders:
            order = chain(range(by_then - 1, -1, -1), range(by_then, len(self._starts)))
            starts = [self._starts[at] for at in order] if self._starts else [self._made(None)]
            self._orders[by_then] = self._known(starts)
        return self._orders[by_then]

    def _known(self, names: Iterable[bytes]) -> Sequence[Core]:
        cores = [self._cores[name] for name in dict.fromkeys(names)]
        return [core for core in cores if core is not None]

    def _made(self, settings: Mapping[str, Any] | None) -> bytes:
        name = canonical.dumps(settings)
        if name not in self._cores:
            self._cores[name] = self.service.core(settings)
        return name


@dataclass(slots=True)
class Key:
    """One key of one writer, while its decisions are replayed. `place`: partition and offset of the record."""

    writer: Writer
    state: KeyState
    where: Where
    handled: Handled = field(default_factory=Handled)
    place: tuple[int, int] = (0, -1)
    now: datetime = _NEVER

    def repeats(self, given: Given) -> bool:
        """Whether this event was decided on before, under this key."""
        return isinstance(given.input, Message) and self.handled.again(given.input)

    def is_forwarded(self, body: Body) -> bool:
        """Whether a decision under `*` passed this input on to this key."""
        if self.where.key == EVERY or not self.writer.forwards:
            return False
        return self.where.key in self.writer.forwards.get(canonical.dumps(body["input"]), ())

    def concerns(self, core: Core, given: Given) -> bool:
        """Whether this core decides on the input under this key. A decision of `*` that is lost may have said so."""
        message = given.input
        if given.forwarded or not isinstance(message, Message) or self.where.key in core.keys(message):
            return True
        return self.where.key != EVERY and self.writer.shared.unknown > 0

    def remember_forwards(self, body: Body) -> None:
        if self.where.key == EVERY and body["forward"]:
            self.writer.forwards[canonical.dumps(body["input"])] = set(body["forward"])


def decided(core: Core, this: Key, body: Body, given: Given) -> Decision:
    """The decision made again. Unavailable, or whatever the core raises."""
    state, where = this.state, this.where
    case = Case(
        where.writer,
        where.key,
        given.input,
        given.place,
        given.causes,
        given.links,
        this.now,
        state.decisions,
        state.events or 0,
    )
    rows: dict[RowKey, Loaded] = {}
    for key, kind, id_, version in body["read"]:
        name = RowKey(key, kind, id_)
        rows[name] = state.named(name, version, core.rows[kind])
    while True:
        try:
            return decide(core, body["core"], case, rows)
        except NotLoaded as more:
            for name in more.keys:
                rows[name] = state.current(name, body["now"], core.rows[name.kind])


def tried(this: Key, body: Body, value: bytes, given: Given) -> tuple[Decision | None, str | None]:
    """The decision of the first core with which it is the same to the byte; else what differs with the likeliest.

    The decision of another version is the same, too, if its events alone have other bytes: those are told apart where
    they lie. Nothing differs if the input is for none of the cores; it is None if there is no core at all.
    """
    first: str | None = None
    worded: Decision | None = None
    may_word = body["core"] != this.writer.service.version
    for core in this.writer.cores_for(body):
        first = first or ""
        if not this.concerns(core, given):
            continue
        try:
            decision = decided(core, this, body, given)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001  # whatever a core raises is what differs
            first = first or f"today's core raises {error!r}"
            continue
        if decision.journal == value:
            return decision, ""
        if may_word and worded is None and _is_only_worded_otherwise(body, decision):
            worded = decision
        first = first or _differing(body, decision, value)
    return (None, first) if worded is None else (worded, "")


def restored(this: Key, inputs: Inputs, body: Body) -> tuple[dict[str, Any] | None, Decision | None]:
    """What a damaged record was, if what it was decided from still leads to the hash in it."""
    try:
        if this.state.events is None:
            this.state.events = body["first"] - 1
        this.now = datetime.fromisoformat(body["now"])
        given = inputs.given(body, this.state, this.is_forwarded(body), this.where)
        if not isinstance(given, Given):
            return None, None
        for core in this.writer.cores_for(body):
            decision = decided(core, this, body, given)
            expected = canonical.loads(decision.journal)
            if _is_the_hash(body["sha256"], expected["sha256"]):
                this.repeats(given)
                return expected, decision
    except Exception:  # noqa: BLE001  # a damaged record can be anything, and lead to anything
        return None, None
    return None, None


_NEAR = 8  # of 64 digits; two hashes of different records differ in about 60


def _is_the_hash(there: str, expected: str) -> bool:
    """Whether it is this hash, or was before some digits of it were changed."""
    digits = zip(there, expected, strict=True)
    return sum(a != b for a, b in digits) <= _NEAR


def _differing(body: Body, decision: Decision, value: bytes) -> str:
    expected = canonical.loads(decision.journal)
    detail = differing(_rest(body), _rest(expected)) or differing(
        {"sent": body["sent"]}, {"sent": expected["sent"]}
    )
    return detail or f"the same content in other bytes ({len(value)} instead of {len(decision.journal)})"


def _is_only_worded_otherwise(body: Body, decision: Decision) -> bool:
    """Whether nothing but the hashes of what was sent differs."""
    expected = canonical.loads(decision.journal)
    return body["sent"] != expected["sent"] and not differing(_rest(body), _rest(expected))


def _rest(body: Body) -> dict[str, Any]:
    """A record without hashes, whose difference tells nobody anything."""
    return {name: part for name, part in body.items() if name not in {"sha256", "sent"}}
