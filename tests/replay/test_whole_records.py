"""Records that are removed, added or swapped are found, and their places are named."""

from typing import Any

import pytest

from lockgate.runtime.replay_findings import (
    EventForeign,
    EventMissing,
    InputChanged,
    InputForeign,
    InputLost,
    JournalConflict,
    JournalDamaged,
    JournalGap,
    JournalMoved,
)
from lockgate.runtime.replay_report import EXIT_DIFFERS
from tests.support.replay_judging import HISTORY, assign, body, judged, kinds, of
from tests.support.replays import History, resealed


def test_a_removed_journal_record_is_a_gap_and_what_does_not_read_its_rows_is_still_recomputed() -> None:
    place = of("timer", "shop")
    report = judged(HISTORY.shelf.without(place))
    assert [(type(f), f.where.number) for f in report.findings.kept] == [(JournalGap, body(place)["number"])]
    assert report.equal + report.writers[0].unreachable == report.decisions == 13


def test_the_newest_journal_record_of_a_key_is_missed_by_its_events() -> None:
    report = judged(HISTORY.shelf.without(HISTORY.journal[-1]))
    assert [(type(f), f.where.place) for f in report.findings.kept] == [(EventForeign, HISTORY.events[-1])]


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_swapped_journal_records_of_a_key_are_found(distance: int) -> None:
    shop = [place for place in HISTORY.journal if body(place)["key"] == "shop"]
    report = judged(HISTORY.shelf.swapped(shop[1], shop[1 + distance]))
    assert kinds(report) == {JournalMoved}
    assert (report.equal, report.exit_code) == (14, EXIT_DIFFERS)


def test_a_journal_record_on_another_partition_is_found() -> None:
    shelf = HISTORY.shelf.copy()
    first = shelf.at(of("timer", "shop"))
    shelf.append(first.topic, 1 - first.partition, first.key, (), first.value or b"")
    assert kinds(judged(shelf)) == {JournalMoved}


def test_a_second_record_with_a_number_that_is_taken_is_found() -> None:
    shelf = HISTORY.shelf.copy()
    first = shelf.at(of("timer", "shop"))
    added = shelf.append(first.topic, first.partition, first.key, (), first.value or b"")
    place = (added.topic, added.partition, added.offset)
    report = judged(resealed(shelf, place, assign("now", value="2026-11-24T13:00:00.000Z")))
    assert [(type(f), f.where.place) for f in report.findings.kept] == [(JournalConflict, place)]


def test_an_event_that_is_decided_on_a_second_time_is_found() -> None:
    shelf = HISTORY.shelf.copy()
    halted = [
        p
        for p in HISTORY.journal
        if body(p)["key"] == "shop" and body(p)["input"].get("topic") == "rollbacks"
    ]
    first, last = shelf.at(halted[0]), body(halted[-1])
    added = shelf.append(first.topic, first.partition, first.key, (), first.value or b"")

    def next_number(record: dict[str, Any]) -> None:
        record["number"], record["first"] = last["number"] + 1, last["first"] + 1
        record["events"] = record["sent"] = []

    report = judged(resealed(shelf, (added.topic, added.partition, added.offset), next_number))
    assert kinds(report) == {InputForeign}
    assert "decided on before" in report.findings.kept[0].sentence


def test_a_removed_input_is_lost() -> None:
    report = judged(HISTORY.shelf.without(HISTORY.inputs[1]))
    assert {(type(f), f.where.place) for f in report.findings.kept} == {(InputLost, HISTORY.inputs[1])}


def test_a_removed_event_is_missing_since_later_ones_are_there() -> None:
    report = judged(HISTORY.shelf.without(HISTORY.events[3]))
    assert kinds(report) == {EventMissing}


def test_an_event_that_nobody_emitted_is_found_where_it_lies() -> None:
    other = History()
    for id_ in ("x1", "x2"):
        other.artifact("stranger", id_)
    shelf = HISTORY.shelf.copy()
    event = other.shelf.at(other.events[0])
    added = shelf.append(event.topic, event.partition, event.key, event.headers, event.value or b"")  # type: ignore[arg-type]  # no header is null here
    report = judged(shelf)
    assert [(type(f), f.where.place) for f in report.findings.kept] == [
        (EventForeign, (added.topic, added.partition, added.offset))
    ]


def test_a_second_event_with_a_number_that_is_taken_is_found() -> None:
    shelf = HISTORY.shelf.copy()
    event = shelf.at(HISTORY.events[3])
    value = (event.value or b"").replace(b'"purl":"pkg:oci/a"', b'"purl":"pkg:oci/b"')
    added = shelf.append(event.topic, event.partition, event.key, event.headers, value)  # type: ignore[arg-type]  # no header is null here
    report = judged(shelf)
    assert [(type(f), f.where.place) for f in report.findings.kept] == [
        (EventForeign, (added.topic, added.partition, added.offset))
    ]


def test_swapped_events_of_a_key_change_nothing_that_a_reader_acts_on_but_are_found_as_inputs() -> None:
    shelf = HISTORY.shelf.swapped(HISTORY.inputs[2], HISTORY.inputs[-1])
    assert kinds(judged(shelf)) == {InputChanged}


def test_rubbish_on_the_journal_is_found_without_any_name() -> None:
    shelf = HISTORY.shelf.copy()
    shelf.append("intake.journal", 0, None, (), b"\xff rubbish")
    report = judged(shelf)
    assert kinds(report) == {JournalDamaged}
    assert report.equal == 14
