"""One decision as a pure function: input, rows and counters in; journal record, events, rows, timers, work out.

The engine calls it to decide, and `replay` calls it to decide again; so what both compare cannot differ by
accident. The journal record holds everything that the decision was made from and everything that it changed.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from lockgate.messages.decision import (
    CancelTimer,
    CancelWork,
    Core,
    Input,
    Row,
    RowKey,
    Rows,
    ServiceStarted,
    SetTimer,
    StartWork,
    Step,
    TimerDue,
    WorkReported,
)
from lockgate.messages.message import Headers, Message, cause_ids, encode, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.values import EVERY, Cause
from lockgate.runtime import canonical
from lockgate.runtime.inlet_id import inlet_id
from lockgate.runtime.record_hash import record_hash

SERVICES = frozenset({"intake", "verifier", "rollback"})
"""Writers of which there is one; their events are passed on as causes of what follows (deployers are many)."""


class Loaded(NamedTuple):
    """A row as it is before a decision: its version is the number of the decision that wrote it (0: never)."""

    version: int
    row: Row | None


ABSENT = Loaded(0, None)
_TO_SECONDS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS


class Case(NamedTuple):
    """Everything that one decision is made from. `decisions` and `events` count what was there before."""

    writer: str
    key: str
    given: Input
    place: Mapping[str, Any]
    causes: tuple[Cause, ...]
    links: tuple[str, ...]
    now: datetime
    decisions: int
    events: int


class Decision(NamedTuple):
    """The outcome: its step, its events as messages, as they are published and the hashes of that, its rows as
    canonical bytes, and its journal record.
    """

    number: int
    step: Step
    messages: tuple[Message[Payload], ...]
    events: tuple[tuple[Headers, bytes], ...]
    sent: tuple[str, ...]
    rows: Mapping[RowKey, tuple[Row | None, bytes | None]]
    journal: bytes


def causes_of(message: Message[Payload]) -> tuple[Cause, ...]:
    """What an event that follows from this one names in `after`: this one, and what this one followed from."""
    newest: dict[tuple[str, str], int] = {}
    own = message.cause
    if not message.after:
        return (own,) if own else ()
    for cause in message.after:
        if cause.writer in SERVICES:
            newest[cause.writer, cause.key] = max(cause.number, newest.get((cause.writer, cause.key), 0))
    if own:
        newest[own.writer, own.key] = max(own.number, newest.get((own.writer, own.key), 0))
    return tuple(Cause(writer, key, number) for (writer, key), number in sorted(newest.items()))


@lru_cache(maxsize=16)  # a batch is decided at one time
def timestamp(now: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as every event and journal record has it."""
    text = orjson.dumps(now, option=_TO_SECONDS).decode()  # a third of what isoformat takes
    return f"{text[1:20]}.{now.microsecond // 1000:03}{text[20:-1]}"


def decide(core: Core, version: str, case: Case, loaded: Mapping[RowKey, Loaded]) -> Decision:
    """Decides one case. NotLoaded asks for more rows; any other exception is a bug of the core."""
    rows = Rows(case.key, {key: value.row for key, value in loaded.items()})
    step = core.decide(rows, case.given, case.now)
    check(core, case.key, step)
    number = case.decisions + 1
    at = timestamp(case.now)
    messages = tuple([_message(case, body, case.events + i, at) for i, body in enumerate(step.events, 1)])
    events = tuple(map(encode, messages))
    key = case.key.encode()
    sent = tuple([record_hash(key, *event) for event in events])
    changed = _changed(case.key, step)
    record = {
        "writer": case.writer,
        "key": case.key,
        "number": number,
        "input": {**_input(case.given), **case.place},
        "causes": list(map(list, case.causes)),
        "links": list(case.links),
        "now": at,
        "core": version,
        "read": [[*key, loaded[key].version] for key in rows.read],
        "rows": [
            [name.kind, name.id, None if body is None else canonical.embedded(body)]
            for name, (_, body) in changed.items()
        ],
        "first": case.events + 1,
        "events": [message.id for message in messages],
        "sent": sent,
        "timers": list(map(_timer, step.timers)),
        "work": list(map(_work, step.work)),
        "forward": list(step.forward),
    }
    return Decision(number, step, messages, events, sent, changed, sealed(record))


def sealed(record: Mapping[str, Any]) -> bytes:
    """A journal record's bytes, with the hash of all the rest in `sha256`, so that no changed byte is overlooked."""
    whole = canonical.dumps(record)
    after = canonical.dumps({name: record[name] for name in record if name > "sha256"})
    at = len(whole) - len(after) + 1
    seal = b'"sha256":"%b"' % canonical.sha256(whole).encode()
    return b"{%b}" % b",".join(filter(None, (whole[1:at].rstrip(b","), seal, whole[at:-1])))


def check(core: Core, key: str, step: Step) -> None:
    """ValueError or TypeError for what no decision under this key may come to."""
    if step.forward and key != EVERY:
        raise ValueError(f"the decision under {key!r} forwards to {step.forward}: only `*` may")
    if step.forward and (EVERY in step.forward or len(set(step.forward)) != len(step.forward)):
        raise ValueError(f"`*` forwards to {step.forward}: only to applications, to each once")
    for change in step.rows:
        if change.row is not None and type(change.row) is not core.rows.get(change.kind):
            raise TypeError(f"a row of the kind {change.kind!r} is a {type(change.row).__name__}")


def _message(case: Case, body: Payload, number: int, at: str) -> Message[Payload]:
    writer, key = case.writer, case.key
    return Message(
        body,
        event_id(writer, key, number),
        f"/lockgate/{writer}",
        key,
        at,
        writer,
        number,
        tuple([cause for cause in case.causes if cause.writer != writer]),
        case.links or cause_ids(case.causes[-1:]),
    )


def _changed(key: str, step: Step) -> dict[RowKey, tuple[Row | None, bytes | None]]:
    changed: dict[RowKey, tuple[Row | None, bytes | None]] = {}
    for change in step.rows:
        body = None if change.row is None else canonical.dumps(change.row.model_dump(mode="json"))
        changed[RowKey(key, change.kind, change.id)] = (change.row, body)
    return changed


def _input(given: Input) -> dict[str, Any]:
    match given:
        case Message(number=None):
            return {"kind": "event", "id": given.id, "inlet": list(inlet_id(given))}
        case Message():
            return {"kind": "event", "id": given.id}
        case TimerDue():
            return {"kind": "timer", "name": given.name, "body": given.body, "due": timestamp(given.due)}
        case WorkReported():
            work = {"kind": "work", "name": given.name, "work": given.kind, "body": given.body}
            return {**work, "report": given.report, "final": given.final}
        case ServiceStarted():
            return {"kind": "started", "settings": given.settings}


def _timer(timer: SetTimer | CancelTimer) -> dict[str, Any]:
    match timer:
        case SetTimer():
            grace = timer.grace.total_seconds()
            return {"set": timer.name, "due": timestamp(timer.due), "body": timer.body, "grace": grace}
        case CancelTimer():
            return {"cancel": timer.name}


def _work(work: StartWork | CancelWork) -> dict[str, Any]:
    match work:
        case StartWork():
            return {"start": work.name, "kind": work.kind, "body": work.body}
        case CancelWork():
            return {"cancel": work.name}
