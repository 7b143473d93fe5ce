"""A replay by several processes says what one says, and each process has a part of it."""

import os
from dataclasses import replace
from typing import Any

import pytest

from lockgate.messages.decision import Core
from lockgate.messages.values import EVERY
from lockgate.runtime.replay import replay
from lockgate.runtime.replay_deciding import Replayable
from lockgate.runtime.replay_processes import PartEnded, replay_side_by_side
from lockgate.runtime.replay_report import EXIT_DIFFERS, EXIT_OTHERWISE
from lockgate.runtime.replay_shares import shares
from tests.support.replay_core import replayable, toy
from tests.support.replay_judging import judged
from tests.support.replays import Shelf, a_history

HISTORY = a_history()


def test_the_keys_of_a_partition_stay_together_and_that_of_all_is_told_of_once() -> None:
    first, second = shares(HISTORY.shelf, [replayable()], 2)
    assert first.keys is not None
    assert second.keys is not None
    assert [key in first.keys for key in (EVERY, "desk", "shop", "nobody has seen")] == [
        True,
        False,
        False,
        True,
    ]
    assert [key in second.keys for key in (EVERY, "desk", "shop", "nobody has seen")] == [
        True,
        True,
        True,
        False,
    ]
    assert (first.tells_every, second.tells_every) == (True, False)


def test_there_are_no_more_shares_than_partitions() -> None:
    assert len(shares(HISTORY.shelf, [replayable()], 7)) == 2
    assert [share.keys for share in shares(Shelf(), [replayable()], 2)] == [None]


def _relayed_twice() -> Shelf:
    history = a_history()
    for place in (*history.journal, *history.events):
        again = history.shelf.at(place)
        history.shelf.append(again.topic, again.partition, again.key, again.headers, again.value or b"")  # type: ignore[arg-type]  # no header is null here
    return history.shelf


@pytest.mark.parametrize(
    "shelf",
    [
        HISTORY.shelf,
        HISTORY.shelf.without(HISTORY.events[-1]),
        HISTORY.shelf.without(HISTORY.events[0]),
        HISTORY.shelf.beginning("intake.journal", 0, 3),
        HISTORY.shelf.beginning("intake.journal", 1, 2),
        HISTORY.shelf.beginning("artifacts", 0, 2),
        _relayed_twice(),
    ],
    ids=["whole", "a tail", "a loss", "retention", "retention of all", "inputs expired", "sent twice"],
)
def test_two_processes_say_what_one_says(shelf: Shelf) -> None:
    assert replay_side_by_side(shelf, [replayable()], processes=2) == replay(shelf, [replayable()])
    judged(shelf)


def test_what_another_core_would_decide_is_told_in_the_order_of_the_keys() -> None:
    later = replace(replayable(toy(looked="saw")), version="v2")
    one = replay(HISTORY.shelf, [later])
    assert one.exit_code == EXIT_OTHERWISE
    assert replay_side_by_side(HISTORY.shelf, [later], processes=2) == one


def test_what_differs_is_told_by_one_that_sees_everything() -> None:
    place = HISTORY.events[3]
    shelf = HISTORY.shelf.changed(place, value=(HISTORY.shelf.at(place).value or b"") + b" ")
    report = replay_side_by_side(shelf, [replayable()], processes=2)
    assert report == replay(shelf, [replayable()])
    assert report.exit_code == EXIT_DIFFERS


def test_the_decisions_are_made_in_other_processes_and_progress_is_told_of_all() -> None:
    here = os.getpid()
    told: list[tuple[int, int]] = []

    def core(_settings: Any) -> Core:
        assert os.getpid() != here
        return toy()

    report = replay_side_by_side(
        HISTORY.shelf, [Replayable("intake", "v1", core)], processes=2, progress=lambda *far: told.append(far)
    )
    assert (report.equal, report.exit_code) == (14, 0)
    assert told[-1] == (14 + 4, 14 + 4)  # those for all applications are made twice


def test_a_part_that_dies_is_said_to_have_died() -> None:
    here = os.getpid()

    def core(_settings: Any) -> Core:
        if os.getpid() != here:
            os._exit(9)
        return toy()

    with pytest.raises(PartEnded, match="ended with 9, before it was done"):
        replay_side_by_side(HISTORY.shelf, [Replayable("intake", "v1", core)], processes=2)
