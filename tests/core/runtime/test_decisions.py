"""One decision: the same case has the same bytes, and its journal record holds all that it was made from."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lockgate.messages.decision import (
    NotLoaded,
    On,
    RowKey,
    ServiceStarted,
    Step,
    Table,
    TimerDue,
    WorkReported,
    put,
)
from lockgate.messages.message import Message, encode, event_id
from lockgate.messages.payload import Payload
from lockgate.messages.values import Cause
from lockgate.messages.verdicts import StageWaiting
from lockgate.runtime import canonical
from lockgate.runtime.decider import Case, Decision, Loaded, causes_of, decide, sealed
from lockgate.runtime.record_hash import record_hash
from tests.support.toy import Tally, core
from tests.support.toy_world import said

NOW = datetime(2026, 11, 24, 12, 0, 0, 123000, tzinfo=UTC)
KEY = RowKey("shop", "tally", "")
ROWS = {KEY: Loaded(4, Tally(handled=("before",)))}
PLACE = {"topic": "verdicts", "partition": 1, "offset": 9, "sha256": "00"}


def case(given: Any = None, **changed: Any) -> Case:
    basis = Case(
        writer="rollback",
        key="shop",
        given=given or said(3, "timer a 60"),
        place=PLACE,
        causes=(Cause("verifier", "shop", 3),),
        links=("link",),
        now=NOW,
        decisions=4,
        events=7,
    )
    return basis._replace(**changed)


def record_of(decision: Decision) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(decision.journal)
    return found


def test_the_same_case_has_the_same_bytes() -> None:
    first, second = (decide(core(), "v1", case(), ROWS) for _ in range(2))
    assert first.journal == second.journal
    assert first.messages == second.messages


def test_the_journal_record_of_an_event_written_by_hand() -> None:
    decision = decide(core(), "v1", case(), ROWS)
    record = record_of(decision)
    assert canonical.sha256(
        canonical.dumps({k: v for k, v in record.items() if k != "sha256"})
    ) == record.pop("sha256")
    assert record == {
        "writer": "rollback",
        "key": "shop",
        "number": 5,
        "input": {"kind": "event", "id": event_id("verifier", "shop", 3), **PLACE},
        "causes": [["verifier", "shop", 3]],
        "links": ["link"],
        "now": "2026-11-24T12:00:00.123Z",
        "core": "v1",
        "read": [["shop", "tally", "", 4]],
        "rows": [["tally", "", {"handled": ["before", "verifier 3"]}]],
        "first": 8,
        "events": [event_id("rollback", "shop", 8)],
        "sent": [record_hash(b"shop", *encode(decision.messages[0]))],
        "timers": [
            {"set": "a", "due": "2026-11-24T12:01:00.123Z", "body": {"of": "timer a 60"}, "grace": 0.0}
        ],
        "work": [],
        "forward": [],
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            TimerDue("a", {"of": "x"}, NOW),
            {"kind": "timer", "name": "a", "body": {"of": "x"}, "due": "2026-11-24T12:00:00.123Z"},
        ),
        (
            WorkReported("w", "toy", {"argument": "x"}, {"said": "y"}, final=True),
            {
                "kind": "work",
                "name": "w",
                "work": "toy",
                "body": {"argument": "x"},
                "report": {"said": "y"},
                "final": True,
            },
        ),
        (ServiceStarted({"as": "x"}), {"kind": "started", "settings": {"as": "x"}}),
    ],
    ids=["timer", "work", "start"],
)
def test_an_input_that_is_on_no_topic_is_in_the_journal_itself(given: Any, expected: dict[str, Any]) -> None:
    assert record_of(decide(core(), "v1", case(given, place={}), ROWS))["input"] == expected


@pytest.mark.parametrize(
    ("script", "timers", "work"),
    [
        ("cancel a", [{"cancel": "a"}], []),
        ("work w x", [], [{"start": "w", "kind": "toy", "body": {"argument": "x"}}]),
        ("unwork w", [], [{"cancel": "w"}]),
    ],
)
def test_timers_and_work_are_in_the_journal(script: str, timers: list[Any], work: list[Any]) -> None:
    record = record_of(decide(core(), "v1", case(said(3, script)), ROWS))
    assert (record["timers"], record["work"]) == (timers, work)


@pytest.mark.parametrize(
    "other",
    [
        {"now": NOW.replace(microsecond=124000)},
        {"decisions": 5},
        {"events": 8},
        {"links": ()},
        {"causes": ()},
        {"place": {}},
        {"writer": "other"},
        {"given": said(4, "timer a 60")},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_case_that_differs_in_anything_has_another_journal_record(other: dict[str, Any]) -> None:
    assert decide(core(), "v1", case(**other), ROWS).journal != decide(core(), "v1", case(), ROWS).journal


def test_events_are_numbered_on_and_name_their_causes_but_not_their_own_writer() -> None:
    own, foreign = Cause("rollback", "shop", 2), Cause("verifier", "shop", 3)
    (message,) = decide(core(), "v1", case(causes=(own, foreign)), ROWS).messages
    assert (message.number, message.writer, message.key) == (8, "rollback", "shop")
    assert message.id == event_id("rollback", "shop", 8)
    assert message.after == (foreign,)
    assert (message.source, message.at) == ("/lockgate/rollback", "2026-11-24T12:00:00.123Z")


def test_a_row_that_is_not_loaded_is_asked_for() -> None:
    with pytest.raises(NotLoaded) as asked:
        decide(core(), "v1", case(), {})
    assert asked.value.keys == (KEY,)


def test_a_changed_byte_of_a_record_does_not_keep_its_seal() -> None:
    record = {"a": 1}
    assert json.loads(sealed(record)) == {"a": 1, "sha256": canonical.sha256(b'{"a":1}')}


def deciding(step: Step) -> Table:
    return Table(kinds=(Tally,), events={StageWaiting: On(lambda *_: step)}, shared={})


@pytest.mark.parametrize(
    ("key", "step", "error", "sentence"),
    [
        ("shop", Step(forward=("other",)), ValueError, "only `[*]` may"),
        ("*", Step(forward=("*",)), ValueError, "only to applications"),
        ("*", Step(forward=("a", "a")), ValueError, "to each once"),
    ],
)
def test_a_forward_that_is_not_allowed(key: str, step: Step, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        decide(deciding(step), "v1", case(key=key), {})


def test_a_row_of_a_kind_that_the_core_does_not_declare() -> None:
    step = put(Tally())
    table = Table(kinds=(), events={StageWaiting: On(lambda *_: step)})
    with pytest.raises(TypeError, match="a row of the kind 'tally' is a Tally"):
        decide(table, "v1", case(), {})


def after(*causes: Cause, writer: str = "verifier", number: int = 3) -> Message[Payload]:
    return said(number, after=causes)._replace(writer=writer)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (after(), (Cause("verifier", "shop", 3),)),
        (
            after(Cause("intake", "shop", 4), Cause("intake", "*", 1)),
            (Cause("intake", "*", 1), Cause("intake", "shop", 4), Cause("verifier", "shop", 3)),
        ),
        (
            after(Cause("intake", "shop", 4), Cause("intake", "shop", 2)),
            (Cause("intake", "shop", 4), Cause("verifier", "shop", 3)),
        ),
        (after(Cause("verifier", "shop", 9)), (Cause("verifier", "shop", 9),)),
        (after(Cause("eu-west", "shop", 9)), (Cause("verifier", "shop", 3),)),
        (
            after(Cause("intake", "shop", 1), writer="eu-west"),
            (Cause("eu-west", "shop", 3), Cause("intake", "shop", 1)),
        ),
    ],
)
def test_what_follows_from_an_event_names_it_and_its_own_causes(
    message: Message[Payload], expected: tuple[Cause, ...]
) -> None:
    assert causes_of(message) == expected


def test_an_inlet_event_is_nobodys_cause() -> None:
    assert causes_of(said(1)._replace(writer=None, number=None)) == ()
