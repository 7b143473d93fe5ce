"""Whatever somebody changes, removes, adds or swaps on the topics is found, and the place is named."""

from collections.abc import Callable
from typing import Any

import pytest

from lockgate.runtime import canonical
from lockgate.runtime.batch import Place
from lockgate.runtime.replay import replay
from lockgate.runtime.replay_findings import (
    DecisionDiffers,
    EventDiffers,
    EventForeign,
    EventMissing,
    Finding,
    InputChanged,
    InputForeign,
    InputLost,
    JournalConflict,
    JournalDamaged,
    JournalGap,
    JournalMoved,
)
from lockgate.runtime.replay_report import EXIT_DIFFERS, Report
from tests.support.replays import History, Shelf, a_history, replayable, resealed

HISTORY = a_history()
RECORDS = range(len(HISTORY.journal))


def judged(shelf: Shelf) -> Report:
    return replay(shelf, [replayable()])


def kinds(report: Report) -> set[type[Finding]]:
    return {type(found) for found in report.findings.kept}


def body(place: Place, shelf: Shelf = HISTORY.shelf) -> Any:
    return canonical.loads(shelf.at(place).value or b"")


def flips(data: bytes, every: int, first: int = 0) -> list[bytes]:
    """The data with one bit flipped, at each of some places; the lowest bit keeps letters letters."""
    return [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(first, len(data), every)]


def of(kind: str, key: str) -> Place:
    """The first journal record of an input kind and key."""
    return next(p for p in HISTORY.journal if (body(p)["input"]["kind"], body(p)["key"]) == (kind, key))


# --- one byte ---------------------------------------------------------------------------------------------


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
        assert [(type(f), f.where.place) for f in report.findings.kept] == [(EventDiffers, place)], changed
        assert report.equal == 14


@pytest.mark.parametrize("header", range(7))
def test_any_flipped_byte_of_an_events_headers_is_found(header: int) -> None:
    place = HISTORY.events[5]
    headers = HISTORY.shelf.at(place).headers
    name, value = headers[header]
    for changed in (*((name, v) for v in flips(value or b"", every=3)), (name + "x", value)):
        replaced = (*headers[:header], changed, *headers[header + 1 :])
        report = judged(HISTORY.shelf.changed(place, headers=replaced))
        assert [(type(f), f.where.place) for f in report.findings.kept] == [(EventDiffers, place)], changed
    report = judged(HISTORY.shelf.changed(place, headers=(*headers[:header], *headers[header + 1 :])))
    assert kinds(report) == {EventDiffers}


def test_an_event_under_another_key_is_found() -> None:
    place = HISTORY.events[5]
    report = judged(HISTORY.shelf.changed(place, key=b"other"))
    assert [(type(f), f.where.place) for f in report.findings.kept] == [(EventDiffers, place)]
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


# --- by somebody who knows how the journal is sealed --------------------------------------------------------

Change = Callable[[dict[str, Any]], None]


def assign(*path: Any, value: Any) -> Change:
    def change(record: dict[str, Any]) -> None:
        inner: Any = record
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value

    return change


FORGED: list[tuple[str, str, Change, type[Finding], str]] = [
    ("event", "shop", assign("rows", 0, 2, "words", 0, value="lies"), DecisionDiffers, "rows[0][2].words[0]"),
    ("event", "shop", assign("rows", value=[]), DecisionDiffers, "rows: has 0 items, expected 1"),
    ("event", "shop", assign("events", 0, value="another"), DecisionDiffers, 'events[0]: is "another"'),
    (
        "event",
        "shop",
        assign("timers", 0, "due", value="2026-11-24T12:00:09.000Z"),
        DecisionDiffers,
        "timers[0].due",
    ),
    (
        "event",
        "shop",
        assign("work", 0, "body", value={"at": 9}),
        DecisionDiffers,
        "work[0].body.at: is 9, expected 1",
    ),
    ("event", "shop", assign("read", 0, 3, value=1), DecisionDiffers, "read[0][3]: is 1"),
    ("event", "shop", assign("first", value=7), DecisionDiffers, "first: is 7, expected 1"),
    (
        "event",
        "shop",
        assign("causes", value=[["verifier", "shop", 3]]),
        DecisionDiffers,
        "causes: has 1 items",
    ),
    ("event", "shop", assign("links", value=[]), DecisionDiffers, "links: has 0 items, expected 1"),
    ("event", "shop", assign("forward", value=["desk"]), DecisionDiffers, "forward: has 1 items, expected 0"),
    ("event", "shop", assign("input", "id", value="a9"), InputForeign, "not for this key"),
    (
        "event",
        "shop",
        assign("input", "offset", value=99),
        InputLost,
        "artifacts/1 ends at 3, and it was at 99",
    ),
    (
        "event",
        "shop",
        assign("input", "partition", value=9),
        InputLost,
        "there is no partition 9 of artifacts",
    ),
    ("event", "shop", assign("input", "topic", value="lies"), InputLost, "no partition 1 of lies"),
    ("event", "shop", assign("input", "sha256", value="0"), InputChanged, "and the journal says 0"),
    ("event", "shop", assign("extra", value=1), DecisionDiffers, "extra: is 1, expected nothing"),
    ("event", "shop", assign("now", value="2026-11-24T13:00:00.000Z"), DecisionDiffers, "timers[0].due"),
    ("event", "shop", assign("now", value="soon"), JournalDamaged, "none that a service writes"),
    ("event", "shop", assign("input", value={"kind": "lies"}), InputForeign, "kind 'lies'"),
    ("timer", "shop", assign("input", "body", value={"about": 9}), InputForeign, "is not the one"),
    (
        "timer",
        "shop",
        assign("input", "name", value="nudge at will"),
        InputForeign,
        "no earlier decision left",
    ),
    ("work", "shop", assign("input", "report", value={"seen": "lies"}), DecisionDiffers, "rows[0][2].text"),
    ("work", "shop", assign("input", "body", value={"at": 9}), InputForeign, "is not the one"),
    (
        "started",
        "*",
        assign("input", "settings", value={"deployer": "us"}),
        DecisionDiffers,
        "rows[0][2].text",
    ),
]


@pytest.mark.parametrize(("kind", "key", "change", "expected", "detail"), FORGED)
def test_a_forged_field_is_found_at_its_decision(
    kind: str, key: str, change: Change, expected: type[Finding], detail: str
) -> None:
    place = of(kind, key)
    report = judged(resealed(HISTORY.shelf, place, change))
    first = next(found for found in report.findings.kept if found.where.number == body(place)["number"])
    assert type(first) is expected, first.sentence
    assert detail in first.sentence
    assert report.exit_code == EXIT_DIFFERS


def test_an_event_that_is_not_for_this_key_cannot_have_been_decided_under_it() -> None:
    desk, shop = of("event", "desk"), of("event", "shop")
    forged = resealed(HISTORY.shelf, desk, assign("input", value=body(shop)["input"]))
    assert InputForeign in kinds(judged(forged))


# --- whole records ------------------------------------------------------------------------------------------


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
        record["number"], record["first"], record["events"] = last["number"] + 1, last["first"] + 1, []

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
