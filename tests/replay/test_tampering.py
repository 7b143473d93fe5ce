"""One changed byte anywhere on the topics is found, and its place is named."""

import pytest

from lockgate.runtime.replay_findings import (
    EventChanged,
    InputChanged,
    JournalDamaged,
)
from lockgate.runtime.replay_report import EXIT_DIFFERS
from tests.support.replay_judging import HISTORY, body, judged, kinds, of

RECORDS = range(len(HISTORY.journal))


def flips(data: bytes, every: int, first: int = 0) -> list[bytes]:
    """The data with one bit flipped, at each of some places; the lowest bit keeps letters letters."""
    return [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(first, len(data), every)]


@pytest.mark.parametrize("record", RECORDS)
def test_any_flipped_byte_of_a_journal_record_is_found_and_named(record: int) -> None:
    place = HISTORY.journal[record]
    value = HISTORY.shelf.at(place).value or b""
    for changed in flips(value, every=7, first=record % 7):
        report = judged(HISTORY.shelf.changed(place, value=changed))
        assert report.exit_code == EXIT_DIFFERS, changed
        found = [f for f in report.findings.kept if f.where.place == place]
        assert [type(f) for f in found] == [JournalDamaged], changed
        assert kinds(report) == {JournalDamaged}, (changed, [f.sentence for f in report.findings.kept])


def test_every_byte_of_one_journal_record_is_guarded_and_its_neighbours_stay_reproducible() -> None:
    place = of("timer", "shop")
    value, number = HISTORY.shelf.at(place).value or b"", body(place)["number"]
    for changed in flips(value, every=1):
        report = judged(HISTORY.shelf.changed(place, value=changed))
        assert kinds(report) == {JournalDamaged}, changed
        assert [(f.where.number, f.where.place) for f in report.findings.kept] == [(number, place)]
        lost = report.writers[0].unreachable
        assert report.equal + lost == 13, changed


def test_a_flipped_byte_of_a_journal_record_is_named_by_its_path_where_the_rest_tells() -> None:
    place = of("work", "shop")
    value = (HISTORY.shelf.at(place).value or b"").replace(
        b'"seen",{"text":"half"}', b'"seen",{"text":"harf"}'
    )
    report = judged(HISTORY.shelf.changed(place, value=value))
    assert [f.detail for f in report.findings.kept] == ['rows[0][2].text: is "harf", expected "half"']
    assert report.equal == 13


@pytest.mark.parametrize("event", range(len(HISTORY.events)))
def test_any_flipped_byte_of_an_emitted_event_is_found_and_named(event: int) -> None:
    place = HISTORY.events[event]
    for changed in flips(HISTORY.shelf.at(place).value or b"", every=7, first=event % 7):
        report = judged(HISTORY.shelf.changed(place, value=changed))
        assert report.exit_code == EXIT_DIFFERS, changed
        assert [(type(f), f.where.place) for f in report.findings.kept] == [(EventChanged, place)], changed
        assert report.equal == 14


@pytest.mark.parametrize("header", range(7))
def test_any_flipped_byte_of_an_events_headers_is_found(header: int) -> None:
    place = HISTORY.events[5]
    headers = HISTORY.shelf.at(place).headers
    name, value = headers[header]
    for changed in (*((name, v) for v in flips(value or b"", every=3)), (name + "x", value)):
        replaced = (*headers[:header], changed, *headers[header + 1 :])
        report = judged(HISTORY.shelf.changed(place, headers=replaced))
        assert [(type(f), f.where.place) for f in report.findings.kept] == [(EventChanged, place)], changed
    report = judged(HISTORY.shelf.changed(place, headers=(*headers[:header], *headers[header + 1 :])))
    assert kinds(report) == {EventChanged}


def test_an_event_under_another_key_is_found() -> None:
    place = HISTORY.events[5]
    report = judged(HISTORY.shelf.changed(place, key=b"other"))
    assert [(type(f), f.where.place) for f in report.findings.kept] == [(EventChanged, place)]
    assert "key: is b'other', expected b'" in report.findings.kept[0].detail


def test_a_journal_record_under_another_key_is_found() -> None:
    place = of("timer", "shop")
    report = judged(HISTORY.shelf.changed(place, key=b"desk"))
    assert [(type(f), f.where.place) for f in report.findings.kept] == [(JournalDamaged, place)]
    assert report.findings.kept[0].detail == 'record.key: is "desk", expected "shop"'


@pytest.mark.parametrize("given", range(len(HISTORY.inputs)))
def test_any_flipped_byte_of_an_input_is_found_and_named(given: int) -> None:
    place = HISTORY.inputs[given]
    for changed in flips(HISTORY.shelf.at(place).value or b"", every=7, first=given % 7):
        report = judged(HISTORY.shelf.changed(place, value=changed))
        assert report.exit_code == EXIT_DIFFERS, changed
        assert {(type(f), f.where.place) for f in report.findings.kept} == {(InputChanged, place)}, changed
