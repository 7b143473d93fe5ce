"""Replay: every decision recomputed from the topics alone, and compared to the byte with what was written.

Pure. A service is replayed key by key, `*` first, since other keys read its rows: the input is read anew, the
rows are what earlier records wrote, `decider.decide` decides as the service did. The record's bytes, and each
event's value and headers, must come out the same. After each decision the state follows the journal, so that one
difference does not hide the next.
"""

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from lockgate.messages.values import EVERY
from lockgate.runtime.batch import Place
from lockgate.runtime.decider import Decision
from lockgate.runtime.replay_compare import differing
from lockgate.runtime.replay_deciding import Key, Replayable, Writer, restored, tried
from lockgate.runtime.replay_events import Events, Sent
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
from lockgate.runtime.replay_inputs import Given, Inputs
from lockgate.runtime.replay_journal import Chain, index, parsed
from lockgate.runtime.replay_records import Records, begins_late
from lockgate.runtime.replay_report import Report, WriterReport
from lockgate.runtime.replay_rows import KeyState, Unavailable

Progress = Callable[[int, int], None]
"""Decisions done, and decisions in all. Called now and then."""


@dataclass(frozen=True, slots=True)
class Share:
    """Which keys one replay goes through (None: all).

    `*` is among them always, since its rows are read; `tells_every`: whether the report tells of it as well.
    """

    keys: Container[str] | None
    tells_every: bool = True


_TELL_EVERY = 500
_NOT_FOR = "the event is not for this key"
UNKNOWN = 1 << 62
"""Above every number."""


def replay(
    records: Records,
    services: Sequence[Replayable],
    *,
    applications: Collection[str] | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Report:
    """Recomputes the decisions of these services; of these applications and `*` only, if any are named."""
    keys = None if applications is None else frozenset({EVERY, *applications})
    return replay_share(records, services, Share(keys), progress=progress)


def replay_share(
    records: Records,
    services: Sequence[Replayable],
    share: Share,
    *,
    progress: Progress = lambda _done, _all: None,
) -> Report:
    """Recomputes the decisions for the keys of one share."""
    findings, inputs = Findings(), Inputs(records)
    replays = [_Service(records, service, share.keys, findings, inputs) for service in services]
    chains = [(name, chain, each) for each in replays for name, chain in each.journal.chains.items()]
    chains.sort(key=lambda found: (found[0][1] != EVERY, found[0][1]))
    done, total = 0, sum(len(chain.offsets) for _, chain, _ in chains)
    before = findings.copy()
    for key, of_key in groupby(chains, key=lambda found: found[0][1]):
        inputs.forget()
        for (writer, _), chain, each in of_key:
            for count in each.replay(writer, key, chain):
                done += count
                progress(done, total)
        if key == EVERY and not share.tells_every:
            findings.become(before)
            for each in replays:
                each.leave_every_to_another()
    writers = [report for each in replays for report in each.finish()]
    repeats = sum(each.repeats() for each in replays)
    return Report(sorted(writers, key=lambda report: report.writer), findings, repeats)


class _Service:
    """Replays the writers of one service."""

    def __init__(
        self,
        records: Records,
        service: Replayable,
        keys: Container[str] | None,
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

    def leave_every_to_another(self) -> None:
        """Another replay tells of `*`; here its rows were wanted only."""
        for writer in self._writers.values():
            writer.report = WriterReport(self._service.service, writer.report.writer)
        self.journal.repeats.pop(EVERY, None)
        self.events.forget()

    def repeats(self) -> int:
        """How many records a relay sent again."""
        return self.journal.repeats.total() + self.events.repeats.total()

    def replay(self, writer: str, key: str, chain: Chain) -> Iterable[int]:
        """Replays one key; yields now and then how many decisions more are done."""
        numbers = sorted(chain.offsets)
        this = self._begin(self._writers[writer], key, numbers[0], chain)
        since, offset = 0, -1
        for number in numbers:
            self._pass_gap(this, number)
            place = (self.journal.topic, chain.partition, chain.offsets[number])
            this.where, this.place = Where(writer, key, number, place), place[1:]
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

    def _writer(self, name: str) -> Writer:
        writer = Writer(self._service, WriterReport(self._service.service, name))
        chain = self.journal.chains.get((name, EVERY))
        if chain is None:
            parts = self._records.partitions(self.journal.topic)
            if any(begins_late(self._records, self.journal.topic, part) for part in parts):
                writer.shared.unknown = UNKNOWN
            return writer
        for number in sorted(chain.offsets):
            body = self._body(chain, number)
            match body:
                case {"input": {"kind": "started", "settings": dict(settings)}, "now": str(now)}:
                    writer.started(now, settings)
                case _:
                    pass
        return writer

    def _body(self, chain: Chain, number: int) -> dict[str, Any] | None:
        record = self._records.get(self.journal.topic, chain.partition, chain.offsets[number])
        return parsed(record.value) if record else None

    def _begin(self, writer: Writer, key: str, first: int, chain: Chain) -> Key:
        state = KeyState(key, writer.shared)
        where = Where(writer.report.writer, key, None, None)
        if first > 1 and begins_late(self._records, self.journal.topic, chain.partition):
            state.pass_over(first - 1)
        self.events.known((where.writer, key), *self._events_of(chain, first, max(chain.offsets)))
        return Key(writer, state, where)

    def _events_of(self, chain: Chain, first: int, last: int) -> tuple[int, int]:
        """The first and last event that the journal of a key tells of. A damaged record may tell of any."""
        begin, end = self._body(chain, first), self._body(chain, last)
        match begin, end:
            case {"first": int(low)}, {"first": int(high), "events": list(events)}:
                some = 1 if first in chain.damaged else low
                return some, UNKNOWN if last in chain.damaged else high - 1 + len(events)
            case _:
                return 1, UNKNOWN

    def _pass_gap(self, this: Key, number: int) -> None:
        expected = this.state.decisions + 1
        if number > expected:
            range_ = f"{expected} to {number - 1}" if number - 1 > expected else str(expected)
            where = Where(this.where.writer, this.where.key, expected, None)
            self._findings.add(JournalGap(where, f"numbers {range_}; the next one there is {number}"))
            this.state.pass_over(number - 1)

    # --- one decision -------------------------------------------------------------------------------------

    def _record(self, this: Key, number: int, place: Place, *, damaged: bool) -> None:
        record = self._records.get(*place)
        value = record.value if record is not None else None
        body = parsed(value)
        this.writer.report.decisions += 1
        if damaged or body is None or value is None:
            self._damaged(this, number, body, record.key if record else None)
            return
        try:
            self._sound(this, body, value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            detail = f"its hash is right, but it is none that a service writes ({error!r})"
            self._findings.add(JournalDamaged(this.where, detail))
            this.state.pass_over(number)

    def _sound(self, this: Key, body: dict[str, Any], value: bytes) -> None:
        state, report = this.state, this.writer.report
        this.now = datetime.fromisoformat(body["now"])
        report.cores[body["core"]] += 1
        if state.events is None:
            state.events = body["first"] - 1
        forwarded = this.is_forwarded(body)
        given = self._inputs.given(body, state, forwarded, this.where)
        decision = None
        if isinstance(given, Given):
            decision = self._compared(this, body, value, given)
        else:
            self._findings.add(given)
        self._expect(this, body, decision)
        state.apply(body, forwarded=forwarded)
        this.remember_forwards(body)

    def _compared(self, this: Key, body: dict[str, Any], value: bytes, given: Given) -> Decision | None:
        """The decision, if it came out the same; otherwise what is wrong has been said."""
        report = this.writer.report
        if not given.forwarded and this.repeats(given):
            self._findings.add(InputForeign(this.where, "this event was decided on before, under this key"))
            return None
        try:
            decision, detail = tried(this, body, value, given)
        except Unavailable:
            report.unreachable += 1
            return None
        if decision is not None:
            report.equal += 1
        elif detail is None:
            self._findings.add(CoreUnknown(this.where, "no start of this writer is on the journal"))
        elif body["core"] != self._service.version:
            named = f"core {body['core']} then, {self._service.version} now: {detail or _NOT_FOR}"
            self._findings.add(DecidesOtherwise(this.where, named))
        elif detail:
            self._findings.add(DecisionDiffers(this.where, detail))
        else:
            self._findings.add(InputForeign(this.where, _NOT_FOR))
        return decision

    def _damaged(self, this: Key, number: int, body: dict[str, Any] | None, raw_key: bytes | None) -> None:
        """A record whose hash does not match: if only its outcome was changed, what it was is known for sure."""
        expected, decision = restored(this, self._inputs, body) if body else (None, None)
        if expected is None or body is None:
            unknown = "it is no JSON object any more" if body is None else "what was changed cannot be told"
            self._findings.add(JournalDamaged(this.where, unknown))
            this.state.pass_over(number)
            return
        key = {"key": (raw_key or b"").decode(errors="replace")}
        detail = differing({"record": key, **body}, {"record": {"key": this.where.key}, **expected})
        detail = detail or "its content is the same, its bytes are not canonical"
        self._findings.add(JournalDamaged(this.where, detail))
        self._expect(this, expected, decision)
        this.state.apply(expected, forwarded=this.is_forwarded(expected))
        this.remember_forwards(expected)

    def _expect(self, this: Key, body: Mapping[str, Any], decision: Decision | None) -> None:
        for i, (_, sha256) in enumerate(zip(body["events"], body["sent"], strict=True)):
            again = (decision.events[i], decision.sent[i]) if decision else (None, None)
            self.events.expect(this.where, this.place, Sent(body["first"] + i, sha256, *again))
