"""A changed line of a core shows at the first decision that it changes, and at no other."""

from lockgate.runtime.replay import replay
from lockgate.runtime.replay_findings import DecidesOtherwise, DecisionDiffers, EventOtherwise
from lockgate.runtime.replay_report import EXIT_DIFFERS, EXIT_EQUAL, EXIT_OTHERWISE
from tests.support.replay_core import replayable, toy
from tests.support.replays import a_history

HISTORY = a_history()
CHANGED = toy(halted="stopped")
"""It says another word where an application is halted: decisions 2 and 6 of shop, 2 of desk."""


def test_with_the_same_version_it_is_a_decision_that_cannot_be_reproduced() -> None:
    report = replay(HISTORY.shelf, [replayable(CHANGED)])
    assert report.exit_code == EXIT_DIFFERS
    first = report.findings.kept[0]
    assert isinstance(first, DecisionDiffers)
    assert (first.where.writer, first.where.key, first.where.number) == ("intake", "desk", 2)
    told = 'rows[0][2].text: is "halted at turn 1 with 1", expected "stopped at turn 1 with 1"'
    assert first.detail == told


def test_each_decision_is_compared_on_its_own_so_that_one_difference_hides_no_other() -> None:
    report = replay(HISTORY.shelf, [replayable(CHANGED)])
    found = [(f.where.key, f.where.number) for f in report.findings.kept if isinstance(f, DecisionDiffers)]
    assert found == [("desk", 2), ("shop", 2), ("shop", 7)]
    assert report.equal == 11  # among them what was nudged about later, from the rows as they were written


def test_with_another_version_it_is_what_todays_core_would_decide_otherwise() -> None:
    report = replay(HISTORY.shelf, [replayable(CHANGED, version="v2")])
    assert report.exit_code == EXIT_OTHERWISE
    assert {type(found) for found in report.findings.kept} == {DecidesOtherwise}
    assert report.findings.kept[0].detail.startswith("core v1 then, v2 now: rows[0][2].text")


def test_another_version_that_decides_the_same_is_equal() -> None:
    report = replay(HISTORY.shelf, [replayable(version="v2")])
    assert (report.exit_code, report.equal, report.findings.kept) == (EXIT_EQUAL, 14, [])
    assert report.writers[0].cores == {"v1": 14}


def test_a_history_of_two_versions_is_judged_decision_by_decision() -> None:
    history = a_history()
    history.core, history.version = CHANGED, "v2"
    history.halt("desk", 2)
    report = replay(history.shelf, [replayable(CHANGED, version="v2")])
    assert {type(found) for found in report.findings.kept} == {DecidesOtherwise}
    assert (report.equal, report.decisions) == (12, 15)
    assert report.writers[0].cores == {"v1": 14, "v2": 1}


def test_an_event_that_only_todays_core_words_otherwise_is_told_apart_where_it_lies() -> None:
    report = replay(HISTORY.shelf, [replayable(toy(looked="saw"), version="v2")])
    assert {type(found) for found in report.findings.kept} == {EventOtherwise}
    assert (report.exit_code, report.equal, report.events) == (EXIT_OTHERWISE, 14, 12)
    first = report.findings.kept[0]
    place = next(p for p in HISTORY.events if b'"looked"' in (HISTORY.shelf.at(p).value or b""))
    assert first.where.place == place
    assert 'reason: is "looked", expected "saw"' in first.detail


def test_the_same_version_that_words_an_event_otherwise_is_a_decision_that_cannot_be_reproduced() -> None:
    report = replay(HISTORY.shelf, [replayable(toy(looked="saw"))])
    assert {type(found) for found in report.findings.kept} == {DecisionDiffers}
    assert report.findings.kept[0].detail.startswith('sent[0]: is "')
    assert (report.exit_code, report.equal) == (EXIT_DIFFERS, 12)


def test_what_todays_core_would_word_otherwise_is_found_although_the_event_is_not_there() -> None:
    place = next(p for p in HISTORY.events if b'"looked"' in (HISTORY.shelf.at(p).value or b""))
    found = replay(HISTORY.shelf.without(place), [replayable(toy(looked="saw"), version="v2")]).findings.kept
    assert isinstance(found[0], EventOtherwise)
    assert "its sha256 would be" in found[0].detail


def test_a_core_that_raises_today_is_a_difference_too() -> None:
    blind = toy()
    blind = type(blind)(kinds=blind.kinds, events=blind.events, shared=blind.shared, started=blind.started)
    report = replay(HISTORY.shelf, [replayable(blind)])
    found = [f for f in report.findings.kept if isinstance(f, DecisionDiffers)]
    assert [(f.where.key, f.where.number) for f in found] == [
        ("desk", 3),
        ("shop", 3),
        ("shop", 5),
        ("shop", 6),
    ]
    assert all("raises KeyError" in f.detail for f in found)
