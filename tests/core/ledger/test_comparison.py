"""The ledger against the topics: four verdicts for each place."""

from dataclasses import replace

from lockgate.ledger.chain import Record, leaf
from lockgate.ledger.comparison import Comparison, Match, compared


def record(offset: int) -> Record:
    return Record("plans", 1, offset, 5, b"k", b"", f"value {offset}".encode())


RECORDS = [record(offset) for offset in (4, 5, 7)]
STORED = [(r.offset, leaf(r)) for r in RECORDS]


def counts(comparison: Comparison) -> tuple[int, int, int, int]:
    found = comparison.counts
    return (
        found[Match.EQUAL],
        found[Match.MISSING_IN_LEDGER],
        found[Match.MISSING_IN_KAFKA],
        found[Match.DIFFERENT],
    )


def test_the_same_records_are_equal_also_with_gaps_in_the_offsets() -> None:
    found = compared(STORED, RECORDS, "plans/1")
    assert counts(found) == (3, 0, 0, 0)
    assert found.sound


def test_a_record_that_the_ledger_lacks_is_named() -> None:
    found = compared(STORED[:1], RECORDS, "plans/1")
    assert counts(found) == (1, 2, 0, 0)
    assert found.bad == (("plans/1@5", Match.MISSING_IN_LEDGER), ("plans/1@7", Match.MISSING_IN_LEDGER))


def test_a_record_that_kafka_lacks_is_named() -> None:
    found = compared([*STORED, (6, b"x" * 32)], RECORDS, "plans/1")
    assert counts(found) == (3, 0, 1, 0)
    assert found.bad == (("plans/1@6", Match.MISSING_IN_KAFKA),)


def test_other_bytes_of_the_same_record_are_named() -> None:
    found = compared(STORED, [*RECORDS[:2], replace(RECORDS[2], value=b"other")], "plans/1")
    assert counts(found) == (2, 0, 0, 1)
    assert found.bad == (("plans/1@7", Match.DIFFERENT),)


def test_comparisons_add_up_and_say_the_first_difference_in_a_sentence() -> None:
    found = (
        compared(STORED, RECORDS, "plans/1")
        + Comparison(expired=9, lag=2)
        + compared([], [record(8)], "plans/1")
    )
    assert counts(found) == (3, 1, 0, 0)
    assert not found.sound
    assert found.sentence == (
        "1 missing in the ledger; the first is plans/1@8, missing in the ledger. 3 records are equal in the ledger and"
        " in Kafka; 9 have expired in Kafka, 2 are not in the ledger yet."
    )


def test_only_the_first_differences_are_named_but_all_are_counted() -> None:
    found = compared([], [record(offset) for offset in range(50)], "plans/1")
    assert len(found.bad) == 20
    assert found.counts[Match.MISSING_IN_LEDGER] == 50
