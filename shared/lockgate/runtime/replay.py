"""Replay: every decision recomputed from the topics alone, and compared to the byte with what was written.

Pure. A service is replayed key by key, `*` first, since other keys read its rows: the input is read anew, the
rows are what earlier records wrote, `decider.decide` decides as the service did. The record's bytes, and each
event's value and headers, must come out the same. After each decision the state follows the journal, so that one
difference does not hide the next.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lockgate.messages.decision import Core, NotLoaded, RowKey
from lockgate.messages.message import Message, encode
from lockgate.messages.topics import TOPICS
from lockgate.messages.values import EVERY
from lockgate.runtime import canonical
from lockgate.runtime.batch import Place
from lockgate.runtime.decider import Case, Decision, Loaded, decide
from lockgate.runtime.replay_compare import differing
from lockgate.runtime.replay_events import Events
from lockgate.runtime.replay_findings import (
    CoreUnknown,
    DecidesOtherwise,
    DecisionDiffers,
    Findings,
    InputForeign,
    JournalDamaged,
    JournalGap,
    JournalMoved,
    Where,
)
from lockgate.runtime.replay_inputs import Given, Handled, Inputs, addressed
from lockgate.runtime.replay_journal import Chain, index, parsed
from lockgate.runtime.replay_records import Records, begins_late
from lockgate.runtime.replay_report import Report, WriterReport
from lockgate.runtime.replay_rows import KeyState, SharedRows, Unavailable

Progress = Callable[[int, int], None]
"""Decisions done, and decisions in all. Called now and then."""

_TELL_EVERY = 500


@dataclass(frozen=True, slots=True)
class Replayable:
    """A service to be replayed. `version` is today's core's.

    `core` makes the core from the settings of its newest start (None: it was never told any); it gives None if it
    cannot be made without them.
    """

    service: str
    version: str
    core: Callable[[Mapping[str, Any] | None], Core | None]

    @property
    def topic(self) -> str:
        """What the service writes, besides its journal and dead letters."""
        return next(t.name for t in TOPICS.values() if t.writer == self.service and t.name.count(".") == 0)


def replay(
    records: Records,
    services: Sequence[Replayable],
    *,
    applications: Collection[str] | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Report:
    """Recomputes the decisions of these services; of these applications and `*` only, if any are named."""
    findings, inputs = Findings(), Inputs(records)
    keys = None if applications is None else frozenset({EVERY, *applications})
    replays = [_Service(records, service, keys, findings, inputs) for service in services]
    chains = [(name, chain, each) for each in replays for name, chain in each.journal.chains.items()]
    chains.sort(key=lambda found: (found[0][1] != EVERY, found[0][1]))
    done, total = 0, sum(len(chain.offsets) for _, chain, _ in chains)
    for (writer, key), chain, each in chains:
        for count in each.replay(writer, key, chain):
            done += count
            progress(done, total)
    writers = [report for each in replays for report in each.finish()]
    repeats = sum(each.journal.repeats + each.events.repeats for each in replays)
    return Report(sorted(writers, key=lambda report: report.writer), findings, repeats)


@dataclass(slots=True)
class _Writer:
    """What is known of one writer across its keys."""

    report: WriterReport
    shared: SharedRows = field(default_factory=SharedRows)
    settings: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    cores: dict[bytes, Core | None] = field(default_factory=dict)
    forwards: dict[bytes, set[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Key:
    """One key of one writer, while its decisions are replayed."""

    writer: _Writer
    state: KeyState
    handled: Handled
    where: Where
    partition: int = 0
    offset: int = -1


class _Service:
    """Replays the writers of one service."""

    def __init__(
        self,
        records: Records,
        service: Replayable,
        keys: Collection[str] | None,
        findings: Findings,
        inputs: Inputs,
    ) -> None:
        self._records = records
        self._service = service
        self._findings = findings
        self._inputs = inputs
        self.journal = index(records, service.service, keys, findings)
        self.events = Events(records, service.topic, self.journal.topic, findings)
        self.events.index(keys)
        self._writers = {name: self._writer(name) for name in self.journal.writers()}

    def finish(self) -> list[WriterReport]:
        self.events.finish()
        for name, writer in self._writers.items():
            writer.report.pending = self.events.pending.get(name, 0)
            writer.report.events = self.events.equal.get(name, 0)
        return [writer.report for writer in self._writers.values()]

    def replay(self, writer: str, key: str, chain: Chain) -> Iterable[int]:
        """Replays one key; yields now and then how many decisions more are done."""
        numbers = sorted(chain.offsets)
        this = self._begin(self._writers[writer], key, numbers[0], chain)
        since, offset = 0, -1
        for number in numbers:
            self._pass_gap(this, number)
            place = (self.journal.topic, chain.partition, chain.offsets[number])
            this.where, this.offset = Where(writer, key, number, place), place[2]
            if place[2] < offset:
                detail = f"its predecessor lies behind it, at {offset}"
                self._findings.add(JournalMoved(this.where, detail))
            offset = place[2]
            self._record(this, number, place, damaged=number in chain.damaged)
            since += 1
            if since == _TELL_EVERY:
                yield since
                since = 0
        this.writer.report.states[key] = this.state.hash
        yield since

    # --- one key ------------------------------------------------------------------------------------------

    def _writer(self, name: str) -> _Writer:
        writer = _Writer(WriterReport(self._service.service, name))
        chain = self.journal.chains.get((name, EVERY))
        if chain is None:
            parts = self._records.partitions(self.journal.topic)
            if any(begins_late(self._records, self.journal.topic, part) for part in parts):
                writer.shared.unknown = 1 << 62
            return writer
        for number in sorted(chain.offsets):
            body = self._body(chain, number)
            match body:
                case {"input": {"kind": "started", "settings": dict(settings)}, "now": str(now)}:
                    writer.settings.append((now, settings))
                case _:
                    pass
        return writer

    def _body(self, chain: Chain, number: int) -> dict[str, Any] | None:
        record = self._records.get(self.journal.topic, chain.partition, chain.offsets[number])
        return parsed(record.value) if record else None

    def _begin(self, writer: _Writer, key: str, first: int, chain: Chain) -> _Key:
        state = KeyState(key, writer.shared)
        where = Where(writer.report.writer, key, None, None)
        if first > 1 and begins_late(self._records, self.journal.topic, chain.partition):
            state.pass_over(first - 1)
        bodies = {number: self._body(chain, number) or {} for number in {first, max(chain.offsets)}}
        begin, last = bodies[first].get("first"), bodies[max(bodies)]
        end = last.get("first")
        if isinstance(begin, int) and isinstance(end, int):
            self.events.known((where.writer, key), begin, end - 1 + len(last.get("events", ())))
        return _Key(writer, state, Handled(), where, chain.partition)

    def _pass_gap(self, this: _Key, number: int) -> None:
        expected = this.state.decisions + 1
        if number > expected:
            range_ = f"{expected} to {number - 1}" if number - 1 > expected else str(expected)
            where = Where(this.where.writer, this.where.key, expected, None)
            self._findings.add(JournalGap(where, f"numbers {range_}; the next one there is {number}"))
            this.state.pass_over(number - 1)

    # --- one decision -------------------------------------------------------------------------------------

    def _record(self, this: _Key, number: int, place: Place, *, damaged: bool) -> None:
        record = self._records.get(*place)
        value = record.value if record is not None else None
        body = parsed(value)
        this.writer.report.decisions += 1
        if damaged or body is None or value is None:
            self._damaged(this, number, body)
            return
        try:
            self._sound(this, body, value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            detail = f"its hash is right, but it is none that a service writes ({error!r})"
            self._findings.add(JournalDamaged(this.where, detail))
            this.state.pass_over(number)

    def _sound(self, this: _Key, body: dict[str, Any], value: bytes) -> None:
        state, report = this.state, this.writer.report
        report.cores[body["core"]] += 1
        if state.events is None:
            state.events = body["first"] - 1
        forwarded = self._is_forwarded(this, body)
        given = self._inputs.given(body, state, forwarded, this.where)
        decision = None
        if isinstance(given, Given):
            decision = self._compared(this, body, value, given)
        else:
            self._findings.add(given)
        self._expect(this, body, decision)
        state.apply(body, forwarded=forwarded)
        self._remember_forwards(this, body)

    def _compared(self, this: _Key, body: dict[str, Any], value: bytes, given: Given) -> Decision | None:
        """The decision, if it came out the same; otherwise what is wrong has been said."""
        report = this.writer.report
        if not given.forwarded and _is_repeated(this, given):
            self._findings.add(InputForeign(this.where, "this event was decided on before, under this key"))
            return None
        cores = self._cores(this, body)
        if not cores:
            self._findings.add(CoreUnknown(this.where, "no start of this writer is on the journal"))
            return None
        try:
            decision, detail = self._tried(this, body, value, given, cores)
        except Unavailable:
            report.unreachable += 1
            return None
        if decision is not None:
            report.equal += 1
        elif not any(addressed(core, this.where.key, given) for core in cores):
            self._findings.add(InputForeign(this.where, "the event is not for this key"))
        elif body["core"] == self._service.version:
            self._findings.add(DecisionDiffers(this.where, detail))
        else:
            named = f"core {body['core']} then, {self._service.version} now: {detail}"
            self._findings.add(DecidesOtherwise(this.where, named))
        return decision

    def _tried(
        self, this: _Key, body: dict[str, Any], value: bytes, given: Given, cores: Sequence[Core]
    ) -> tuple[Decision | None, str]:
        """The first core whose decision is the same; else what differs from the likeliest one's."""
        first = ""
        for core in cores:
            if not addressed(core, this.where.key, given):
                continue
            try:
                decision = _decided(core, this, body, given)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001  # whatever a core raises is what differs
                first = first or f"today's core raises {error!r}"
                continue
            if decision.journal == value:
                return decision, ""
            first = first or _differing(body, decision, value)
        return None, first

    def _damaged(self, this: _Key, number: int, body: dict[str, Any] | None) -> None:
        """A record whose hash does not match: if only its outcome was changed, what it was is known for sure."""
        expected, decision = self._restored(this, body) if body else (None, None)
        if expected is None or body is None:
            unknown = "it is no JSON object any more" if body is None else "what was changed cannot be told"
            self._findings.add(JournalDamaged(this.where, unknown))
            this.state.pass_over(number)
            return
        detail = differing(body, expected) or "its content is the same, its bytes are not canonical"
        self._findings.add(JournalDamaged(this.where, detail))
        self._expect(this, expected, decision)
        this.state.apply(expected, forwarded=self._is_forwarded(this, expected))
        self._remember_forwards(this, expected)

    def _restored(self, this: _Key, body: dict[str, Any]) -> tuple[dict[str, Any] | None, Decision | None]:
        """What the record was, if its inputs still lead to the hash, or to all the rest of it."""
        try:
            if this.state.events is None:
                this.state.events = body["first"] - 1
            given = self._inputs.given(body, this.state, self._is_forwarded(this, body), this.where)
            if not isinstance(given, Given):
                return None, None
            for core in self._cores(this, body):
                decision = _decided(core, this, body, given)
                expected = canonical.loads(decision.journal)
                if expected["sha256"] == body.get("sha256") or _rest(expected) == _rest(body):
                    _is_repeated(this, given)
                    return expected, decision
        except Exception:  # noqa: BLE001  # a damaged record can be anything, and lead to anything
            return None, None
        return None, None

    # --- what a decision is made with, and what follows -----------------------------------------------------

    def _cores(self, this: _Key, body: Mapping[str, Any]) -> list[Core]:
        """The core with the settings of the newest start by then; then those of other starts, newest first.

        Other replicas of a writer may have been started with other settings already, or still.
        """
        starts = this.writer.settings
        match body["input"]:
            case {"kind": "started", "settings": dict(settings)}:
                ordered: list[Mapping[str, Any] | None] = [settings]
            case _:
                before = [s for now, s in starts if now <= body["now"]]
                after = [s for now, s in starts if now > body["now"]]
                ordered = [*reversed(before), *after] or [None]
        unique = {canonical.dumps(settings): settings for settings in ordered}
        return [core for name, s in unique.items() if (core := self._core(this.writer, name, s)) is not None]

    def _core(self, writer: _Writer, name: bytes, settings: Mapping[str, Any] | None) -> Core | None:
        if name not in writer.cores:
            writer.cores[name] = self._service.core(settings)
        return writer.cores[name]

    def _expect(self, this: _Key, body: Mapping[str, Any], decision: Decision | None) -> None:
        same = body["core"] == self._service.version
        journal = (this.partition, this.offset)
        for i in range(len(body["events"])):
            encoded = encode(decision.messages[i]) if decision else None
            self.events.expect(this.where, journal, body["first"] + i, encoded, same_core=same)

    def _is_forwarded(self, this: _Key, body: Mapping[str, Any]) -> bool:
        if this.where.key == EVERY or not this.writer.forwards:
            return False
        return this.where.key in this.writer.forwards.get(canonical.dumps(body["input"]), ())

    def _remember_forwards(self, this: _Key, body: Mapping[str, Any]) -> None:
        if this.where.key == EVERY and body["forward"]:
            this.writer.forwards[canonical.dumps(body["input"])] = set(body["forward"])


def _is_repeated(this: _Key, given: Given) -> bool:
    return isinstance(given.input, Message) and this.handled.again(given.input)


def _decided(core: Core, this: _Key, body: Mapping[str, Any], given: Given) -> Decision:
    """The decision made again. Unavailable, or whatever the core raises."""
    case = Case(
        writer=this.where.writer,
        key=this.where.key,
        given=given.input,
        place=given.place,
        causes=given.causes,
        links=given.links,
        now=datetime.fromisoformat(body["now"]),
        decisions=this.state.decisions,
        events=this.state.events or 0,
    )
    rows: dict[RowKey, Loaded] = {}
    for key, kind, id_, version in body["read"]:
        name = RowKey(key, kind, id_)
        rows[name] = this.state.named(name, version, core.rows[kind])
    while True:
        try:
            return decide(core, body["core"], case, rows)
        except NotLoaded as more:
            for name in more.keys:
                rows[name] = this.state.current(name, body["now"], core.rows[name.kind])


def _differing(body: Mapping[str, Any], decision: Decision, value: bytes) -> str:
    detail = differing(_rest(body), _rest(canonical.loads(decision.journal)))
    return detail or f"the same content in other bytes ({len(value)} instead of {len(decision.journal)})"


def _rest(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in body.items() if name != "sha256"}
