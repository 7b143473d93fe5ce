"""What waits so that dead letters share a transaction: only what cannot be read, not for long, and not much."""

import json

from lockgate.runtime.checks import Record
from lockgate.runtime.gathering import MOST, MOST_BYTES, WAIT_SECONDS, Gathering
from lockgate.runtime.reading import Item, Readable, Rejected, read

NOW = 1000.0
LATER = NOW + WAIT_SECONDS


def bad(offset: int, value: bytes = b"\xff") -> Item:
    item = read(Record("anomalies", 0, offset, None, (), value))
    assert isinstance(item, Rejected)
    return item


def good(offset: int) -> Item:
    event = {
        "context": {
            "specversion": "0.5.1",
            "id": f"i{offset}",
            "source": "/monitoring",
            "type": "dev.cdevents.incident.detected.0.3.0",
            "timestamp": "2026-11-24T12:00:00Z",
        },
        "subject": {"id": "outage", "content": {"service": {"id": "shop"}, "description": "slow"}},
    }
    item = read(Record("anomalies", 0, offset, None, (), json.dumps(event).encode()))
    assert isinstance(item, Readable)
    return item


def test_records_that_cannot_be_read_wait_for_each_other() -> None:
    gathering = Gathering()
    assert gathering.due([bad(0)], NOW) == []
    assert gathering.due([bad(1), bad(2)], NOW + 0.05) == []
    assert gathering.due([], LATER) == [bad(0), bad(1), bad(2)]


def test_what_comes_later_does_not_make_the_first_one_wait_longer() -> None:
    gathering = Gathering()
    gathering.due([bad(0)], NOW)
    gathering.due([bad(1)], LATER - 0.01)
    assert gathering.due([bad(2)], LATER) == [bad(0), bad(1), bad(2)]


def test_a_good_record_is_due_at_once_behind_those_that_wait() -> None:
    gathering = Gathering()
    gathering.due([bad(0)], NOW)
    assert gathering.due([bad(1), good(2), bad(3)], NOW) == [bad(0), bad(1), good(2), bad(3)]


def test_a_good_record_waits_for_nothing_where_nothing_waits() -> None:
    assert Gathering().due([good(0)], NOW) == [good(0)]


def test_many_wait_no_longer() -> None:
    gathering, many = Gathering(), [bad(offset) for offset in range(MOST)]
    assert gathering.due(many[:-1], NOW) == []
    assert gathering.due(many[-1:], NOW) == many


def test_large_ones_wait_no_longer() -> None:
    gathering, half = Gathering(), b"\xff" * (MOST_BYTES // 2)
    assert gathering.due([bad(0, half)], NOW) == []
    assert gathering.due([bad(1, half)], NOW) == [bad(0, half), bad(1, half)]


def test_what_was_due_waits_no_longer_and_the_next_one_waits_anew() -> None:
    gathering = Gathering()
    gathering.due([bad(0)], NOW)
    assert gathering.due([], LATER) == [bad(0)]
    assert gathering.due([bad(1)], LATER) == []
    assert gathering.due([], LATER) == []
    assert gathering.due([], LATER + WAIT_SECONDS) == [bad(1)]


def test_it_says_for_how_long_a_reader_may_wait_for_more() -> None:
    gathering = Gathering()
    assert gathering.left(NOW, 0.5) == 0.5
    gathering.due([bad(0)], NOW)
    assert gathering
    assert round(gathering.left(NOW + 0.04, 0.5), 6) == 0.06
    assert gathering.left(LATER + 1.0, 0.5) == 0.0
    gathering.due([], LATER + 1.0)
    assert not gathering
    assert gathering.left(LATER + 1.0, 0.5) == 0.5
