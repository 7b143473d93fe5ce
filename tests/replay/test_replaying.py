"""What was decided comes out the same again, from the topics alone."""

import hashlib
from typing import Any

import pytest

from lockgate.messages.values import EVERY
from lockgate.runtime.replay import replay
from lockgate.runtime.replay_deciding import Replayable
from lockgate.runtime.replay_findings import CoreUnknown, EventForeign, InputExpired
from lockgate.runtime.replay_report import Report
from tests.support.replay_core import replayable, toy
from tests.support.replays import History, Shelf, a_history


def sentences(report: Report) -> list[str]:
    return [found.sentence for found in report.findings.kept]


def kinds(report: Report) -> set[type]:
    return {type(found) for found in report.findings.kept}


def test_every_decision_and_every_event_comes_out_the_same() -> None:
    history = a_history()
    report = replay(history.shelf, [replayable()])
    assert (sentences(report), report.exit_code) == ([], 0)
    assert (report.decisions, report.equal, report.events) == (14, 14, 14)
    assert [writer.writer for writer in report.writers] == ["intake"]
    assert report.writers[0].cores == {"v1": 14}


def test_the_history_has_every_kind_of_input_and_a_row_of_all_read_by_applications() -> None:
    history = a_history()
    bodies = b"".join(history.shelf.at(place).value or b"" for place in history.journal)
    for word in (b'"kind":"started"', b'"kind":"event"', b'"kind":"timer"', b'"kind":"work"'):
        assert word in bodies
    assert b'"forward":["shop"]' in bodies
    assert b'["*","tally","",4]' in bodies  # the newest of its versions, read by the key `shop`


def test_the_state_hash_is_that_of_the_rows_that_are_left() -> None:
    report = replay(a_history().shelf, [replayable()])
    rows = b'[["box","",{"words":["number 2"]}]]'
    assert report.writers[0].states["desk"] == hashlib.sha256(rows).hexdigest()
    assert report.writers[0].states.keys() == {EVERY, "shop", "desk"}


def test_a_state_that_differs_has_another_hash() -> None:
    longer = a_history()
    longer.artifact("desk", "a9")
    first, second = (replay(h.shelf, [replayable()]) for h in (a_history(), longer))
    assert first.writers[0].states["shop"] == second.writers[0].states["shop"]
    assert first.writers[0].states["desk"] != second.writers[0].states["desk"]
    assert first.state != second.state


def test_what_a_relay_sent_twice_is_the_same_record() -> None:
    history = a_history()
    for place in (*history.journal[3:6], *history.events[2:4]):
        again = history.shelf.at(place)
        history.shelf.append(again.topic, again.partition, again.key, again.headers, again.value or b"")  # type: ignore[arg-type]  # no header is null here
    report = replay(history.shelf, [replayable()])
    assert (sentences(report), report.equal, report.repeats) == ([], 14, 5)


def test_one_application_is_replayed_with_the_rows_of_all() -> None:
    report = replay(a_history().shelf, [replayable()], applications=["desk"])
    assert (sentences(report), report.exit_code) == ([], 0)
    assert report.writers[0].states.keys() == {EVERY, "desk"}
    assert (report.decisions, report.equal) == (7, 7)


def test_progress_is_told_up_to_the_last_decision() -> None:
    told: list[tuple[int, int]] = []
    replay(a_history().shelf, [replayable()], progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (14, 14)


# --- decisions whose events are not published yet ----------------------------------------------------------


def test_a_tail_that_is_not_published_yet_is_no_difference() -> None:
    history = a_history()
    shelf = history.shelf.without(history.events[-1])
    report = replay(shelf, [replayable()])
    assert (sentences(report), report.exit_code, report.pending, report.events) == ([], 0, 1, 13)


def test_events_that_came_after_the_journal_was_read_are_nobodys_business_yet() -> None:
    history = a_history()
    last, event = history.journal[-1], history.events[-1]
    shelf = history.shelf.without(last)
    shelf.settled[event[:2]] = event[2]
    assert sentences(replay(shelf, [replayable()])) == []
    shelf.settled.clear()
    assert kinds(replay(shelf, [replayable()])) == {EventForeign}


# --- retention --------------------------------------------------------------------------------------------


def test_an_input_older_than_its_topic_keeps_is_said_and_is_no_difference() -> None:
    history = a_history()
    shelf = history.shelf.beginning("artifacts", 1, 1)
    report = replay(shelf, [replayable()])
    assert kinds(report) == {InputExpired}
    assert {found.where.number for found in report.findings.kept} == {2, 1}  # of `*` and of the application
    assert (report.exit_code, report.equal, report.decisions) == (0, 12, 14)


def test_a_journal_that_begins_later_is_replayed_from_where_its_rows_are_known() -> None:
    history = a_history()
    topic, part, _ = next(place for place in history.journal if b'"key":"shop"' in _value(history, place))
    shop = [p for p in history.journal if b'"key":"shop"' in _value(history, p)]
    shelf = history.shelf.beginning(topic, part, shop[2][2])
    report = replay(shelf, [replayable()], applications=["shop"])
    assert (sentences(report), report.exit_code) == ([], 0)
    assert 0 < report.writers[0].unreachable < report.decisions
    assert report.equal + report.writers[0].unreachable == report.decisions


def _value(history: History, place: tuple[str, int, int]) -> bytes:
    return history.shelf.at(place).value or b""


# --- deployers --------------------------------------------------------------------------------------------


def deployer() -> Replayable:
    """A core that is made for the settings of its start."""

    def core(settings: Any) -> Any:
        return toy(settings["word"]) if settings else None

    return Replayable("deployer", "v1", core)


def at_work(writer: str, shelf: Shelf, word: str) -> History:
    history = History(toy(word), shelf, service="deployer", topic="deployments", writer=writer, version="v1")
    history.start({"deployer": writer, "word": word})
    return history


def test_deployers_share_topics_and_each_has_the_core_of_its_own_settings() -> None:
    shelf = Shelf()
    east, west = at_work("east", shelf, "rising"), at_work("west", shelf, "setting")
    for id_ in ("a1", "a2"):
        east.artifact("shop", f"e{id_}")
        west.artifact("shop", f"w{id_}")
        east.halt("desk", 1)
    report = replay(shelf, [deployer()])
    assert (sentences(report), report.exit_code) == ([], 0)
    assert [(w.writer, w.decisions, w.equal) for w in report.writers] == [("east", 7, 7), ("west", 5, 5)]


def test_a_deployer_that_starts_again_decides_by_its_new_settings() -> None:
    shelf = Shelf()
    east = at_work("east", shelf, "before")
    east.artifact("shop", "a1")
    east.core = toy("after")
    east.start({"deployer": "east", "word": "after"})
    east.artifact("shop", "a2")
    report = replay(shelf, [deployer()])
    assert (sentences(report), report.equal) == ([], 6)


@pytest.mark.parametrize("begin", [1, 2])
def test_without_any_start_on_the_journal_a_deployers_core_is_unknown(begin: int) -> None:
    shelf = Shelf()
    east = at_work("east", shelf, "rising")
    east.artifact("shop", "a1")
    place = next(p for p in east.journal if b'"started"' in (shelf.at(p).value or b""))
    report = replay(shelf.beginning(place[0], place[1], place[2] + begin), [deployer()])
    assert kinds(report) == {CoreUnknown}
    assert report.exit_code == 0
