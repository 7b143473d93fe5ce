"""Which events wait, and why, as a table."""

from collections import deque
from collections.abc import Sequence

import pytest

from lockgate.messages.values import Cause
from lockgate.runtime.batch import ParkedRow
from lockgate.runtime.checks import Record
from lockgate.runtime.parking import Hold, hold
from tests.support.toy_world import said

MARKS = {("verifier", "shop"): 5, ("intake", "shop"): 3, ("intake", "*"): 2}


def waiting(*numbers: int | None) -> deque[ParkedRow]:
    record = Record("verdicts", 0, 0, b"shop", (), b"{}")
    return deque(ParkedRow(record, "verifier", "shop", number, Hold.CAUSE, "") for number in numbers)


@pytest.mark.parametrize(
    ("number", "parked", "after", "expected"),
    [
        (6, [], [], None),
        (5, [], [], Hold.SEEN),
        (1, [], [], Hold.SEEN),
        (7, [], [], Hold.GAP),
        (6, [], [Cause("intake", "shop", 3)], None),
        (6, [], [Cause("intake", "shop", 4)], Hold.CAUSE),
        (6, [], [Cause("intake", "*", 3)], Hold.CAUSE),
        (6, [], [Cause("intake", "new", 1)], Hold.CAUSE),
        (6, [], [Cause("intake", "shop", 1), Cause("intake", "*", 9)], Hold.CAUSE),
        (6, [], [Cause("stranger", "shop", 9)], None),
        (7, [], [Cause("intake", "shop", 4)], Hold.GAP),
        (5, [], [Cause("intake", "shop", 4)], Hold.SEEN),
        (7, [6], [], Hold.ORDER),
        (9, [6, 7], [], Hold.ORDER),
        (6, [6], [], Hold.SEEN),
        (6, [6, 7], [], Hold.SEEN),
        (7, [6, 8], [], Hold.ORDER),
        (6, [7, 8], [], None),
        (5, [6], [], Hold.SEEN),
    ],
)
def test_when_an_event_waits(
    number: int, parked: list[int], after: Sequence[Cause], expected: Hold | None
) -> None:
    queues = {("verifier", "shop"): waiting(*parked)} if parked else {}
    assert hold(said(number, after=after), MARKS, queues, lambda writer: writer == "intake") is expected


@pytest.mark.parametrize(("number", "expected"), [(1, None), (57, None)])
def test_the_first_event_of_a_writer_and_key_may_have_any_number(number: int, expected: Hold | None) -> None:
    assert hold(said(number, key="new"), MARKS, {}, lambda _: True) is expected


def test_what_waits_of_another_key_does_not_matter() -> None:
    assert hold(said(1, key="other"), {}, {("verifier", "shop"): waiting(1)}, lambda _: True) is None


def test_a_long_queue_costs_no_more_than_its_end() -> None:
    queue = waiting(*range(6, 100_006))
    for number in range(100_006, 100_506):
        assert hold(said(number), MARKS, {("verifier", "shop"): queue}, lambda _: True) is Hold.ORDER
