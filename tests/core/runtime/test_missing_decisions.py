"""Which decisions of the journal a database lacks, and when the journal cannot make it whole."""

from collections.abc import Iterable, Mapping

import pytest

from lockgate.runtime.checks import Record
from lockgate.runtime.decider import sealed
from lockgate.runtime.recovery import Ahead, RecoveryError, entries


def record(
    offset: int, number: int, *, key: str = "shop", writer: str = "rollback", now: str = "then"
) -> Record:
    value = sealed({"writer": writer, "key": key, "number": number, "now": now})
    return Record("rollback.journal", 0, offset, key.encode(), (), value)


def missing(records: Iterable[Record], known: Mapping[str, int]) -> list[tuple[str, int]]:
    ahead = Ahead()
    ahead.known.update(known)
    ahead.take(entries("rollback", records))
    return [(entry.key, entry.number) for entry in ahead.missing]


def test_what_the_database_knows_is_passed_over_and_what_follows_is_missing() -> None:
    records = [record(0, 1), record(1, 2), record(2, 1, key="other"), record(3, 3)]
    assert missing(records, {"shop": 2}) == [("other", 1), ("shop", 3)]


def test_nothing_is_missing_where_the_database_is_as_far_as_the_journal() -> None:
    assert missing([record(0, 1), record(1, 2)], {"shop": 2}) == []


def test_what_a_relay_sent_twice_is_missing_once() -> None:
    assert missing([record(0, 1), record(1, 2), record(2, 1), record(3, 2)], {}) == [("shop", 1), ("shop", 2)]


def test_the_records_of_other_writers_and_what_is_no_record_are_passed_over() -> None:
    others = [
        record(0, 1, writer="eu-west"),
        Record("rollback.journal", 0, 1, b"shop", (), b"{"),
        record(2, 1),
    ]
    assert missing(others, {}) == [("shop", 1)]


def test_a_journal_that_does_not_reach_back_to_the_database_is_named_with_what_to_do() -> None:
    with pytest.raises(RecoveryError) as refused:
        missing([record(7, 4)], {"shop": 2})
    assert str(refused.value) == (
        "the database knows 2 decisions for 'shop', and the journal goes on with number 4 (rollback.journal/0/7):"
        " it was restored to a time that the journal does not reach back to, or is not the database of these topics."
        " Restore a newer backup, or name the right database"
    )


def test_a_changed_record_is_not_applied() -> None:
    changed = record(7, 1, now="tehn").value or b""
    forged = Record("rollback.journal", 0, 7, b"shop", (), changed.replace(b"tehn", b"then"))
    with pytest.raises(
        RecoveryError, match=r"decision 1 for 'shop' was changed on its topic \(rollback.journal/0/7\)"
    ):
        missing([forged], {})


def test_a_changed_record_that_the_database_has_already_does_no_harm() -> None:
    changed = record(7, 1, now="tehn").value or b""
    forged = Record("rollback.journal", 0, 7, b"shop", (), changed.replace(b"tehn", b"then"))
    assert missing([forged, record(8, 2)], {"shop": 1}) == [("shop", 2)]


def test_a_record_under_another_key_than_it_says_is_none() -> None:
    forged = Record("rollback.journal", 0, 3, b"other", (), record(3, 1).value)
    assert missing([forged], {}) == []
