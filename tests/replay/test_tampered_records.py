"""Key, headers and value of every record that the journal names are vouched for, whatever version of a core is here."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lockgate.runtime.batch import Place
from lockgate.runtime.checks import Record
from lockgate.runtime.record_hash import record_hash
from lockgate.runtime.replay import replay
from lockgate.runtime.replay_findings import (
    DecisionDiffers,
    EventChanged,
    EventOtherwise,
    Finding,
    InputChanged,
    Severity,
)
from lockgate.runtime.replay_report import EXIT_DIFFERS, Report
from tests.support.replay_core import replayable, toy
from tests.support.replay_judging import HISTORY, assign, body, kinds
from tests.support.replays import Shelf, resealed

Header = tuple[str, bytes | None]
Tampering = Callable[[Record], Mapping[str, Any]]


def _flipped(data: bytes | None) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:] if data else b"x"


def _headers(change: Callable[[list[Header]], list[Header]]) -> Tampering:
    return lambda record: {"headers": tuple(change(list(record.headers)))}


def _first(change: Callable[[str, bytes | None], Header]) -> Tampering:
    return _headers(lambda headers: [change(*headers[0]), *headers[1:]])


TAMPERINGS: dict[str, Tampering] = {
    "a byte of the key": lambda record: {"key": _flipped(record.key)},
    "an empty key": lambda _: {"key": b""},
    "a byte of the value": lambda record: {"value": (record.value or b"").replace(b"T1", b"T2", 1)},
    "a blank behind the value": lambda record: {"value": (record.value or b"") + b" "},
    "a byte of a header": _first(lambda name, value: (name, _flipped(value))),
    "a header's name": _first(lambda name, value: (name + "x", value)),
    "a header's name in capitals": _first(lambda name, value: (name.upper(), value)),
    "a null in place of a header": _first(lambda name, _: (name, None)),
    "a header more": _headers(lambda headers: [*headers, ("tracestate", b"a=1")]),
    "a header twice": _headers(lambda headers: [*headers, headers[-1]]),
    "a header less": _headers(lambda headers: headers[:-1]),
    "two headers swapped": _headers(lambda headers: [headers[1], headers[0], *headers[2:]]),
}

CORES = {
    "the version that decided": replayable(),
    "another version that decides the same": replayable(version="v2"),
    "another version that decides otherwise": replayable(toy("letter", halted="ended", looked="saw"), "v2"),
}


def a_place(topic: str) -> Place:
    return next(place for place in HISTORY.inputs if place[0] == topic)


EMITTED = HISTORY.events[5]
"""An event that no service here reads."""

PLACES: dict[str, tuple[Place, type[Finding]]] = {
    "a record of an inlet": (a_place("artifacts"), InputChanged),
    "an event of another service": (a_place("rollbacks"), InputChanged),
    "an event that nobody read": (EMITTED, EventChanged),
}


def differing(report: Report) -> list[Finding]:
    return [found for found in report.findings.kept if found.severity is Severity.DIFFERS]


def decisions(place: Place) -> set[tuple[str, int]]:
    """The decisions (key, number) that the journal says were made from a record, or emitted it."""
    found = set()
    for record in map(body, HISTORY.journal):
        named = record["input"]
        emits = body(place)["context"]["id"] in record["events"]
        if emits or (named.get("topic"), named.get("partition"), named.get("offset")) == place:
            found.add((record["key"], record["number"]))
    return found


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_changed_record_is_named_with_its_decisions(tampering: str, where: str, core: str) -> None:
    place, expected = PLACES[where]
    record = HISTORY.shelf.at(place)
    shelf = HISTORY.shelf.changed(place, **TAMPERINGS[tampering](record))
    assert shelf.at(place) != record
    report = replay(shelf, [CORES[core]])
    found = differing(report)
    assert {(type(f), f.where.place) for f in found} == {(expected, place)}
    assert {(f.where.key, f.where.number) for f in found} == decisions(place) != set()
    assert report.exit_code == EXIT_DIFFERS


@pytest.mark.parametrize("core", CORES)
def test_what_was_not_changed_differs_nowhere(core: str) -> None:
    assert differing(replay(HISTORY.shelf, [CORES[core]])) == []


def test_a_changed_event_is_told_apart_field_by_field_where_it_can_be_made_again() -> None:
    headers = HISTORY.shelf.at(EMITTED).headers
    shelf = HISTORY.shelf.changed(EMITTED, headers=(("ce_specversion", b"1.1"), *headers[1:]))
    (found,) = differing(replay(shelf, [CORES["another version that decides the same"]]))
    assert 'headers.ce_specversion: is "1.1", expected "1.0"' in found.sentence


def test_a_changed_event_that_cannot_be_made_again_is_told_by_its_hash() -> None:
    sent = next(
        hashes
        for record in map(body, HISTORY.journal)
        for id_, hashes in zip(record["events"], record["sent"], strict=True)
        if id_ == body(EMITTED)["context"]["id"]
    )
    shelf = HISTORY.shelf.changed(EMITTED, key=b"other")
    (found,) = differing(replay(shelf, [CORES["another version that decides otherwise"]]))
    assert f"and the journal says {sent}" in found.sentence


def test_an_event_of_a_decision_that_cannot_be_recomputed_is_vouched_for_as_well() -> None:
    place = a_place("artifacts")
    (key, number) = max(decisions(place))
    record = next(r for r in map(body, HISTORY.journal) if (r["key"], r["number"]) == (key, number))
    emitted = next(p for p in HISTORY.events if body(p)["context"]["id"] == record["events"][0])
    expired: Shelf = HISTORY.shelf.beginning("artifacts", 1, place[2] + 1)
    assert differing(replay(expired, [replayable()])) == []
    (found,) = differing(replay(expired.changed(emitted, key=b"other"), [replayable()]))
    assert (type(found), found.where.place, found.where.number) == (EventChanged, emitted, number)


def test_a_forged_hash_of_an_event_is_found_by_the_event() -> None:
    place = next(p for p in HISTORY.journal if body(p)["sent"])
    shelf = resealed(HISTORY.shelf, place, assign("sent", 0, value="0" * 64))
    assert EventChanged in kinds(replay(shelf, [replayable(version="v2")]))
    assert EventChanged in kinds(replay(shelf, [replayable()]))


@pytest.mark.parametrize("value", [[], ["0", "0", "0", "0"]])
def test_a_journal_record_with_more_or_fewer_hashes_than_events_is_none_that_a_service_writes(
    value: Any,
) -> None:
    place = next(p for p in HISTORY.journal if body(p)["sent"])
    report = replay(resealed(HISTORY.shelf, place, assign("sent", value=value)), [replayable(version="v2")])
    assert any("none that a service writes" in found.sentence for found in differing(report))


def test_an_event_forged_together_with_its_hash_is_one_that_no_decision_of_this_version_emits() -> None:
    id_ = body(EMITTED)["context"]["id"]
    place = next(p for p in HISTORY.journal if id_ in body(p)["events"])
    at = body(place)["events"].index(id_)
    sha256 = record_hash(b"other", HISTORY.shelf.at(EMITTED).headers, HISTORY.shelf.at(EMITTED).value)
    shelf = resealed(HISTORY.shelf.changed(EMITTED, key=b"other"), place, assign("sent", at, value=sha256))
    (found,) = differing(replay(shelf, [replayable()]))
    assert (type(found), found.where.place) == (DecisionDiffers, place)
    assert f'sent[{at}]: is "{sha256[:20]}' in found.sentence
    assert kinds(replay(shelf, [replayable(version="v2")])) == {EventOtherwise}
